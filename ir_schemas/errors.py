"""What the registry refuses, each with a stable code."""

from http import HTTPStatus

from config.problems import DomainError, InvalidInput, NotFound


class InvalidSchema(InvalidInput):
    """The schema cannot be used; ``errors`` lists every fault with its JSON Pointer."""

    code = "schema-invalid"


class UnknownSchema(NotFound):
    code = "schema-unknown"


class SchemaInUse(DomainError):
    """An artifact was checked against this version, or it is no draft any more: make the next version."""

    code = "schema-version-immutable"


class StaleSchema(DomainError):
    """Somebody else changed the version since it was read."""

    code = "schema-changed-meanwhile"
    status = HTTPStatus.PRECONDITION_FAILED


class IncompatibleSchema(DomainError):
    """The version breaks the level that its line requires; ``errors`` lists the reasons."""

    code = "schema-incompatible"


class AlreadyActive(DomainError):
    code = "schema-already-active"


class NotActive(DomainError):
    code = "schema-not-active"
