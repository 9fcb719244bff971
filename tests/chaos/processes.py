"""Worker processes on the test's own database, and waiting for what they do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django.db import connection

from pipelines.models import PipelineRun, StepRun
from tests.waiting import until

PATIENCE = 180.0  # seconds
LEASE_MS = 2_000
SWEEP_MS = 200

Worker = subprocess.Popen[bytes]


def environment(media: Path, *, host: str | None = None) -> dict[str, str]:
    """For a worker, as ``on_this_database``."""
    return {
        **on_this_database(host),
        "DJANGO_SETTINGS_MODULE": "tests.chaos.worker_settings",
        "LOG_LEVEL": "CRITICAL",
        "MEDIA_ROOT": str(media),
        "PIPELINE_EXECUTOR": "distributed",
        "PIPELINE_LEASE_MS": str(LEASE_MS),
        "PIPELINE_SWEEP_MS": str(SWEEP_MS),
    }


def on_this_database(host: str | None = None) -> dict[str, str]:
    """The environment of a process on the database that this one uses, or on a ``host`` that stands for its server."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": f"{url}?host={host or database['HOST']}&port={database['PORT'] or 5432}"}


def start_worker(surroundings: Mapping[str, str], *, concurrency: int = 2) -> Worker:
    command = [sys.executable, "manage.py", "worker", "--concurrency", str(concurrency), "--grace", "1"]
    return subprocess.Popen(command, env=dict(surroundings), stderr=subprocess.DEVNULL)


@contextmanager
def workers(count: int, surroundings: Mapping[str, str], *, concurrency: int = 2) -> Iterator[list[Worker]]:
    """So many workers. The caller may put others in their places; none is left at the end."""
    running = [start_worker(surroundings, concurrency=concurrency) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            kill(process)


def kill(process: Worker) -> None:
    """kill -9, and what is left of it."""
    process.send_signal(signal.SIGKILL)
    process.wait()


# Whole runs take longer, and each question is one to the database that they work on.
wait_until = partial(until, patience=PATIENCE, every=0.02)


def all_ended() -> bool:
    """Whether no run is under way any more."""
    return not PipelineRun.objects.filter(finished_at=None).exists()


def wait_until_completed(count: int) -> None:
    """Wait until so many steps are completed."""
    wait_until(lambda: StepRun.objects.filter(status="completed").count() >= count)
