"""Calling the function of a claimed step, and wording what came of it."""

import logging
import time
from typing import Any, NamedTuple

from config.outages import is_outage
from config.texts import storable
from pipelines import bodies
from pipelines.attempts import Attempt
from pipelines.bodies import Abandoned, TimedOut
from pipelines.claims import Claim
from pipelines.conductor import Conductor
from pipelines.context import build_context
from pipelines.dag.problems import shorten
from pipelines.handed import checked
from pipelines.isolation.parent import StepCrashed, StepProcessDied
from pipelines.outages import through_outages
from pipelines.registry import UnknownHandlerError, handler, handler_path
from pipelines.steps.contract import Prompted, StepContext, StepError, StepResult

logger = logging.getLogger(__name__)

MOST_INTERRUPTED = 10
"""How often a step is given back because the database was away; one that keeps saying so has its own in mind."""


MAX_CODE = 80
MAX_MESSAGE = 4_000
MAX_LINE = 300
"""Characters that are kept of what a step says is wrong."""


class Interrupted(Exception):
    """The database went away under the step, which has done nothing wrong."""


class Ran(NamedTuple):
    """How a step's function ended: a ``result``, or an ``error`` and what a model was asked before it."""

    result: StepResult | None
    error: dict[str, Any] | None
    prompted: Prompted | None
    duration_ms: float


def context_of(conductor: Conductor, claim: Claim, attempt: Attempt) -> StepContext:
    """All that the step may know."""
    return through_outages("reading for a step", lambda _: build_context(conductor, claim, attempt))


def call_step(
    conductor: Conductor, claim: Claim, attempt: Attempt, context: StepContext | None, *, guarded: bool
) -> Ran:
    """Call the step's function, with a ``context`` that was read already, or not. Whatever it raises becomes an error

    that a person can read, but for ``Abandoned``, ``TimedOut`` and ``Interrupted``, which are the engine's own.
    """
    began = time.monotonic()
    result: StepResult | None = None
    error: dict[str, Any] | None = None
    prompted: Prompted | None = None
    name = conductor.step_version(claim.item).handler
    try:
        function = handler(name)
        context = context or context_of(conductor, claim, attempt)
        began = time.monotonic()
        result = checked(bodies.call(function, handler_path(name), context, attempt, guarded=guarded))
        prompted = result.prompted
    except (Abandoned, TimedOut):
        raise
    except StepError as refusal:
        error = {"code": _bounded(refusal.code, MAX_CODE), "message": _bounded(refusal.message, MAX_MESSAGE)}
        prompted = refusal.prompted
    except UnknownHandlerError as missing:
        error = {"code": "step-code-missing", "message": str(missing)}
    except StepProcessDied as death:
        error = {"code": "step-process-died", "message": f"The process of step {claim.name} {death}"}
    except StepCrashed as crash:
        error = _crashed(claim, crash.kind, str(crash))
    except (Exception, SystemExit) as crash:
        if is_outage(crash) and conductor.given_back(claim.item) < MOST_INTERRUPTED:
            raise Interrupted from crash
        logger.exception("step %s of run %s crashed", claim.name, conductor.run.pk)
        error = _crashed(claim, type(crash).__name__, first_line(crash))
    return Ran(result, error, prompted, (time.monotonic() - began) * 1000)


def first_line(error: BaseException) -> str:
    """The beginning of what the error says, for people; of one that says nothing its kind."""
    lines = str(error).strip().splitlines()
    return _bounded(lines[0], MAX_LINE) if lines else type(error).__name__


def _bounded(text: object, limit: int) -> str:
    return shorten(storable(str(text)), limit)


def _crashed(claim: Claim, kind: str, line: str) -> dict[str, Any]:
    message = f"Step {claim.name} crashed ({kind}: {storable(line)}). The server's log has the details."
    return {"code": "step-crashed", "message": message}
