"""What the registry refuses, each with a stable code."""

from http import HTTPStatus

from config.problems import DomainError, InvalidInput, NotFound


class InvalidSchema(InvalidInput):
    """The schema cannot be used; ``errors`` lists every fault with its JSON Pointer."""

    code = "schema-invalid"


class UnknownSchema(NotFound):
    code = "schema-unknown"


class UnknownOwner(NotFound):
    """There is no such prompt, process or step version."""

    code = "schema-owner-unknown"


class IdenticalSchema(DomainError):
    """A version of the same line has this very schema already."""

    code = "schema-identical"


class SchemaInUse(DomainError):
    """An artifact was checked against this version, or it is no draft any more: make the next version."""

    code = "schema-version-immutable"


class StaleSchema(DomainError):
    """Somebody else changed the version since it was read."""

    code = "schema-changed-meanwhile"
    status = HTTPStatus.PRECONDITION_FAILED


class UnguardedUpdate(DomainError):
    """An update that does not say which state of the version it changes."""

    code = "if-match-missing"
    status = HTTPStatus.PRECONDITION_REQUIRED


class IncompatibleSchema(DomainError):
    """The version breaks the level that its line requires; ``errors`` lists the reasons."""

    code = "schema-incompatible"


class AlreadyActive(DomainError):
    code = "schema-already-active"


class NotActive(DomainError):
    code = "schema-not-active"


class NothingToCompare(DomainError):
    """No version is in force, and none was named to compare with."""

    code = "schema-nothing-to-compare"


class NotDerivable(DomainError):
    """No example, export or proposal can be made of this schema or these documents; the message says why."""

    code = "schema-not-derivable"


class UnusableJSON(InvalidInput):
    """The body is not JSON, or not JSON that can be stored; ``errors`` has the place."""

    code = "parse-error"
