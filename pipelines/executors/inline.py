"""Runs a pipeline in the calling process, several steps at a time in a thread pool.

Threads keep no state of the run: they ask the rows what is ready, so a run that another process left half done is
simply carried on.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Min, Q
from django.db.models.functions import Now

from config.clock import database_now
from pipelines import admission
from pipelines.claims import Claim
from pipelines.conductor import Conductor
from pipelines.lifecycle import execute
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import RunStatus, StepStatus

Observer = Callable[[], None]

logger = logging.getLogger(__name__)

OBSERVED_EVERY = 0.25
LONGEST_SLEEP = 60.0


def carry(run_id: uuid.UUID, *, threads: int | None = None, observe: Observer = lambda: None) -> PipelineRun:
    """Carry the run until it ends, or until nothing can go on without a person; returns it as it then stands.

    ``threads`` 0 runs every step in the calling thread, one after another. ``observe`` is called in the calling
    thread a few times a second, and when a step settled. A run that is queued is begun when its pool has room.
    """
    count = settings.INLINE_EXECUTOR_THREADS if threads is None else threads
    conductor = Conductor.of(run_id, executor="inline")
    if conductor.run.queued:
        _wait_for_admission(run_id, observe)
        conductor = Conductor.of(run_id, executor="inline")
    conductor.reclaim()
    while True:
        if count < 1:
            _carry_here(conductor, observe)
        else:
            _carry_in_threads(conductor, count, observe)
        if conductor.finished or not _wait_for_more(run_id):
            admission.admit_waiting(conductor.run.pool)
            return PipelineRun.objects.select_related("pipeline_version__pipeline", "design_split").get(pk=run_id)
        conductor.refresh()
        conductor.reclaim()


def carry_in_background(run_id: uuid.UUID) -> None:
    """Carry the run in a thread of this process. Should that end first, the run waits for the next that carries it."""
    threading.Thread(target=_carry_alone, args=(run_id,), name=f"run {run_id}", daemon=True).start()


def _carry_alone(run_id: uuid.UUID) -> None:
    try:
        carry(run_id)
    except Exception:
        logger.exception("run %s could not be carried on", run_id)
    finally:
        connection.close()


def _carry_here(conductor: Conductor, observe: Observer) -> None:
    claims = conductor.claim(conductor.ready(1))
    while claims:
        claims = execute(conductor, claims[0], claim_next=1).claims
        observe()


def _carry_in_threads(conductor: Conductor, count: int, observe: Observer) -> None:
    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(count, thread_name_prefix="step") as pool:
        while True:
            free = count - len(under_way)
            for claim in conductor.claim(conductor.ready(free)):
                under_way.add(pool.submit(_work, conductor, claim))
            observe()
            if not under_way:
                return
            done, under_way = wait(under_way, timeout=OBSERVED_EVERY, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            if not done:
                conductor.refresh()


def _work(conductor: Conductor, claim: Claim) -> None:
    """Run a step, and go on with one that became ready: a chain never leaves its thread."""
    close_old_connections()
    try:
        claims = [claim]
        while claims:
            claims = execute(conductor, claims[0], claim_next=1).claims
    finally:
        connection.close()


def _wait_for_admission(run_id: uuid.UUID, observe: Observer) -> None:
    while True:
        status, queued, pool = PipelineRun.objects.values_list("status", "queued", "pool").get(pk=run_id)
        if not queued or status != RunStatus.RUNNING:
            return
        admission.admit_waiting(pool)
        observe()
        time.sleep(OBSERVED_EVERY)


def _wait_for_more(run_id: uuid.UUID) -> bool:
    """Sleep until the next retry is due, or a full pool may have room. False when nothing is coming."""
    ready = StepRun.objects.filter(
        pipeline_run=run_id, status=StepStatus.READY, step_version__handler__in=list(settings.PIPELINE_STEPS)
    )
    if ready.filter(Q(not_before=None) | Q(not_before__lte=Now())).exists():
        time.sleep(OBSERVED_EVERY)
        return True
    soonest = ready.aggregate(soonest=Min("not_before"))["soonest"]
    if soonest is None:
        return False
    time.sleep(max(0.0, min(LONGEST_SLEEP, (soonest - database_now()).total_seconds())))
    return True
