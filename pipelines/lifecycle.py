"""The life of one step, from claim to what comes next.

1. claim the ``StepRun``; 2. run the step; 3. validate its IR; 4. measure it; 5. write the domain outputs; 6. link each;
7. mirror into the audit log, settle, and advance the run. What 3 to 7 write is one transaction, fenced by the attempt:
whatever dies, wherever, a step's records are all there or not there at all.
"""

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from config.canonical import canonical_json
from config.clock import database_now
from ir_schemas.artifacts import Verdict, check_ir, record_artifact
from ir_schemas.models import ValidationOutcome
from ir_schemas.selectors import active_step_schema
from ir_schemas.validation import JsonFault, check_document
from metrics.evaluators import Evidence, ValidationCounts
from metrics.services import Measured, measure, profile_by_reference, record_results
from monitoring import flags
from pipelines import engine
from pipelines.audit import record_step
from pipelines.context import build_context, effective_params
from pipelines.dag import Graph, Node
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import StepStatus
from pipelines.outputs import delete_files, store_files, write_outputs
from pipelines.registry import UnknownHandlerError, handler
from pipelines.steps.contract import Reporter, SilentReporter, StepError, StepResult

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claim:
    """A step run that this process holds, for the one attempt that ``token`` names."""

    run: PipelineRun
    graph: Graph
    step_run: StepRun
    token: uuid.UUID

    @property
    def node(self) -> Node:
        return self.graph.node(self.step_run.node_key)


@dataclass(frozen=True, slots=True)
class Finished:
    """What an attempt came to, before anything is written. Either ``result`` or ``error`` is set, or both: a result
    that is refused is kept as evidence of the refusal."""

    result: StepResult | None
    error: Mapping[str, Any] | None
    duration_ms: float
    verdict: Verdict | None = None
    measured: Sequence[Measured] = ()


def execute(step_run_id: uuid.UUID, reporter: Reporter | None = None) -> bool:
    """Take a ready step run through its life. False when there was nothing to claim, or its result came too late."""
    claimed = claim(step_run_id)
    if claimed is None:
        return False
    finished = judge(claimed, run_step(claimed, reporter or SilentReporter()))
    return accept(claimed, finished)


def claim(step_run_id: uuid.UUID) -> Claim | None:
    """Take the step run if it is ready and due; of several who try at once, one gets it."""
    token = uuid.uuid4()
    with transaction.atomic():
        taken = StepRun.objects.filter(pk=step_run_id, status=StepStatus.READY).exclude(not_before__gt=Now())
        values: dict[str, Any] = {"lease_token": token, "lease_expires_at": Now() + LEASE, "started_at": Now()}
        if not taken.update(status=StepStatus.RUNNING, attempt=F("attempt") + 1, not_before=None, **values):
            return None
        step_run = StepRun.objects.select_related(
            "step_version", "pipeline_run__pipeline", "pipeline_run__design_split"
        ).get(pk=step_run_id)
        run = step_run.pipeline_run
        graph = engine.graph_of(run)
        step_run.params = effective_params(run, graph.node(step_run.node_key), step_run.step_version)
        step_run.save(update_fields=["params"])
    return Claim(run, graph, step_run, token)


def run_step(claimed: Claim, reporter: Reporter) -> Finished:
    """Call the step's function. Whatever it raises becomes an error that a person can read."""
    result: StepResult | None = None
    error: dict[str, Any] | None = None
    began = time.monotonic()
    try:
        function = handler(claimed.step_run.step_version.handler)
        context = build_context(claimed.run, claimed.graph, claimed.step_run, reporter)
        began = time.monotonic()
        result = function(context)
    except StepError as refusal:
        error = {"code": refusal.code, "message": refusal.message}
    except UnknownHandlerError as missing:
        error = {"code": "step-code-missing", "message": str(missing)}
    except Exception as crash:
        logger.exception("step %s of run %s crashed", claimed.step_run, claimed.run.pk)
        error = {"code": "step-crashed", "message": _crash_message(claimed, crash)}
    return Finished(result, error, (time.monotonic() - began) * 1000)


