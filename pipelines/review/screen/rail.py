"""What stands beside an item: the queues, and the reviewer's own work in this one."""

import uuid
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, IntegerField, Q
from django.db.models.expressions import RawSQL
from django.urls import reverse

from feedback.models import ReviewAssignment, ReviewQueue
from feedback.models.work import ASSIGNMENT_COLOURS, item_title
from feedback.permissions import may_adjudicate
from pipelines.admin.run_page.chips import Chip

MOST_QUEUES = 50
MOST_MINE = 30
COUNTED = 999
COUNTED_DISPUTED = 99
ANY_ID = uuid.UUID(int=0)

# Counting stops where nobody cares any more: a queue may hold a hundred thousand items.
WAITING = """
    SELECT count(*) FROM (
        SELECT 1 FROM feedback_reviewitem item
        WHERE item.queue_id = feedback_reviewqueue.id AND item.state = 'open' AND item.free_slots >= 1
        LIMIT %s
    ) counted
"""


# Items that the reviewer can decide now: theirs already, held by nobody, or held by one whose time has run out. Each is
# looked at, so counting stops early; where there are more it does not matter how many are the reviewer's own.
DISPUTED = """
    SELECT CASE WHEN count(*) = %s THEN count(*) ELSE count(*) FILTER (WHERE NOT EXISTS (
        SELECT 1 FROM feedback_reviewassignment had
        WHERE had.item_id = item.id AND (
            had.reviewer_id = %s AND had.state IN ('submitted', 'skipped')
            OR had.reviewer_id <> %s AND had.state = 'reserved' AND had.reserved_until > statement_timestamp()
        )
    )) END
    FROM (
        SELECT id FROM feedback_reviewitem
        WHERE queue_id = feedback_reviewqueue.id AND state = 'disputed' LIMIT %s
    ) item
"""

CHIPS = {state.value: Chip(str(state.label), ASSIGNMENT_COLOURS[state.value]) for state in ReviewAssignment.State}


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """``waiting`` is how many items wait for anybody, as text; ``mine`` how many the reviewer has answered.

    ``in_all`` is both and what the reviewer holds, counted no further than the text says.

    ``disputed`` is how many the reviewer can adjudicate, as text; empty where it is none.
    """

    queue: ReviewQueue
    waiting: str
    mine: int
    in_all: int
    url: str
    disputed: str
    adjudicate_url: str


@dataclass(frozen=True, slots=True)
class MineEntry:
    title: str
    state: Chip
    url: str
    is_current: bool


def queue_entries(reviewer: User) -> list[QueueEntry]:
    """The active queues by name, in two queries."""
    waiting = RawSQL(WAITING, [COUNTED + 1], output_field=IntegerField())  # noqa: S611 - a constant
    queues = ReviewQueue.objects.filter(is_active=True).annotate(waiting=waiting).order_by("name", "key")
    if may_adjudicate(reviewer):
        most = COUNTED_DISPUTED + 1
        disputed = RawSQL(DISPUTED, [most, reviewer.pk, reviewer.pk, most], output_field=IntegerField())  # noqa: S611
        queues = queues.annotate(disputed=disputed)
    own = ReviewAssignment.objects.filter(reviewer=reviewer, state__in=("submitted", "reserved"))
    answered = Count("queue", filter=Q(state="submitted"))
    counts = own.order_by().values_list("queue").annotate(answered=answered, own=Count("queue"))
    mine = {queue: (given, held) for queue, given, held in counts}
    return [
        QueueEntry(
            queue=queue,
            waiting=_counted(queue.waiting, COUNTED),
            mine=mine.get(queue.pk, (0, 0))[0],
            in_all=mine.get(queue.pk, (0, 0))[1] + queue.waiting,
            url=reverse("review:queue", args=[queue.key]),
            disputed=_counted(found, COUNTED_DISPUTED) if (found := getattr(queue, "disputed", 0)) else "",
            adjudicate_url=reverse("review:adjudicate", args=[queue.key]),
        )
        for queue in queues[:MOST_QUEUES]
    ]


def mine_entries(queue: ReviewQueue, reviewer: User, current: ReviewAssignment | None = None) -> list[MineEntry]:
    """The reviewer's latest items in the queue, the oldest of them first."""
    own = ReviewAssignment.objects.filter(queue=queue, reviewer=reviewer).order_by("-claimed_at", "-pk")
    latest = list(own.values_list("pk", "state", "item__title", "item__kind", "item__target_id")[:MOST_MINE])
    if current is not None and all(pk != current.pk for pk, *_ in latest):
        item = current.item
        latest.append((current.pk, current.state, item.title, item.kind, item.target_id))
    urls = reverse("review:item", args=[ANY_ID]).replace(
        str(ANY_ID), "{}"
    )  # to reverse each takes longer than the query
    return [
        MineEntry(
            title=item_title(title, kind, target),
            state=CHIPS[state],
            url=urls.format(pk),
            is_current=current is not None and pk == current.pk,
        )
        for pk, state, title, kind, target in reversed(latest)
    ]


def neighbours(mine: list[MineEntry]) -> dict[str, str]:
    """The addresses of the items before and after the current one; empty where there is none."""
    place = next((index for index, each in enumerate(mine) if each.is_current), None)
    if place is None:
        return {"before": "", "after": ""}
    before, after = mine[place - 1 : place] if place else [], mine[place + 1 : place + 2]
    return {"before": before[0].url if before else "", "after": after[0].url if after else ""}


def _counted(count: int, most: int) -> str:
    return f"more than {most}" if count > most else str(count)
