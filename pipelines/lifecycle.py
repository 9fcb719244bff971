"""The life of a step, from claim to what comes next.

1. claim the ``StepRun``; 2. run the step; 3. validate its IR; 4. measure it; 5. write the domain outputs; 6. link each;
7. mirror into the audit log, settle, and decide what starts next. What 3 to 7 write is one transaction, fenced by the
attempt: whatever dies, wherever, a step's records are all there or not there at all.
"""

import logging
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from config.canonical import canonical_json
from config.outages import is_outage
from ir_schemas import active
from ir_schemas.active import Contract
from ir_schemas.artifacts import Mode, Verdict, artifact_row, check_ir
from ir_schemas.models import ValidationOutcome
from ir_schemas.validation import JsonFault, check_document
from metrics.evaluators import Evidence, ValidationCounts
from metrics.services import Measured, measure, result_rows
from monitoring.models import TestRun
from pipelines import caching
from pipelines.attempts import Attempt, held
from pipelines.audit import test_run_rows
from pipelines.bodies import Abandoned, TimedOut
from pipelines.calling import MOST_INTERRUPTED, Interrupted, Ran, call_step, context_of, first_line
from pipelines.claims import Claim, Settlement
from pipelines.conductor import Conductor, Settled
from pipelines.context import validation_mode
from pipelines.errors import ResultsPruned
from pipelines.outages import through_outages
from pipelines.outputs import delete_files, store_files
from pipelines.pace import QUICK_MS
from pipelines.registry import handler
from pipelines.scheduling import Item
from pipelines.steps.contract import Prompted, StepContext, StepResult, seen_by

logger = logging.getLogger(__name__)

MAX_IR_BYTES = 20_000_000
MAX_SHARED_IR_BYTES = 100_000


def claim_steps(conductor: Conductor, items: Sequence[Item]) -> list[Claim]:
    """Take ready step runs, also where the connection breaks: then they may have been claimed all the same."""
    behind = uuid.uuid4()

    def take(broke: bool) -> list[Claim]:
        return conductor.claim(items, behind=behind) or (conductor.claimed_behind(behind) if broke else [])

    return through_outages("claiming a step", take)


def execute(
    conductor: Conductor, claim: Claim, *, guarded: bool = False, claim_next: int = 0, afresh: bool = False
) -> Settled:
    """Take a claimed step through its life, and claim up to ``claim_next`` steps that are ready then.

    ``guarded`` steps can be abandoned also where they have no timeout: when they are cancelled or taken back. A step
    that runs ``afresh`` takes no earlier result, whatever its node says.
    """
    with held(claim, timeout_ms=conductor.node(claim.item).timeout_ms) as attempt:
        settlement = run_attempt(conductor, claim, attempt, guarded=guarded, afresh=afresh)
    if settlement is None:
        logger.info("step %s of run %s was given up: it is no longer this process's", claim.name, conductor.run.pk)
        return Settled(False, [])
    try:
        # A worker that gives a step back is stopping, and would else take it again at once.
        return accept(conductor, settlement, claim_next=0 if settlement.kind == "released" else claim_next)
    except ResultsPruned:
        return execute(conductor, claim, guarded=guarded, claim_next=claim_next, afresh=True)


def execute_all(
    conductor: Conductor, claims: Sequence[Claim], *, guarded: bool = False, claim_next: int = 0
) -> Settled:
    """Take claimed steps through their lives one after another, and settle them together; else as ``execute``.

    They were claimed at once because they were thought to be quick. Where one isn't, those behind it are given back.
    """
    if len(claims) == 1:
        return execute(conductor, claims[0], guarded=guarded, claim_next=claim_next)
    settlements = []
    slow = False
    with ExitStack() as leases:
        attempts = [leases.enter_context(held(claim, timeout_ms=None)) for claim in claims]
        for attempt in attempts:
            settlement = (
                _passed_by(attempt)
                if slow or attempt.released
                else run_attempt(conductor, attempt.claim, attempt, guarded=guarded)
            )
            if settlement is not None:
                settlements.append(settlement)
                slow = slow or settlement.duration_ms > QUICK_MS or settlement.kind == "released"
    return _accept_all(conductor, settlements, claim_next)


