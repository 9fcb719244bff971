"""Processes killed while they work: a step's records are all there, or none is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from pipelines import engine
from pipelines.models import SplitAsset, StepOutputLink, StepRun
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS

PROGRAM = """
import django; django.setup()
from django.conf import settings
from tests.pipelines.example_steps import HANDLERS
settings.PIPELINE_STEPS = HANDLERS
from pipelines.executors import inline
print("ready", flush=True)
inline.carry({run_id!r}, threads=1)
"""


@pytest.mark.django_db(transaction=True)
def test_kill_9_at_random_moments_leaves_no_half_of_a_step(settings: Any, media: Path) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")
    nodes = [{"key": f"n{i}", "stepVersionId": "listed@1", "order": i} for i in range(40)]
    version = building.pipeline(*nodes)
    for attempt in range(6):
        run = engine.start_run(version=version, design=PAGE)
        kill_after(run.pk, seconds=0.05 + attempt * 0.04, media=media)

    for step_run in StepRun.objects.all():
        records = [
            IRArtifact.objects.filter(step_run=step_run).count(),
            TestRun.objects.filter(step_run=step_run).count(),
            StepOutputLink.objects.filter(step_run=step_run).count() // 2,
        ]
        assert records == ([1, 1, 1] if step_run.status == "completed" else [0, 0, 0]), step_run.status
    assert SplitAsset.objects.count() == StepOutputLink.objects.count()
    assert not MetricResult.objects.exists()
    statuses = set(StepRun.objects.values_list("status", flat=True))
    assert {"completed", "pending"} <= statuses


def kill_after(run_id: Any, *, seconds: float, media: Path) -> None:
    """Carry the run in a process of its own, and kill that while it is at work."""
    database = connection.settings_dict
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}"
        f"?host={database['HOST']}&port={database['PORT']}",
        "MEDIA_ROOT": str(media),
    }
    command = [sys.executable, "-c", PROGRAM.format(run_id=str(run_id))]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        completed = StepRun.objects.filter(pipeline_run=run_id, status="completed")
        wait_until(completed.exists)
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > seconds)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
