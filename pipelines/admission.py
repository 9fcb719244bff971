"""Whether a run may begin: runs of pipelines that name a pool share its limit, and are queued while it is full."""

import uuid

from django.db import transaction
from django.db.models import QuerySet, Sum

from pipelines.conductor import Conductor
from pipelines.models import ConcurrencyPool, PipelineRun
from pipelines.models.runs import RunStatus
from pipelines.outages import kept_apart
from pipelines.unreadable import failed_where_unreadable

MAX_ADMITTED = 100


def begin(run: PipelineRun, conductor: Conductor) -> None:
    """Write the run, where it isn't yet, and its rows, and begin it, or leave it where the caller put it in the queue.

    The caller holds the transaction.
    """
    if run.queued and run._state.adding:
        run.save(force_insert=True)
    begins = not run.queued or run.pk in _admitted(run.pool)
    if begins:
        _leave_queue(run)
    conductor.begin(release=begins)


def admit_waiting(pool: str) -> list[PipelineRun]:
    """Begin the queued runs that the pool has room for, by priority and age; returns them."""
    if not pool or not _queued(pool).exists():
        return []
    with transaction.atomic():
        return _admit(pool)


def _admit(pool: str) -> list[PipelineRun]:
    runs = list(PipelineRun.objects.filter(pk__in=_admitted(pool)).order_by("-priority", "id"))
    admitted = []
    for run in runs:
        with kept_apart("run %s cannot be begun", run.pk), transaction.atomic():
            with failed_where_unreadable(run.pk):
                _leave_queue(run)
                Conductor.of(run.pk).advance()
            admitted.append(run)
    return admitted


def waiting_pools() -> list[str]:
    """The pools that runs are queued for."""
    queued = PipelineRun.objects.filter(status=RunStatus.RUNNING, queued=True).exclude(pool="")
    return list(queued.order_by("pool").values_list("pool", flat=True).distinct())


def _queued(pool: str) -> QuerySet[PipelineRun]:
    return PipelineRun.objects.filter(pool=pool, status=RunStatus.RUNNING, queued=True)


def _admitted(key: str) -> list[uuid.UUID]:
    """Ids of the queued runs that fit now. Whoever asks holds the pool's row, so nobody else counts at the same time.

    The first in the queue is never overtaken by a lighter one behind it; one heavier than the pool runs alone.
    """
    pool = ConcurrencyPool.objects.select_for_update().filter(key=key).first()
    running = PipelineRun.objects.filter(pool=key, status=RunStatus.RUNNING, queued=False)
    used = running.aggregate(used=Sum("weight"))["used"] or 0
    queued = _queued(key).order_by("-priority", "id")
    admitted: list[uuid.UUID] = []
    for pk, weight in queued.values_list("pk", "weight")[:MAX_ADMITTED]:
        if pool is not None and used and used + weight > pool.limit:
            break
        used += weight
        admitted.append(pk)
    return admitted


def _leave_queue(run: PipelineRun) -> None:
    if run.queued:
        PipelineRun.objects.filter(pk=run.pk).update(queued=False)
        run.queued = False