def run_attempt(
    conductor: Conductor, claim: Claim, attempt: Attempt, *, guarded: bool, afresh: bool = False
) -> Settlement | None:
    """Run the step, validate and measure what it hands over. Writes nothing; None where nobody waits for it.

    One under which the database was away for longer than a lease is given back; others may be settled with it.
    """
    afresh = afresh or claim.item.node_key in (conductor.run.rerun_from or ())
    try:
        settlement = _ran(conductor, claim, attempt, guarded=guarded, afresh=afresh)
    except Exception as fault:
        if not is_outage(fault) or conductor.given_back(claim.item) >= MOST_INTERRUPTED:
            raise
        settlement = _interrupted(claim)
    lines = attempt.unwritten_lines()
    return replace(settlement, records={**settlement.records, "logs": lines}) if settlement and lines else settlement


def _ran(conductor: Conductor, claim: Claim, attempt: Attempt, *, guarded: bool, afresh: bool) -> Settlement | None:
    """What the attempt came to, but for the lines that the step said.

    Where the node says ``cache`` and there is an equal result, that is handed over in its stead; not where a rerun
    names the node, as then somebody wants it to run.
    """
    context, sight = _look(conductor, claim, attempt) if conductor.node(claim.item).cache else (None, None)
    if sight is not None and not afresh:
        found = _recall(conductor, claim, sight)
        if found is not None:
            return found
    try:
        ran = call_step(conductor, claim, attempt, context, guarded=guarded)
    except Abandoned:
        return _released(claim) if attempt.released else None
    except TimedOut:
        return conductor.timed_out(claim)
    except Interrupted:
        return _interrupted(claim)
    return _judged(conductor, claim, ran, sight)


def _look(conductor: Conductor, claim: Claim, attempt: Attempt) -> tuple[StepContext | None, caching.Sight | None]:
    """All that the step can see, and that summed up. None where it can't be had: the step then runs, and says why."""
    context = None
    try:
        context = context_of(conductor, claim, attempt)
        version = conductor.step_version(claim.item)
        beyond = seen_by(handler(version.handler), context)
        return context, caching.look(version, conductor.profile(claim.item), context, beyond)
    except Exception as fault:
        if is_outage(fault):
            raise
        logger.exception("what step %s of run %s sees cannot be summed up", claim.name, conductor.run.pk)
        return context, None


def _cache_key(
    conductor: Conductor, claim: Claim, sight: caching.Sight, verdict: Verdict, prompted: Prompted | None
) -> str:
    """The key under which an equal step looks; a prompt's own mode and schema are part of what the step sees."""
    mode, contract = _in_force(conductor, claim) if prompted else (verdict.mode, verdict.contract)
    return sight.key(mode, _schema_id(contract))


def _recall(conductor: Conductor, claim: Claim, sight: caching.Sight) -> Settlement | None:
    def look(_: bool) -> Settlement | None:
        mode, contract = _in_force(conductor, claim)
        return caching.find(claim, sight.key(mode, _schema_id(contract)))

    try:
        return through_outages("looking for an equal result", look)
    except Exception as fault:
        if is_outage(fault):
            raise
        logger.exception("an equal result of step %s of run %s cannot be had", claim.name, conductor.run.pk)
        return None


def _judged(conductor: Conductor, claim: Claim, ran: Ran, sight: caching.Sight | None) -> Settlement:
    """The settlement of what the step came to; what cannot be judged, whatever is wrong with it, fails the step."""
    try:
        return through_outages("judging an IR", lambda _: _judge(conductor, claim, ran, sight))
    except Exception as fault:
        if is_outage(fault):
            raise
        logger.exception("what step %s of run %s handed over cannot be judged", claim.name, conductor.run.pk)
        message = f"What step {claim.name} handed over cannot be judged: {first_line(fault)}"
        error = ran.error or {"code": "result-invalid", "message": message}
        return _failed(conductor, claim, error, ran)


def _failed(conductor: Conductor, claim: Claim, error: dict[str, Any], ran: Ran) -> Settlement:
    """What a model was asked is recorded all the same, unless just that is what cannot be."""
    try:
        return _settlement(conductor, claim, error=error, duration_ms=ran.duration_ms, prompted=ran.prompted)
    except Exception:
        logger.exception("what step %s of run %s asked a model cannot be recorded", claim.name, conductor.run.pk)
        return _settlement(conductor, claim, error=error, duration_ms=ran.duration_ms)


