"""Worker processes on the test's own database, and waiting for what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from pipelines.models import PipelineRun, StepRun

PATIENCE = 180.0  # seconds
LEASE_MS = 2_000
SWEEP_MS = 200

Worker = subprocess.Popen[bytes]


def environment(media: Path, *, host: str | None = None) -> dict[str, str]:
    """For a worker on the database that this process uses, or on a ``host`` that stands for its server."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": f"{url}?host={host or database['HOST']}&port={database['PORT'] or 5432}",
        "DJANGO_SETTINGS_MODULE": "tests.chaos.worker_settings",
        "LOG_LEVEL": "CRITICAL",
        "MEDIA_ROOT": str(media),
        "PIPELINE_EXECUTOR": "distributed",
        "PIPELINE_LEASE_MS": str(LEASE_MS),
        "PIPELINE_SWEEP_MS": str(SWEEP_MS),
    }


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


def wait_until(true: Callable[[], object], *, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait until it is so. Fails when it is not after ``PATIENCE`` seconds."""
    give_up_at = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up_at, f"it is not so after {PATIENCE} s"
        meanwhile()
        time.sleep(0.02)


def all_ended() -> bool:
    """Whether no run is under way any more."""
    return not PipelineRun.objects.filter(finished_at=None).exists()


def wait_until_completed(count: int) -> None:
    """Wait until so many steps are completed."""
    wait_until(lambda: StepRun.objects.filter(status="completed").count() >= count)
