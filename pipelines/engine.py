"""The vocabulary of a run: ``start_run``, ``advance``, ``settle``, ``cancel``.

Truth is rows. Each word is a short transaction that locks its ``PipelineRun``; ``scheduling`` decides what comes next
and this module carries it out. Times are PostgreSQL's.
"""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now

from config.canonical import canonical_json
from config.clock import database_now
from monitoring import flags
from pipelines import definitions
from pipelines.dag import Graph, Node, parse_dag
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.intake import take_in
from pipelines.designs.summary import refresh_design
from pipelines.errors import IdempotencyConflict, LoggingDisabled, RunFinished
from pipelines.models import PipelineRun, PipelineVersion, StepRun
from pipelines.models.runs import RunStatus, StepStatus
from pipelines.run_view import RowsView
from pipelines.scheduling import Expansion, Item, Moves, Reason, cancel_moves, next_moves, retry_delay_ms

MAX_REASON = 500


def start_run(
    *,
    version: PipelineVersion,
    design: DesignBundle | None = None,
    inputs: Mapping[str, Any] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    started_by: User | None = None,
    run_group_id: uuid.UUID | None = None,
    idempotency_key: str | None = None,
) -> PipelineRun:
    """Make a run with its rows and release what can start. ``params`` are by node key.

    Raises ``LoggingDisabled`` while the flag is off, ``InvalidDag`` when the DAG names what is no longer there,
    ``InvalidInput`` for params of a node that the DAG lacks, and ``IdempotencyConflict`` when the key stands for a run
    with other inputs; with the same inputs that run is returned.
    """
    if not flags.decide(flags.Key.PIPELINE_LOGGING_ENABLED).is_on:
        raise LoggingDisabled
    graph, step_versions = definitions.resolve(version)
    definitions.check_params(graph, params or {})
    wanted = {"inputs": dict(inputs or {}), "params": dict(params or {})}
    try:
        with transaction.atomic():
            return _create_run(version, graph, step_versions, design, wanted, started_by, run_group_id, idempotency_key)
    except IntegrityError:
        earlier = PipelineRun.objects.filter(pipeline=version.pipeline, idempotency_key=idempotency_key).first()
        if idempotency_key is None or earlier is None:
            raise
        return _same_run(earlier, wanted, design)


@transaction.atomic
def record_refusal(
    *, version: PipelineVersion, error: Mapping[str, Any], inputs: Mapping[str, Any], started_by: User | None = None
) -> PipelineRun:
    """Keep a run that ended before its first step, because its design could not be taken in.

    ``error`` is ``{code, message}``. Raises ``LoggingDisabled`` while the flag is off.
    """
    if not flags.decide(flags.Key.PIPELINE_LOGGING_ENABLED).is_on:
        raise LoggingDisabled
    return PipelineRun.objects.create(
        pipeline=version.pipeline,
        pipeline_version=version,
        dag=version.dag,
        inputs=dict(inputs),
        started_by=started_by,
        status=RunStatus.FAILED,
        error=dict(error),
        finished_at=database_now(),
    )


def _create_run(
    version: PipelineVersion,
    graph: Graph,
    step_versions: Mapping[str, uuid.UUID],
    design: DesignBundle | None,
    wanted: Mapping[str, Any],
    started_by: User | None,
    run_group_id: uuid.UUID | None,
    idempotency_key: str | None,
) -> PipelineRun:
    run = PipelineRun(
        pipeline=version.pipeline,
        pipeline_version=version,
        dag=definitions.frozen_document(graph, step_versions),
        started_by=started_by,
        idempotency_key=idempotency_key,
        **wanted,
    )
    if run_group_id is not None:
        run.run_group_id = run_group_id
    if design is not None:
        run.design_split = take_in(design)
    run.save(force_insert=True)
    StepRun.objects.bulk_create(
        StepRun(pipeline_run=run, step_version_id=step_versions[node.key], node_key=node.key)
        for node in graph.nodes
        if node.for_each is None
    )
    _apply(run, graph, next_moves(graph, RowsView(run, graph)))
    return run


