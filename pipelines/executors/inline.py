"""Runs a pipeline in the calling process, several steps at a time in a thread pool.

Threads keep no state of the run: they ask the rows what is ready, so a run that another process left half done is
simply carried on.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Min, QuerySet
from django.db.models.functions import Now

from config.clock import database_now
from pipelines.lifecycle import execute
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import StepStatus

Observer = Callable[[], None]


def carry(run_id: uuid.UUID, *, threads: int | None = None, observe: Observer = lambda: None) -> PipelineRun:
    """Carry the run until it ends, or until nothing can go on without a person; returns it as it then stands.

    ``threads`` 0 runs every step in the calling thread, one after another. ``observe`` is called in the calling
    thread whenever a step began or settled.
    """
    count = settings.INLINE_EXECUTOR_THREADS if threads is None else threads
    if count < 1:
        _carry_here(run_id, observe)
    else:
        _carry_in_threads(run_id, count, observe)
    return PipelineRun.objects.select_related("pipeline_version__pipeline", "design_split").get(pk=run_id)


def _carry_here(run_id: uuid.UUID, observe: Observer) -> None:
    while True:
        due = list(_due(run_id)[:1])
        if due:
            execute(due[0])
            observe()
        elif not _wait_for_retry(run_id):
            return


def _carry_in_threads(run_id: uuid.UUID, count: int, observe: Observer) -> None:
    under_way: dict[Future[None], uuid.UUID] = {}
    with ThreadPoolExecutor(count, thread_name_prefix="step") as pool:
        while True:
            free = count - len(under_way)
            for step_run_id in _new(_due(run_id), under_way.values())[:free]:
                under_way[pool.submit(_execute_in_thread, step_run_id)] = step_run_id
            observe()
            if not under_way and not _wait_for_retry(run_id):
                return
            done, _ = wait(under_way, timeout=_OBSERVED_EVERY, return_when=FIRST_COMPLETED)
            for future in done:
                del under_way[future]
                future.result()


_OBSERVED_EVERY = 0.25


def _execute_in_thread(step_run_id: uuid.UUID) -> None:
    close_old_connections()
    try:
        execute(step_run_id)
    finally:
        connection.close()


def _due(run_id: uuid.UUID) -> QuerySet[StepRun, uuid.UUID]:
    ready = StepRun.objects.filter(pipeline_run_id=run_id, status=StepStatus.READY).exclude(not_before__gt=Now())
    return ready.order_by("id").values_list("pk", flat=True)


def _new(due: Iterable[uuid.UUID], taken: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    known = set(taken)
    return [step_run_id for step_run_id in due if step_run_id not in known]


def _wait_for_retry(run_id: uuid.UUID) -> bool:
    """Sleep until the next retry is due. False when none is coming."""
    ready = StepRun.objects.filter(pipeline_run_id=run_id, status=StepStatus.READY)
    soonest = ready.aggregate(soonest=Min("not_before"))["soonest"]
    if soonest is None:
        return ready.exists()
    time.sleep(max(0.0, min(60.0, (soonest - database_now()).total_seconds())))
    return True
