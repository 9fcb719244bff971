"""Review under load: claims a second with 20 reviewers, the next item out of 100,000, agreement over 100,000 answers.

    python benchmarks/review.py [--items 100000] [--reviewers 20] [--opened 200] [--seconds 3]

Prints one JSON line. Each figure stands beside its floor, plain SQL through psycopg in the same run, and `ratio` is the
figure over the floor.

- `claims`: claims a second of 20 reviewers, each with a connection, who give each item up again. `function` is the
  claim in the database, `service` the same through Django; `answered` is a claim with an answer and all its rows. The
  floor is one `FOR UPDATE SKIP LOCKED`, with the same rows.
- `opened`: milliseconds until the next item is there, through gunicorn and a socket. `screen` is a claim that answers
  with the item's page, `screen_answer` an answer that answers with the next one's, both as the screen's script asks for
  them; `screen_plain` a claim and, in a second request, the page. `rest` is a claim with the item's content,
  `rest_ahead` the same for a reviewer who is 5,000 items ahead of the second one that each needs. The floor is a claim
  and the output.
- `agreement`: seconds for the report over 100,000 answers, and over HTTP; the floor reads the answers.
"""

import argparse
import http.client
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import psycopg
from benchmark_database import scratch_database
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken
from review_workload import MODULE, analyse, plant_answers, plant_outputs, plant_queue, plant_reviewers
from web_server import connection_parameters, server

from config.models import uuid7
from feedback import services
from feedback.agreement_report import agreement_report
from feedback.models import ReviewAssignment, ReviewQueue
from feedback.services import Answer
from monitoring.flags import Key, set_flag

GOAL_MS = 50
PORT = 8109
ROUNDS = 3
AHEAD = 5_000
TOKEN = "a" * 32
HERE = {"here": "1"}
SHOWN = "data-review"
CLAIM = """
WITH next AS (
    SELECT id FROM feedback_reviewitem WHERE queue_id = %(queue)s AND state = 'open' AND free_slots >= 1
    ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE feedback_reviewitem item SET free_slots = free_slots - 1 FROM next WHERE item.id = next.id RETURNING item.*
)
INSERT INTO feedback_reviewassignment
    (id, created_at, item_id, reviewer_id, slot, state, claimed_at, reserved_until, draft, note)
SELECT %(id)s, now(), id, %(who)s, 1, 'reserved', now(), now() + interval '15 minutes', '{}', '' FROM taken
RETURNING item_id
"""
GIVE_UP = "UPDATE feedback_reviewassignment SET state = 'skipped', reserved_until = NULL WHERE id = %(id)s"
ANSWER = """
WITH given AS (
    INSERT INTO feedback_reviewanswer
        (id, created_at, assignment_id, verdict, answers, comments, remarks, duration_ms)
    VALUES (%(answer)s, now(), %(id)s, 'accept', '{"fits": "pass"}', '', '[]', 1000)
), told AS (
    INSERT INTO review_feedback (id, created_at, reviewer, status, ratings, comments, findings, answer_id)
    VALUES (%(feedback)s, now(), 'somebody', 'approved', '{"fits": "pass"}', '', '[]', %(answer)s)
), done AS (
    UPDATE feedback_reviewitem SET state = 'done' WHERE id = %(item)s
)
UPDATE feedback_reviewassignment SET state = 'submitted', reserved_until = NULL WHERE id = %(id)s
"""
OUTPUT = (
    "SELECT ir_json FROM ir_schemas_irartifact WHERE id = (SELECT target_id FROM feedback_reviewitem WHERE id = %s)"
)
ANSWERS = """
SELECT item_id, reviewer_id, slot, verdict, answers FROM feedback_reviewanswer answer
JOIN feedback_reviewassignment assignment ON assignment.id = answer.assignment_id
JOIN feedback_reviewitem item ON item.id = assignment.item_id WHERE item.queue_id = %s
"""
Plain = psycopg.Connection[tuple[Any, ...]]


