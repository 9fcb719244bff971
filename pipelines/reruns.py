"""Running an earlier run again: from what failed, from named nodes, or with other params."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from config.canonical import canonical_json
from config.problems import InvalidInput
from ir_schemas.models import IRArtifact
from pipelines import admission, definitions
from pipelines.conductor import Conductor
from pipelines.dag import Graph, Node
from pipelines.errors import NothingToRerun, ResultsPruned, RunUnfinished
from pipelines.models import DesignSplit, PipelineRun, StepRun
from pipelines.models.runs import StepStatus
from pipelines.replays import Difference, members_differ, refuse_other, run_of_key
from pipelines.rerun_plan import Earlier, Plan, plan_rerun
from pipelines.reuse import BATCH, copy_records
from pipelines.scheduling import Item
from pipelines.switches import require_logging

Params = Mapping[str, Mapping[str, Any]]


def rerun(
    *,
    run_id: uuid.UUID,
    from_nodes: Sequence[str] | None = None,
    params: Params | None = None,
    started_by: User | None = None,
    idempotency_key: str | None = None,
    run_group_id: uuid.UUID | None = None,
) -> PipelineRun:
    """Make a new run of the earlier run's DAG, design and inputs that reuses what need not run again.

    Without ``from_nodes`` what failed or was cancelled runs again, and all below it. ``params`` are by node key and lie
    over those of the earlier run; a node whose params change runs again too.

    Raises ``LoggingDisabled``, ``RunUnfinished``, ``NothingToRerun``, ``ResultsPruned``, ``InvalidInput`` for nodes
    that the DAG lacks, and ``IdempotencyConflict`` when the key stands for another run; for the same rerun that run is
    returned.
    """
    earlier = PipelineRun.objects.select_related("pipeline__run_pool").get(pk=run_id)
    require_logging(pipeline_id=earlier.pipeline_id, user=started_by)
    _refuse_unfinished(earlier)
    graph = definitions.frozen_graph(earlier)
    merged = _merged_params(graph, earlier, params or {})
    new = PipelineRun(
        pipeline=earlier.pipeline,
        pipeline_version_id=earlier.pipeline_version_id,
        dag=earlier.dag,
        design_split_id=earlier.design_split_id,
        inputs=earlier.inputs,
        params=merged,
        run_group_id=run_group_id or earlier.run_group_id,
        rerun_of=earlier,
        rerun_from=_named_nodes(graph, from_nodes),
        priority=earlier.priority,
        queued=earlier.pipeline.run_pool is not None,
        pool=earlier.pipeline.run_pool.key if earlier.pipeline.run_pool else "",
        weight=earlier.pipeline.run_weight,
        started_by=started_by,
        idempotency_key=idempotency_key,
    )
    made = _made_before(new)
    if made is not None:
        return made
    changed = [key for key in merged if canonical_json(merged[key]) != canonical_json(earlier.params.get(key, {}))]
    try:
        with transaction.atomic():
            return _create(new, earlier, graph, [*(from_nodes or ()), *changed])
    except IntegrityError:
        made = _made_before(new)
        if made is None:
            raise
        return made


def preview(*, run: PipelineRun, from_nodes: Sequence[str] | None = None) -> Plan:
    """What ``rerun`` would keep of the run and what it would run again. Raises as it does, but for the flag."""
    _refuse_unfinished(run)
    graph = definitions.frozen_graph(run)
    return _plan(run, graph, _named_nodes(graph, from_nodes) or ())[0]


def _refuse_unfinished(run: PipelineRun) -> None:
    if not run.is_finished:
        raise RunUnfinished(f"Run {run.pk} has not ended. Wait for its end or cancel it, then run it again.")


def _merged_params(graph: Graph, earlier: PipelineRun, params: Params) -> dict[str, Any]:
    definitions.check_params(graph, params)
    changed = {key: {**earlier.params.get(key, {}), **values} for key, values in params.items()}
    return {**earlier.params, **changed}


def _named_nodes(graph: Graph, from_nodes: Sequence[str] | None) -> list[str] | None:
    if from_nodes is None:
        return None
    for place, key in enumerate(from_nodes):
        definitions.check_node(graph, key, f"/fromNodes/{place}")
    if not from_nodes:
        raise InvalidInput("Name at least one node to run again, or leave the nodes out to run again what failed.")
    return sorted(set(from_nodes))


def _made_before(wanted: PipelineRun) -> PipelineRun | None:
    """The run that the idempotency key stands for. Raises ``IdempotencyConflict`` when it is another rerun."""
    found = run_of_key(wanted.pipeline, wanted.idempotency_key)
    if found is None:
        return None
    differences: list[Difference] = []
    if found.rerun_of_id != wanted.rerun_of_id:
        differences.append(("", f"is no rerun of run {wanted.rerun_of_id}"))
    if found.rerun_from != wanted.rerun_from:
        differences.append(("/fromNodes", "had other nodes to run again"))
    differences += members_differ("params", found.params, wanted.params)
    refuse_other(found, differences)
    return found


def _create(new: PipelineRun, earlier: PipelineRun, graph: Graph, named: Sequence[str]) -> PipelineRun:
    plan, rows = _plan(earlier, graph, named)
    new.save(force_insert=True)
    DesignSplit.objects.filter(runs=new).update(status=DesignSplit.Status.PROCESSING)
    _create_rows(new, graph, plan, rows)
    admission.begin(new, Conductor.of(new.pk))
    new.refresh_from_db()
    return new


def _plan(earlier: PipelineRun, graph: Graph, named: Sequence[str]) -> tuple[Plan, dict[Item, StepRun]]:
    """The plan, and the earlier run's rows that it speaks of. Raises ``NothingToRerun``."""
    rows = {Item(row.node_key, row.map_index): row for row in _earlier_rows(earlier)}
    if not rows:
        raise NothingToRerun(f"Run {earlier.pk} ended before its first step. Start a new run instead.")
    outcomes = {item: Earlier(row.status, row.reason_code, row.usable) for item, row in rows.items()}
    plan = plan_rerun(graph, outcomes, named)
    if not plan.again and not plan.anew:
        raise NothingToRerun(f"Every step of run {earlier.pk} has its result. Name the nodes to run again.")
    return plan, rows


