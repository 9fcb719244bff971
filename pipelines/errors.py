"""What the conductor refuses, each with a stable code."""

from http import HTTPStatus

from config.problems import DomainError, InvalidInput, NotFound


class LoggingDisabled(DomainError):
    """Runs write records, and the flag that allows it is off."""

    code = "pipeline-logging-disabled"

    def __init__(self) -> None:
        super().__init__(
            "PIPELINE_LOGGING_ENABLED is off, so no pipeline can run. Switch it on under Feature flags in the admin, "
            "or start with PIPELINE_LOGGING_ENABLED=true in the environment."
        )


class UnknownPipeline(NotFound):
    code = "pipeline-unknown"


class NoActiveVersion(DomainError):
    code = "pipeline-has-no-active-version"


class InvalidDag(InvalidInput):
    """The DAG cannot be used; ``errors`` lists every fault with its JSON Pointer."""

    code = "dag-invalid"


class RunFinished(DomainError):
    code = "run-finished"


class IdempotencyConflict(DomainError):
    """The key was used for a run with other inputs."""

    code = "idempotency-key-reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
