"""Pools: made, changed, taken away, and how much of each is taken."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, IntegerField, OuterRef, ProtectedError, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from config.problems import NotFound
from pipelines import admission, pool_lines
from pipelines.errors import PoolInUse
from pipelines.models import ConcurrencyPool, PipelineRun, PipelineVersion, StepRun
from pipelines.models.runs import RunStatus, StepStatus

MOST_NAMED = 5


def with_usage() -> QuerySet[ConcurrencyPool]:
    """Pools with ``steps_taken`` and ``runs_taken``, the weights under way, and ``runs_queued``."""
    runs = PipelineRun.objects.filter(pool=OuterRef("key"), status=RunStatus.RUNNING).order_by()
    steps = StepRun.objects.filter(pool=OuterRef("key"), status=StepStatus.RUNNING).order_by()
    return ConcurrencyPool.objects.annotate(
        steps_taken=_one(steps.values("pool").annotate(found=Sum("weight")).values("found")),
        runs_taken=_one(runs.filter(queued=False).values("pool").annotate(found=Sum("weight")).values("found")),
        runs_queued=_one(runs.filter(queued=True).values("pool").annotate(found=Count("pk")).values("found")),
    )


def _one(rows: Any) -> Coalesce:
    return Coalesce(Subquery(rows, output_field=IntegerField()), 0)


@transaction.atomic
def save_pool(pool: ConcurrencyPool) -> ConcurrencyPool:
    """Keep a pool that is new or was changed; runs and steps that a higher limit has room for begin at once.

    Raises ``NotFound`` for one that was deleted since it was read.
    """
    is_new = pool._state.adding
    if not is_new and ConcurrencyPool.objects.select_for_update().filter(pk=pool.pk).first() is None:
        raise NotFound(f"The pool {pool.key} has just been deleted.")
    pool.save(force_insert=is_new)
    admission.admit_waiting(pool.key)
    if settings.PIPELINE_EXECUTOR == "distributed":
        pool_lines.give_turns(pool.key)
    return pool


@transaction.atomic
def delete_pool(pool: ConcurrencyPool) -> None:
    """Raises ``PoolInUse`` while a pipeline or the DAG of an active version names it."""
    users = [str(version) for version in named_by(pool)[:MOST_NAMED]]
    if not users:
        try:
            pool.delete()
        except ProtectedError as refusal:
            users = sorted(str(pipeline) for pipeline in refusal.protected_objects)[:MOST_NAMED]
    if users:
        raise PoolInUse(
            f"The pool {pool.key} is named by {', '.join(users)}. Let them name another one, or none, first."
        )


def named_by(pool: ConcurrencyPool) -> QuerySet[PipelineVersion]:
    """The active versions with a node of this pool: without it they could not start."""
    versions = PipelineVersion.objects.filter(is_active=True, dag__contains={"nodes": [{"pool": pool.key}]})
    return versions.select_related("pipeline").order_by("pipeline__key").defer("dag")
