"""What the conductor refuses, each with a stable code."""

from http import HTTPStatus

from config.problems import DomainError, InvalidInput, NotFound
from pipelines.designs.errors import DesignError


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


class DagUnreadable(DomainError):
    """The DAG of a run that was kept under other rules; ``errors`` lists every fault with its JSON Pointer."""

    code = "dag-unreadable"


class RunFinished(DomainError):
    code = "run-finished"


class RunUnfinished(DomainError):
    """A rerun of a run that has not ended."""

    code = "run-unfinished"


class NothingToRerun(DomainError):
    """Every step has completed and none was named, or the run ended before its first step."""

    code = "nothing-to-rerun"


class ResultsPruned(DomainError):
    """A result that was to be reused has just been pruned."""

    code = "results-pruned"


class NotWaiting(DomainError):
    """The step run does not wait for approval: somebody was quicker, or it never did."""

    code = "step-not-waiting"


class PoolInUse(DomainError):
    """A pool that is to go and that a pipeline or an active version still names."""

    code = "pool-in-use"


class PromptFixed(DomainError):
    """Other words for a prompt that was asked or evaluated."""

    code = "prompt-fixed"


class JudgeFixed(DomainError):
    """Another instrument in place of one that has judged."""

    code = "judge-fixed"


class IdempotencyConflict(DomainError):
    """The key was used for a run with other inputs."""

    code = "idempotency-key-reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotEvaluable(DomainError):
    """The set is empty, inputs of its answers are not here, or two sides cannot be compared; the message says which."""

    code = "ground-truth-not-evaluable"


class EvaluationFinished(DomainError):
    code = "evaluation-finished"


class DesignRefused(DomainError):
    """The design that a run was to begin with cannot be taken in; the code is that of the ``DesignError``."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, refusal: DesignError) -> None:
        super().__init__(refusal.message)
        self.code = refusal.code
