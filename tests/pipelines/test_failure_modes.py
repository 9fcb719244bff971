"""Ways in which such engines have failed, as far as no other test shows them; ``docs/engine.md`` lists all."""

import re
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.clock import database_now
from ir_schemas.models import IRArtifact
from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.executors import inline
from pipelines.executors.distributed import Carrier
from pipelines.executors.queue import CHANNEL
from pipelines.models import ConcurrencyPool, PipelineDefinition, PipelineRun, StepRun
from pipelines.scheduling import Item
from pipelines.steps.contract import StepContext, StepResult
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parent.parent.parent
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.fixture(autouse=True)
def example(settings: Any, transactional_db: None, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture
def queue(settings: Any) -> None:
    settings.PIPELINE_EXECUTOR = "distributed"


def test_every_failure_in_the_guide_has_its_tests() -> None:
    rows = re.findall(r"^\| (\d+) \|(.*)$", (ROOT / "docs/engine.md").read_text(), re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 33))
    for number, row in rows:
        named = NAMED_TEST.findall(row)
        assert named, f"row {number} names no test"
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"


def test_a_process_whose_clock_is_wrong_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(tz=timezone.get_default_timezone()) + timedelta(days=1))
    run = engine.start_run(version=building.pipeline({"key": "a", "timeoutMs": 30_000}))
    began = database_now()
    [claim] = Conductor.of(run.pk).claim([Item("a")])

    Conductor.of(run.pk).reclaim()

    step_run = StepRun.objects.get()
    assert step_run.status == "running"
    assert step_run.lease_expires_at
    assert step_run.deadline
    assert step_run.started_at
    assert step_run.lease_expires_at - step_run.started_at == timedelta(minutes=1)
    assert step_run.deadline - step_run.started_at == timedelta(seconds=30)
    assert lifecycle.execute(Conductor.of(run.pk), claim).accepted
    step_run = StepRun.objects.get()
    assert step_run.started_at
    assert step_run.finished_at
    assert began <= step_run.started_at <= step_run.finished_at <= database_now()


@pytest.mark.parametrize("state", ["queued", "waiting", "backing off"])
def test_what_does_not_run_is_cancelled_at_once(state: str) -> None:
    run = {"queued": _queued, "waiting": _waiting, "backing off": _backing_off}[state]()

    engine.cancel(run_id=run.pk)

    run.refresh_from_db()
    assert run.status == PipelineRun.Status.CANCELLED
    assert set(building.statuses(run).values()) == {"cancelled"}


@pytest.mark.parametrize("limit", ["pool", "group"])
def test_a_dead_worker_keeps_no_place(limit: str) -> None:
    ConcurrencyPool.objects.create(key="one", limit=1)
    held = {"pool": {"pool": "one"}, "group": {"parallelGroup": "one"}}[limit]
    groups = {"parallelGroups": {"one": {"limit": 1}}} if limit == "group" else {}
    run = engine.start_run(
        version=building.pipeline({"key": "a", **held, "maxLost": 0}, {"key": "b", **held}, **groups)
    )
    Conductor.of(run.pk).claim([Item("a")])
    assert Conductor.of(run.pk).claim([Item("b")]) == []

    StepRun.objects.update(lease_expires_at=F("lease_expires_at") - timedelta(hours=1))
    Conductor.of(run.pk).reclaim()

    assert [claim.name for claim in Conductor.of(run.pk).claim([Item("b")])] == ["b"]


def test_a_full_pool_keeps_nobody_else_waiting(queue: None) -> None:
    ConcurrencyPool.objects.create(key="one", limit=1)
    version = building.pipeline(*({"key": f"n{number}", "pool": "one"} for number in range(20)))
    Conductor.of(engine.start_run(version=version).pk).claim([Item("n0")])
    other = engine.start_run(version=building.pipeline({"key": "free"}, key="other"))

    for pk in StepRun.objects.filter(status="ready").order_by("id").values_list("pk", flat=True):
        Carrier().carry(pk)

    other.refresh_from_db()
    assert other.status == PipelineRun.Status.COMPLETED
    assert StepRun.objects.filter(pool="one").exclude(status="ready").count() == 1


