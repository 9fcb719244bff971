"""Runs a pipeline in the calling process, several steps at a time in a thread pool.

Threads keep no state of the run: they ask the rows what is ready, so a run that another process left half done is
simply carried on.
"""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Min

from config.clock import database_now
from pipelines.claims import Claim
from pipelines.conductor import Conductor
from pipelines.lifecycle import execute
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import StepStatus

Observer = Callable[[], None]

OBSERVED_EVERY = 0.25
LONGEST_SLEEP = 60.0


def carry(
    run_id: uuid.UUID,
    *,
    threads: int | None = None,
    observe: Observer = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
) -> PipelineRun:
    """Carry the run until it ends, or until nothing can go on without a person; returns it as it then stands.

    ``threads`` 0 runs every step in the calling thread, one after another. ``observe`` is called in the calling
    thread a few times a second, and when a step settled. Once ``stopping`` says so, no step is begun any more.
    """
    count = settings.INLINE_EXECUTOR_THREADS if threads is None else threads
    conductor = Conductor.of(run_id)
    conductor.reclaim()
    while True:
        if count < 1:
            _carry_here(conductor, observe)
        else:
            _carry_in_threads(conductor, count, observe, stopping)
        if stopping() or not _wait_for_retry(run_id):
            return PipelineRun.objects.select_related("pipeline_version__pipeline", "design_split").get(pk=run_id)
        conductor.refresh()


def _carry_here(conductor: Conductor, observe: Observer) -> None:
    claims = conductor.claim(conductor.ready()[:1])
    while claims:
        _, claims = execute(conductor, claims[0], claim_next=1)
        observe()


def _carry_in_threads(conductor: Conductor, count: int, observe: Observer, stopping: Callable[[], bool]) -> None:
    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(count, thread_name_prefix="step") as pool:
        while True:
            free = 0 if stopping() else count - len(under_way)
            for claim in conductor.claim(conductor.ready()[:free]):
                under_way.add(pool.submit(_work, conductor, claim, stopping))
            observe()
            if not under_way:
                return
            done, under_way = wait(under_way, timeout=OBSERVED_EVERY, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            if not done:
                conductor.refresh()


def _work(conductor: Conductor, claim: Claim, stopping: Callable[[], bool]) -> None:
    """Run a step, and go on with one that became ready: a chain never leaves its thread."""
    close_old_connections()
    try:
        claims = [claim]
        while claims:
            _, claims = execute(conductor, claims[0], claim_next=0 if stopping() else 1)
    finally:
        connection.close()


def _wait_for_retry(run_id: uuid.UUID) -> bool:
    """Sleep until the next retry is due. False when none is coming."""
    ready = StepRun.objects.filter(pipeline_run_id=run_id, status=StepStatus.READY)
    soonest = ready.aggregate(soonest=Min("not_before"))["soonest"]
    if soonest is None:
        return False
    time.sleep(max(0.0, min(LONGEST_SLEEP, (soonest - database_now()).total_seconds())))
    return True