def _earlier_rows(run: PipelineRun) -> Any:
    """The run's rows with ``usable``: it completed, and its IR has not been pruned (or there never was one)."""
    kept_ir = IRArtifact.objects.filter(step_run=OuterRef("pk"), attempt=OuterRef("attempt"), ir_json__isnull=False)
    rows = StepRun.objects.filter(pipeline_run=run).order_by("id")
    completed = Q(status=StepStatus.COMPLETED) & (Q(reason_code="no_items") | Exists(kept_ir))
    return rows.annotate(usable=completed).iterator(chunk_size=BATCH)


def _create_rows(new: PipelineRun, graph: Graph, plan: Plan, rows: Mapping[Item, StepRun]) -> None:
    kept = [(rows[item], _kept_row(new, rows[item])) for item in plan.keep]
    again = [_row_again(new, graph, rows[item]) for item in plan.again]
    anew = [_row(new, graph.node(key), None) for key in plan.anew if graph.node(key).for_each is None]
    StepRun.objects.bulk_create([*(copy for _, copy in kept), *again, *anew], batch_size=BATCH)
    ran = {
        copy.pk: row.pk for row, copy in kept if row.status == StepStatus.COMPLETED and row.reason_code != "no_items"
    }
    if copy_records(ran) != len(ran):
        raise ResultsPruned(f"A result of run {new.rerun_of_id} was pruned just now. Run it again once more.")


def _kept_row(new: PipelineRun, row: StepRun) -> StepRun:
    """The row as it ended, without having run here."""
    return StepRun(
        pipeline_run=new,
        step_version_id=row.step_version_id,
        node_key=row.node_key,
        map_index=row.map_index,
        status=row.status,
        attempt=row.attempt,
        params=row.params,
        reason_code=row.reason_code,
        reason=row.reason,
        reused_from_id=row.reused_from_id or row.pk,
        cache_key=row.cache_key,
        finished_at=new.created_at,
    )


def _row_again(new: PipelineRun, graph: Graph, row: StepRun) -> StepRun:
    """An item that is released at once, as its node has been decided; or that waits for a person, where it must."""
    node = graph.node(row.node_key)
    if node.approval:
        return _row(new, node, row.map_index, status=StepStatus.WAITING)
    return _row(new, node, row.map_index, held=True)


def _row(new: PipelineRun, node: Node, map_index: int | None, **fields: Any) -> StepRun:
    return StepRun(
        pipeline_run=new,
        step_version_id=definitions.frozen_step_version(node),
        node_key=node.key,
        map_index=map_index,
        pool=node.pool or "",
        weight=node.weight,
        **fields,
    )