def _same_run(earlier: PipelineRun, wanted: Mapping[str, Any], design: DesignBundle | None) -> PipelineRun:
    same_design = (earlier.design_split.sha256 if earlier.design_split else None) == (design and design.sha256)
    same_rest = canonical_json({"inputs": earlier.inputs, "params": earlier.params}) == canonical_json(dict(wanted))
    if same_design and same_rest:
        return earlier
    raise IdempotencyConflict(
        f"The idempotency key {earlier.idempotency_key!r} belongs to run {earlier.pk}, which had other inputs. "
        "Use a new key for a new run."
    )


def graph_of(run: PipelineRun) -> Graph:
    """The run's own copy of its DAG."""
    return _parsed(canonical_json(run.dag))


@lru_cache(maxsize=64)
def _parsed(document: bytes) -> Graph:
    return parse_dag(json.loads(document))


def lock_run(run_id: uuid.UUID) -> PipelineRun:
    """The run's row, locked until the transaction ends. Every change of a run begins here."""
    return PipelineRun.objects.select_for_update().get(pk=run_id)


def advance(run: PipelineRun, graph: Graph, *, touched: Sequence[str] | None = None) -> None:
    """Carry out what comes next. The caller holds the run's lock; ``touched`` are the nodes that have just settled."""
    _apply(run, graph, next_moves(graph, RowsView(run, graph), touched=touched))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: without ``error`` it is completed. ``error`` is ``{code, message}``."""

    error: Mapping[str, Any] | None = None


def settle(run: PipelineRun, graph: Graph, step_run: StepRun, outcome: Outcome) -> None:
    """End the attempt that holds the lease: complete it, fail it, or release it to be tried again; then advance.

    The caller holds the run's lock and has checked the fence.
    """
    node = graph.node(step_run.node_key)
    delay = _retry_delay(run, node, step_run) if outcome.error is not None else None
    rows = StepRun.objects.filter(pk=step_run.pk)
    if delay is not None:
        rows.update(
            status=StepStatus.READY,
            not_before=Now() + timedelta(milliseconds=delay),
            past_attempts=[*step_run.past_attempts, {"attempt": step_run.attempt, "error": dict(outcome.error or {})}],
            **_NO_LEASE,
        )
        return
    status = StepStatus.COMPLETED if outcome.error is None else StepStatus.FAILED
    rows.update(status=status, error=outcome.error, finished_at=_finish_time(), **_NO_LEASE)
    advance(run, graph, touched=[step_run.node_key])


def cancel(*, run_id: uuid.UUID) -> PipelineRun:
    """Cancel what does not run yet at once, and ask what runs to stop. Raises ``RunFinished`` for a run that ended."""
    with transaction.atomic():
        run = lock_run(run_id)
        if run.is_finished:
            raise RunFinished(f"Run {run.pk} has already ended as {run.status}; there is nothing to cancel.")
        PipelineRun.objects.filter(pk=run.pk, cancel_requested_at=None).update(cancel_requested_at=Now())
        run.refresh_from_db()
        graph = graph_of(run)
        _apply(run, graph, cancel_moves(graph, RowsView(run, graph)))
        advance(run, graph)
    return run


_NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}


def _retry_delay(run: PipelineRun, node: Node, step_run: StepRun) -> int | None:
    if run.cancel_requested_at is not None:
        return None
    jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
    return retry_delay_ms(node, failures=len(step_run.past_attempts) + 1, uniform=jitter)


def _finish_time() -> Any:
    """Now, and never before the start, whatever the transaction's clock says."""
    return Greatest(Now(), F("started_at"))


