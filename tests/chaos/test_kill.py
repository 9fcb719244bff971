"""Processes killed while they work: a step's records are all there, or none is."""

import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, F
from django.db.models.functions import Now

from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from pipelines import engine
from pipelines.conductor import Conductor
from pipelines.models import PipelineRun, SplitAsset, StepOutputLink, StepRun
from pipelines.scheduling import Item
from tests.chaos.processes import on_this_database
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS
from tests.waiting import until

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

    an_hour_passes()
    call_command("worker", once=True, concurrency=2)

    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"completed"}
    accepted = StepRun.objects.filter(status="completed").annotate(
        artifacts=Count("ir_artifacts", distinct=True), links=Count("output_links", distinct=True)
    )
    assert set(accepted.values_list("artifacts", "links")) == {(1, 2)}
    assert accepted.count() == 6 * len(nodes)
    assert StepRun.objects.filter(lost_count=1).exists()


@pytest.mark.django_db(transaction=True)
def test_a_step_that_kills_its_worker_every_time_fails_in_the_end(settings: Any) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")
    run = engine.start_run(version=building.pipeline({"key": "a", "maxLost": 1, "retryDelayMs": 1}))
    for _ in range(2):
        Conductor.of(run.pk).claim([Item("a")])
        an_hour_passes()
        Conductor.of(run.pk).reclaim()
        until(lambda: not StepRun.objects.filter(status="ready", not_before__gt=Now()).exists())

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error is not None
    assert run.error["code"] == "worker-lost"
    assert StepRun.objects.get().lost_count == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_ends_at_sigterm() -> None:
    command = [sys.executable, "-u", "manage.py", "worker", "--grace", "1"]
    with subprocess.Popen(command, env=on_this_database(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "ready for work" in process.stderr.readline()
        process.terminate()
    assert process.returncode == 0


def an_hour_passes() -> None:
    """For the leases: a process that died an hour ago renewed none."""
    running = StepRun.objects.filter(status="running")
    running.update(lease_expires_at=F("lease_expires_at") - timedelta(hours=1))


def kill_after(run_id: Any, *, seconds: float, media: Path) -> None:
    """Carry the run in a process of its own, and kill that while it is at work."""
    command = [sys.executable, "-c", PROGRAM.format(run_id=str(run_id))]
    with subprocess.Popen(
        command,
        env={**on_this_database(), "MEDIA_ROOT": str(media)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        completed = StepRun.objects.filter(pipeline_run=run_id, status="completed")
        until(completed.exists)
        began = time.monotonic()
        until(lambda: time.monotonic() - began > seconds)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