def test_what_is_urgent_is_taken_first(queue: None) -> None:
    version = building.pipeline({"key": "a"})
    runs = [engine.start_run(version=version, priority=priority) for priority in (0, 5, 9)]

    call_command("worker", once=True, concurrency=1)

    order = StepRun.objects.order_by("started_at").values_list("pipeline_run", flat=True)
    assert list(order) == [run.pk for run in reversed(runs)]


def test_many_ready_steps_are_one_wake_up_after_the_commit(queue: None) -> None:
    version = building.pipeline(*({"key": f"n{number}"} for number in range(30)))
    parameters = connection.get_connection_params()
    known = {name: parameters[name] for name in ("host", "port", "user", "password", "dbname") if name in parameters}
    with psycopg.connect(**known, autocommit=True) as listening:
        listening.execute(f'LISTEN "{CHANNEL}emit"')
        listening.execute('LISTEN "procrastinate_any_queue_v1"')
        with CaptureQueriesContext(connection) as captured:
            engine.start_run(version=version)
        woken = list(listening.notifies(timeout=5, stop_after=1)) + list(listening.notifies(timeout=0.2))

    assert len(woken) == 1
    statements = [query["sql"] for query in captured]
    committed = len(statements) - statements[::-1].index("COMMIT")
    assert "pg_notify" not in "".join(statements[:committed])
    assert "pg_notify" in "".join(statements[committed:])


def test_an_ir_that_is_too_large_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MAX_IR_BYTES", 1_000)

    run = building.run(building.pipeline({"key": "a", "params": {"ir": {"text": "x" * 1_001}}}))

    assert run.error is not None
    assert run.error["code"] == "ir-too-large"
    assert "files" in run.error["message"]
    assert IRArtifact.objects.count() == 0


MEETING = threading.Barrier(2)


def meet(context: StepContext) -> StepResult:
    """Says which connection it has, once the other is there too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        MEETING.wait(20)
        return StepResult(ir={"backend": cursor.fetchone()[0]})


def test_each_step_under_way_has_a_connection_of_its_own_which_is_closed_after_it(settings: Any) -> None:
    settings.PIPELINE_STEPS = {"emit": f"{__name__}.meet"}
    run = engine.start_run(version=building.pipeline({"key": "a"}, {"key": "b"}))

    inline.carry(run.pk, threads=2)

    backends = set(IRArtifact.objects.values_list("ir_json__backend", flat=True))
    assert len(backends) == 2
    until(lambda: not _open(backends))


def _open(backends: set[int]) -> list[Any]:
    """Those of the connections that the server has not seen closed, but for this thread's own."""
    others = "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s) AND pid <> pg_backend_pid()"
    with connection.cursor() as cursor:
        cursor.execute(others, [[*backends]])
        return [*cursor.fetchall()]


def _queued() -> PipelineRun:
    pool = ConcurrencyPool.objects.create(key="one", limit=1)
    version = building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]})
    PipelineDefinition.objects.update(run_pool=pool)
    version.refresh_from_db()
    engine.start_run(version=version)
    run = engine.start_run(version=version)
    assert run.queued
    return run


def _waiting() -> PipelineRun:
    return building.run(building.pipeline({"key": "a", "approval": True}, {"key": "b", "dependsOn": ["a"]}))


def _backing_off() -> PipelineRun:
    version = building.pipeline({"key": "a", "retries": 1, "retryDelayMs": 3_600_000, "params": {"refuse": "no"}})
    run = engine.start_run(version=version)
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item("a")])
    lifecycle.execute(conductor, claim)
    assert StepRun.objects.get().not_before is not None
    return run
