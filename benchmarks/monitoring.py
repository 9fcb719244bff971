"""How long the monitoring endpoints take at 100,000 and at 1,000,000 test runs, over HTTP, and how that grows.

    python benchmarks/monitoring.py [--sizes 100000 1000000] [--requests 100]

Prints one JSON line. For each size and endpoint: p50 and p95 in milliseconds through gunicorn and a socket; `floor`,
the p50 of the same SQL through psycopg alone; `ratio`, p50 over the floor. `growth` is p95 at the last size over that
at the first. Prompts, models, dates and runs are drawn anew for every request. The hour under way is not folded.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from audit_log import DAYS, MODELS, analyse, load, plant
from benchmark_database import scratch_database
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from knox.models import AuthToken
from rest_framework.test import force_authenticate
from web_server import connection_parameters, server

from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from monitoring.rollups import fold_marked
from pipelines.models import AIPrompt

GOAL_MS, GOAL_GROWTH = 25, 1.3
PORT = 8107
Draw = Callable[[random.Random], str]


def main() -> None:
    arguments = _arguments()
    with scratch_database():
        boss = User.objects.create_superuser("benchmark")
        _, key = AuthToken.objects.create(boss)
        set_flag(key=Key.MONITORING_API_ENABLED, value="on", reason="benchmark")
        plant()
        sizes, loaded = {}, 0
        for size in arguments.sizes:
            load(size - loaded, seed=size)
            loaded, folding = size, _timed(_fold_all)
            analyse()
            with server(PORT):
                sizes[size] = {"fold_s": round(folding, 1), **_measure(boss, key, arguments.requests)}
    print(json.dumps({"benchmark": "monitoring", "load": os.getloadavg()[0], **_verdict(sizes), "sizes": sizes}))


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


def _measure(boss: User, key: str, requests: int) -> dict[str, Any]:
    endpoints = {}
    for name, draw in _endpoints().items():
        chance = random.Random(name)
        paths = [draw(chance) for _ in range(requests)]
        for path in paths[:10]:
            _get(path, key)
        times = [_timed(lambda path=path: _get(path, key)) * 1000 for path in paths]
        floor = statistics.median(_floor(boss, path) for path in paths[:20]) * 1000
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        endpoints[name] = {
            "p50": round(p50, 1),
            "p95": round(p95, 1),
            "floor": round(floor, 1),
            "ratio": round(p50 / floor, 1),
        }
    return {"endpoints": endpoints}


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


def _get(path: str, key: str) -> None:
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
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
