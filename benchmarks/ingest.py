"""How many AI runs a second are taken in over HTTP, with all their records, beside the same rows written straight.

    python benchmarks/ingest.py [--seconds 8]

Prints one JSON line. `http` is runs a second through gunicorn with two workers: single runs from one client and from
eight, batches of 500, and traces of 500 spans; each run is committed when it is answered. A run has a prompt of 1.5 KB,
an answer that the schema in force judges, personal data to redact and three references, and leaves six rows. `floor` is
the same rows by psycopg alone from as many connections, each run a transaction of four statements, or 500 runs a
transaction in batches; `ratio` is http over the floor. Rounds of both alternate; the best of three is shown.
"""

import argparse
import gzip
import http.client
import itertools
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
from benchmark_database import scratch_database
from django.contrib.auth.models import Permission, User
from knox.models import AuthToken
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader
from web_server import connection_parameters, server

from config.models import uuid7
from ir_schemas.models import IRSchemaDefinition
from ir_schemas.services import activate_version, create_version
from monitoring.flags import Key, set_flag
from pipelines.models import AIProcess, AIPrompt

GOALS = {"one_client": 100, "eight_clients": 200, "batches": 500}
PORT = 8108
BATCH = 500
ROUNDS = 3
PART = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "text": {"type": "string"}}}
SCHEMA = {
    "type": "object",
    "required": ["title", "parts"],
    "properties": {"title": {"type": "string"}, "parts": {"type": "array", "items": PART}},
}
PROMPT = "Describe the parts of this page for jane@example.com. " + "A hero with a picture and two buttons. " * 38
ANSWER = {"title": "Bicycles", "parts": [{"kind": "hero", "text": "All that rolls. " * 4} for _ in range(8)]}
TABLES = ("prompt_data", "prompt_results", "test_run", "test_result")


def main() -> None:
    seconds = _arguments().seconds
    with scratch_database():
        prompt = _plant()
        sender = User.objects.create_user("benchmark")
        sender.user_permissions.add(Permission.objects.get(codename="record_testrun"))
        _, key = AuthToken.objects.create(sender)
        with server(PORT, workers=2):
            _send_batch(prompt, key)
            floor = Floor()
            single = lambda: _send_run(prompt, key)  # noqa: E731
            doors = {
                "one_client": (1, single, lambda: floor.write(1)),
                "eight_clients": (8, single, lambda: floor.write(1)),
                "batches": (1, lambda: _send_batch(prompt, key), lambda: floor.write(BATCH)),
                "traces": (1, lambda: _send_traces(prompt, key), lambda: floor.write(BATCH)),
            }
            figures = {name: _compare(*door, seconds) for name, door in doors.items()}
            floor.close()
    met = all(figures[name]["http"] >= goal for name, goal in GOALS.items())
    print(json.dumps({"benchmark": "ingest", "load": os.getloadavg()[0], **figures, "goals": GOALS, "met": met}))


def _plant() -> str:
    """The prompt that every run names, with a schema in force."""
    process = AIProcess.objects.create(key="describe", name="Describe")
    prompt = AIPrompt.objects.create(process=process, version=1, content="Describe.")
    activate_version(schema=create_version(model=IRSchemaDefinition, owner=prompt, name="parts", schema=SCHEMA))
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="benchmark")
    set_flag(key=Key.IR_VALIDATION_MODE, value="log", reason="benchmark")
    return str(prompt.pk)


def _compare(clients: int, send: Callable[[], int], write: Callable[[], int], seconds: float) -> dict[str, float]:
    rounds = [(_rate(clients, send, seconds), _rate(clients, write, seconds)) for _ in range(ROUNDS)]
    over_http, straight = (max(rates) for rates in zip(*rounds, strict=True))
    return {"http": round(over_http), "floor": round(straight), "ratio": round(over_http / straight, 2)}


def _rate(clients: int, send: Callable[[], int], seconds: float) -> float:
    """Runs a second that all clients together got written."""

    def client(_: int) -> int:
        written = 0
        while time.perf_counter() < end:
            written += send()
        return written

    started = time.perf_counter()
    end = started + seconds
    with ThreadPoolExecutor(clients) as pool:
        written = sum(pool.map(client, range(clients)))
    return written / (time.perf_counter() - started)


def _send_run(prompt: str, key: str) -> int:
    _post("/api/ai-runs", json.dumps(_run(prompt)).encode(), key, 201)
    return 1


def _send_batch(prompt: str, key: str) -> int:
    answer = _post("/api/ai-runs", json.dumps({"items": [_run(prompt) for _ in range(BATCH)]}).encode(), key, 207)
    assert all(one["status"] == 201 for one in json.loads(answer)["results"])
    return BATCH


