"""Ending a run whose DAG today's rules refuse: without its graph nothing of it can be decided any more."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from pipelines.designs.summary import refresh_design
from pipelines.errors import DagUnreadable
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import FINISHED_STEP, RunStatus, StepStatus


@contextmanager
def failed_where_unreadable(run_id: uuid.UUID) -> Iterator[None]:
    """Where the block cannot go on as the run's DAG is refused, the run ends as failed, in the refusal's words."""
    try:
        yield
    except DagUnreadable as refusal:
        end_without_graph(run_id, RunStatus.FAILED, {"code": refusal.code, "message": refusal.message})


@transaction.atomic
def end_without_graph(run_id: uuid.UUID, status: RunStatus, error: Mapping[str, Any] | None = None) -> None:
    """Cancel all that has not settled, and end the run, unless it has; who works on one of its steps is told so."""
    run = PipelineRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.is_finished:
        return
    revision = run.revision + 1
    StepRun.objects.filter(pipeline_run=run).exclude(status__in=FINISHED_STEP).update(
        status=StepStatus.CANCELLED,
        held=False,
        lease_token=None,
        lease_expires_at=None,
        deadline=None,
        not_before=None,
        finished_at=Greatest(Now(), F("started_at")),
        revision=revision,
    )
    PipelineRun.objects.filter(pk=run.pk).update(
        status=status, error=error, finished_at=Greatest(Now(), F("created_at")), revision=revision
    )
    refresh_design(run, status)
