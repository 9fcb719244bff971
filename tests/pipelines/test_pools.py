"""Pools over REST and in the admin, and the lines that a step wrote."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from config.problems import NotFound
from pipelines import engine, pools, schedules
from pipelines.conductor import Conductor
from pipelines.models import ConcurrencyPool, PipelineDefinition, PipelineRun, PipelineSchedule, StepLog
from pipelines.scheduling import Item
from tests.factories import (
    ConcurrencyPoolFactory,
    PipelineDefinitionFactory,
    PipelineRunFactory,
    StepLogFactory,
    StepRunFactory,
    UserFactory,
)
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.waiting import until, waiting_for_locks

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))
    return client


def viewer(codename: str) -> APIClient:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename=codename))
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_a_pool_is_made_read_changed_and_taken_away(api: APIClient) -> None:
    made = api.post("/api/pools", {"key": "browser", "limit": 3, "description": "pages"})

    assert made.status_code == 201, made.json()
    address = f"/api/pools/{made.json()['id']}"
    assert (made.json()["stepsTaken"], made.json()["runsTaken"], made.json()["runsQueued"]) == (0, 0, 0)
    assert api.patch(address, {"limit": 5, "key": "other"}).json()["limit"] == 5
    assert api.get(address).json()["key"] == "browser"
    assert [row["key"] for row in api.get("/api/pools?key=browser").json()["results"]] == ["browser"]
    assert api.delete(address).status_code == 204
    assert not ConcurrencyPool.objects.exists()


@pytest.mark.parametrize(
    ("fault", "place"),
    [({"limit": 0}, "/limit"), ({"key": ""}, "/key"), ({"key": "taken"}, "/key"), ({"limit": 2**31}, "/limit")],
)
def test_a_pool_that_could_not_be_is_refused_with_its_place(fault: Any, place: str, api: APIClient) -> None:
    ConcurrencyPoolFactory(key="taken")

    answer = api.post("/api/pools", {"key": "new", "limit": 1, **fault})

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, place)
    assert ConcurrencyPool.objects.count() == 1


def test_it_says_how_much_is_taken(api: APIClient) -> None:
    pool = ConcurrencyPoolFactory(key="narrow", limit=4)
    for weight in (1, 2):
        leased = {"lease_token": uuid4(), "lease_expires_at": timezone.now()}
        StepRunFactory(status="running", pool=pool.key, weight=weight, **leased)
    StepRunFactory(pool=pool.key, weight=50)
    PipelineRunFactory(pool=pool.key, weight=3)
    PipelineRunFactory(pool=pool.key, weight=9, queued=True)
    ConcurrencyPoolFactory(key="idle")

    idle, busy = api.get("/api/pools").json()["results"]

    assert (busy["key"], busy["stepsTaken"], busy["runsTaken"], busy["runsQueued"]) == ("narrow", 3, 3, 1)
    assert (idle["key"], idle["stepsTaken"], idle["runsTaken"], idle["runsQueued"]) == ("idle", 0, 0, 0)


def test_a_higher_limit_lets_in_what_waits(api: APIClient) -> None:
    pool = ConcurrencyPoolFactory(limit=1)
    version = building.pipeline({"key": "a"})
    PipelineDefinition.objects.update(run_pool=pool)
    version.pipeline.refresh_from_db()
    for _ in range(3):
        engine.start_run(version=version)
    assert PipelineRun.objects.filter(queued=True).count() == 2

    api.patch(f"/api/pools/{pool.pk}", {"limit": 2})

    assert PipelineRun.objects.filter(queued=True).count() == 1


def test_a_run_that_waits_for_its_pool_says_so_until_it_begins(api: APIClient, client: Client, boss: User) -> None:
    pool = ConcurrencyPoolFactory(key="narrow", limit=1)
    version = building.pipeline({"key": "a"})
    PipelineDefinition.objects.update(run_pool=pool)
    version.pipeline.refresh_from_db()
    running, waiting = (engine.start_run(version=version) for _ in range(2))

    def shown(run: PipelineRun) -> tuple[str, bool, str]:
        row = api.get(f"/api/pipeline-runs/{run.pk}").json()
        return row["status"], row["queued"], row["pool"]

    def page(run: PipelineRun) -> str:
        return client.get(reverse("admin:pipelines_pipelinerun_change", args=[run.pk])).content.decode()

    assert (shown(running), shown(waiting)) == (("running", False, "narrow"), ("running", True, "narrow"))
    assert [row["queued"] for row in api.get("/api/pipeline-runs").json()["results"]] == [True, False]
    assert "Waits for pool narrow" in page(waiting)
    assert "Waits for pool" not in page(running)
    runs = client.get(reverse("admin:pipelines_pipelinerun_changelist")).content.decode()
    assert runs.count("Waits for pool narrow") == 1

    engine.cancel(run_id=waiting.pk)

    assert shown(waiting) == ("cancelled", False, "narrow")
    assert "Waits for pool" not in page(waiting)


def test_a_step_that_waits_for_its_pool_says_so(api: APIClient, client: Client, boss: User) -> None:
    ConcurrencyPoolFactory(key="narrow", limit=1)
    version = building.pipeline({"key": "a", "pool": "narrow"})
    conductors = [Conductor.of(engine.start_run(version=version).pk) for _ in range(2)]
    taken, refused = [conductor.claim([Item("a")]) for conductor in conductors]
    assert (len(taken), refused) == (1, [])

    def shown(conductor: Conductor) -> tuple[str, str]:
        [step] = api.get(f"/api/pipeline-runs/{conductor.run.pk}").json()["steps"]
        return step["reasonCode"], step["reason"]

    assert [shown(each) for each in conductors] == [("", ""), ("waits_for_pool", "It waits for pool narrow.")]
    page = client.get(reverse("admin:pipelines_pipelinerun_change", args=[conductors[1].run.pk])).content.decode()
    assert "Waits for pool narrow" in page


def test_a_pool_that_is_named_stays(api: APIClient, client: Client, boss: User) -> None:
    by_node, by_pipeline = ConcurrencyPoolFactory(key="node"), ConcurrencyPoolFactory(key="pipeline")
    building.pipeline({"key": "a", "pool": "node"})
    PipelineDefinitionFactory(key="owner", run_pool=by_pipeline)

    answers = [api.delete(f"/api/pools/{pool.pk}") for pool in (by_node, by_pipeline)]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "pool-in-use")] * 2
    assert "example@1" in answers[0].json()["detail"]
    assert "owner" in answers[1].json()["detail"]
    page = reverse("admin:pipelines_concurrencypool_delete", args=[by_node.pk])
    assert "example@1" in client.post(page, {"post": "yes"}).content.decode()
    assert ConcurrencyPool.objects.count() == 2

    building.pipeline({"key": "a"})
    pools.delete_pool(by_node)
    assert not ConcurrencyPool.objects.filter(key="node").exists()


def test_in_the_admin_a_key_stays_as_it_is(client: Client, boss: User) -> None:
    pool = ConcurrencyPoolFactory(key="node", limit=1)
    page = reverse("admin:pipelines_concurrencypool_change", args=[pool.pk])

    assert client.post(page, {"key": "other", "limit": 7, "description": ""}).status_code == 302

    pool.refresh_from_db()
    assert (pool.key, pool.limit) == ("node", 7)


def test_whoever_may_read_pools_may_not_change_them() -> None:
    pool = ConcurrencyPoolFactory()
    reader = viewer("view_concurrencypool")
    address = f"/api/pools/{pool.pk}"

    assert reader.get(address).status_code == 200
    refused = [reader.post("/api/pools", {}), reader.patch(address, {}), reader.delete(address)]
    assert [each.status_code for each in refused] == [403, 403, 403]


def test_the_lines_of_a_step_come_in_order_and_are_paged(api: APIClient) -> None:
    step = StepRunFactory()
    for n in range(5):
        StepLogFactory(step_run=step, attempt=1 + n // 3, message=f"line {n}")
    StepLogFactory()
    address = f"/api/step-runs/{step.pk}/logs"

    first = api.get(address, {"pageSize": 2}).json()
    second = api.get(first["next"]).json()

    assert [line["message"] for line in [*first["results"], *second["results"]]] == [f"line {n}" for n in range(4)]
    assert [line["message"] for line in api.get(address, {"attempt": 2}).json()["results"]] == ["line 3", "line 4"]
    after = api.get(address, {"after": second["results"][-1]["id"]}).json()
    assert ([line["message"] for line in after["results"]], after["next"]) == (["line 4"], None)
    assert api.get(address.replace(str(step.pk), str(StepLog.objects.first().pk))).status_code == 404  # type: ignore[union-attr]
    assert api.get(f"{address}?attempt=x").status_code == 400


def test_lines_are_for_those_who_may_see_them() -> None:
    address = f"/api/step-runs/{StepLogFactory().step_run_id}/logs"

    assert viewer("view_steplog").get(address).status_code == 200
    assert viewer("view_steprun").get(address).status_code == 403


@pytest.mark.parametrize("what", ["pools", "logs"])
def test_listing_costs_the_same_however_many_there_are(what: str, api: APIClient) -> None:
    step = StepRunFactory()
    address = {"pools": "/api/pools", "logs": f"/api/step-runs/{step.pk}/logs"}[what]

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(address).json()["results"]
        return len(captured)

    def fill(count: int) -> None:
        ConcurrencyPoolFactory.create_batch(count)
        StepLogFactory.create_batch(count, step_run=step)

    fill(1)
    few = cost()
    fill(10)

    assert cost() == few == {"pools": 1, "logs": 2}[what]


def meanwhile(do: Callable[[], object], ask: Callable[[], Any]) -> Any:
    """The answer to a request that has to wait for what is done before it."""
    answers: list[Any] = []

    def asking() -> None:
        try:
            answers.append(ask())
        finally:
            connection.close()

    second = threading.Thread(target=asking)
    with transaction.atomic():
        do()
        second.start()
        until(waiting_for_locks)
    second.join()
    (answer,) = answers
    return answer


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_one_pool_at_once_the_second_is_told_so(api: APIClient) -> None:
    answer = meanwhile(
        lambda: ConcurrencyPoolFactory(key="browser", limit=1),
        lambda: api.post("/api/pools", {"key": "browser", "limit": 5}),
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "already-there")
    assert [pool.limit for pool in ConcurrencyPool.objects.all()] == [1]


@pytest.mark.parametrize(("kind", "change"), [("pools", {"limit": 9}), ("pipeline-schedules", {"priority": 9})])
@pytest.mark.django_db(transaction=True)
def test_what_is_deleted_while_it_is_changed_stays_away(kind: str, change: Any, api: APIClient) -> None:
    row = ConcurrencyPoolFactory() if kind == "pools" else scheduled()

    answer = meanwhile(
        lambda: type(row).objects.filter(pk=row.pk).delete(), lambda: api.patch(f"/api/{kind}/{row.pk}", change)
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert not type(row).objects.exists()
    for save in (pools.save_pool,) if kind == "pools" else (schedules.save_schedule,):
        with pytest.raises(NotFound, match="has just been deleted"):
            save(row)


@pytest.mark.parametrize(("kind", "change"), [("pools", {"limit": 9}), ("pipeline-schedules", {"priority": 9})])
@pytest.mark.django_db(transaction=True)
def test_two_who_change_a_row_at_once_lose_nothing(kind: str, change: Any, api: APIClient) -> None:
    row = ConcurrencyPoolFactory(description="old") if kind == "pools" else scheduled()
    other = {"description": "new"} if kind == "pools" else {"source_url": "https://example.org/"}

    answer = meanwhile(
        lambda: type(row).objects.filter(pk=row.pk).update(**other),
        lambda: api.patch(f"/api/{kind}/{row.pk}", change),
    )

    assert answer.status_code == 200
    kept = type(row).objects.filter(pk=row.pk).values(*other, *change).get()
    assert kept == {**other, **change}


def scheduled() -> PipelineSchedule:
    made = PipelineSchedule(name="n", pipeline=building.pipeline({"key": "a"}).pipeline, cron="0 0 1 1 *")
    return schedules.save_schedule(made)
