"""How long the monitoring endpoints take at 100,000 and at 1,000,000 test runs, over HTTP, and how that grows.

    python benchmarks/monitoring.py [--sizes 100000 1000000] [--requests 100]

Prints one JSON line. For each size and endpoint: p50 and p95 in milliseconds through gunicorn and a socket; `floor`,
the p50 of the same SQL through psycopg alone; `ratio`, p50 over the floor. `growth` is p95 at the last size over that
at the first; each has a database and a server of its own, which are asked in turns, as the speed of a machine drifts.
Prompts, models, dates and runs are drawn anew for every request. The hour under way is not folded.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
from audit_log import DAYS, MODELS, analyse, load, plant
from benchmark_database import scratch_database
from django.contrib.auth.models import User
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from knox.models import AuthToken
from more_databases import connection_to, copied_database, on_database
from rest_framework.test import force_authenticate
from web_server import connection_parameters, server

from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from monitoring.rollups import fold_marked
from pipelines.models import AIPrompt

GOAL_MS, GOAL_GROWTH = 25, 1.3
PORT = 8107
WARM_UP = 10  # requests of each endpoint that do not count
Draw = Callable[[random.Random], str]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Site:
    """The application, served over an audit log of one size."""

    database: BaseDatabaseWrapper
    port: int
    fold_s: float


def main() -> None:
    arguments = _arguments()
    with scratch_database(), ExitStack() as stack:
        boss = User.objects.create_superuser("benchmark")
        _, key = AuthToken.objects.create(boss)
        set_flag(key=Key.MONITORING_API_ENABLED, value="on", reason="benchmark")
        plant()
        sites = _sites(arguments.sizes, stack)
        measured = _measure(list(sites.values()), boss, key, arguments.requests)
    sizes = {
        size: {"fold_s": round(site.fold_s, 1), "endpoints": endpoints}
        for (size, site), endpoints in zip(sites.items(), measured, strict=True)
    }
    print(json.dumps({"benchmark": "monitoring", "load": os.getloadavg()[0], **_verdict(sizes), "sizes": sizes}))


def _sites(sizes: list[int], stack: ExitStack) -> dict[int, Site]:
    """One for each size. The audit log grows from one to the next, and each is left a copy of it."""
    sites: dict[int, Site] = {}
    loaded = 0
    for size in sizes:
        load(size - loaded, seed=size)
        loaded, folding = size, _timed(_fold_all)
        database = connection_to(stack.enter_context(copied_database(f"benchmark_of_{size}")))
        sites[size] = Site(database, PORT + len(sites), folding)
    for site in sites.values():
        stack.callback(site.database.close)
        with on_database(site.database):
            analyse()
            stack.enter_context(server(site.port))
    return sites


def _verdict(sizes: dict[int, Any]) -> dict[str, Any]:
    first, last = sizes[min(sizes)]["endpoints"], sizes[max(sizes)]["endpoints"]
    growth = {name: round(last[name]["p95"] / first[name]["p95"], 2) for name in last}
    slowest = max(each["p95"] for each in last.values())
    return {
        "slowest_p95_ms": slowest,
        "growth": growth,
        "goals": {"p95_ms": GOAL_MS, "growth": GOAL_GROWTH},
        "met": slowest < GOAL_MS and max(growth.values()) <= GOAL_GROWTH,
    }


def _measure(sites: list[Site], boss: User, key: str, requests: int) -> list[dict[str, Any]]:
    """What each site takes for each endpoint. The same endpoint of all is asked in turns."""
    measured: list[dict[str, Any]] = [{} for _ in sites]
    draws = [_of(site, _endpoints) for site in sites]
    for name in draws[0]:
        chance = random.Random(name)
        paths = [[draw[name](chance) for _ in range(requests)] for draw in draws]
        times: list[list[float]] = [[] for _ in sites]
        turns = list(zip(*paths, strict=True))
        for number, turn in enumerate((*turns[:WARM_UP], *turns)):
            for site, path, taken in zip(sites, turn, times, strict=True):
                seconds = _timed(lambda site=site, path=path: _get(site.port, path, key))
                if number >= WARM_UP:
                    taken.append(seconds * 1000)
        for site, own, taken, figures in zip(sites, paths, times, measured, strict=True):
            floor = _of(site, lambda own=own: statistics.median(_floor(boss, path) for path in own[:20])) * 1000
            figures[name] = _figures(taken, floor)
    return measured


def _figures(times: list[float], floor: float) -> dict[str, float]:
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    return {"p50": round(p50, 1), "p95": round(p95, 1), "floor": round(floor, 1), "ratio": round(p50 / floor, 1)}


def _of(site: Site, ask: Callable[[], Answer]) -> Answer:
    with on_database(site.database):
        return ask()


def _endpoints() -> dict[str, Draw]:
    prompts = [str(pk) for pk in AIPrompt.objects.values_list("pk", flat=True)]
    runs = [str(pk) for pk in TestRun.objects.order_by("-pk").values_list("pk", flat=True)[:2000:10]]
    return {
        "runs": lambda chance: "test-runs?type=ai",
        "runs_of_a_day": lambda chance: f"test-runs?{_days(chance, 1)}",
        "runs_of_a_prompt": lambda chance: f"test-runs?promptId={chance.choice(prompts)}&{_days(chance, 30)}",
        "runs_failed": lambda chance: f"test-runs?status=failed&model={chance.choice(MODELS)}",
        "run": lambda chance: f"test-runs/{chance.choice(runs)}",
        "results": lambda chance: f"test-results?runId={chance.choice(runs)}",
        "trends_by_day": lambda chance: "quality/trends",
        "trends_by_hour": lambda chance: f"quality/trends?interval=hour&{_days(chance, 7)}",
        "metrics_by_prompt": lambda chance: "ai/metrics?groupBy=prompt",
        "metrics_by_model": lambda chance: f"ai/metrics?groupBy=model&{_days(chance, 30)}",
        "metrics_by_day": lambda chance: f"ai/metrics?groupBy=day&promptId={chance.choice(prompts)}",
    }


def _days(chance: random.Random, length: int) -> str:
    first = datetime.now(UTC).date() - timedelta(days=chance.randrange(length, DAYS))
    return f"from={first}&to={first + timedelta(days=length - 1)}"


def _get(port: int, path: str, key: str) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", f"/api/monitoring/{path}", headers={"Authorization": f"Bearer {key}"})
    response = client.getresponse()
    body = response.read()
    client.close()
    assert response.status == 200, body


def _floor(boss: User, path: str) -> float:
    """Seconds for the SQL that a request makes of the audit log, through psycopg alone; the second of two runs."""
    statements = _statements(boss, path)
    with psycopg.connect(**connection_parameters(), autocommit=True) as plain:
        run = [lambda sql=sql: plain.execute(sql.encode()).fetchall() for sql in statements]
        for each in run:
            each()
        return sum(_timed(each) for each in run)


def _statements(boss: User, path: str) -> list[str]:
    request = RequestFactory(SERVER_NAME="127.0.0.1").get(f"/api/monitoring/{path}")
    force_authenticate(request, boss)
    match = resolve(request.path)
    with CaptureQueriesContext(connection) as captured:
        assert match.func(request, *match.args, **match.kwargs).render().status_code == 200
    return [query["sql"] for query in captured if "test_r" in query["sql"] or "rollup" in query["sql"]]


def _fold_all() -> None:
    while fold_marked():
        pass


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
