"""Runs a pipeline in the calling process, several steps at a time.

Threads keep no state of the run: they ask the rows what is ready, so a run that another process left half done is
simply carried on.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Min, Q
from django.db.models.functions import Now

from config.clock import database_now
from pipelines import admission
from pipelines.conductor import Conductor
from pipelines.lifecycle import claim_steps, execute_all
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import RunStatus, StepStatus
from pipelines.outages import through_outages
from pipelines.pace import MOST
from pipelines.unreadable import failed_where_unreadable

Observer = Callable[[], None]
Turn = Callable[[], AbstractContextManager[object]]
T = TypeVar("T")

logger = logging.getLogger(__name__)

PAUSE = 0.25
HELP_AFTER = 0.02
"""Seconds. Until then one thread has carried dozens of quick steps, and a connection for another takes half as long."""
LONGEST_SLEEP = 60.0


def carry(
    run_id: uuid.UUID,
    *,
    threads: int | None = None,
    observe: Observer | None = None,
    turn: Turn = nullcontext,
) -> PipelineRun:
    """Carry the run until it ends, or until nothing can go on without a person; returns it as it then stands.

    ``threads`` counts the calling one; with 0 or 1 it is alone. ``observe`` is called a few times a second, in a thread
    of its own. ``turn`` is held while steps run. A run that is queued is begun when its pool has room.
    """
    count = settings.INLINE_EXECUTOR_THREADS if threads is None else threads
    with failed_where_unreadable(run_id), _observed(observe):
        return _carry(run_id, count, turn)
    return _reread(run_id)


def _carry(run_id: uuid.UUID, threads: int, turn: Turn) -> PipelineRun:
    conductor = Conductor.of(run_id, executor="inline")
    if conductor.run.queued:
        while not _patiently(partial(_is_admitted, run_id)):
            time.sleep(PAUSE)
        conductor = Conductor.of(run_id, executor="inline")
    _patiently(conductor.reclaim)
    while True:
        with turn():
            _Crew(conductor, threads).work()
        if conductor.finished or not _patiently(partial(_wait_for_more, run_id)):
            break
        _patiently(conductor.refresh)
        _patiently(conductor.reclaim)
    _patiently(partial(admission.admit_waiting, conductor.run.pool))
    if conductor.finished and conductor.run.design_split is None:
        return conductor.run
    return _reread(run_id)


def _reread(run_id: uuid.UUID) -> PipelineRun:
    return PipelineRun.objects.select_related("pipeline_version__pipeline", "design_split").get(pk=run_id)


def carry_in_background(run_id: uuid.UUID) -> None:
    """Carry the run in a thread of this process. Should that end first, the run waits for the next that carries it.

    Of the runs that were begun so, ``INLINE_EXECUTOR_RUNS`` are at work at the same time; the others wait their turn.
    """
    in_background(f"run {run_id}", partial(carry, run_id, turn=partial(_turn, settings.INLINE_EXECUTOR_RUNS)))


def in_background(what: str, work: Callable[[], Any]) -> None:
    """Do work in a thread of this process with a connection of its own; what goes wrong is logged."""
    threading.Thread(target=_alone, args=(what, work), name=what, daemon=True).start()


def _patiently(work: Callable[[], T]) -> T:
    return through_outages("carrying a run", lambda _: work())


@contextmanager
def _turn(count: int) -> Iterator[None]:
    """Be one of ``count`` at the same time. Who waits holds no connection, as there may be many."""
    connection.close()
    with _turns(count):
        yield


@lru_cache(maxsize=1)
def _turns(count: int) -> threading.Semaphore:
    return threading.Semaphore(count)


def _alone(what: str, work: Callable[[], Any]) -> None:
    try:
        work()
    except Exception:
        logger.exception("%s could not be carried on", what)
    finally:
        connection.close()


class _Crew:
    """The calling thread, and helpers that join it when more than one step is ready.

    Each goes on with a step that became ready, so a chain never leaves its thread.
    """

    def __init__(self, conductor: Conductor, size: int) -> None:
        self._conductor = conductor
        self._most_helpers = max(0, size - 1)
        self._helpers: list[threading.Thread] = []
        self._working = 0
        self._done = False
        self._errors: list[BaseException] = []
        self._change = threading.Condition()

    def work(self) -> None:
        """Carry steps until none is ready and nobody works any more. Raises what a helper raised."""
        try:
            self._carry()
            while self._is_busy():
                with self._change:
                    moved = self._change.wait(PAUSE)
                if not moved:
                    _patiently(self._conductor.refresh)
                self._carry()
        finally:
            with self._change:
                self._done = True
                self._change.notify_all()
            for helper in self._helpers:
                helper.join()
        if self._errors:
            raise self._errors[0]

    def _is_busy(self) -> bool:
        with self._change:
            return not self._errors and (self._working > 0 or bool(self._conductor.ready(1)))

    def _carry(self) -> None:
        with self._change:
            self._working += 1
        try:
            claims = claim_steps(self._conductor, self._conductor.ready(1))
            while claims:
                self._call_helpers()
                claims = execute_all(self._conductor, claims, claim_next=MOST).claims
        finally:
            with self._change:
                self._working -= 1
                self._change.notify_all()

    def _call_helpers(self) -> None:
        if self._most_helpers and self._conductor.ready(1):
            with self._change:
                if len(self._helpers) < self._most_helpers:
                    helper = threading.Thread(target=self._help, name=f"step {len(self._helpers)}", daemon=True)
                    self._helpers.append(helper)
                    helper.start()
                self._change.notify()

    def _help(self) -> None:
        close_old_connections()
        try:
            self._wait_until_done(HELP_AFTER)
            while not self._done:
                if self._conductor.ready(1):
                    connection.ensure_connection()  # in a call to the conductor all others would wait for it
                    self._carry()
                self._wait_for_change()
        except BaseException as error:  # noqa: BLE001 - it is raised where the run is carried
            self._errors.append(error)
        finally:
            connection.close()

    def _wait_until_done(self, patience: float) -> None:
        with self._change:
            self._change.wait_for(lambda: self._done, patience)

    def _wait_for_change(self) -> None:
        with self._change:
            if not self._done:
                self._change.wait(PAUSE)


@contextmanager
def _observed(observe: Observer | None) -> Iterator[None]:
    """Call ``observe`` again and again while the block lasts."""
    if observe is None:
        yield
        return
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(PAUSE):
            observe()
        connection.close()

    thread = threading.Thread(target=look, name="observer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _is_admitted(run_id: uuid.UUID) -> bool:
    """Whether the run has left the queue of its pool; what has room there leaves it now."""
    status, queued, pool = PipelineRun.objects.values_list("status", "queued", "pool").get(pk=run_id)
    if not queued or status != RunStatus.RUNNING:
        return True
    return run_id in {run.pk for run in admission.admit_waiting(pool)}


def _wait_for_more(run_id: uuid.UUID) -> bool:
    """Sleep until the next retry is due, a full pool may have room, or what another process began may have ended.

    False when nothing is coming.
    """
    steps = StepRun.objects.filter(pipeline_run=run_id)
    ready = steps.filter(status=StepStatus.READY, step_version__handler__in=list(settings.PIPELINE_STEPS))
    due = ready.filter(Q(not_before=None) | Q(not_before__lte=Now()))
    if due.exists() or steps.filter(status=StepStatus.RUNNING).exists():
        time.sleep(PAUSE)
        return True
    soonest = ready.aggregate(soonest=Min("not_before"))["soonest"]
    if soonest is None:
        return False
    time.sleep(max(0.0, min(LONGEST_SLEEP, (soonest - database_now()).total_seconds())))
    return True
