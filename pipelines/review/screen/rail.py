"""What stands beside an item: the queues, and the reviewer's own work in this one."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from config.admin_base import chip
from feedback.models import ReviewAssignment, ReviewQueue
from feedback.models.work import ASSIGNMENT_COLOURS, item_title
from feedback.permissions import may_adjudicate
from pipelines.columns import of_columns

MOST_QUEUES = 50
MOST_MINE = 30
COUNTED = 999
COUNTED_DISPUTED = 99
COUNTED_OWN = 4999
ANY_ID = uuid.UUID(int=0)

# As HTML: a template for each would take a tenth of the time of the page.
CHIPS = {state.value: chip(str(state.label), ASSIGNMENT_COLOURS[state.value]) for state in ReviewAssignment.State}


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """``waiting`` is how many items wait for anybody, as text; ``mine`` how many the reviewer has answered.

    ``progress`` is the latter as a number, and ``in_all`` both and what the reviewer holds, counted no further than the
    texts say.

    ``disputed`` is how many the reviewer can adjudicate, as text; empty where it is none.
    """

    queue: ReviewQueue
    waiting: str
    mine: str
    progress: int
    in_all: int
    url: str
    disputed: str
    adjudicate_url: str


@dataclass(frozen=True, slots=True)
class MineEntry:
    """``state`` is HTML."""

    title: str
    state: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Rail:
    """The active queues by name, and the reviewer's latest items in the one at hand, the oldest of them first."""

    queues: list[QueueEntry]
    mine: list[MineEntry]


def read_rail(reviewer: User, queue: ReviewQueue | None = None, current: ReviewAssignment | None = None) -> Rail:
    """In one query. Without a queue, no items; ``current`` is listed however long ago it was claimed."""
    disputed = COUNTED_DISPUTED + 1 if may_adjudicate(reviewer) else 0
    asked = [reviewer.pk, queue.pk if queue else None, MOST_QUEUES, COUNTED + 1, disputed, COUNTED_OWN + 1, MOST_MINE]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pipelines_review_rail(%s, %s, %s, %s, %s, %s, %s)::text", asked)
        found = json.loads(cursor.fetchone()[0])
    return Rail([_queue_entry(*each) for each in found["queues"]], _mine_entries(found["mine"], current))


def _queue_entry(columns: Mapping[str, Any], waiting: int, disputed: int, answered: int, held: int) -> QueueEntry:
    queue = of_columns(ReviewQueue, columns)
    return QueueEntry(
        queue=queue,
        waiting=_counted(waiting, COUNTED),
        mine=_counted(answered, COUNTED_OWN),
        progress=answered,
        in_all=answered + held + waiting,
        url=reverse("review:queue", args=[queue.key]),
        disputed=_counted(disputed, COUNTED_DISPUTED) if disputed else "",
        adjudicate_url=reverse("review:adjudicate", args=[queue.key]),
    )


def _mine_entries(latest: list[Any], current: ReviewAssignment | None) -> list[MineEntry]:
    now = current and str(current.pk)
    if current is not None and all(pk != now for pk, *_ in latest):
        item = current.item
        latest = [*latest, (now, current.state, item.title, item.kind, item.target_id)]
    urls = reverse("review:item", args=[ANY_ID]).replace(
        str(ANY_ID), "{}"
    )  # to reverse each takes longer than the query
    return [
        MineEntry(
            title=item_title(title, kind, target),
            state=CHIPS[state],
            url=urls.format(pk),
            is_current=pk == now,
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
