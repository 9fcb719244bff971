"""Quick steps that are claimed and settled several at a time: the same rows as one by one, in fewer calls."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import given
from hypothesis import strategies as st

from config.models import uuid7
from ir_schemas.active import stop_listening
from ir_schemas.models import IRArtifact, IRSchema
from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from pipelines import engine, lifecycle, pace
from pipelines.claims import Claim, Settlement
from pipelines.conductor import Conductor
from pipelines.dag import Node, parse_dag
from pipelines.executors import inline
from pipelines.executors.distributed import give_back
from pipelines.models import PipelineRun, StepRun
from pipelines.pace import MOST, QUICK_MS, TOGETHER_MS, Pace
from pipelines.scheduling import Item
from pipelines.steps.contract import StepContext, StepResult
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db

COUNT = 40
REFUSE_17 = """
    CREATE FUNCTION refuse_17() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'not 17' USING ERRCODE = 'check_violation'; END $$;
    CREATE TRIGGER refuse_17 BEFORE INSERT ON ir_schemas_irartifact FOR EACH ROW
    WHEN (NEW.ir_json #>> '{item,n}' = '17') EXECUTE FUNCTION refuse_17();
"""


@pytest.fixture(autouse=True)
def example(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = {**HANDLERS, "picky": f"{__name__}.stopping"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no step counts as slow."""
    for module, name in ((pace, "QUICK_MS"), (pace, "TOGETHER_MS"), (lifecycle, "QUICK_MS")):
        monkeypatch.setattr(module, name, inf)


def stopping(context: StepContext) -> StepResult:
    """Hands over its item; crashes, or has its worker stop, for the items that ``params`` name."""
    number = context.item["n"]
    if number in context.params.get("crash", ()):
        raise RuntimeError("no such luck")
    if number in context.params.get("stop", ()):
        give_back()
    return StepResult(ir={"item": context.item})


def start(*, count: int = COUNT, **params: Any) -> PipelineRun:
    items = [{"n": number} for number in range(count)]
    version = building.pipeline(
        {"key": "first", "params": {"ir": {"items": items}}},
        {"key": "each", "dependsOn": ["first"], "forEach": "first.items", "stepVersionId": "picky@1", "params": params},
        {"key": "last", "dependsOn": ["each"], "triggerRule": "all_done"},
    )
    return engine.start_run(version=version)


def claimed(run: PipelineRun, count: int) -> tuple[Conductor, list[Claim]]:
    """The first items of the run's fan-out, claimed at once."""
    conductor = Conductor.of(run.pk)
    lifecycle.execute(conductor, conductor.claim(conductor.ready(1))[0])
    return conductor, conductor.claim(conductor.ready(count))


def accepted_irs(run: PipelineRun) -> dict[int, Any]:
    irs = IRArtifact.objects.filter(step_run__pipeline_run=run, step_run__node_key="each")
    return dict(irs.values_list("step_run__map_index", "ir_json"))


@contextmanager
def calls() -> Iterator[list[str]]:
    made: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if "pipelines_carry_on" in sql:
            made.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield made


def test_a_fan_out_of_quick_steps_takes_few_calls_and_each_item_has_its_own_records() -> None:
    run = start()

    with calls() as made:
        inline.carry(run.pk, threads=0)

    # The first item of its node goes alone, then as many as have run: 1, 1, 2, 4, 8, 16 and the last 8.
    assert len(made) == 1 + 1 + 7 + 1
    assert set(building.statuses(run).values()) == {"completed"}
    assert accepted_irs(run) == {number: {"item": {"n": number}} for number in range(COUNT)}
    assert TestRun.objects.filter(step_run__pipeline_run=run).count() == COUNT + 2
    assert set(StepRun.objects.values_list("attempt", "released_count")) == {(1, 0)}


def test_failures_among_them_are_their_own() -> None:
    run = start(crash=[3, 17])

    inline.carry(run.pk, threads=0)

    failed = StepRun.objects.filter(status="failed").values_list("map_index", "error__code")
    assert set(failed) == {(3, "step-crashed"), (17, "step-crashed")}
    assert accepted_irs(run).keys() == set(range(COUNT)) - {3, 17}
    assert building.statuses(run)["last"] == "completed"


def test_threads_that_share_a_fan_out_leave_one_result_each(transactional_db: None) -> None:
    run = start()

    inline.carry(run.pk, threads=4)

    assert set(building.statuses(run).values()) == {"completed"}
    assert accepted_irs(run) == {number: {"item": {"n": number}} for number in range(COUNT)}


def test_what_cannot_be_stored_spoils_nothing_but_itself(transactional_db: None) -> None:
    run = start()
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_17)
    try:
        inline.carry(run.pk, threads=0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse_17 CASCADE")

    assert list(StepRun.objects.filter(status="failed").values_list("map_index", "error__code")) == [
        (17, "output-unstorable")
    ]
    assert accepted_irs(run).keys() == set(range(COUNT)) - {17}


def test_what_was_taken_back_meanwhile_is_refused_and_the_rest_accepted() -> None:
    run = start(count=3)
    conductor, claims = claimed(run, 3)
    StepRun.objects.filter(map_index=1).update(status="ready", lease_token=None, lease_expires_at=None)

    lifecycle.execute_all(conductor, claims)

    assert accepted_irs(run).keys() == {0, 2}
    assert StepRun.objects.get(map_index=1).status == "ready"


def test_an_outage_longer_than_a_lease_costs_those_who_were_done_nothing(transactional_db: None, settings: Any) -> None:
    settings.PIPELINE_STEPS |= {"picky": f"{__name__}.cutting_off"}
    set_flag(key=Key.IR_VALIDATION_MODE, value="log", reason="test")
    run = start(count=4)
    conductor, claims = claimed(run, 3)
    settings.PIPELINE_LEASE_MS = 100
    AWAY.clear()

    with connection.execute_wrapper(away):
        lifecycle.execute_all(conductor, claims)

    assert accepted_irs(run).keys() == {0}
    assert [building.statuses(run)[f"each[{n}]"] for n in range(4)] == ["completed", "ready", "ready", "ready"]
    given_back = StepRun.objects.get(map_index=1)
    assert (given_back.lost_count, given_back.past_attempts[0]["error"]["code"]) == (0, "database-away")


AWAY = threading.Event()


def cutting_off(context: StepContext) -> StepResult:
    """From the second item on the database is away from whoever looks for a schema."""
    if context.item["n"] == 1:
        stop_listening()
        AWAY.set()
    return StepResult(ir={"item": context.item})


def away(execute: Any, sql: str, *rest: Any) -> Any:
    if AWAY.is_set() and IRSchema._meta.db_table in sql:
        raise OperationalError("the connection is lost")
    return execute(sql, *rest)


def test_those_behind_a_slow_one_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(count=4)
    conductor, claims = claimed(run, 3)
    monkeypatch.setattr(lifecycle, "QUICK_MS", -1.0)

    lifecycle.execute_all(conductor, claims)

    assert [building.statuses(run)[f"each[{n}]"] for n in range(4)] == ["completed", "ready", "ready", "ready"]
    inline.carry(run.pk, threads=0)
    assert accepted_irs(run) == {number: {"item": {"n": number}} for number in range(4)}
    counted = StepRun.objects.filter(node_key="each").order_by("map_index").values_list("attempt", "released_count")
    assert list(counted) == [(1, 0), (2, 1), (2, 1), (1, 0)]


def test_a_worker_that_stops_gives_back_what_it_has_not_begun() -> None:
    run = start(count=3, stop=[0])
    conductor, claims = claimed(run, 3)

    lifecycle.execute_all(conductor, claims)

    assert [building.statuses(run)[f"each[{n}]"] for n in range(3)] == ["completed", "ready", "ready"]


def node(**fields: Any) -> Node:
    return parse_dag({"nodes": [{"key": "a", "stepVersionId": "emit@1", **fields}]}).node("a")


def ended(took_ms: float, kind: Any = "") -> Settlement:
    return Settlement(Claim(Item("a"), uuid7(), uuid7(), 1, {}, None), took_ms, kind=kind)


@given(st.lists(st.floats(0, 2 * QUICK_MS), max_size=40), st.integers(1, 60))
def test_no_more_are_claimed_at_once_than_have_been_quick(took: list[float], ready: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "QUICK_MS", QUICK_MS)
        patch.setattr(pace, "TOGETHER_MS", TOGETHER_MS)
        known = Pace()
        for each in took:
            known.note(ended(each))

        count = known.together([node()] * ready)

    assert 1 <= count <= min(ready, MOST, max(1, len(took)))
    if count > 1:
        assert max(took) <= QUICK_MS
        assert count * sum(took) / len(took) <= TOGETHER_MS * (1 + 1e-9)


@pytest.mark.parametrize("fields", [{"timeoutMs": 1000}, {"cache": True}])
def test_a_node_whose_claim_is_more_than_a_claim_goes_alone(fields: dict[str, Any]) -> None:
    known = Pace()
    for _ in range(9):
        known.note(ended(0.1))

    assert known.together([node()] * 9) == 9
    assert known.together([node(**fields)] * 9) == 1


@pytest.mark.parametrize(("kind", "together"), [("lost", 1), ("overdue", 1), ("released", 9)])
def test_a_node_that_lost_a_worker_or_its_time_goes_alone(kind: str, together: int) -> None:
    known = Pace()
    for _ in range(9):
        known.note(ended(0.1))
    known.note(ended(0.0, kind))

    assert known.together([node()] * 9) == together
