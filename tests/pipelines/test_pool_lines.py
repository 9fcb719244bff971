"""Who gets a place of a pool that becomes free, and when. Nothing is swept here, but where a test says so."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F, Sum
from procrastinate.contrib.django.models import ProcrastinateJob

from pipelines import engine, lifecycle, pools
from pipelines.claims import Claim
from pipelines.conductor import Conductor, Settled
from pipelines.executors import distributed, sweeper
from pipelines.executors.distributed import Carrier
from pipelines.models import ConcurrencyPool, PipelineRun, PipelineVersion, StepRun
from pipelines.scheduling import Item
from pipelines.steps.contract import StepContext, StepResult
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def queue(settings: Any, transactional_db: None, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS | {"crowded": f"{__name__}.crowded"}
    settings.PIPELINE_EXECUTOR = "distributed"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def pooled(key: str, weight: int = 1, **node: Any) -> PipelineVersion:
    return building.pipeline({"key": key, "pool": "narrow", "weight": weight, **node}, key=key)


def jobs() -> list[str]:
    """The steps that have a job waiting, in the order in which workers take them."""
    waiting = ProcrastinateJob.objects.filter(status="todo").order_by("-priority", "id")
    named = {str(step.pk): str(step) for step in StepRun.objects.all()}
    return [named[pk] for pk in waiting.values_list("args__step_run_id", flat=True)]


def take_job() -> UUID | None:
    """Take the first job out of the queue, as a worker would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs WHERE status = 'todo' "
            "ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING args ->> 'step_run_id'"
        )
        found = cursor.fetchone()
    return None if found is None else UUID(found[0])


def work_off(carrier: Carrier | None = None) -> int:
    """Deliver the jobs until there are none; how many there were."""
    count, carrier = 0, carrier or Carrier()
    while (step_run_id := take_job()) is not None:
        carrier.carry(step_run_id)
        count += 1
    return count


def holding(version: PipelineVersion) -> Callable[[], Settled]:
    """Start a run and take its one step, without its job; the call ends the step."""
    conductor = Conductor.of(engine.start_run(version=version).pk)
    [claim] = conductor.claim(conductor.ready(1))
    return lambda: lifecycle.execute(conductor, claim)


def test_a_place_that_becomes_free_is_given_to_another_run_at_once() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=1)
    end = holding(pooled("held"))
    version = pooled("a")
    for _ in range(30):
        engine.start_run(version=version)

    assert work_off() == 30, "each finds the pool full once, and stands in line"
    assert set(StepRun.objects.filter(node_key="a").values_list("status", "attempt")) == {("ready", 0)}
    end()

    assert jobs() == ["a"]
    assert work_off() == 30
    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"completed"}


def test_a_full_pool_makes_no_work() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=1)
    end = holding(pooled("held"))
    version = pooled("a")
    for _ in range(5):
        engine.start_run(version=version)
    work_off()
    StepRun.objects.update(ready_at=F("ready_at") - timedelta(minutes=1))

    assert sweeper.sweep().enqueued == 0
    assert jobs() == []

    end()
    assert jobs() == ["a"]


def test_the_items_of_a_fan_out_get_jobs_as_the_pool_has_room() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=2)
    run = engine.start_run(
        version=building.pipeline(
            {"key": "first", "stepVersionId": "listed@1", "params": {"count": 9}},
            {"key": "each", "dependsOn": ["first"], "forEach": "first.parts", "pool": "narrow"},
        ),
        design=building.PAGE,
    )
    conductor = Conductor.of(run.pk)
    [first] = conductor.claim([Item("first")])
    lifecycle.execute(conductor, first)

    assert jobs() == ["each[0]", "each[1]"]
    work_off()
    run.refresh_from_db()
    assert run.status == "completed"


def test_a_worker_goes_on_with_the_next_in_line_where_that_is_of_its_run() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=2)
    nodes = [{"key": "first"}, *({"key": f"n{i}", "dependsOn": ["first"], "pool": "narrow"} for i in range(12))]
    run = engine.start_run(version=building.pipeline(*nodes))

    assert work_off() < 5
    run.refresh_from_db()
    assert run.status == "completed"


