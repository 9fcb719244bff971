"""Finds what was left behind, and sees to it: the queue loses jobs and workers, the rows don't.

1. Steps whose lease ran out, or whose time is up: tried again or failed.
2. Steps that are ready and have no job: enqueued, but for those that stand in the line of their pool. Of those that had
   their turn and weren't taken, all of their kind leave the line; and where there is room, the next have their turn.
3. Runs in which nothing can move though they have not ended: looked at anew.
4. Runs in the queue whose pool has room: begun.
5. Jobs that a dead worker had taken: dropped, as 1. sees to their steps.

Any number of processes may be at it: each piece is a short transaction that passes by what another one holds. Nothing
is held between them, so a process that is stopped in its midst, or a pooler that gives each transaction another
session, keeps nobody from it.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce, Now
from procrastinate.contrib.django.models import ProcrastinateJob

from pipelines import admission, pool_lines, store
from pipelines.conductor import Conductor
from pipelines.executors.dispatch import ReadyStep
from pipelines.executors.queue import enqueue
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import RunStatus, StepStatus
from pipelines.outages import kept_apart
from pipelines.unreadable import failed_where_unreadable

LONGEST_WAIT = "2s"
"""For a row that somebody else holds; as PostgreSQL reads it."""
MAX_RUNS = 100
LONGEST_PART = 10.0
"""Seconds in which runs are taken up: there may be many that somebody holds, and the other parts wait."""
MAX_STEPS = 1_000
FORGOTTEN_AFTER = timedelta(seconds=2)
"""How long a ready step may be without a job: whoever made it ready may claim it itself."""
WORKER_DEAD_AFTER = timedelta(seconds=60)


@dataclass(slots=True)
class Swept:
    """How much of each kind was found."""

    healed: int = 0
    enqueued: int = 0
    advanced: int = 0
    admitted: int = 0
    dropped: int = 0
    moved: int = 0


def sweep() -> Swept:
    """Look once."""
    swept = Swept()
    for what, look in PARTS.items():
        with kept_apart("nothing could be %s", what):
            setattr(swept, what, look())
    return swept


def heal() -> int:
    """Take back what nobody works on any more, or too long; how many runs had such a step."""
    return _take_up("healed", store.to_heal(), "pipeline_run", Conductor.reclaim)


def enqueue_forgotten() -> int:
    """Enqueue ready steps that have no job, and don't wait for a place in a pool; how many.

    Their rows are held meanwhile, so that nobody claims them.
    """
    lock = Cast(OuterRef("pk"), TextField())
    jobs = ProcrastinateJob.objects.filter(queueing_lock=lock, status__in=["todo", "doing"])
    since = Coalesce(F("not_before"), F("ready_at"), F("created_at"))
    steps = (
        StepRun.objects.filter(store.DUE, ~Exists(jobs), ~pool_lines.WAITS, pipeline_run__status=RunStatus.RUNNING)
        .annotate(since=since)
        .filter(since__lt=Now() - FORGOTTEN_AFTER)
        .order_by("-pipeline_run__priority", "id")
    )
    found = steps.select_for_update(of=("self",), skip_locked=True)
    columns = found.values_list("pk", "step_version__handler", "pipeline_run__priority")[:MAX_STEPS]
    with _briefly():
        ready = [ReadyStep(pk, handler, priority) for pk, handler, priority in columns]
        enqueue(ready)
    return len(ready)


def advance_stuck() -> int:
    """Look anew at runs in which nothing is under way; how many. There are none, unless somebody wrote rows by hand."""
    active = StepRun.objects.filter(pipeline_run=OuterRef("pk")).filter(
        Q(status__in=[StepStatus.READY, StepStatus.RUNNING, StepStatus.WAITING]) | Q(held=True)
    )
    stuck = PipelineRun.objects.filter(~Exists(active), status=RunStatus.RUNNING, queued=False)
    return _take_up("advanced", stuck, "pk", Conductor.advance)


def admit_waiting() -> int:
    """Begin the queued runs that their pools have room for; how many."""
    admitted = 0
    for pool in admission.waiting_pools():
        with kept_apart("the pool %s admits no run", pool), _briefly():
            admitted += len(admission.admit_waiting(pool))
    return admitted


def move_lines() -> int:
    """Let those out of their pools' lines whose turn nobody took, and give the next theirs; how many were let out."""
    moved = 0
    for pool in pool_lines.with_lines():
        with kept_apart("the line of the pool %s does not move", pool), _briefly():
            moved += pool_lines.move_on(pool)
    return moved


def drop_dead_jobs() -> int:
    """Drop the jobs that a worker had taken which is gone; how many."""
    gone = Q(worker=None) | Q(worker__last_heartbeat__lt=Now() - WORKER_DEAD_AFTER)
    jobs = ProcrastinateJob.objects.filter(gone, status="doing").values_list("pk", flat=True)
    with _briefly(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE status = 'doing' AND id = ANY(%s)", [list(jobs[:MAX_STEPS])]
        )
        return int(cursor.rowcount)


def _take_up(part: str, rows: QuerySet[Any], key: str, work: Callable[[Conductor], None]) -> int:
    """Do the work on the runs that the rows name by ``key``; how many it was done on.

    Those that cannot be taken up keep no other from its turn, however many they are: the next sweep of this process
    goes on behind the last that was tried.
    """
    done = 0
    run_ids = _in_turn(rows.order_by(key).values_list(key, flat=True).distinct(), key, _tried.get(part))
    give_up_at = time.monotonic() + LONGEST_PART
    for run_id in run_ids:
        _tried[part] = run_id
        with kept_apart("run %s could not be looked after", run_id):
            with failed_where_unreadable(run_id), _briefly():
                if not _is_first_at(run_id):
                    continue
                conductor = Conductor.of(run_id, executor="distributed")
                conductor.refresh()
                work(conductor)
            done += 1
        if time.monotonic() > give_up_at:
            break
    return done


_tried: dict[str, uuid.UUID] = {}
"""Of each part the run that it tried last."""


def _in_turn(run_ids: QuerySet[Any, uuid.UUID], key: str, last: uuid.UUID | None) -> list[uuid.UUID]:
    """``MAX_RUNS`` at most: those behind ``last`` first, then from the oldest on."""
    if last is None:
        return list(run_ids[:MAX_RUNS])
    behind = list(run_ids.filter(**{f"{key}__gt": last})[:MAX_RUNS])
    return behind + list(run_ids.filter(**{f"{key}__lte": last})[: MAX_RUNS - len(behind)])


PARTS: Mapping[str, Callable[[], int]] = {
    "healed": heal,
    "advanced": advance_stuck,
    "admitted": admit_waiting,
    "dropped": drop_dead_jobs,
    "moved": move_lines,
    "enqueued": enqueue_forgotten,
}


@contextmanager
def _briefly() -> Iterator[None]:
    """A transaction that waits for no row for long: whoever holds it may have been stopped in the midst of its own."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
        yield


def _is_first_at(run_id: uuid.UUID) -> bool:
    """Whether no other sweeper is at the run, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"sweep {run_id}"])
        return bool(cursor.fetchone()[0])