def _judge(conductor: Conductor, claim: Claim, ran: Ran, sight: caching.Sight | None) -> Settlement:
    result, error, prompted, duration_ms = ran
    if result is None:
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms, prompted=prompted)
    try:
        check_document(result.ir)
        ir_text = canonical_json(result.ir)
    except JsonFault as fault:
        error = {"code": fault.code, "message": f"The step's IR cannot be stored: {fault.message}"}
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms, prompted=prompted)
    except (TypeError, ValueError) as fault:
        error = {"code": "ir-not-json", "message": f"The step's IR cannot be stored: {first_line(fault)}"}
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms, prompted=prompted)
    if len(ir_text) > MAX_IR_BYTES:
        message = (
            f"The IR of step {claim.name} has {len(ir_text):,} bytes; at most {MAX_IR_BYTES:,} can be kept. "
            "Hand large content over as files, and leave their names in the IR."
        )
        error = {"code": "ir-too-large", "message": message}
        return _settlement(conductor, claim, error=error, duration_ms=duration_ms, prompted=prompted)
    verdict = _validate(conductor, claim, result)
    error = _refused(verdict) if verdict.blocks else None
    measured = _measure(conductor, claim, result, verdict, duration_ms)
    audited = test_run_rows(
        conductor.run,
        claim,
        result=result,
        prompted=prompted,
        verdict=verdict,
        error=error,
        duration_ms=duration_ms,
        ir_text=ir_text,
    )
    artifact = artifact_row(step_run_id=claim.step_run_id, attempt=claim.attempt, ir_text=ir_text, verdict=verdict)
    metrics = result_rows(step_run_id=claim.step_run_id, attempt=claim.attempt, measured=measured)
    return Settlement(
        claim,
        duration_ms,
        error=error,
        records={**audited, "artifact": artifact, "metrics": metrics},
        ir=result.ir,
        ir_text=ir_text,
        metrics={one.item.metric.key: one.value for one in measured},
        outputs=() if error else result.outputs,
        cache_key="" if error or sight is None else _cache_key(conductor, claim, sight, verdict, prompted),
    )


def _accept_all(conductor: Conductor, settlements: Sequence[Settlement], claim_next: int) -> Settled:
    """Accept as many at once as can be; the last to be accepted claims what comes next."""
    at_once = [one for one in settlements if _can_share(one)]
    apart = [one for one in settlements if not _can_share(one)]
    settled = Settled(False, [])
    if at_once:
        settled = _settle_at_once(conductor, at_once, 0 if apart else claim_next)
        apart = apart if settled.accepted else [*at_once, *apart]
    for number, settlement in enumerate(apart, 1):
        settled = accept(conductor, settlement, claim_next=claim_next if number == len(apart) else 0)
    return settled


def _can_share(settlement: Settlement) -> bool:
    """Whether it can be settled in one call with others: its records are few, and nothing of it lies outside them."""
    small = len(settlement.ir_text or b"") <= MAX_SHARED_IR_BYTES
    return small and not settlement.outputs and not settlement.cache_key and settlement.kind in ("", "released")


def _settle_at_once(conductor: Conductor, settlements: Sequence[Settlement], claim_next: int) -> Settled:
    """Settle all or none of them. What is wrong with one of them, each is told when it is accepted by itself."""
    try:
        return _settle_through_outages(conductor, settlements, claim_next)
    except Exception as fault:
        if is_outage(fault):
            raise
        logger.info("%d results of run %s are settled one by one", len(settlements), conductor.run.pk)
        return Settled(False, [])


def accept(conductor: Conductor, settlement: Settlement, *, claim_next: int = 0) -> Settled:
    """Write everything the attempt came to in one transaction; not accepted when its lease was lost meanwhile."""
    claim = settlement.claim
    stored: list[str] = []
    try:
        stored = store_files(conductor.run, claim, settlement.outputs)
        settled = _settle_through_outages(conductor, [settlement], claim_next)
    except ResultsPruned:
        raise
    except Exception as fault:
        # After an outage the transaction may have been committed, so its files stay.
        if is_outage(fault):
            raise
        logger.exception("what step %s of run %s handed over cannot be stored", claim.name, conductor.run.pk)
        delete_files(stored)
        message = f"What step {claim.name} handed over cannot be stored: {first_line(fault)}"
        error = {"code": "output-unstorable", "message": message}
        failed = _settlement(conductor, claim, error=error, duration_ms=settlement.duration_ms)
        failed = replace(failed, records={**failed.records, **_said(settlement)})
        return _settle_through_outages(conductor, [failed], claim_next)
    if settled.accepted:
        return settled
    delete_files(stored)
    if settled.overdue:
        late = conductor.timed_out(claim, records=settlement.records)
        return _settle_through_outages(conductor, [late], claim_next)
    logger.warning("a result of step %s of run %s came too late and was discarded", claim.name, conductor.run.pk)
    return settled