def _send_traces(prompt: str, key: str) -> int:
    trace = uuid.uuid4().bytes
    spans = [_span(prompt, trace, number) for number in range(1, BATCH + 1)]
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    packed = gzip.compress(request.SerializeToString(), 1)
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    assert _post("/v1/traces", packed, key, 200, headers) == b""
    return BATCH


def _post(path: str, body: bytes, key: str, status: int, headers: dict[str, str] | None = None) -> bytes:
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    usual = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    client.request("POST", path, body, usual | (headers or {}))
    response = client.getresponse()
    answer = response.read()
    client.close()
    assert response.status == status, answer
    return answer


def _run(prompt: str) -> dict[str, Any]:
    return {
        "idempotencyKey": str(uuid.uuid4()),
        "promptId": prompt,
        "pipelineId": "design-importer",
        "prompt": PROMPT,
        "context": {"page": "bicycles.html", "owner": "jane@example.com", "apiKey": "k-123456"},
        "contextReferences": [{"namespace": "modules", "refId": f"hero-{n}", "score": 0.9} for n in range(3)],
        "result": ANSWER,
        "provider": "openai",
        "model": "gpt-5",
        "tokensIn": 812,
        "tokensOut": 96,
        "costUsd": "0.00184",
        "latencyMs": 1500,
        "completedAt": datetime.now(UTC).isoformat(),
    }


def _span(prompt: str, trace: bytes, number: int) -> Span:
    now = time.time_ns()
    messages = [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    answers = [{"role": "assistant", "parts": [{"type": "text", "content": json.dumps(ANSWER)}]}]
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "irline.prompt_id": prompt,
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(answers),
    }
    told = [KeyValue(key=name, value=AnyValue(string_value=text)) for name, text in texts.items()]
    told.append(KeyValue(key="gen_ai.usage.input_tokens", value=AnyValue(int_value=812)))
    return Span(
        trace_id=trace,
        span_id=number.to_bytes(8, "big"),
        name="chat gpt-5",
        start_time_unix_nano=now - 1_500_000_000,
        end_time_unix_nano=now,
        attributes=told,
    )


class Floor:
    """The rows that a batch left, written again and again with keys of their own; each thread has its connection."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._opened: list[psycopg.Connection[dict[str, Any]]] = []
        plain = self._connection()
        self._rows = {name: plain.execute(f"SELECT * FROM {name} ORDER BY id").fetchall() for name in TABLES}  # noqa: S608
        results: dict[Any, list[dict[str, Any]]] = {}
        for row in self._rows["test_result"]:
            results.setdefault(row["test_run_id"], []).append(row)
        by_data = {row["prompt_data_id"]: row for row in self._rows["prompt_results"]}
        datas = {row["idempotency_key"]: row for row in self._rows["prompt_data"]}
        self._runs = itertools.cycle(
            [
                (datas[run["idempotency_key"]], by_data[datas[run["idempotency_key"]]["id"]], run, results[run["id"]])
                for run in self._rows["test_run"]
            ]
        )
        self._inserts = {name: _insert(name, list(rows[0])) for name, rows in self._rows.items()}

    def write(self, count: int) -> int:
        """So many runs in one transaction."""
        written: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for data, result, run, checks in itertools.islice(self._runs, count):
            data_id, run_id, key = uuid7(), uuid7(), str(uuid.uuid4())
            written["prompt_data"].append(data | {"id": data_id, "idempotency_key": key})
            written["prompt_results"].append(result | {"id": uuid7(), "prompt_data_id": data_id})
            written["test_run"].append(run | {"id": run_id, "idempotency_key": key})
            written["test_result"] += [check | {"id": uuid7(), "test_run_id": run_id} for check in checks]
        plain = self._connection()
        with plain.transaction(), plain.cursor() as cursor:
            for name, rows in written.items():
                cursor.executemany(self._inserts[name], rows)
        return count

    def close(self) -> None:
        for plain in self._opened:
            plain.close()

    def _connection(self) -> psycopg.Connection[dict[str, Any]]:
        if not hasattr(self._mine, "connection"):
            plain = psycopg.connect(**connection_parameters(), autocommit=True, row_factory=dict_row)
            plain.adapters.register_loader("jsonb", TextLoader)
            self._mine.connection = plain
            self._opened.append(plain)
        found: psycopg.Connection[dict[str, Any]] = self._mine.connection
        return found


def _insert(table: str, columns: list[str]) -> bytes:
    values = ", ".join(f"%({name})s" for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})".encode()  # noqa: S608


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="of each round")
    return parser.parse_args()


if __name__ == "__main__":
    main()
