"""Workers that are killed, paused and stopped while they work."""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.functions import Now
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateWorker
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from pipelines import engine, schedules
from pipelines.executors.queue import TASK
from pipelines.models import PipelineRun, PipelineSchedule, StepRun
from tests.chaos import building
from tests.chaos.processes import (
    PATIENCE,
    all_ended,
    environment,
    kill,
    start_worker,
    wait_until,
    wait_until_completed,
    workers,
)
from tests.chaos.soundness import check_sound
from tests.pipelines.slow_site import SlowSite

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = 200


@pytest.fixture(autouse=True)
def steps(settings: Any, db: None) -> None:
    building.use_steps(settings, executor="distributed")


@pytest.fixture
def surroundings(media: Path) -> dict[str, str]:
    return environment(media)


def test_kill_9_at_random_moments_during_200_runs(surroundings: dict[str, str]) -> None:
    version = building.diamond()
    for _ in range(RUNS):
        building.start(version)
    chance = random.Random(4)
    kills = 0
    with workers(4, surroundings) as running:
        for settled in range(20, 4 * RUNS - 100, 70):
            wait_until_completed(settled + chance.randint(0, 40))
            for victim in chance.sample(running, chance.choice([1, 2, 3])):
                kill(victim)
                running[running.index(victim)] = start_worker(surroundings)
                kills += 1
        wait_until(all_ended)

    counts = check_sound(f"{kills} workers killed during {RUNS} runs")
    assert counts["runs completed"] == RUNS
    assert counts["attempts lost"] > 0
    assert counts["attempts"] == counts["steps completed"] + counts["attempts lost"]


def test_a_worker_that_wakes_after_its_lease_is_not_listened_to(surroundings: dict[str, str], tmp_path: Path) -> None:
    run, arrivals = building.start_gated(tmp_path)
    with workers(1, surroundings) as running:
        wait_until(lambda: len(arrivals()) == 1)
        running[0].send_signal(signal.SIGSTOP)
        running.append(start_worker(surroundings))
        wait_until(lambda: len(arrivals()) == 2)
        (tmp_path / "gate").touch()
        running[0].send_signal(signal.SIGCONT)
        wait_until(all_ended)
        running[0].terminate()
        assert running[0].wait(PATIENCE) == 0

    check_sound("a worker woken after its lease")
    run.refresh_from_db()
    assert run.status == "completed"
    assert StepRun.objects.get(node_key="gated").lost_count == 1


def test_a_worker_that_is_paused_within_a_transaction_keeps_no_row_from_others(surroundings: dict[str, str]) -> None:
    run = building.start(building.pipeline({"key": "a", **building.PATIENT}, {"key": "b", "dependsOn": ["a"]}))
    with held_up() as cursor, workers(1, surroundings) as running:
        cursor.execute("SELECT pg_advisory_lock(%s)", [HELD])
        wait_until(lambda: _found(cursor, "wait_event_type = 'Lock' AND wait_event = 'advisory'"))
        running[0].send_signal(signal.SIGSTOP)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [HELD])
        wait_until(lambda: _found(cursor, "state = 'idle in transaction'"))
        running.append(start_worker(surroundings))
        wait_until(all_ended)
        running[0].send_signal(signal.SIGCONT)
        running[0].terminate()
        assert running[0].wait(PATIENCE) == 0

    check_sound("a worker paused within a transaction")
    run.refresh_from_db()
    assert run.status == "completed"
    assert StepRun.objects.get(node_key="a").lost_count == 1


HELD = 4_712
HOLD = f"""
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$;
    CREATE TRIGGER hold BEFORE UPDATE ON pipelines_steprun
    FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION hold();
"""


