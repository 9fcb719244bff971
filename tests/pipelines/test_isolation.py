"""Steps in processes of their own: whatever they do, it is said what, and no process is left behind."""

import multiprocessing
import threading
from typing import Any

import pytest
from django.db import connection

from ir_schemas.models import IRArtifact
from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.executors.distributed import give_back
from pipelines.models import PipelineRun, StepLog, StepRun
from pipelines.scheduling import Item
from tests.pipelines import building
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def example(settings: Any, transactional_db: None, logging_on: None) -> None:
    steps = {
        "picky": "prints",
        "emit": "unsendable",
        "listed": "leaves",
        "judge": "killed",
        "talk": "mumbles",
        "hang": "lingers",
    }
    settings.PIPELINE_STEPS = {name: f"tests.pipelines.steps_apart.{ours}" for name, ours in steps.items()}


def processes() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}


def error_of(step: str, **params: Any) -> tuple[str, str]:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": f"{step}@1", "params": params}))
    assert run.status == PipelineRun.Status.FAILED
    assert run.error is not None
    return run.error["code"], run.error["message"]


@pytest.mark.parametrize("params", [{}, {"refuse": True}])
def test_what_cannot_be_pickled_is_refused_in_words_and_harms_no_process(params: dict[str, Any]) -> None:
    code, message = error_of("emit", **params)
    before = processes()
    error_of("emit", **params)

    assert code == "result-invalid"
    assert "is pickled, and this can't be (TypeError: cannot pickle '_thread.lock' object)" in message
    assert processes() == before


def test_what_it_prints_is_not_the_commands_output() -> None:
    building.run(building.pipeline({"key": "a", "stepVersionId": "picky@1"}))

    assert IRArtifact.objects.get().ir_json == {"toStandardError": True}


def test_one_that_leaves_its_process_has_crashed() -> None:
    code, message = error_of("listed")

    assert code == "step-crashed"
    assert "SystemExit: enough" in message


def test_it_is_said_how_a_process_ended() -> None:
    code, message = error_of("judge")

    assert code == "step-process-died"
    assert (
        message == "The process of step a was ended by signal 11 (Segmentation fault) before it handed anything over."
    )


def test_the_process_of_a_step_that_speaks_nonsense_is_ended() -> None:
    before = processes()

    code, message = error_of("talk")

    assert code == "step-crashed"
    assert "ValueError" in message
    assert processes() <= before


def test_a_step_that_its_worker_gives_back_is_given_back_before_the_worker_is_gone() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "stepVersionId": "hang@1"}))
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item("a")])

    def work() -> None:
        lifecycle.execute(conductor, claim, guarded=True)
        connection.close()

    working = threading.Thread(target=work)
    working.start()
    until(StepLog.objects.exists)
    give_back()
    working.join(30)

    assert not working.is_alive()
    assert StepRun.objects.values_list("status", "released_count").get() == ("ready", 1)
