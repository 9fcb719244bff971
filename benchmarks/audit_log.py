"""An audit log of any size, loaded by COPY: 90 days, 20 prompts, 6 models, one quality run in ten."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import benchmark_database  # noqa: F401 - sets Django up
from django.db import connection

from monitoring.models import TestResult, TestRun
from pipelines.models import AIProcess, AIPrompt, DesignSplit, PipelineDefinition

DAYS = 90
CHUNK = 5_000
MODELS = [f"model-{number}" for number in range(6)]
GRADES = ("A", "B", "C", "D", "F")
RUN_COLUMNS = (
    *("id", "created_at", "type", "status", "design_split_id", "run_group_id", "started_at", "completed_at", "summary"),
    *("prompt_id", "process_id", "pipeline_id", "model", "provider", "tokens_in", "tokens_out", "cost_usd"),
    *("latency_ms", "validation_passed", "error_count", "grade", "score_overall", "score_html", "score_seo"),
)
RESULT_COLUMNS = ("id", "created_at", "test_run_id", "name", "status", "duration_ms", "details")
CHECKS = ("Prompt IO", "IR Validation", "Safety/Policy")


def plant() -> None:
    """What runs are about."""
    process = AIProcess.objects.create(key="describe", name="Describe")
    AIPrompt.objects.bulk_create(AIPrompt(process=process, version=n + 1, content="Describe.") for n in range(20))
    PipelineDefinition.objects.bulk_create(PipelineDefinition(key=f"pipeline_{n}", name=f"P {n}") for n in range(3))
    DesignSplit.objects.bulk_create(
        DesignSplit(name=f"page-{n}.html", kind="html", entry="index.html", bundle="none.zip", sha256="0" * 64)
        for n in range(500)
    )


def load(count: int, *, seed: int) -> None:
    """Add ``count`` runs that end now, in the order in which they began, and the results of one in ten."""
    chance = random.Random(seed)
    subjects = {
        "prompts": [(str(row.pk), str(row.process_id)) for row in AIPrompt.objects.order_by("pk")],
        "pipelines": [str(pk) for pk in PipelineDefinition.objects.values_list("pk", flat=True)],
        "designs": [str(pk) for pk in DesignSplit.objects.values_list("pk", flat=True)],
    }
    first = datetime.now(UTC) - timedelta(days=DAYS)
    for begin in range(0, count, CHUNK):
        numbers = range(begin, min(count, begin + CHUNK))
        runs = [_run(chance, first + timedelta(days=DAYS) * ((number + 1) / count), subjects) for number in numbers]
        _copy(TestRun._meta.db_table, RUN_COLUMNS, runs)
        _copy(TestResult._meta.db_table, RESULT_COLUMNS, [row for run in runs[::10] for row in _results(chance, run)])


def analyse() -> None:
    """As autovacuum would leave the tables."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE test_run, test_result, monitoring_runrollup, monitoring_rollupmark")


def _run(chance: random.Random, began: datetime, subjects: dict[str, Any]) -> tuple[Any, ...]:
    is_quality = chance.random() < 0.1
    status = chance.choices(("passed", "failed", "error"), (93, 5, 2))[0]
    passed = status == "passed" if chance.random() < 0.95 else None
    about = (_key(chance, began), began, "quality" if is_quality else "ai", status, chance.choice(subjects["designs"]))
    pipeline = chance.choice(subjects["pipelines"])
    summary = json.dumps({"pipelineId": pipeline, "nodeKey": "generate", "validation": {"passed": passed}})
    latency = chance.lognormvariate(7, 1.2)
    when = (str(uuid.UUID(int=chance.getrandbits(128))), began, began + timedelta(milliseconds=latency), summary)
    verdict = (latency, passed, None if passed is None else int(not passed))
    if is_quality:
        scores = [round(chance.uniform(50, 100), 1) for _ in range(3)]
        return (*about, *when, None, None, pipeline, "", "", None, None, None, *verdict, chance.choice(GRADES), *scores)
    prompt, process = subjects["prompts"][int(chance.random() ** 2 * len(subjects["prompts"]))]
    model = MODELS[int(chance.random() ** 2 * len(MODELS))]
    cost = None if chance.random() < 0.05 else round(chance.random() / 50, 8)
    tokens = (chance.randrange(500, 4500), chance.randrange(100, 1000))
    return (*about, *when, prompt, process, pipeline, model, "provider", *tokens, cost, *verdict, "", None, None, None)


def _results(chance: random.Random, run: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for name in CHECKS:
        status = "passed" if run[3] == "passed" else chance.choice(("passed", "failed"))
        yield (
            _key(chance, run[1]),
            run[1],
            run[0],
            name,
            status,
            chance.random() * 20,
            json.dumps({"irSha256": "0" * 64}),
        )


def _key(chance: random.Random, moment: datetime) -> str:
    """A UUIDv7 of that moment."""
    number = int(moment.timestamp() * 1000) << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62
    return str(uuid.UUID(int=number | chance.getrandbits(62)))


def _copy(table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
