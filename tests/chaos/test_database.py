"""The database goes away, for a moment or for longer, and comes back."""

import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.outages import OUTAGE
from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.executors import inline
from pipelines.executors.worker import POOL_SECONDS
from pipelines.models import PipelineRun, SplitAsset, StepRun
from pipelines.scheduling import Item
from tests.chaos import building
from tests.chaos.processes import LEASE_MS, PATIENCE, all_ended, environment, wait_until, wait_until_completed, workers
from tests.chaos.servers import BreakingConnection, Server, connected, on_server
from tests.chaos.soundness import check_sound
from tests.pipelines import building as examples
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS as EXAMPLES

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = 40
AWAY_SECONDS = 2 * POOL_SECONDS


@pytest.fixture
def folder() -> Iterator[Path]:
    """A path that is short enough for a socket, and open to the server's own user."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def server(folder: Path, settings: Any, db: None) -> Iterator[Server]:
    """A server of the test's own, which Django uses instead of its usual one."""
    building.use_steps(settings, executor="distributed")
    server = Server(folder)
    try:
        with on_server(server):
            yield server
    finally:
        server.close()


def test_a_server_that_is_restarted_while_runs_are_under_way(server: Server, media: Path) -> None:
    version = building.diamond()
    for _ in range(RUNS):
        building.start(version)
    with workers(2, environment(media)):
        for share, mode in ((1, "fast"), (2, "immediate"), (3, "immediate")):
            wait_until_completed(share * RUNS)
            connection.close()
            server.restart(mode)
        connection.close()
        wait_until(all_ended)

    counts = check_sound("a server restarted three times")
    assert counts["runs completed"] == RUNS


def test_a_step_that_lasts_keeps_its_worker_from_nothing_after_an_outage(
    server: Server, media: Path, tmp_path: Path
) -> None:
    version = building.diamond()
    with workers(1, environment(media) | {"PIPELINE_LEASE_MS": "60000"}):
        lasting, arrivals = building.start_gated(tmp_path)
        wait_until(arrivals)
        connection.close()
        server.stop()
        until = time.monotonic() + AWAY_SECONDS
        wait_until(lambda: time.monotonic() > until)
        server.start()
        others = [building.start(version).pk for _ in range(RUNS)]
        wait_until(lambda: PipelineRun.objects.filter(pk__in=others, status="completed").count() == RUNS)
        assert PipelineRun.objects.get(pk=lasting.pk).status == "running"
        (tmp_path / "gate").touch()
        wait_until(all_ended)

    counts = check_sound("a step that outlasts an outage")
    assert counts["runs completed"] == RUNS + 1
    assert counts["attempts lost"] == 0


def test_an_inline_run_goes_on_after_an_outage(server: Server, settings: Any) -> None:
    settings.PIPELINE_LEASE_MS = 60_000
    run = building.start(building.pipeline({"key": "a", "step": "broken", "retries": 1, "retryDelayMs": 4_000}))
    with ThreadPoolExecutor(1) as pool:
        carried = pool.submit(in_thread, run.pk)
        wait_until(lambda: StepRun.objects.exclude(past_attempts=[]).exists())
        away_until = time.monotonic() + 5
        connection.close()
        server.stop()
        wait_until(lambda: time.monotonic() > away_until)
        server.start()
        ended = carried.result(PATIENCE)

    assert ended.status == "failed"
    assert StepRun.objects.get().attempt == 2


def in_thread(run_id: uuid.UUID) -> PipelineRun:
    try:
        return inline.carry(run_id)
    finally:
        connection.close()


def test_a_server_that_stays_away_for_longer_than_a_lease(server: Server, media: Path) -> None:
    version = building.diamond()
    for _ in range(RUNS):
        building.start(version)
    with workers(2, environment(media)) as running:
        wait_until_completed(RUNS)
        connection.close()
        server.stop()
        until = time.monotonic() + 2 * LEASE_MS / 1000
        wait_until(lambda: time.monotonic() > until)
        server.start()
        wait_until(all_ended)
        assert [worker.poll() for worker in running] == [None, None]

    counts = check_sound("a server that stayed away")
    assert counts["runs completed"] == RUNS


@pytest.mark.parametrize("step", ["inquiring", "querying"])
def test_a_step_that_reads_while_the_server_is_away(step: str, server: Server, media: Path, tmp_path: Path) -> None:
    reads = {"step": step, "dependsOn": ["first"], "params": {"folder": str(tmp_path)}, **building.PATIENT}
    building.start(building.pipeline({"key": "first"}, {"key": "reads", **reads}))
    with workers(1, {**environment(media), "PIPELINE_LEASE_MS": "60000"}):
        wait_until(lambda: any(path.name.isdigit() for path in tmp_path.iterdir()))
        connection.close()
        server.stop()
        (tmp_path / "gate").touch()
        wait_until((tmp_path / "asked").exists)
        server.start()
        wait_until(all_ended)

    counts = check_sound(f"a server that was away from a step {step}")
    assert (counts["runs completed"], counts["attempts lost"]) == (1, 0)


def test_a_commit_whose_answer_is_lost_counts_once(settings: Any, media: Path, folder: Path) -> None:
    building.use_steps(settings, executor="distributed")
    version = building.diamond()
    for _ in range(RUNS):
        building.start(version)
    breaking = BreakingConnection(folder, connection.settings_dict["HOST"], nth=10)
    with workers(2, environment(media, host=breaking.host)):
        wait_until(all_ended)
    breaking.close()

    counts = check_sound(f"{breaking.broken} answers lost")
    assert breaking.broken > 0
    assert counts["runs completed"] == RUNS
    assert counts["attempts lost"] == 0


def test_the_files_of_a_result_stay_where_its_commit_may_have_been_made(
    settings: Any, media: Path, folder: Path
) -> None:
    building.use_steps(settings, executor="inline")
    settings.PIPELINE_STEPS = EXAMPLES
    run = engine.start_run(version=examples.pipeline({"key": "a", "stepVersionId": "listed@1"}), design=PAGE)
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item("a")])
    breaking = BreakingConnection(folder, connection.settings_dict["HOST"], nth=1, words=[b"COMMIT"])
    settings.PIPELINE_LEASE_MS = 0  # so nothing is tried again

    with connected(HOST=breaking.host), pytest.raises(OUTAGE):
        lifecycle.execute(conductor, claim)
    breaking.close()

    assert breaking.broken == 1
    run.refresh_from_db()
    assert run.status == PipelineRun.Status.COMPLETED
    stored = [path.name for path in (media / "runs").rglob("*.txt")]
    assert len(stored) == SplitAsset.objects.count() == 2
