"""Whether the engine's cost per step stays the same, for ``engine.py``: as runs grow, as the database grows, idle."""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connection
from engine_peers import Contestant, Distributed, Inline
from engine_workload import Shape, chain, fan_out, fan_out_twice
from more_databases import connection_to, copied_database, on_database

from pipelines.models import PipelineRun

SIZES = (10, 100, 1000)
FLAT = 1.5  # times as much as in the smallest; more is growth
MILLION = 1_000_000
STEPS_A_RUN = 10
ROUNDS = 5
SETTLES = 15.0  # seconds that workers get to come to rest
IDLE_FOR = 20.0  # seconds
IDLE_GOAL = 2.0  # percent of a core

# Copies of the rows of one step run, older than they are: n counts step runs, k numbers the rows of one. All other
# columns stay as they were.
COPY = """
INSERT INTO {table} ({columns}) SELECT {values}
FROM generate_series(0, {last}) n CROSS JOIN (SELECT *, row_number() OVER () k FROM {table} WHERE {of}) pattern
"""
KEY = "('00000000-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"
ROW, STEP_RUN, RUN = KEY.format("n * 10 + k"), KEY.format("n * 10 + 1"), KEY.format(f"n / {STEPS_A_RUN} * 10 + 1")
COPIED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("pipelines_pipelinerun", "id = %(run)s", {"id": ROW, "run_group_id": ROW}),
    (
        "pipelines_steprun",
        "id = %(step)s",
        {"id": ROW, "pipeline_run_id": RUN, "node_key": f"'n' || n %% {STEPS_A_RUN}"},
    ),
    ("ir_schemas_irartifact", "step_run_id = %(step)s", {"id": ROW, "step_run_id": STEP_RUN}),
    ("metrics_metricresult", "step_run_id = %(step)s", {"id": ROW, "step_run_id": STEP_RUN}),
    ("test_run", "step_run_id = %(step)s", {"id": ROW, "step_run_id": STEP_RUN, "run_group_id": RUN}),
    (
        "test_result",
        "test_run_id = (SELECT id FROM test_run WHERE step_run_id = %(step)s)",
        {"id": ROW, "test_run_id": STEP_RUN},
    ),
)


def flatness(arguments: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a step in chains, fan-outs, and fan-outs over fan-outs, of 10, 100 and 1,000 nodes."""
    figures: dict[str, Any] = {}
    rows = (
        [chain(size) for size in SIZES],
        [fan_out(size - 2) for size in SIZES],
        [fan_out_twice(size // 2 - 1) for size in SIZES],
    )
    with copied_database("benchmark_distributed") as database:
        for contestant in _executors(arguments, database):
            for shapes in rows:
                figures |= {f"{contestant.name} {shape.name}": _ms_per_step(contestant, shape) for shape in shapes}
    growth = {
        name: round(figures[f"{executor} {shapes[-1].name}"] / figures[f"{executor} {shapes[0].name}"], 2)
        for executor in ("inline", "distributed")
        for shapes in rows
        if (name := f"{executor} {shapes[-1].name}") in figures
    }
    return {"ms_per_step": figures, "growth": growth, "goal": FLAT, "met": max(growth.values()) <= FLAT}


def beside_a_million(arguments: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a step of a chain of 10, by turns in an empty database and beside a million step runs."""
    shape = chain(STEPS_A_RUN)
    Inline().measure(shape)
    growth: dict[str, float] = {}
    figures: dict[str, Any] = {}
    with copied_database("benchmark_empty") as empty:
        _load_a_million()
        full = connection.settings_dict["NAME"]
        for name, contestants in _pairs(arguments, empty, full):
            with contestants as (in_empty, in_full):
                turns = [(in_empty(shape), in_full(shape)) for _ in range(ROUNDS + 1)][1:]
            figures[name] = [round(1000 * median(column) / shape.steps, 3) for column in zip(*turns, strict=True)]
            growth[name] = round(median(late / early for early, late in turns), 2)
    return {"ms_per_step": figures, "growth": growth, "goal": FLAT, "met": max(growth.values()) <= FLAT}


def idle_share(arguments: argparse.Namespace) -> dict[str, Any]:
    """Percent of a core that each of two workers takes while there is nothing to do."""
    with copied_database("benchmark_distributed") as database, closing(Distributed(database)) as distributed:
        distributed.measure(chain(10))
        time.sleep(SETTLES)
        before = [_cpu_seconds(worker.pid) for worker in distributed.workers]
        time.sleep(IDLE_FOR)
        after = [_cpu_seconds(worker.pid) for worker in distributed.workers]
    shares = [100 * (late - early) / IDLE_FOR for early, late in zip(before, after, strict=True)]
    return {"idle_percent": [round(share, 2) for share in shares], "goal": IDLE_GOAL, "met": max(shares) < IDLE_GOAL}


def _executors(arguments: argparse.Namespace, database: str) -> Iterator[Contestant]:
    if "inline" in arguments.only:
        yield Inline()
    if "distributed" in arguments.only:
        with closing(Distributed(database)) as distributed:
            yield distributed


def _ms_per_step(contestant: Contestant, shape: Shape) -> float:
    contestant.measure(shape)
    return round(1000 * median(contestant.measure(shape) for _ in range(3)) / shape.steps, 3)


Measure = Callable[[Shape], float]


def _pairs(arguments: argparse.Namespace, empty: str, full: str) -> Iterator[tuple[str, Any]]:
    if "inline" in arguments.only:
        yield "inline", _inline_pair(empty)
    if "distributed" in arguments.only:
        yield "distributed", _distributed_pair(empty, full)


@contextmanager
def _inline_pair(empty: str) -> Iterator[tuple[Measure, Measure]]:
    inline, other = Inline(), connection_to(empty)

    def in_empty(shape: Shape) -> float:
        with on_database(other):
            return inline.measure(shape)

    with closing(other):
        yield in_empty, inline.measure


@contextmanager
def _distributed_pair(empty: str, full: str) -> Iterator[tuple[Measure, Measure]]:
    with ExitStack() as stack:
        pair = [stack.enter_context(closing(Distributed(database))) for database in (empty, full)]
        yield pair[0].measure, pair[1].measure


def _load_a_million() -> None:
    """Copy the records of one completed step run a million times, and its run a hundred thousand times."""
    run = PipelineRun.objects.filter(status=PipelineRun.Status.COMPLETED).earliest("id")
    pattern = {"run": run.pk, "step": run.step_runs.earliest("id").pk}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table, of, changed in COPIED:
            last = MILLION // STEPS_A_RUN - 1 if table == "pipelines_pipelinerun" else MILLION - 1
            columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
            values = ", ".join(changed.get(name, f'"{name}"') for name in columns)
            names = ", ".join(f'"{name}"' for name in columns)
            statement = COPY.format(table=table, columns=names, values=values, last=last, of=of)
            cursor.execute(statement, pattern)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