@contextmanager
def held_up() -> Iterator[CursorWrapper]:
    """Whoever completes a step waits for the lock ``HELD`` before it does."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD)
        try:
            yield cursor
        finally:
            cursor.execute("DROP FUNCTION hold CASCADE")


def _found(cursor: CursorWrapper, what: str) -> bool:
    """Whether one of the other connections to this database is so."""
    cursor.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "  # noqa: S608 - our own words
        f"AND pid <> pg_backend_pid() AND {what})"
    )
    return bool(cursor.fetchone()[0])


def test_a_worker_that_is_stopped_gives_back_what_it_cannot_finish(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    run, arrivals = building.start_gated(tmp_path)
    with workers(1, surroundings) as running:
        wait_until(arrivals)
        running[0].terminate()
        assert running[0].wait(PATIENCE) == 0
        (tmp_path / "gate").touch()
        running.append(start_worker(surroundings))
        wait_until(all_ended)

    check_sound("a worker stopped while it works")
    run.refresh_from_db()
    assert run.status == "completed"
    assert StepRun.objects.get(node_key="gated").lost_count == 0


def test_a_step_that_kills_every_worker_fails_and_the_others_go_on(surroundings: dict[str, str]) -> None:
    version = building.pipeline({"key": "a", "step": "deadly", "maxLost": 2, "retryDelayMs": 1})
    poison = building.start(version)
    others = [building.start(building.diamond()) for _ in range(5)]
    with workers(1, surroundings) as running:

        def supervise() -> None:
            if running[0].poll() is not None:
                running[0] = start_worker(surroundings)

        wait_until(all_ended, meanwhile=supervise)

    counts = check_sound("a step that kills its worker")
    poison.refresh_from_db()
    assert poison.status == "failed"
    assert poison.error is not None
    assert poison.error["code"] == "worker-lost"
    assert StepRun.objects.get(pipeline_run=poison).lost_count == 3
    assert counts["runs completed"] == len(others)


def test_jobs_that_no_worker_was_told_of_are_found_soon(surroundings: dict[str, str], settings: Any) -> None:
    quiet = {**surroundings, "PIPELINE_SWEEP_MS": "3600000"}
    version = building.pipeline({"key": "first"})
    beats: set[Any] = set()
    with workers(1, quiet):
        building.start(version)
        wait_until(all_ended)
        settings.PIPELINE_EXECUTOR = "inline"
        for _ in range(UNTOLD):
            untold = building.start(version)
            _defer(untold.step_runs.get())
            wait_until(all_ended, meanwhile=lambda: beats.update(_beats()))

    counts = check_sound(f"{UNTOLD} jobs that no worker was told of")
    assert counts["runs completed"] == UNTOLD + 1
    # A worker's heart beats every 10 s: looking into the queue every 5 s, it would have found two jobs in that time.
    assert len(beats) < UNTOLD / 3


UNTOLD = 15


def _defer(step_run: StepRun) -> None:
    """Put a job into the queue and tell nobody."""
    job = Job(
        id=None,
        queue="brief",
        lock=None,
        queueing_lock=str(step_run.pk),
        task_name=TASK,
        task_kwargs={"step_run_id": str(step_run.pk)},
    )
    JobManager(DjangoConnector()).batch_defer_jobs([job])


def _beats() -> QuerySet[ProcrastinateWorker, Any]:
    return ProcrastinateWorker.objects.values_list("last_heartbeat", flat=True)


def test_a_slow_page_of_a_schedule_keeps_a_worker_from_no_other_duty(
    surroundings: dict[str, str], settings: Any
) -> None:
    with SlowSite() as site:
        pipeline = building.pipeline({"key": "a"}).pipeline
        schedule = PipelineSchedule(name="slow", pipeline=pipeline, cron="30 2 * * *", source_url=site.url)
        schedules.save_schedule(schedule)
        PipelineSchedule.objects.update(next_run_at=Now())
        with workers(1, {**surroundings, "DESIGN_ALLOW_PRIVATE_ADDRESSES": "true"}):
            assert site.asked.wait(PATIENCE)
            settings.PIPELINE_EXECUTOR = "inline"
            swept = building.start(building.diamond())
            wait_until(all_ended)
            assert [run.pk for run in PipelineRun.objects.all()] == [swept.pk]
            site.answers.set()
            wait_until(lambda: PipelineRun.objects.filter(status="completed").count() == 2)

    check_sound("a schedule whose page is slow")
    assert PipelineRun.objects.filter(run_group_id=schedule.pk).count() == site.count == 1


def test_no_step_in_a_process_of_its_own_outlives_its_worker(surroundings: dict[str, str], tmp_path: Path) -> None:
    node = {"key": "a", "step": "stuck", "maxLost": 0, "params": {"folder": str(tmp_path)}}
    run = building.start(building.pipeline(node))
    with workers(1, surroundings) as [worker]:
        wait_until(lambda: any(tmp_path.iterdir()))
        [place] = tmp_path.iterdir()
        kill(worker)
        wait_until(lambda: not Path("/proc", place.name).exists())

    engine.cancel(run_id=run.pk)


@pytest.mark.parametrize(
    ("step", "code", "within"),
    [("stuck", "timed-out", 5_000), ("hungry", "step-crashed", 120_000), ("broken", "step-crashed", 120_000)],
)
def test_a_step_that_misbehaves_fails_alone(step: str, code: str, within: int, surroundings: dict[str, str]) -> None:
    bad = building.start(building.pipeline({"key": "a", "step": step, "timeoutMs": within}))
    good = building.start(building.diamond())
    with workers(1, surroundings) as [worker]:
        wait_until(all_ended)
        assert worker.poll() is None

    check_sound(f"a step that is {step}")
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, good.status) == ("failed", "completed")
    assert bad.error is not None
    assert bad.error["code"] == code
