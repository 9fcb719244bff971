"""The vocabulary of a run: ``start_run``, ``rerun``, ``approve``, ``cancel``.

A ``Conductor`` knows ``advance``, ``claim`` and ``settle``.

Truth is rows. Each word is a short transaction that locks its ``PipelineRun``; ``scheduling`` decides what comes next
and the conductor carries it out. Times are PostgreSQL's.
"""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from config.clock import database_now
from config.models import uuid7
from pipelines import admission, definitions
from pipelines.approvals import approve
from pipelines.conductor import Conductor
from pipelines.dag import Graph
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.intake import taken_in
from pipelines.errors import DagUnreadable, RunFinished
from pipelines.models import DesignSplit, PipelineRun, PipelineVersion
from pipelines.models.runs import RunStatus
from pipelines.named import Named
from pipelines.replays import Difference, members_differ, refuse_other, run_of_key
from pipelines.reruns import rerun
from pipelines.switches import require_logging
from pipelines.unreadable import end_without_graph

__all__ = ["approve", "cancel", "record_refusal", "rerun", "start_run"]


def start_run(
    *,
    version: PipelineVersion,
    design: DesignBundle | None = None,
    inputs: Mapping[str, Any] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    started_by: User | None = None,
    run_group_id: uuid.UUID | None = None,
    idempotency_key: str | None = None,
    priority: int = 0,
    any_version: bool = False,
) -> PipelineRun:
    """Make a run with its rows and release what can start. ``params`` are by node key.

    Where the key has started a run before, that one is returned: if it had the same version (``any_version``: whichever
    it had, as nobody named one), inputs, params and design. Raises ``IdempotencyConflict`` if it had others,
    ``LoggingDisabled`` while the flag is off, ``InvalidDag`` when the DAG names what is no longer there, and
    ``InvalidInput`` for params of a node that the DAG lacks and for what cannot be kept.
    """
    require_logging(pipeline_id=version.pipeline_id, user=started_by)
    graph, named = definitions.resolve(version)
    definitions.check_params(graph, params or {})
    definitions.check_inputs(inputs or {})
    wanted = {"inputs": dict(inputs or {}), "params": dict(params or {}), "priority": priority}
    find = partial(
        made_before,
        version=version,
        idempotency_key=idempotency_key,
        inputs=inputs or {},
        params=params or {},
        design=design,
        any_version=any_version,
    )
    made = find()
    if made is not None:
        return made
    try:
        with taken_in(design) as design_split, transaction.atomic():
            return _create_run(version, graph, named, design_split, wanted, started_by, run_group_id, idempotency_key)
    except IntegrityError:
        made = find()
        if made is None:
            raise
        return made


def made_before(
    *,
    version: PipelineVersion,
    idempotency_key: str | None,
    inputs: Mapping[str, Any],
    params: Mapping[str, Any],
    design: DesignBundle | None = None,
    any_version: bool = False,
    any_design: bool = False,
) -> PipelineRun | None:
    """The run that this key has already started, where there is one.

    ``any_version`` and ``any_design`` leave its version and its design out of account. Raises ``IdempotencyConflict``,
    which says what was other, when that run was not what is asked for.
    """
    earlier = run_of_key(version.pipeline, idempotency_key)
    if earlier is None:
        return None
    differences: list[Difference] = []
    if earlier.rerun_of_id is not None:
        differences.append(("", f"is a rerun of run {earlier.rerun_of_id}"))
    if not any_version and earlier.pipeline_version_id != version.pk:
        differences.append(("/version", f"had version {earlier.pipeline_version.version}, not {version.version}"))
    differences += members_differ("inputs", earlier.inputs, inputs)
    differences += members_differ("params", earlier.params, params)
    sha256 = earlier.design_split.sha256 if earlier.design_split else None
    if not any_design and sha256 != (design and design.sha256):
        differences.append(("", "had another design"))
    refuse_other(earlier, differences)
    return earlier


@transaction.atomic
def record_refusal(
    *, version: PipelineVersion, error: Mapping[str, Any], inputs: Mapping[str, Any], started_by: User | None = None
) -> PipelineRun:
    """Keep a run that ended before its first step, because its design could not be taken in.

    ``error`` is ``{code, message}``. Raises ``LoggingDisabled`` while the flag is off.
    """
    require_logging(pipeline_id=version.pipeline_id, user=started_by)
    run = PipelineRun(
        pipeline=version.pipeline,
        pipeline_version=version,
        dag=version.dag,
        inputs=dict(inputs),
        started_by=started_by,
        status=RunStatus.FAILED,
        error=dict(error),
    )
    run.finished_at = max(database_now(), run.created_at)
    run.save(force_insert=True)
    return run


def _create_run(
    version: PipelineVersion,
    graph: Graph,
    named: Named,
    design_split: DesignSplit | None,
    wanted: Mapping[str, Any],
    started_by: User | None,
    run_group_id: uuid.UUID | None,
    idempotency_key: str | None,
) -> PipelineRun:
    if design_split is not None:
        design_split.save(force_insert=True)
    pool = version.pipeline.run_pool
    run = PipelineRun(
        pipeline=version.pipeline,
        pipeline_version=version,
        dag=definitions.frozen_document(graph, named),
        started_by=started_by,
        idempotency_key=idempotency_key,
        run_group_id=run_group_id or uuid7(),
        design_split=design_split,
        queued=pool is not None,
        pool="" if pool is None else pool.key,
        weight=version.pipeline.run_weight,
        **wanted,
    )
    admission.begin(run, Conductor.begun(run, named))
    return run


def cancel(*, run_id: uuid.UUID) -> PipelineRun:
    """End the run at once: what runs is told to stop, and its result is refused. Raises ``RunFinished`` if it is over.

    The run's row decides against a step that completes at the same moment: whichever is first counts.
    """
    with transaction.atomic():
        run = PipelineRun.objects.select_for_update().get(pk=run_id)
        if run.is_finished:
            raise RunFinished(f"Run {run.pk} has already ended as {run.status}; there is nothing to cancel.")
        PipelineRun.objects.filter(pk=run.pk).update(cancel_requested_at=Now())
        try:
            Conductor.of(run.pk).cancel()
        except DagUnreadable:
            end_without_graph(run.pk, RunStatus.CANCELLED)
    run.refresh_from_db()
    return run
