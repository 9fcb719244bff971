"""Who is measured in ``engine.py`` beside the floor: irline's executors, and peers in environments of their own."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from django.db import connection
from django.test import override_settings
from engine_workload import Shape, plant_pipeline, worker_environment
from more_databases import connection_to, database_url, drop_database, make_database, on_database

from pipelines import engine
from pipelines.executors import inline
from pipelines.models import PipelineRun

THREADS = 2
WORKERS = 2
PATIENCE = 120  # seconds
LOOK_EVERY = 0.02  # seconds; the end is what the run's row says, and looking costs the workers time

HERE = Path(__file__).parent


class Contestant(Protocol):
    """Runs a shape and says how many seconds it took, from the call that starts it to its end."""

    name: str

    def measure(self, shape: Shape) -> float: ...

    def close(self) -> None: ...


class Unavailable(Exception):
    """A peer that cannot be measured here; the message says why."""


class Inline:
    """``start_run`` and ``inline.carry`` in this process, with two threads."""

    name = "inline"

    def measure(self, shape: Shape) -> float:
        version = plant_pipeline(shape)
        with override_settings(PIPELINE_EXECUTOR="inline"):
            began = perf_counter()
            runs = iter([engine.start_run(version=version).pk for _ in range(shape.runs)])
            if shape.runs == 1:
                _check(inline.carry(next(runs), threads=THREADS))
            else:
                with ThreadPoolExecutor(THREADS) as pool:
                    list(pool.map(self._carry, [runs] * THREADS))
            return perf_counter() - began

    def close(self) -> None:
        return None

    def _carry(self, runs: Iterator[uuid.UUID]) -> None:
        for run_id in runs:
            _check(inline.carry(run_id, threads=0))
        connection.close()


class Distributed:
    """``start_run`` in this process, ``manage.py worker`` in two others; the end is what the run's row says.

    All of it in a database where nobody else has runs: workers carry on whatever they find.
    """

    name = "distributed"

    def __init__(self, database: str) -> None:
        self._database = connection_to(database)
        with on_database(self._database):
            self.workers = [_start_worker() for _ in range(WORKERS)]

    def measure(self, shape: Shape) -> float:
        with on_database(self._database), override_settings(PIPELINE_EXECUTOR="distributed"):
            version = plant_pipeline(shape)
            began = time.time()
            runs = [engine.start_run(version=version).pk for _ in range(shape.runs)]
            return _await_end(runs) - began

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(timeout=60)
        self._database.close()


class Peer:
    """A script of ``peers/`` in another environment: it gets a shape as a line of JSON and answers with its seconds."""

    def __init__(self, name: str, python: str | None, url: str | None) -> None:
        """Without ``url`` it gets a database on irline's server. Raises ``Unavailable`` when it does not come up."""
        if python is None:
            raise Unavailable(f"name its Python with --{name}-python")
        self.name = name
        self._database = f"benchmark_{name}"
        script = str(HERE / "peers" / f"{name}_steps.py")
        self._process = subprocess.Popen(
            [python, script, url or database_url(make_database(self._database))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()["version"]

    def measure(self, shape: Shape) -> float:
        assert self._process.stdin is not None
        ask = {"size": shape.size, "runs": shape.runs, "fansOut": shape.fans_out}
        self._process.stdin.write(json.dumps(ask) + "\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        self._process.communicate(timeout=60)
        drop_database(self._database)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise Unavailable(f"{self.name} ended with status {self._process.wait()}")


def _start_worker() -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE.parent / "manage.py"), "worker", "--concurrency", str(THREADS)]
    return subprocess.Popen(command, env=worker_environment())


def _await_end(runs: Sequence[uuid.UUID]) -> float:
    """The moment at which the last of the runs ended, in seconds since the epoch."""
    rows = PipelineRun.objects.filter(pk__in=runs)
    until = time.monotonic() + PATIENCE
    while rows.filter(finished_at=None).exists():
        assert time.monotonic() < until, f"the runs have not ended within {PATIENCE} s"
        time.sleep(LOOK_EVERY)
    for run in rows:
        _check(run)
    return max(run.finished_at.timestamp() for run in rows if run.finished_at is not None)


def _check(run: PipelineRun) -> None:
    assert run.status == PipelineRun.Status.COMPLETED, f"run {run.pk} is {run.status}: {run.error}"
