"""The floor of ``engine.py``: the rows that a run leaves, written in plain SQL.

Two commits a step, each of one prepared statement: one claims it; one writes its artifact, its metrics and its entry in
the audit log, completes it, counts it in its run, and releases what comes next. Nothing is validated, measured, hashed
or decided.
"""

import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import psycopg
from engine_workload import IR, METRICS, Shape
from more_databases import database_url
from psycopg.types.json import Jsonb

from config.models import uuid7
from ir_schemas.models import IRSchema
from metrics.models import MetricProfileItem
from pipelines.models import PipelineVersion

THREADS = 2

START = """
INSERT INTO pipelines_pipelinerun (id, created_at, pipeline_id, pipeline_version_id, status, dag, inputs, params,
    run_group_id, priority, revision)
VALUES (%(run)s, now(), %(pipeline)s, %(version)s, 'running', %(dag)s, '{}', '{}', %(run)s, 0, 0)
"""
STEPS = """
INSERT INTO pipelines_steprun (id, created_at, pipeline_run_id, step_version_id, node_key, status, attempt, lost_count,
    past_attempts, params, reason_code, reason, held)
SELECT id, now(), %(run)s, %(step_version)s, 'n' || number, CASE number WHEN 1 THEN 'ready' ELSE 'pending' END, 0, 0,
    '[]', '{}', '', '', false
FROM unnest(%(steps)s::uuid[]) WITH ORDINALITY AS made (id, number)
"""
CLAIM = """
UPDATE pipelines_steprun SET status = 'running', attempt = attempt + 1, params = '{}', lease_token = %(token)s,
    lease_expires_at = now() + interval '1 minute', deadline = now() + interval '1 hour', started_at = now()
WHERE id = %(step)s AND status = 'ready'
"""
COMPLETE = """
WITH completed AS (
    UPDATE pipelines_steprun SET status = 'completed', lease_token = NULL, lease_expires_at = NULL, deadline = NULL,
        finished_at = now()
    WHERE id = %(step)s AND status = 'running' AND lease_token = %(token)s
), artifact AS (
    INSERT INTO ir_schemas_irartifact (id, created_at, size_bytes, content_hash, step_run_id, attempt, ir_json, outcome,
        is_valid, validation_errors, error_count, schema_id, validation_mode, engine, engine_version)
    VALUES (%(a)s, now(), 120, repeat('0', 64), %(step)s, 1, %(ir)s, 'valid', true, '[]', 0, %(schema)s, 'log',
        'jsonschema-rs', '0.60.0')
), measured AS (
    INSERT INTO metrics_metricresult (id, created_at, step_run_id, attempt, metric_id, profile_id, value, passed,
        details)
    VALUES (%(m0)s, now(), %(step)s, 1, %(metric0)s, %(profile)s, 0.1, true, '{}'),
        (%(m1)s, now(), %(step)s, 1, %(metric1)s, %(profile)s, 92.5, true, '{"grade": null}'),
        (%(m2)s, now(), %(step)s, 1, %(metric2)s, %(profile)s, 1, false, '{"valid": 1, "validated": 1}')
), audited AS (
    INSERT INTO test_run (id, created_at, type, status, step_run_id, attempt, run_group_id, started_at, completed_at,
        summary)
    VALUES (%(t)s, now(), 'ai', 'passed', %(step)s, 1, %(run)s, now(), now(), %(summary)s)
), checked AS (
    INSERT INTO test_result (id, created_at, test_run_id, name, status, duration_ms, details)
    VALUES (%(c0)s, now(), %(t)s, 'IR Validation', 'passed', 0.01, %(validation)s),
        (%(c1)s, now(), %(t)s, 'Prompt IO', 'passed', 0.01, %(io)s),
        (%(c2)s, now(), %(t)s, 'Safety/Policy', 'passed', NULL, %(safety)s)
), run AS (
    UPDATE pipelines_pipelinerun SET revision = revision + 1,
        status = CASE WHEN revision + 1 = %(total)s THEN 'completed' ELSE status END,
        finished_at = CASE WHEN revision + 1 = %(total)s THEN now() END
    WHERE id = %(run)s RETURNING revision
), made AS (
    INSERT INTO pipelines_steprun (id, created_at, pipeline_run_id, step_version_id, node_key, map_index, status,
        attempt, lost_count, past_attempts, params, reason_code, reason, held)
    SELECT id, now(), %(run)s, %(step_version)s, 'each', number - 1, 'ready', 0, 0, '[]', '{}', '', '', false
    FROM unnest(%(make)s::uuid[]) WITH ORDINALITY AS made (id, number)
), released AS (
    UPDATE pipelines_steprun SET status = 'ready' FROM run WHERE id = %(next)s AND run.revision = %(next_at)s
)
SELECT revision FROM run
"""
CONSTANTS = {
    "ir": Jsonb(IR),
    "summary": Jsonb(
        {"pipelineId": "0" * 36, "pipelineRunId": "0" * 36, "nodeKey": "n0", "validation": {"version": 1}}
    ),
    "validation": Jsonb({"mode": "log", "outcome": "valid", "errorCount": 0, "engine": "jsonschema-rs"}),
    "io": Jsonb({"paramsSha256": "0" * 64, "irSha256": "0" * 64}),
    "safety": Jsonb({"redaction": {"version": "1", "counts": {}, "whole": True}, "refused": False, "policyChecks": []}),
    "make": [],
    "next": None,
    "next_at": 0,
}
RECORDS = ("a", "t", "c0", "c1", "c2", "m0", "m1", "m2")