def test_a_heavy_step_is_not_overtaken_by_lighter_ones_that_come_later() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=4)
    ends = [holding(pooled("held")) for _ in range(2)]
    engine.start_run(version=pooled("heavy", weight=4))
    engine.start_run(version=pooled("light"))
    work_off()

    assert set(StepRun.objects.filter(status="ready").values_list("node_key", flat=True)) == {"heavy", "light"}
    ends[0]()
    assert jobs() == [], "there is room for the light one, but it is not its turn"
    ends[1]()
    assert jobs() == ["heavy"]
    work_off()
    order = StepRun.objects.order_by("started_at").values_list("node_key", flat=True)
    assert list(order)[-2:] == ["heavy", "light"]


def test_a_light_step_goes_first_where_that_keeps_nobody_waiting() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=4)
    holding(pooled("held", weight=2))
    heavy = engine.start_run(version=pooled("heavy", weight=1))
    light = Conductor.of(engine.start_run(version=pooled("light")).pk)
    holding_line = Conductor.of(heavy.pk)

    assert [claim.name for claim in light.claim([Item("light")])] == ["light"]
    assert [claim.name for claim in holding_line.claim([Item("heavy")])] == ["heavy"]


def test_a_step_heavier_than_the_pool_has_its_turn_alone() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=2)
    end = holding(pooled("held"))
    engine.start_run(version=pooled("heavy", weight=9))
    engine.start_run(version=pooled("light"))
    work_off()
    end()

    assert jobs() == ["heavy"]
    assert work_off() == 2
    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"completed"}


def test_the_next_in_line_is_of_the_highest_priority() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=1)
    end = holding(pooled("held"))
    engine.start_run(version=pooled("usual"))
    engine.start_run(version=pooled("urgent"), priority=5)
    work_off()
    end()

    assert jobs() == ["urgent"]
    work_off()
    assert list(StepRun.objects.order_by("started_at").values_list("node_key", flat=True))[1:] == ["urgent", "usual"]


@pytest.mark.parametrize("how", ["cancelled", "lost", "refused"])
def test_a_place_is_passed_on_however_it_becomes_free(how: str) -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=1)
    run = engine.start_run(version=pooled("held", maxLost=0, params={"refuse": "no"}))
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item("held")])
    engine.start_run(version=pooled("next"))
    work_off()

    _free(how, run, conductor, claim)

    assert jobs() == ["next"]


def _free(how: str, run: PipelineRun, conductor: Conductor, claim: Claim) -> None:
    if how == "cancelled":
        engine.cancel(run_id=run.pk)
    elif how == "lost":
        StepRun.objects.filter(pk=claim.step_run_id).update(lease_expires_at=F("started_at"))
        Conductor.of(run.pk).reclaim()
    else:
        lifecycle.execute(conductor, claim)


def test_a_higher_limit_gives_those_in_line_their_turn() -> None:
    pool = ConcurrencyPool.objects.create(key="narrow", limit=1)
    holding(pooled("held"))
    for _ in range(3):
        engine.start_run(version=pooled("a"))
    work_off()
    pool.limit = 3

    pools.save_pool(pool)

    assert jobs() == ["a", "a"]


def test_a_turn_that_nobody_takes_holds_up_nobody_for_long() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=1)
    end = holding(pooled("held"))
    for _ in range(3):
        engine.start_run(version=pooled("elsewhere", stepVersionId="emit_async@1"))
    engine.start_run(version=pooled("here"))
    work_off()
    end()
    assert jobs() == ["elsewhere"]
    take_job()
    here = Conductor.of(StepRun.objects.get(node_key="here").pipeline_run_id)
    assert here.claim([Item("here")]) == []

    StepRun.objects.filter(pool_until__isnull=False).update(pool_until=F("created_at"))
    assert sweeper.sweep().moved == 3

    assert jobs() == ["here"]
    assert [claim.name for claim in here.claim([Item("here")])] == ["here"]
    StepRun.objects.update(ready_at=F("ready_at") - timedelta(minutes=1))
    assert sweeper.sweep().enqueued == 3, "out of line, they wait in the queue"