def main() -> None:
    arguments = _arguments()
    with override_settings(DEBUG=False), scratch_database():
        set_flag(key=Key.REVIEW_ENABLED, value="on", reason="benchmark")
        reviewers = plant_reviewers(arguments.reviewers)
        plant_outputs(arguments.items)
        queue = plant_queue("load", arguments.items)
        judged = plant_queue("judged", arguments.items // 2)
        plant_answers(judged, reviewers[:5], 2)
        analyse()
        with server(PORT, pages=True):
            opened = _opened(queue, reviewers, arguments)
            agreement = _agreement(judged, reviewers[0])
        claims = _claims(queue, reviewers, arguments.seconds)
    met = max(each["p95"] for each in opened.values() if isinstance(each, dict)) < GOAL_MS
    sizes = {"items": arguments.items, "reviewers": arguments.reviewers, "goals": {"opened_p95_ms": GOAL_MS}}
    figures = {"claims": claims, "opened": opened, "agreement": agreement, "met": met}
    print(json.dumps({"benchmark": "review", "load": os.getloadavg()[0], **sizes, **figures}))


def _claims(queue: ReviewQueue, reviewers: list[User], seconds: float) -> dict[str, Any]:
    """The best of ``ROUNDS``, in which all take turns."""
    ways = {
        "function": (_plain, _claim_by_function),
        "service": (_django, _claim_by_service),
        "floor": (_plain, _claim_bare),
        "answered": (_django, _answer_by_service),
        "answered_floor": (_plain, _answer_bare),
    }
    rates: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, (connect, once) in ways.items():
            rates[name] = max(rates.get(name, 0), _rate(queue, reviewers, connect, once, seconds))
    return {
        **{name: round(rate) for name, rate in rates.items()},
        "ratio": round(rates["function"] / rates["floor"], 2),
        "service_ratio": round(rates["service"] / rates["floor"], 2),
        "answered_ratio": round(rates["answered"] / rates["answered_floor"], 2),
    }


def _rate(queue: ReviewQueue, reviewers: list[User], connect: Any, once: Any, seconds: float) -> float:
    """Items a second that all reviewers together worked off."""
    ready = threading.Barrier(len(reviewers))

    def work(reviewer: User) -> int:
        done = 0
        with connect() as opened:
            ready.wait()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                once(opened, queue, reviewer)
                done += 1
        return done

    with ThreadPoolExecutor(len(reviewers)) as pool:
        return sum(pool.map(work, reviewers)) / seconds


@contextmanager
def _plain() -> Iterator[Plain]:
    with psycopg.connect(**connection_parameters(), autocommit=True) as opened:
        yield opened


@contextmanager
def _django() -> Iterator[None]:
    try:
        yield
    finally:
        connection.close()


def _claim_by_function(plain: Plain, queue: ReviewQueue, reviewer: User) -> None:
    row = plain.execute("SELECT feedback_claim(%s, %s, NULL, %s)", [queue.pk, reviewer.pk, uuid7()]).fetchone()
    assert row is not None
    plain.execute(GIVE_UP, {"id": row[0]})


def _claim_by_service(_: None, queue: ReviewQueue, reviewer: User) -> None:
    claimed = services.claim_next(queue=queue, reviewer=reviewer)
    assert claimed is not None
    with connection.cursor() as cursor:
        cursor.execute(GIVE_UP, {"id": claimed.pk})


def _claim_bare(plain: Plain, queue: ReviewQueue, reviewer: User) -> None:
    fresh = {"id": uuid7(), "queue": queue.pk, "who": reviewer.pk}
    plain.execute(CLAIM, fresh)
    plain.execute(GIVE_UP, fresh)


def _answer_by_service(_: None, queue: ReviewQueue, reviewer: User) -> None:
    claimed = services.claim_next(queue=queue, reviewer=reviewer)
    assert claimed is not None
    services.submit(assignment_id=claimed.pk, reviewer=reviewer, answer=Answer("accept", answers={"fits": "pass"}))


def _answer_bare(plain: Plain, queue: ReviewQueue, reviewer: User) -> None:
    fresh = {"id": uuid7(), "answer": uuid7(), "feedback": uuid7(), "queue": queue.pk, "who": reviewer.pk}
    row = plain.execute(CLAIM, fresh).fetchone()
    assert row is not None
    plain.execute(ANSWER, {**fresh, "item": row[0]})


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One who works over HTTP: on the screen with a session, over REST with a key."""

    user: User
    cookie: str
    key: str

    @classmethod
    def of(cls, user: User) -> "Reviewer":
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
        return cls(user, cookie, AuthToken.objects.create(user)[1])

    def page(self, path: str, form: dict[str, str] | None = None) -> str:
        """The page's text, or where a form leads."""
        headers = {"Cookie": self.cookie, "X-CSRFToken": TOKEN, "Content-Type": "application/x-www-form-urlencoded"}
        return _send("GET" if form is None else "POST", path, headers, None if form is None else urlencode(form))

    def rest(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return json.loads(_send("POST", path, headers, json.dumps(body)))


def _send(method: str, path: str, headers: dict[str, str], body: str | None) -> str:
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    client.request(method, path, body, headers)
    response = client.getresponse()
    text = response.read().decode()
    client.close()
    assert response.status in (200, 302), text
    return response.headers["Location"] or text


def _opened(queue: ReviewQueue, users: list[User], arguments: argparse.Namespace) -> dict[str, Any]:
    one, other, fast = (Reviewer.of(user) for user in users[:3])
    paired = plant_queue("paired", arguments.items, reviewers=2)
    _go_ahead(paired, fast.user, min(AHEAD, arguments.items // 2))
    analyse()
    figures = {
        "screen": _times(arguments.opened, lambda: _open_page(one, queue)),
        "screen_plain": _times(arguments.opened, lambda: _open_plainly(one, queue)),
        "screen_answer": _times(arguments.opened, lambda: _answer_on_screen(one, queue)),
        "rest": _times(arguments.opened, lambda: _claim_over_rest(other, queue)),
        "rest_ahead": _times(arguments.opened, lambda: _claim_over_rest(fast, paired)),
    }
    with _plain() as plain:
        floor = _times(arguments.opened, lambda: _open_bare(plain, queue, one.user))
    ratios = {name: round(each["p50"] / floor["p50"], 1) for name, each in figures.items()}
    return {**{name: {**each, "ratio": ratios[name]} for name, each in figures.items()}, "floor_p50": floor["p50"]}


def _times(count: int, step: Callable[[], float], *, warm: int = 10) -> dict[str, float]:
    """Of ``step``, which gives back the milliseconds that count; without the first few."""
    times = [step() for _ in range(count + warm)][warm:]
    return {"p50": round(statistics.median(times), 1), "p95": round(statistics.quantiles(times, n=20)[-1], 1)}


def _open_page(reviewer: Reviewer, queue: ReviewQueue) -> float:
    started = time.perf_counter()
    assert SHOWN in reviewer.page(reverse("review:queue", args=[queue.key]), HERE)
    took = _ms_since(started)
    _give_up(reviewer)
    return took


def _open_plainly(reviewer: Reviewer, queue: ReviewQueue) -> float:
    started = time.perf_counter()
    url = reviewer.page(reverse("review:queue", args=[queue.key]), {})
    assert SHOWN in reviewer.page(url)
    took = _ms_since(started)
    _give_up(reviewer)
    return took


def _answer_on_screen(reviewer: Reviewer, queue: ReviewQueue) -> float:
    held = services.claim_next(queue=queue, reviewer=reviewer.user)
    assert held is not None
    started = time.perf_counter()
    form = {"verdict": "accept", "q.fits": "pass", **HERE}
    page = reviewer.page(reverse("review:item", args=[held.pk]), form)
    took = _ms_since(started)
    assert SHOWN in page
    assert f'data-address="{reverse("review:item", args=[held.pk])}"' not in page
    return took


def _claim_over_rest(reviewer: Reviewer, queue: ReviewQueue) -> float:
    started = time.perf_counter()
    claimed = reviewer.rest(f"/api/review-queues/{queue.pk}/claim", {})
    took = _ms_since(started)
    assert claimed["content"]["output"]["module"] == MODULE
    _give_up(reviewer)
    return took


def _open_bare(plain: Plain, queue: ReviewQueue, reviewer: User) -> float:
    started = time.perf_counter()
    row = plain.execute(CLAIM, {"id": uuid7(), "queue": queue.pk, "who": reviewer.pk}).fetchone()
    assert row is not None
    plain.execute(OUTPUT, row).fetchone()
    return _ms_since(started)


def _give_up(reviewer: Reviewer) -> None:
    held = ReviewAssignment.objects.filter(reviewer=reviewer.user, state="reserved")
    held.update(state="skipped", reserved_until=None)


def _go_ahead(queue: ReviewQueue, reviewer: User, count: int) -> None:
    """One of the two answers that the first items need is there."""
    first = list(queue.items.order_by("-priority", "id")[:count])
    ReviewAssignment.objects.bulk_create(
        ReviewAssignment(item=item, reviewer=reviewer, slot=1, state="submitted", claimed_at=timezone.now())
        for item in first
    )
    queue.items.filter(pk__lte=first[-1].pk).update(free_slots=1)


def _agreement(queue: ReviewQueue, user: User) -> dict[str, Any]:
    reviewer = Reviewer.of(user)
    path = f"/api/review-queues/{queue.pk}/agreement"
    over_http = _best(lambda: _send("GET", path, {"Authorization": f"Bearer {reviewer.key}"}, None))
    report = agreement_report(queue)
    with _plain() as plain:
        floor = _best(lambda: plain.execute(ANSWERS, [queue.pk]).fetchall())
    straight = _best(lambda: agreement_report(queue))
    return {
        "answers": report.questions[0].answers,
        "report_s": round(straight, 2),
        "http_s": round(over_http, 2),
        "floor_s": round(floor, 2),
        "ratio": round(straight / floor, 1),
    }


def _best(call: Callable[[], Any]) -> float:
    """Seconds; the best of three."""
    return min(_timed(call) for _ in range(3))


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument("--opened", type=int, default=200, help="items of each kind")
    parser.add_argument(
        "--seconds", type=float, default=3, help="of each round of claims; too many and no item is left"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