@dataclass(frozen=True, slots=True)
class _Run:
    shape: Shape
    id: uuid.UUID = field(default_factory=uuid7)

    @property
    def total(self) -> int:
        return self.shape.steps // self.shape.runs


class Floor:
    """Carries runs; its two threads share in memory what is ready."""

    name = "floor"

    def __init__(self, version: PipelineVersion) -> None:
        """The rows name this version of a pipeline, and have its DAG."""
        schema = IRSchema.objects.get()
        items = {item.metric.key: item for item in MetricProfileItem.objects.select_related("metric")}
        self._constants = {
            **CONSTANTS,
            "pipeline": version.pipeline_id,
            "version": version.pk,
            "dag": Jsonb(version.dag),
            "schema": schema.pk,
            "step_version": schema.step_version_id,
            "profile": next(iter(items.values())).profile_id,
            **{f"metric{number}": items[key].metric_id for number, key in enumerate(METRICS)},
        }
        self._local = threading.local()
        self._connections: list[psycopg.Connection] = []
        self._pool = ThreadPoolExecutor(THREADS)

    def measure(self, shape: Shape) -> float:
        """Seconds from before the first row of these runs to after their last."""
        began = perf_counter()
        if shape.fans_out:
            self._fan_out(_Run(shape))
        else:
            list(self._pool.map(self._chain, [_Run(shape) for _ in range(shape.runs)]))
        return perf_counter() - began

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def _chain(self, run: _Run) -> None:
        steps = self._start(run, run.shape.size)
        for number, (step, then) in enumerate(zip(steps, [*steps[1:], None], strict=True), 1):
            self._step(run, step, next=then, next_at=number)

    def _fan_out(self, run: _Run) -> None:
        first, join = self._start(run, 2)
        items = [uuid7() for _ in range(run.shape.size)]
        self._step(run, first, make=items)
        ready = iter(items)
        for worker in [self._pool.submit(self._items, run, ready, join) for _ in range(THREADS)]:
            worker.result()
        self._step(run, join)

    def _items(self, run: _Run, ready: Iterator[uuid.UUID], join: uuid.UUID) -> None:
        for step in ready:
            self._step(run, step, next=join, next_at=run.total - 1)

    def _start(self, run: _Run, count: int) -> Sequence[uuid.UUID]:
        steps = [uuid7() for _ in range(count)]
        known = {**self._constants, "run": run.id, "steps": steps}
        with self._connection.transaction():
            self._connection.execute(START, known, prepare=True)
            self._connection.execute(STEPS, known, prepare=True)
        return steps

    def _step(self, run: _Run, step: uuid.UUID, **then: Any) -> None:
        claim = {"step": step, "token": uuid.uuid4()}
        assert self._connection.execute(CLAIM, claim, prepare=True).rowcount == 1
        keys = {name: uuid7() for name in RECORDS}
        known = {**self._constants, **claim, **keys, "run": run.id, "total": run.total, **then}
        self._connection.execute(COMPLETE, known, prepare=True)

    @property
    def _connection(self) -> psycopg.Connection:
        """One for each thread."""
        if not hasattr(self._local, "connection"):
            self._local.connection = psycopg.connect(database_url(), autocommit=True)
            self._connections.append(self._local.connection)
        connection: psycopg.Connection = self._local.connection
        return connection