def _apply(run: PipelineRun, graph: Graph, moves: Moves) -> None:
    rows = StepRun.objects.filter(pipeline_run=run)
    _set_items(rows, moves.start, status=StepStatus.READY, held=False)
    _set_items(rows, moves.hold, held=True)
    _set_items(rows, moves.wait, status=StepStatus.WAITING)
    for expansion in moves.expand:
        _expand(run, graph, expansion)
    for key, reason in moves.skip.items():
        _settle_node(run, graph, key, StepStatus.SKIPPED, reason)
    for key, reason in moves.fail.items():
        _settle_node(run, graph, key, StepStatus.FAILED, reason)
    for key in moves.complete:
        _settle_node(run, graph, key, StepStatus.COMPLETED, Reason("no_items", "there was no item to run for"))
    for key in moves.cancel:
        _cancel_node(run, graph, key)
    if moves.finish is not None:
        _finish(run, RunStatus(moves.finish.value))


def _set_items(rows: Any, items: Sequence[Item], **values: Any) -> None:
    if not items:
        return
    whole = [item.node_key for item in items if item.map_index is None]
    chosen = Q(node_key__in=whole, map_index=None)
    for item in items:
        if item.map_index is not None:
            chosen |= Q(node_key=item.node_key, map_index=item.map_index)
    rows.filter(chosen).update(**values)


def _expand(run: PipelineRun, graph: Graph, expansion: Expansion) -> None:
    step_version_id = definitions.frozen_step_version(graph.node(expansion.node_key))

    def status(index: int) -> StepStatus:
        if expansion.waiting:
            return StepStatus.WAITING
        return StepStatus.READY if index < expansion.start else StepStatus.PENDING

    StepRun.objects.bulk_create(
        StepRun(
            pipeline_run=run,
            step_version_id=step_version_id,
            node_key=expansion.node_key,
            map_index=index,
            status=status(index),
            held=status(index) == StepStatus.PENDING,
        )
        for index in range(expansion.count)
    )


def _settle_node(run: PipelineRun, graph: Graph, key: str, status: StepStatus, reason: Reason) -> None:
    """Settle a node that never ran; one with ``forEach`` gets the single row that says so."""
    values: dict[str, Any] = {
        "status": status,
        "reason_code": reason.code,
        "reason": reason.message[:MAX_REASON],
        "finished_at": Now(),
    }
    if status == StepStatus.FAILED:
        values["error"] = {"code": reason.code.replace("_", "-"), "message": reason.message}
    if not StepRun.objects.filter(pipeline_run=run, node_key=key).update(**values):
        _create_settled(run, graph, key, values)


def _cancel_node(run: PipelineRun, graph: Graph, key: str) -> None:
    rows = StepRun.objects.filter(pipeline_run=run, node_key=key)
    waiting = rows.filter(status__in=[StepStatus.PENDING, StepStatus.READY, StepStatus.WAITING])
    waiting.update(status=StepStatus.CANCELLED, held=False, finished_at=_finish_time())
    if not rows.exists():
        _create_settled(run, graph, key, {"status": StepStatus.CANCELLED, "finished_at": Now()})


def _create_settled(run: PipelineRun, graph: Graph, key: str, values: Mapping[str, Any]) -> None:
    step_version_id = definitions.frozen_step_version(graph.node(key))
    StepRun.objects.create(pipeline_run=run, step_version_id=step_version_id, node_key=key, **values)


def _finish(run: PipelineRun, status: RunStatus) -> None:
    run.status = status
    run.error = _first_error(run) if status == RunStatus.FAILED else None
    PipelineRun.objects.filter(pk=run.pk).update(status=status, error=run.error, finished_at=Now())
    refresh_design(run)


def _first_error(run: PipelineRun) -> dict[str, Any] | None:
    failed = StepRun.objects.filter(pipeline_run=run, status=StepStatus.FAILED).order_by("finished_at", "id").first()
    if failed is None:
        return None
    return {**(failed.error or {}), "nodeKey": failed.node_key, "mapIndex": failed.map_index}