def _said(settlement: Settlement) -> dict[str, Any]:
    """The lines among the settlement's records."""
    return {name: rows for name, rows in settlement.records.items() if name == "logs"}


def _settle_through_outages(conductor: Conductor, settlements: Sequence[Settlement], claim_next: int) -> Settled:
    """Settle, also where the connection breaks: then the transaction may have been committed all the same.

    In that case its records are there, the attempts were accepted, and what was claimed with them is held.
    """

    def settle(broke: bool) -> Settled:
        settled = conductor.settle(*settlements, claim_next=claim_next)
        if not settled.accepted and broke and any(map(_is_recorded, settlements)):
            return Settled(True, conductor.claimed_behind(settlements[0].claim.token))
        return settled

    return through_outages(f"settling {settlements[0].claim.name}", settle)


def _is_recorded(settlement: Settlement) -> bool:
    record = settlement.records.get("testRun")
    return record is not None and TestRun.objects.filter(pk=record["id"]).exists()


def _passed_by(attempt: Attempt) -> Settlement:
    """Give back a claimed step that has not begun."""
    claim = attempt.claim
    if attempt.released:
        return _released(claim)
    message = f"{claim.name} was claimed together with a step that turned out slow, and was given back for others."
    return Settlement(claim, 0.0, error={"code": "given-back", "message": message}, kind="released")


def _released(claim: Claim) -> Settlement:
    error = {"code": "worker-stopped", "message": f"The worker that ran {claim.name} was stopped, and gave it back."}
    return Settlement(claim, 0.0, error=error, kind="released")


def _interrupted(claim: Claim) -> Settlement:
    message = f"The database was away while {claim.name} ran (attempt {claim.attempt}), so it is run again."
    return Settlement(claim, 0.0, error={"code": "database-away", "message": message}, kind="released")


def _schema_id(contract: Contract | None) -> uuid.UUID | None:
    return contract.schema_id if contract else None


def _validate(conductor: Conductor, claim: Claim, result: StepResult) -> Verdict:
    mode, contract = _in_force(conductor, claim, result.prompted)
    return check_ir(result.ir, contract, mode=mode)


def _in_force(conductor: Conductor, claim: Claim, prompted: Prompted | None = None) -> tuple[Mode, Contract | None]:
    """How the step's IR is checked now, and against what: as the prompt says, where one was used."""
    mode = validation_mode(conductor.run, claim, prompted)
    return mode, _contract(conductor, claim, prompted) if mode != "off" else None


def _contract(conductor: Conductor, claim: Claim, prompted: Prompted | None) -> Contract | None:
    """The schema in force of the prompt, else of its process, else of the step version."""
    found = active.of_prompt(prompted.prompt_id, prompted.process_id) if prompted else None
    return found or active.in_force(step_version_id=conductor.step_version(claim.item).pk)


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
    prompted: Prompted | None = None,
) -> Settlement:
    """Of an attempt that left no IR that could be judged."""
    records = test_run_rows(
        conductor.run,
        claim,
        result=None,
        prompted=prompted,
        verdict=None,
        error=error,
        duration_ms=duration_ms,
        ir_text=None,
    )
    return Settlement(claim, duration_ms, error=error, records=records)


def _refused(verdict: Verdict) -> dict[str, Any]:
    first = verdict.errors[0] if verdict.errors else {"path": "", "message": "it could not be checked"}
    more = f" ({verdict.error_count - 1} more)" if verdict.error_count > 1 else ""
    against = verdict.contract.name if verdict.contract else "its schema"
    message = f"The IR does not match {against}: at {first['path'] or '/'}, {first['message']}{more}"
    return {"code": "ir-invalid", "message": message}
