"""Runs that a web process carries by itself."""

import threading
from typing import Any

import pytest

from ir_schemas.models import IRArtifact
from pipelines import engine
from pipelines.executors import inline
from pipelines.models import PipelineRun
from pipelines.steps.contract import StepContext, StepResult
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.waiting import until

RUNS = 4


class Meeting:
    """Who is here, for up to a moment, at the same time."""

    def __init__(self) -> None:
        self._here = 0
        self._change = threading.Condition()

    def attend(self) -> bool:
        """Whether anybody else was here."""
        with self._change:
            self._here += 1
            self._change.notify_all()
            met = self._change.wait_for(lambda: self._here > 1, timeout=0.2)
            self._here -= 1
            return met


meeting = Meeting()


def meet(context: StepContext) -> StepResult:
    return StepResult(ir={"met": meeting.attend()})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("at_once", "met"), [(1, False), (2, True)])
def test_of_many_runs_a_web_process_carries_some_at_a_time(
    at_once: int, met: bool, settings: Any, logging_on: None
) -> None:
    settings.PIPELINE_STEPS = {**HANDLERS, "picky": f"{__name__}.meet"}
    settings.INLINE_EXECUTOR_RUNS = at_once
    version = building.pipeline({"key": "a", "stepVersionId": "picky@1"})
    for _ in range(RUNS):
        inline.carry_in_background(engine.start_run(version=version).pk)

    until(lambda: PipelineRun.objects.filter(status="completed").count() == RUNS)
    assert (True in IRArtifact.objects.values_list("ir_json__met", flat=True)) is met
