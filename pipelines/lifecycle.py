"""The life of one step, from claim to what comes next.

1. claim the ``StepRun`` (``Conductor.claim``); 2. run the step; 3. validate its IR; 4. measure it; 5. write the domain
outputs; 6. link each; 7. mirror into the audit log, settle, and decide what starts next. What 3 to 7 write is one
transaction, fenced by the attempt: whatever dies, wherever, a step's records are all there or not there at all.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import DataError, IntegrityError

from config.canonical import canonical_json
from ir_schemas import active
from ir_schemas.artifacts import Verdict, artifact_row, check_ir
from ir_schemas.models import ValidationOutcome
from ir_schemas.validation import JsonFault, check_document
from metrics.evaluators import Evidence, ValidationCounts
from metrics.services import Measured, measure, result_rows
from monitoring import flags
from pipelines import leases
from pipelines.audit import test_run_rows
from pipelines.claims import Claim, Settlement
from pipelines.conductor import Conductor
from pipelines.context import build_context
from pipelines.outputs import delete_files, store_files
from pipelines.registry import UnknownHandlerError, handler
from pipelines.steps.contract import Reporter, SilentReporter, StepError, StepResult

logger = logging.getLogger(__name__)


def execute(
    conductor: Conductor, claim: Claim, *, reporter: Reporter | None = None, claim_next: int = 0
) -> tuple[bool, list[Claim]]:
    """Take a claimed step through its life: whether its result was accepted, and up to ``claim_next`` new claims."""
    with leases.held(claim.token):
        settlement = attempt(conductor, claim, reporter or SilentReporter())
    return accept(conductor, settlement, claim_next=claim_next)


def attempt(conductor: Conductor, claim: Claim, reporter: Reporter) -> Settlement:
    """Run the step, validate and measure what it hands over. Writes nothing."""
    result, error, duration_ms = _run(conductor, claim, reporter)
    if result is None:
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms)
    try:
        check_document(result.ir)
        ir_text = canonical_json(result.ir)
    except JsonFault as fault:
        error = {"code": fault.code, "message": f"The step's IR cannot be stored: {fault.message}"}
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms)
    except (TypeError, ValueError) as fault:
        error = {"code": "ir-not-json", "message": f"The step's IR cannot be stored: {_first_line(fault)}"}
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms)
    verdict = _validate(conductor, claim, result)
    error = _refused(verdict) if verdict.blocks else None
    measured = _measure(conductor, claim, result, verdict, duration_ms)
    settlement = _settlement(
        conductor, claim, error=error, duration_ms=duration_ms, result=result, verdict=verdict, ir_text=ir_text
    )
    artifact = artifact_row(step_run_id=claim.step_run_id, attempt=claim.attempt, ir_text=ir_text, verdict=verdict)
    metrics = result_rows(step_run_id=claim.step_run_id, attempt=claim.attempt, measured=measured)
    return replace(
        settlement,
        records={**settlement.records, "artifact": artifact, "metrics": metrics},
        ir=result.ir,
        ir_text=ir_text,
        metrics={one.item.metric.key: one.value for one in measured},
        outputs=() if error else result.outputs,
    )


def accept(conductor: Conductor, settlement: Settlement, *, claim_next: int = 0) -> tuple[bool, list[Claim]]:
    """Write everything the attempt came to in one transaction; False when its lease was lost meanwhile."""
    claim = settlement.claim
    stored = store_files(conductor.run, claim, settlement.outputs)
    try:
        accepted, claims = conductor.settle(settlement, claim_next=claim_next)
    except (DataError, IntegrityError, TypeError, ValueError) as fault:
        logger.exception("what step %s of run %s handed over cannot be stored", claim.name, conductor.run.pk)
        delete_files(stored)
        message = f"What step {claim.name} handed over cannot be stored: {_first_line(fault)}"
        error = {"code": "output-unstorable", "message": message}
        failed = _settlement(conductor, claim, error=error, duration_ms=settlement.duration_ms)
        return conductor.settle(failed, claim_next=claim_next)
    except BaseException:
        delete_files(stored)
        raise
    if not accepted:
        logger.warning("a result of step %s of run %s came too late and was discarded", claim.name, conductor.run.pk)
        delete_files(stored)
    return accepted, claims


def _run(
    conductor: Conductor, claim: Claim, reporter: Reporter
) -> tuple[StepResult | None, dict[str, Any] | None, float]:
    """Call the step's function. Whatever it raises becomes an error that a person can read."""
    began = time.monotonic()
    result: StepResult | None = None
    error: dict[str, Any] | None = None
    try:
        function = handler(conductor.step_version(claim.item).handler)
        context = build_context(conductor, claim, reporter)
        began = time.monotonic()
        result = function(context)
    except StepError as refusal:
        error = {"code": refusal.code, "message": refusal.message}
    except UnknownHandlerError as missing:
        error = {"code": "step-code-missing", "message": str(missing)}
    except Exception as crash:
        logger.exception("step %s of run %s crashed", claim.name, conductor.run.pk)
        what = f"Step {claim.name} crashed ({type(crash).__name__}: {_first_line(crash)})."
        error = {"code": "step-crashed", "message": f"{what} The server's log has the details."}
    return result, error, (time.monotonic() - began) * 1000


def _validate(conductor: Conductor, claim: Claim, result: StepResult) -> Verdict:
    mode = flags.validation_mode(conductor.run.pipeline.ir_validation_mode, claim.validation_mode or "")
    contract = None
    if mode != "off":
        contract = active.in_force(step_version_id=conductor.step_version(claim.item).pk)
    return check_ir(result.ir, contract, mode=mode)


def _measure(
    conductor: Conductor, claim: Claim, result: StepResult, verdict: Verdict, duration_ms: float
) -> Sequence[Measured]:
    items = conductor.profile(claim.item)
    if not items:
        return ()
    checked = verdict.outcome in (ValidationOutcome.VALID, ValidationOutcome.INVALID)
    counts = ValidationCounts(valid=int(verdict.is_valid is True), validated=1) if checked else None
    return measure(items, Evidence(ir=result.ir, usage=result.usage, latency_ms=duration_ms, validation=counts))


def _settlement(
    conductor: Conductor,
    claim: Claim,
    *,
    error: dict[str, Any] | None,
    duration_ms: float,
    result: StepResult | None = None,
    verdict: Verdict | None = None,
    ir_text: bytes | None = None,
) -> Settlement:
    records = test_run_rows(
        conductor.run,
        claim,
        result=result,
        verdict=verdict,
        error=error,
        duration_ms=duration_ms,
        ir_text=ir_text,
    )
    return Settlement(claim, duration_ms, error=error, records=records)


def _refused(verdict: Verdict) -> dict[str, Any]:
    first = verdict.errors[0] if verdict.errors else {"path": "", "message": "it could not be checked"}
    more = f" ({verdict.error_count - 1} more)" if verdict.error_count > 1 else ""
    against = verdict.contract.name if verdict.contract else "its schema"
    message = f"The IR does not match {against}: at {first['path'] or '/'}, {first['message']}{more}"
    return {"code": "ir-invalid", "message": message}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
