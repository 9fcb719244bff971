"""Steps that wait for a person: who decided, and what follows."""

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from config.problems import InvalidInput
from pipelines import engine
from pipelines.errors import NotWaiting, RunFinished
from pipelines.executors import inline
from pipelines.models import PipelineRun, StepRun
from tests.factories import UserFactory
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS
from tests.queries import plans_of

pytestmark = pytest.mark.django_db

NODES = ({"key": "a"}, {"key": "b", "dependsOn": ["a"], "approval": True}, {"key": "c", "dependsOn": ["b"]})
FAN_OUT = (
    {"key": "split", "stepVersionId": "listed@1"},
    {"key": "each", "dependsOn": ["split"], "forEach": "split.parts", "approval": True, "parallelGroup": "g"},
)


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def waiting(run: PipelineRun) -> list[StepRun]:
    return list(StepRun.objects.filter(pipeline_run=run, status="waiting").order_by("map_index"))


def test_an_approved_step_runs_and_says_who_let_it() -> None:
    user = UserFactory(username="ann")
    run = building.run(building.pipeline(*NODES))
    assert building.statuses(run) == {"a": "completed", "b": "waiting", "c": "pending"}

    engine.approve(step_run_id=waiting(run)[0].pk, user=user, comment="Looks right.")
    run = inline.carry(run.pk, threads=0)

    assert run.status == "completed"
    row = StepRun.objects.get(node_key="b")
    assert (row.decided_by, row.decision_comment) == (user, "Looks right.")
    assert row.decided_at is not None
    assert row.started_at is not None
    assert row.decided_at <= row.started_at


def test_a_declined_step_fails_with_the_words_of_who_declined_it() -> None:
    run = building.run(building.pipeline(*NODES))

    run = engine.approve(step_run_id=waiting(run)[0].pk, user=UserFactory(username="ann"), approve=False, comment="No.")

    assert run.status == "failed"
    assert run.error == {
        "code": "approval-declined",
        "message": "ann declined it: No.",
        "nodeKey": "b",
        "mapIndex": None,
    }
    assert building.statuses(run) == {"a": "completed", "b": "failed", "c": "skipped"}


def test_each_item_is_decided_by_itself_and_its_group_keeps_its_limit() -> None:
    version = building.pipeline(*FAN_OUT, parallelGroups={"g": {"limit": 1}})
    run = building.run(version, design=PAGE, params={"split": {"count": 3}})
    first, second, third = waiting(run)

    engine.approve(step_run_id=first.pk, user=UserFactory())
    engine.approve(step_run_id=second.pk, user=UserFactory())
    engine.approve(step_run_id=third.pk, user=UserFactory(), approve=False)

    assert building.statuses(run) == {
        "split": "completed",
        "each[0]": "ready",
        "each[1]": "pending",
        "each[2]": "failed",
    }
    assert building.statuses(inline.carry(run.pk, threads=0)) == {
        "split": "completed",
        "each[0]": "completed",
        "each[1]": "completed",
        "each[2]": "failed",
    }


def test_what_was_decided_stays_decided() -> None:
    run = building.run(building.pipeline(*NODES))
    step_run = waiting(run)[0]
    engine.approve(step_run_id=step_run.pk, user=UserFactory(username="ann"))

    with pytest.raises(NotWaiting, match="approved by ann on"):
        engine.approve(step_run_id=step_run.pk, user=UserFactory(username="ben"), approve=False)

    step_run.refresh_from_db()
    assert step_run.decided_by.username == "ann"


def test_a_step_that_does_not_wait_cannot_be_decided() -> None:
    run = building.run(building.pipeline(*NODES))

    with pytest.raises(NotWaiting, match="is completed and does not wait"):
        engine.approve(step_run_id=StepRun.objects.get(node_key="a").pk, user=UserFactory())
    engine.cancel(run_id=run.pk)
    with pytest.raises(RunFinished):
        engine.approve(step_run_id=StepRun.objects.get(node_key="b").pk, user=UserFactory())


def test_a_comment_has_a_length() -> None:
    run = building.run(building.pipeline(*NODES))

    with pytest.raises(InvalidInput):
        engine.approve(step_run_id=waiting(run)[0].pk, user=UserFactory(), comment="x" * 2001)
    assert StepRun.objects.get(node_key="b").status == "waiting"


def test_a_declined_step_waits_again_in_a_rerun() -> None:
    run = building.run(building.pipeline(*NODES))
    engine.approve(step_run_id=waiting(run)[0].pk, user=UserFactory(), approve=False)

    second = engine.rerun(run_id=run.pk)

    assert building.statuses(second) == {"a": "completed", "b": "waiting", "c": "pending"}


def test_a_declined_item_waits_again_beside_the_kept_ones() -> None:
    run = building.run(building.pipeline(*FAN_OUT), design=PAGE)
    kept, declined = waiting(run)
    engine.approve(step_run_id=kept.pk, user=UserFactory())
    engine.approve(step_run_id=declined.pk, user=UserFactory(), approve=False)
    run = inline.carry(run.pk, threads=0)

    second = engine.rerun(run_id=run.pk)

    assert building.statuses(second) == {"split": "completed", "each[0]": "completed", "each[1]": "waiting"}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_does() -> None:
    run = building.run(building.pipeline(*NODES))
    step_run, users = waiting(run)[0], [UserFactory(username="ann"), UserFactory(username="ben")]
    start = threading.Barrier(2)
    decided, refused = [], []

    def decide(user: Any, approve: bool) -> None:
        start.wait()
        try:
            engine.approve(step_run_id=step_run.pk, user=user, approve=approve)
            decided.append((user, approve))
        except NotWaiting as refusal:
            refused.append(refusal)
        connection.close()

    threads = [threading.Thread(target=decide, args=pair) for pair in zip(users, (True, False), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(decided), len(refused)) == (1, 1)
    step_run.refresh_from_db()
    ((user, approve),) = decided
    assert (step_run.decided_by, step_run.status) == (user, "ready" if approve else "failed")


def test_what_waits_is_found_by_index_among_all_that_was_done() -> None:
    run = building.run(building.pipeline(*NODES))
    building.many_step_runs(run)
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))

    plans = plans_of(lambda: client.get("/api/step-runs?status=waiting"))

    [plan] = [plan for plan in plans if "Limit" in plan and "pipelines_steprun " in plan]
    assert "step_run_waiting" in plan