def judge(claimed: Claim, finished: Finished) -> Finished:
    """Validate and measure what the step handed over. Reads only, so that the writing transaction stays short."""
    if finished.result is None:
        return finished
    fault = _unstorable(finished.result.ir)
    if fault is not None:
        return Finished(None, fault, finished.duration_ms)
    mode = flags.validation_mode(claimed.run.pipeline.ir_validation_mode)
    schema = active_step_schema(claimed.step_run.step_version_id)
    verdict = check_ir(finished.result.ir, schema, mode=mode)
    error = _refused(verdict) if verdict.blocks else None
    measured = _measure(claimed.node, finished, verdict)
    return Finished(finished.result, error, finished.duration_ms, verdict, measured)


def accept(claimed: Claim, finished: Finished) -> bool:
    """Write everything the attempt came to in one transaction; False when its lease was lost meanwhile."""
    outputs = finished.result.outputs if finished.result is not None and finished.error is None else ()
    stored = store_files(claimed.step_run, outputs)
    try:
        accepted = _write(claimed, finished)
    except (DataError, IntegrityError, TypeError, ValueError) as fault:
        logger.exception("outputs of step %s of run %s cannot be stored", claimed.step_run, claimed.run.pk)
        delete_files(stored)
        message = f"What step {claimed.step_run} handed over cannot be stored: {_first_line(fault)}"
        return _write(claimed, Finished(None, {"code": "output-unstorable", "message": message}, finished.duration_ms))
    except BaseException:
        delete_files(stored)
        raise
    if not accepted:
        delete_files(stored)
    return accepted


@transaction.atomic
def _write(claimed: Claim, finished: Finished) -> bool:
    run = engine.lock_run(claimed.run.pk)
    held = StepRun.objects.select_for_update().filter(pk=claimed.step_run.pk, lease_token=claimed.token)
    step_run = held.filter(status=StepStatus.RUNNING).first()
    if step_run is None:
        logger.warning("a result of step %s of run %s came too late and was discarded", claimed.step_run, run.pk)
        return False
    if finished.result is not None and finished.verdict is not None:
        record_artifact(
            step_run_id=step_run.pk, attempt=step_run.attempt, ir=finished.result.ir, verdict=finished.verdict
        )
        record_results(step_run_id=step_run.pk, attempt=step_run.attempt, measured=finished.measured)
        if finished.error is None:
            write_outputs(run, step_run, finished.result.outputs)
    record_step(
        run,
        step_run,
        result=finished.result,
        verdict=finished.verdict,
        error=finished.error,
        duration_ms=finished.duration_ms,
        started_at=step_run.started_at or database_now(),
        completed_at=database_now(),
    )
    engine.settle(run, claimed.graph, step_run, engine.Outcome(finished.error))
    return True


def _measure(node: Node, finished: Finished, verdict: Verdict) -> Sequence[Measured]:
    if node.metric_profile_id is None or finished.result is None:
        return ()
    profile = profile_by_reference(node.metric_profile_id)
    if profile is None:
        return ()
    checked = verdict.outcome in (ValidationOutcome.VALID, ValidationOutcome.INVALID)
    counts = ValidationCounts(valid=int(verdict.is_valid is True), validated=1) if checked else None
    evidence = Evidence(
        ir=finished.result.ir, usage=finished.result.usage, latency_ms=finished.duration_ms, validation=counts
    )
    return measure(profile, evidence)


def _unstorable(ir: Any) -> dict[str, Any] | None:
    """Why PostgreSQL could not keep this IR, if it could not."""
    try:
        check_document(ir)
        canonical_json(ir)
    except JsonFault as fault:
        return {"code": fault.code, "message": f"The step's IR cannot be stored: {fault.message}"}
    except (TypeError, ValueError) as fault:
        return {"code": "ir-not-json", "message": f"The step's IR is not JSON: {_first_line(fault)}"}
    return None


def _refused(verdict: Verdict) -> dict[str, Any]:
    first = verdict.errors[0] if verdict.errors else {"path": "", "message": "it could not be checked"}
    more = f" ({verdict.error_count - 1} more)" if verdict.error_count > 1 else ""
    message = f"The IR does not match {verdict.schema}: at {first['path'] or '/'}, {first['message']}{more}"
    return {"code": "ir-invalid", "message": message}


def _crash_message(claimed: Claim, crash: Exception) -> str:
    return (
        f"Step {claimed.step_run} crashed ({type(crash).__name__}: {_first_line(crash)}). "
        "The server's log has the details."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
