"""One process works for a judge at a time, so that no output is paid for twice.

It holds a lease on the judge's row, which a thread renews; a process that dies renews nothing. Nothing else is held, so
neither a pooler that gives each transaction another session nor a connection that breaks ends it. Only PostgreSQL's
clock counts.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from config.outages import OUTAGE
from config.problems import DomainError
from feedback.models import Judge

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60.0


class JudgeBusy(DomainError):
    """The judge is at work in another process."""

    code = "judge-busy"


@contextmanager
def alone(judge: Judge) -> Iterator[Callable[[], None]]:
    """Be the one who works for the judge, as long as the block lasts; raises ``JudgeBusy`` where another is.

    Call what it gives before anything is paid for: it raises ``JudgeBusy`` where the lease was lost to another.
    """
    token = uuid.uuid4()
    free = Q(held_until=None) | Q(held_until__lt=Now())
    if not _renew(Judge.objects.filter(free, pk=judge.pk), token):
        raise JudgeBusy(f"The judge {judge.key} is at work elsewhere. Wait until it is done.")
    held = Judge.objects.filter(pk=judge.pk, held_by=token)

    def make_sure() -> None:
        if not _renew(held, token):
            raise JudgeBusy(f"The judge {judge.key} was taken over by another process, as this one stood still.")

    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(held, token, ended), name=f"judge {judge.key}", daemon=True)
    keeper.start()
    try:
        yield make_sure
    finally:
        ended.set()
        keeper.join()
        held.update(held_by=None, held_until=None)


def _renew(judges: QuerySet[Judge], token: uuid.UUID) -> int:
    return judges.update(held_by=token, held_until=Now() + timedelta(seconds=LEASE_SECONDS))


def _keep(held: QuerySet[Judge], token: uuid.UUID, ended: threading.Event) -> None:
    while not ended.wait(LEASE_SECONDS / 4):
        try:
            _renew(held, token)
        except OUTAGE as outage:
            logger.warning("the lease on a judge could not be renewed, trying again: %s", str(outage).strip())
        finally:
            connection.close()
