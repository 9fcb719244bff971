"""The lines in which ready steps stand for a place in a pool. ``sql/carry.sql`` says who is let in, and when.

Whoever frees a place gives the next their turn in the same transaction; here is what no step's end would bring about.
"""

import json

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from pipelines.executors.queue import QueueDispatcher
from pipelines.models import ConcurrencyPool, StepRun
from pipelines.models.runs import StepStatus

IN_LINE = Q(status=StepStatus.READY, pool_priority__isnull=False)
WAITS = IN_LINE & Q(pool_until__isnull=True)
"""In line, and not had its turn yet."""
GIVE_TURNS = "SELECT pipelines_give_turns(%s, clock_timestamp())::text"


def with_lines() -> list[str]:
    """The pools in whose lines steps stand."""
    return list(StepRun.objects.filter(IN_LINE).order_by("pool").values_list("pool", flat=True).distinct())


@transaction.atomic
def move_on(pool: str) -> int:
    """Let those out of line whose turn nobody took, and all of their kind; then give the next their turn.

    How many were let out.

    A turn isn't taken where no worker has the step's code. Were only that one let out, each of its kind would hold up
    the others for a minute; out of line they have jobs, which wait for such a worker.
    """
    _hold(pool)
    line = StepRun.objects.filter(IN_LINE, pool=pool)
    let_out = line.filter(step_version__in=line.filter(pool_until__lt=Now()).values("step_version"))
    count = let_out.update(pool_priority=None, pool_until=None)
    _give_turns(pool)
    return count


@transaction.atomic
def give_turns(pool: str) -> None:
    """Give those their turn that a pool has room for now."""
    _hold(pool)
    _give_turns(pool)


def _hold(pool: str) -> None:
    held: QuerySet[ConcurrencyPool] = ConcurrencyPool.objects.select_for_update(no_key=True).filter(key=pool)
    held.first()


def _give_turns(pool: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(GIVE_TURNS, [pool])
        queues = json.loads(cursor.fetchone()[0])
    if queues:
        QueueDispatcher().wake(queues)