def test_a_backlog_keeps_no_place_empty() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=1)
    end = holding(pooled("held"))
    for _ in range(2):
        engine.start_run(version=pooled("a"))
    work_off()
    other = building.pipeline({"key": "other"}, key="other")
    for priority in (0, 0, 1):
        engine.start_run(version=other, priority=priority)
    end()

    for _ in range(2):
        assert jobs() == ["other", "a", "other", "other"], "one is urgent, the others came after those in line"
        urgent, turn = take_job(), take_job()
        for step_run_id in (turn, urgent):
            assert step_run_id is not None
            Carrier().carry(step_run_id)
        engine.start_run(version=other, priority=1)
    assert jobs() == ["other", "other", "other"]


def test_a_heavy_step_whose_turn_lapsed_as_all_workers_were_busy_is_not_overtaken() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=4)
    end = holding(pooled("held"))
    engine.start_run(version=pooled("heavy", weight=4))
    for _ in range(3):
        engine.start_run(version=pooled("light"))
        engine.start_run(version=pooled("elsewhere", stepVersionId="emit_async@1"))
    work_off()
    engine.start_run(version=pooled("newcomer"))
    end()
    for _ in range(3):
        StepRun.objects.filter(pool_until__isnull=False).update(pool_until=F("created_at"))
        sweeper.sweep()
    StepRun.objects.update(ready_at=F("ready_at") - timedelta(minutes=1))
    sweeper.sweep()

    assert work_off() < 2 * 8, "each comes twice at most"

    order = list(StepRun.objects.order_by("started_at").values_list("node_key", flat=True))
    assert order[:2] == ["held", "heavy"]
    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"completed"}


def test_where_there_is_no_queue_only_those_who_ask_are_waited_for(settings: Any) -> None:
    settings.PIPELINE_EXECUTOR = "inline"
    ConcurrencyPool.objects.create(key="narrow", limit=2)
    end = holding(pooled("held"))
    heavy, light = (Conductor.of(engine.start_run(version=version).pk) for version in (pooled("heavy", 2), pooled("l")))
    assert heavy.claim([Item("heavy")]) == []

    assert light.claim([Item("l")]) == []
    StepRun.objects.filter(node_key="heavy").update(pool_until=F("created_at"))
    assert [claim.name for claim in light.claim([Item("l")])] == ["l"], "whoever carried the heavy one is gone"
    assert ProcrastinateJob.objects.count() == 0
    end()


PRESENT: list[int] = []


def crowded(context: StepContext) -> StepResult:
    """How much of the pool is taken while it runs."""
    taken = StepRun.objects.filter(status="running", pool="narrow").aggregate(taken=Sum("weight"))["taken"]
    PRESENT.append(taken)
    return StepResult(ir={"taken": taken})


def test_workers_at_once_never_overfill_a_pool_and_forget_nobody(settings: Any) -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=3)
    PRESENT.clear()
    building.step("crowded")
    versions = [
        building.pipeline(
            {"key": "a", "stepVersionId": "crowded@1", "pool": "narrow", "weight": weight},
            {"key": "b", "stepVersionId": "crowded@1", "pool": "narrow", "dependsOn": ["a"]},
            key=f"weight{weight}",
        )
        for weight in (1, 2, 3, 4)
    ]
    for number in range(24):
        engine.start_run(version=versions[number % 4], priority=number % 3)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            carrier = Carrier()
            until(
                lambda: not PipelineRun.objects.filter(status="running").exists(), meanwhile=lambda: work_off(carrier)
            )
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert set(StepRun.objects.values_list("status", "attempt")) == {("completed", 1)}
    assert len(PRESENT) == 48
    assert max(PRESENT) <= 4
    assert all(taken <= 3 or taken == 4 for taken in PRESENT)


def test_a_chain_stays_with_its_worker_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "CARRY_SECONDS", -1.0)
    run = engine.start_run(version=building.pipeline(*({"key": f"n{i}", "order": i} for i in range(5))))
    step_run_id = take_job()
    assert step_run_id is not None

    Carrier().carry(step_run_id)

    run.refresh_from_db()
    assert run.status == "completed"
    assert jobs() == []


def test_a_wide_run_goes_back_to_the_queue_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "CARRY_SECONDS", -1.0)
    engine.start_run(
        version=building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}, {"key": "c", "dependsOn": ["a"]})
    )
    step_run_id = take_job()
    assert step_run_id is not None

    Carrier().carry(step_run_id)

    assert jobs() == ["b", "c"]
