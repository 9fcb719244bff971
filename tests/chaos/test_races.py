"""Two at once: of whatever two do at the same moment, one thing has happened in the end."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.errors import RunFinished
from pipelines.executors import inline
from pipelines.executors.distributed import Carrier
from pipelines.models import PipelineRun, StepRun
from pipelines.scheduling import Item
from tests.chaos import building
from tests.chaos.soundness import check_sound

pytestmark = pytest.mark.django_db(transaction=True)

TRIALS = 25


@pytest.fixture(autouse=True)
def steps(settings: Any, media: Any, db: None) -> None:
    building.use_steps(settings, executor="inline")


def test_two_parents_of_a_join_that_finish_at_once_start_it_once() -> None:
    version = building.pipeline(
        {"key": "a"}, {"key": "b"}, *({"key": f"join{n}", "dependsOn": ["a", "b"]} for n in range(4))
    )
    for _ in range(TRIALS):
        run = building.start(version)
        at_once(claimed(run, "a"), claimed(run, "b"))
        ready = StepRun.objects.filter(pipeline_run=run, node_key__startswith="join")
        assert set(ready.values_list("status", flat=True)) == {"ready"}
        inline.carry(run.pk, threads=2)

    counts = check_sound(f"{TRIALS} joins whose parents finished at once")
    assert counts["attempts"] == counts["steps completed"] == TRIALS * 6


def test_a_job_that_is_delivered_twice_at_once_runs_once() -> None:
    version = building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]})
    for _ in range(TRIALS):
        run = building.start(version)
        step_run = StepRun.objects.get(pipeline_run=run, node_key="a")
        at_once(*[partial(Carrier().carry, step_run.pk) for _ in range(3)])

    counts = check_sound(f"{TRIALS} jobs, each delivered three times at once")
    assert counts["attempts"] == counts["steps completed"] == TRIALS * 2


def test_of_cancelling_and_completing_the_first_wins() -> None:
    version = building.pipeline({"key": "a", "params": {"ms": 5}}, {"key": "b", "dependsOn": ["a"]})
    for _ in range(TRIALS):
        run = building.start(version)
        at_once(claimed(run, "a"), partial(engine.cancel, run_id=run.pk))
        run.refresh_from_db()
        assert run.status == "cancelled"
        assert StepRun.objects.get(pipeline_run=run, node_key="b").status == "cancelled"

    check_sound(f"{TRIALS} runs cancelled as their step completed")


def test_two_who_cancel_at_once_cancel_once() -> None:
    run = building.start(building.pipeline({"key": "a"}))
    refused = []

    def cancel() -> None:
        try:
            engine.cancel(run_id=run.pk)
        except RunFinished as refusal:
            refused.append(refusal)

    at_once(cancel, cancel)

    check_sound("a run cancelled twice at once")
    assert len(refused) == 1


def claimed(run: PipelineRun, node_key: str) -> Callable[[], object]:
    """Claim the step as a process of its own would; what is left is to execute it."""
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item(node_key)])
    return partial(lifecycle.execute, conductor, claim)


def at_once(*calls: Callable[[], object]) -> None:
    """Do all of it at the same moment, each on a connection of its own. Raises what any of them raises."""
    start = threading.Barrier(len(calls))
    errors: list[BaseException] = []

    def work(call: Callable[[], object]) -> None:
        try:
            start.wait()
            call()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread of the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
