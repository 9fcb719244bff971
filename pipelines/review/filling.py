"""Filling queues by their rules. Filling again adds only what is new: a queue never holds an output twice."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from config import features
from config.models import first_uuid7
from config.problems import DomainError
from feedback import services
from feedback.models import ReviewItem, ReviewQueue
from pipelines.review.sources import as_items, candidates

logger = logging.getLogger(__name__)

DUTY_EVERY = 60.0  # seconds
DUTY_LOOKS_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Filled:
    """What filling came to: ``added`` items, or ``refused``, the reason why the rule could not be followed.

    ``why_none`` says why none was added where the rule was followed.
    """

    queue: ReviewQueue
    added: int = 0
    refused: str = ""
    why_none: str = ""


@transaction.atomic
def fill(queue: ReviewQueue, *, within: timedelta | None = None, dry_run: bool = False) -> Filled:
    """Add outputs until ``most_open`` items wait; ``within`` leaves older ones out.

    A queue at rest takes none. Raises ``InvalidInput`` for a rule that cannot be followed.
    """
    queue = ReviewQueue.objects.select_for_update(of=("self",)).select_related("metric").get(pk=queue.pk)
    if not queue.is_active:
        return Filled(queue, why_none="The queue is at rest, and takes none until it is active again.")
    waiting = queue.items.filter(state=ReviewItem.State.OPEN).count()
    if waiting >= queue.most_open:
        return Filled(queue, why_none=f"{waiting:,} wait already; filling stops at {queue.most_open:,}.")
    since = None if within is None else first_uuid7(timezone.now() - within)
    found = list(candidates(queue, since=since)[: queue.most_open - waiting])
    if not found:
        return Filled(queue, why_none="No output meets its rule that it does not hold yet.")
    return Filled(queue, len(found) if dry_run else services.add_items(queue=queue, items=as_items(queue, found)))


def fill_all(queues: Iterable[ReviewQueue], *, within: timedelta | None = None, dry_run: bool = False) -> list[Filled]:
    """Fill each in a transaction of its own; one whose rule cannot be followed does not keep the others waiting."""
    return [_try(queue, within, dry_run) for queue in queues]


def fill_lately() -> None:
    """The workers' duty: once a minute, and of the last day, so that it stays cheap whatever has gathered."""
    if time.monotonic() < _Duty.next_at or not features.is_on(features.REVIEW):
        return
    _Duty.next_at = time.monotonic() + DUTY_EVERY
    for filled in fill_all(ReviewQueue.objects.filter(is_active=True), within=DUTY_LOOKS_BACK):
        if filled.refused:
            logger.warning("queue %s is not filled: %s", filled.queue.key, filled.refused)


class _Duty:
    next_at = 0.0


def _try(queue: ReviewQueue, within: timedelta | None, dry_run: bool) -> Filled:
    try:
        return fill(queue, within=within, dry_run=dry_run)
    except DomainError as refusal:
        return Filled(queue, refused=refusal.message)
