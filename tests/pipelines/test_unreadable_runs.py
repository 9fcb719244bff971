"""Runs that cannot be taken up: they end in words, and keep no other run from its turn."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from config.models import uuid7
from monitoring.models import RollupMark
from pipelines import engine
from pipelines.conductor import Conductor
from pipelines.executors import duties, inline, sweeper
from pipelines.executors.distributed import Carrier
from pipelines.models import ConcurrencyPool, DesignSplit, PipelineDefinition, PipelineRun, StepRun
from pipelines.scheduling import Item
from tests.factories import UserFactory
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db

REFUSE_MOVES = """
    CREATE FUNCTION refuse_moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
    CREATE TRIGGER refuse_moves BEFORE UPDATE ON pipelines_pipelinerun FOR EACH ROW
    WHEN (OLD.id = '{}') EXECUTE FUNCTION refuse_moves();
"""
NODES = ({"key": "a", "retryDelayMs": 0}, {"key": "b", "dependsOn": ["a"]})


@pytest.fixture(autouse=True)
def distributed(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    settings.PIPELINE_EXECUTOR = "distributed"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))
    return client


def start(*nodes: dict[str, Any]) -> PipelineRun:
    return engine.start_run(version=building.pipeline(*(nodes or NODES)), design=building.PAGE)


def of_other_rules(run: PipelineRun) -> PipelineRun:
    """The run as if it had been kept by a version of irline that knew a rule which is gone."""
    forget(run)
    dag = {**run.dag, "nodes": [{**node, "startsAt": "dawn"} for node in run.dag["nodes"]]}
    PipelineRun.objects.filter(pk=run.pk).update(dag=dag)
    return run


def of_lost_steps(run: PipelineRun) -> PipelineRun:
    """The run, after somebody has deleted a step version that no step of it has come to."""
    forget(run)
    nodes = run.dag["nodes"]
    last = {**nodes[-1], "key": "each", "forEach": "a.items", "stepVersionId": str(uuid7()), "dependsOn": ["a"]}
    PipelineRun.objects.filter(pk=run.pk).update(dag={**run.dag, "nodes": [*nodes, last]})
    return run


def that_cannot_move(run: PipelineRun) -> PipelineRun:
    """The run, whose row the database refuses to write for a reason of its own."""
    forget(run)
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_MOVES.format(run.pk))
    return run


def forget(run: PipelineRun) -> None:
    """The process that started the run keeps its graph for whoever takes it up there first."""
    Conductor.of(run.pk)


def lapse(run: PipelineRun) -> None:
    """Have the process that ran its first step be gone."""
    Conductor.of(run.pk).claim([Item("a")])
    StepRun.objects.filter(pipeline_run=run, node_key="a").update(lease_expires_at=F("started_at"))


def ended(run: PipelineRun) -> tuple[str, str | None]:
    run.refresh_from_db()
    return run.status, run.error and run.error["code"]


def test_one_is_ended_by_the_sweeper_which_heals_the_others() -> None:
    odd, sound = start(), start()
    lapse(odd)
    lapse(sound)
    of_other_rules(odd)

    assert sweeper.sweep().healed == 2

    assert ended(odd) == ("failed", "dag-unreadable")
    assert odd.error is not None
    assert "startsAt" in odd.error["message"]
    assert building.statuses(odd) == {"a": "cancelled", "b": "cancelled"}
    assert building.statuses(sound) == {"a": "ready", "b": "pending"}
    assert DesignSplit.objects.get(runs=odd).status == DesignSplit.Status.FAILED
    assert sweeper.sweep().healed == 0


def test_one_that_cannot_be_healed_leaves_the_others_their_turn() -> None:
    odd, sound = start(), start()
    lapse(odd)
    lapse(sound)
    that_cannot_move(odd)

    assert sweeper.sweep().healed == 1

    assert building.statuses(sound) == {"a": "ready", "b": "pending"}


def test_one_that_stands_still_leaves_the_others_their_turn() -> None:
    odd, sound = start(), start()
    StepRun.objects.update(status="pending")
    that_cannot_move(odd)

    assert sweeper.sweep().advanced == 1

    assert building.statuses(sound) == {"a": "ready", "b": "pending"}


@pytest.mark.parametrize(
    ("make_odd", "status"), [(of_other_rules, "failed"), (of_lost_steps, "failed"), (that_cannot_move, "running")]
)
def test_one_that_cannot_begin_leaves_the_others_their_place(make_odd: Any, status: str) -> None:
    pool = ConcurrencyPool.objects.create(key="one", limit=1)
    version = building.pipeline(*NODES)
    PipelineDefinition.objects.update(run_pool=pool)
    version.refresh_from_db()
    first, odd, sound = (engine.start_run(version=version) for _ in range(3))
    make_odd(odd)
    ConcurrencyPool.objects.update(limit=3)
    engine.cancel(run_id=first.pk)

    sweeper.sweep()

    assert ended(odd)[0] == status
    assert building.statuses(sound) == {"a": "ready", "b": "pending"}


def test_a_duty_that_fails_keeps_none_of_the_others_from_its_turn() -> None:
    run = start()
    lapse(run)
    over = (timezone.now() - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    RollupMark.objects.create(period=over)

    def fire() -> None:
        raise RuntimeError("no clock")

    assert duties.look_once(fire).healed == 1
    assert not RollupMark.objects.filter(period=over).exists()


def test_a_worker_that_gets_its_job_ends_it() -> None:
    run = of_other_rules(start())

    Carrier().carry(StepRun.objects.get(node_key="a").pk)

    assert ended(run) == ("failed", "dag-unreadable")
    assert ProcrastinateJob.objects.count() == 1, "that of the step, which finds nothing to do any more"
    Carrier().carry(StepRun.objects.get(node_key="a").pk)


def test_who_carries_it_here_is_told_how_it_ended() -> None:
    run = of_other_rules(start())

    carried = inline.carry(run.pk)

    assert (carried.status, carried.error) == ("failed", PipelineRun.objects.get().error)
    assert ended(run) == ("failed", "dag-unreadable")


@pytest.mark.parametrize("make_odd", [of_other_rules, of_lost_steps])
def test_it_can_be_cancelled(make_odd: Any, api: APIClient) -> None:
    run = start()
    lapse(run)
    make_odd(run)

    answer = api.post(f"/api/pipeline-runs/{run.pk}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert set(building.statuses(run).values()) == {"cancelled"}
    assert api.post(f"/api/pipeline-runs/{run.pk}/cancel").json()["code"] == "run-finished"


def test_one_whose_step_was_deleted_says_which() -> None:
    run = of_lost_steps(start())

    assert inline.carry(run.pk).error == {
        "code": "dag-unreadable",
        "message": f"The step version of node 'each' of run {run.pk} has been deleted. "
        "The run can be cancelled; start a new one of an active version.",
    }


def test_the_admin_shows_it_and_cancels_it(client: Client, boss: User) -> None:
    run = of_other_rules(start())
    page = f"/admin/pipelines/pipelinerun/{run.pk}/change/"
    cancel = reverse("admin:pipelines_pipelinerun_cancel", args=[run.pk])

    assert client.get(page).status_code == client.get(cancel).status_code == 200
    assert client.post(cancel).status_code == 302
    assert ended(run)[0] == "cancelled"
    assert client.get(page).status_code == 200


def test_a_rerun_is_refused_in_words(api: APIClient) -> None:
    run = of_other_rules(start())
    engine.cancel(run_id=run.pk)

    answer = api.post(f"/api/pipeline-runs/{run.pk}/rerun")

    assert (answer.status_code, answer.json()["code"]) == (409, "dag-unreadable")
    assert "start a new one" in answer.json()["detail"]
    assert answer.json()["errors"][0]["path"] == "/nodes/0/startsAt"


def test_an_approval_is_refused_in_words(api: APIClient) -> None:
    run = of_other_rules(start({"key": "a", "approval": True}))

    answer = api.post(f"/api/step-runs/{StepRun.objects.get().pk}/approve")

    assert (answer.status_code, answer.json()["code"]) == (409, "dag-unreadable")
    assert ended(run) == ("running", None)
