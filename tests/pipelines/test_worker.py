"""The distributed executor: jobs in the same transaction, workers in this process, the sweeper."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F, Model, QuerySet
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.models import TestResult, TestRun
from pipelines import admission, engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.executors import distributed as distributed_executor
from pipelines.executors import sweeper
from pipelines.executors.distributed import Carrier
from pipelines.models import ConcurrencyPool, PipelineDefinition, PipelineRun, StepOutputLink, StepRun
from pipelines.scheduling import Item
from tests.factories import MetricDefinitionFactory, MetricProfileItemFactory, UserFactory
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.waiting import until, waiting_for_locks

pytestmark = pytest.mark.django_db(transaction=True)

FAN_OUT = (
    {"key": "first", "stepVersionId": "listed@1", "params": {"count": 6}},
    {"key": "each", "dependsOn": ["first"], "forEach": "first.parts"},
    {"key": "last", "dependsOn": ["each"]},
)
PAGE = building.PAGE
PASSING = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(\+[0-9:]+|Z)?"
    r'|"(latency_ms|latencyMs|duration_ms|revision)": [0-9.e-]+'
)


@pytest.fixture(autouse=True)
def distributed(settings: Any, transactional_db: None, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    settings.PIPELINE_EXECUTOR = "distributed"
    no_jobs()


def no_jobs() -> None:
    """Empty the queue, whose tables Django does not flush between tests."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def jobs() -> list[str]:
    """The step runs that have a job waiting, by name."""
    ids = ProcrastinateJob.objects.filter(status="todo").order_by("id").values_list("args__step_run_id", flat=True)
    named = {str(step.pk): str(step) for step in StepRun.objects.all()}
    return [named[pk] for pk in ids]


def test_a_started_run_is_in_the_queue_and_a_worker_carries_it_to_its_end() -> None:
    run = engine.start_run(version=building.pipeline(*FAN_OUT), design=PAGE)
    assert jobs() == ["first"]

    call_command("worker", once=True, concurrency=2)

    run.refresh_from_db()
    assert run.status == PipelineRun.Status.COMPLETED
    assert set(building.statuses(run).values()) == {"completed"}
    assert IRArtifact.objects.count() == 8
    assert ProcrastinateJob.objects.count() == 0


def test_both_executors_leave_the_same_rows(settings: Any) -> None:
    building.contract("emit", {"required": ["item"], "properties": {"upstream": {"minProperties": 1}}})
    valid = MetricProfileItemFactory(metric=MetricDefinitionFactory(key="validation_pass_rate"), threshold=1)
    version = building.pipeline(
        {"key": "first", "stepVersionId": "listed@1", "params": {"count": 6}},
        {"key": "each", "dependsOn": ["first"], "forEach": "first.parts", "stepVersionId": "picky@1",
         "params": {"refuse": [4]}, "continueOnFail": True},
        {"key": "invalid", "dependsOn": ["first"], "metricProfileId": valid.profile.key, "params": {"ir": {"x": 1}}},
        {"key": "crashing", "dependsOn": ["first"], "params": {"crash": "no"}, "retries": 1, "retryDelayMs": 1},
        {"key": "not", "dependsOn": ["invalid"], "condition": "metrics.invalid.validation_pass_rate > 0.5"},
        {"key": "last", "dependsOn": ["each", "crashing", "not"], "triggerRule": "all_done"},
    )  # fmt: skip
    remote = engine.start_run(version=version, design=PAGE)
    call_command("worker", once=True, concurrency=2)
    settings.PIPELINE_EXECUTOR = "inline"
    local = building.run(version, design=PAGE)

    left = left_by(remote)
    assert {kind: len(rows) for kind, rows in left.items()} == {
        PipelineRun: 1, StepRun: 11, IRArtifact: 8, MetricResult: 1, StepOutputLink: 6, TestRun: 11, TestResult: 33,
    }  # fmt: skip
    assert left == left_by(local)


def left_by(run: PipelineRun) -> dict[type[Model], list[str]]:
    """All rows that a run has left, as text without ids and times."""
    rows = {
        PipelineRun: PipelineRun.objects.filter(pk=run.pk),
        StepRun: run.step_runs.all(),
        IRArtifact: IRArtifact.objects.filter(step_run__pipeline_run=run),
        MetricResult: MetricResult.objects.filter(step_run__pipeline_run=run),
        StepOutputLink: StepOutputLink.objects.filter(step_run__pipeline_run=run),
        TestRun: TestRun.objects.filter(step_run__pipeline_run=run),
        TestResult: TestResult.objects.filter(test_run__step_run__pipeline_run=run),
    }
    return {kind: sorted(PASSING.sub("", line) for line in plain(found)) for kind, found in rows.items()}


def plain(rows: QuerySet[Any]) -> list[str]:
    return [json.dumps(row.pop("fields"), default=str) for row in serializers.serialize("python", rows)]


def test_jobs_come_and_go_with_the_transaction() -> None:
    version = building.pipeline({"key": "a"})
    with transaction.atomic():
        engine.start_run(version=version)
        transaction.set_rollback(True)

    assert ProcrastinateJob.objects.count() == 0


def test_inside_a_workers_task_a_job_is_not_seen_before_the_commit() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a"}, *({"key": key, "dependsOn": ["a"]} for key in "bc")))
    with connection.cursor() as cursor:
        cursor.execute(HOLD_COMMITS)
        cursor.execute("SELECT pg_advisory_lock(%s)", [HELD])
        worker = threading.Thread(target=work_off)
        worker.start()
        try:
            until(lambda: waits_for_commit(cursor))
            assert jobs() == []
            assert building.statuses(run)["a"] == "running"
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [HELD])
            worker.join()
            cursor.execute("DROP FUNCTION hold_commit CASCADE")

    assert set(building.statuses(run).values()) == {"completed"}


HELD = 4_711
HOLD_COMMITS = f"""
    CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER hold_commit AFTER UPDATE ON pipelines_steprun DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION hold_commit();
"""


def waits_for_commit(cursor: Any) -> bool:
    cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", [HELD])
    return bool(cursor.fetchone()[0])


def work_off() -> None:
    try:
        call_command("worker", once=True, concurrency=1)
    finally:
        connection.close()


def test_jobs_have_no_lock_of_procrastinate() -> None:
    for _ in range(3):
        engine.start_run(version=building.pipeline(*FAN_OUT), design=PAGE)

    assert set(ProcrastinateJob.objects.values_list("lock", flat=True)) == {None}


def test_the_queue_is_not_asked_for_jobs_of_rows_that_were_just_made() -> None:
    version = building.pipeline(*FAN_OUT)

    with CaptureQueriesContext(connection) as queries:
        engine.start_run(version=version, design=PAGE)

    assert not [query["sql"] for query in queries if 'FROM "procrastinate_jobs"' in query["sql"]]
    assert jobs() == ["first"]


def test_a_chain_never_goes_back_to_the_queue() -> None:
    engine.start_run(version=building.pipeline(*({"key": f"n{i}", "order": i} for i in range(5))))
    step = StepRun.objects.get(node_key="n0")
    no_jobs()

    Carrier().carry(step.pk)

    assert set(StepRun.objects.values_list("status", flat=True)) == {"completed"}
    assert jobs() == []


def test_a_job_that_comes_twice_at_once_runs_its_step_once() -> None:
    engine.start_run(version=building.pipeline({"key": "a"}))
    step = StepRun.objects.get()
    start = threading.Barrier(4)

    def deliver() -> None:
        start.wait()
        Carrier().carry(step.pk)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert StepRun.objects.get().attempt == 1
    assert IRArtifact.objects.count() == 1


def test_workers_that_share_a_run_carry_it_exactly_once() -> None:
    run = engine.start_run(version=building.pipeline(*FAN_OUT), design=PAGE)
    start = threading.Barrier(3)

    def work() -> None:
        carrier = Carrier()
        start.wait()
        while not PipelineRun.objects.get().is_finished:
            for pk in StepRun.objects.filter(status="ready").values_list("pk", flat=True):
                carrier.carry(pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    run.refresh_from_db()
    assert run.status == PipelineRun.Status.COMPLETED
    assert set(StepRun.objects.values_list("status", "attempt")) == {("completed", 1)}
    assert IRArtifact.objects.count() == 8
    assert IRArtifact.objects.filter(step_run__node_key="last").count() == 1


def test_a_lost_job_is_made_again() -> None:
    engine.start_run(version=building.pipeline({"key": "a"}))
    no_jobs()
    assert sweeper.sweep().enqueued == 0, "whoever made it ready has a moment to claim it"
    StepRun.objects.update(
        ready_at=F("ready_at") - timedelta(minutes=1), created_at=F("created_at") - timedelta(hours=1)
    )

    assert sweeper.sweep().enqueued == 1
    assert jobs() == ["a"]
    assert sweeper.sweep().enqueued == 0


def test_a_lapsed_lease_is_taken_back_and_one_that_is_alive_is_not() -> None:
    version = building.pipeline({"key": "a", "retryDelayMs": 0}, {"key": "b"})
    run = engine.start_run(version=version)
    Conductor.of(run.pk).claim([Item("a"), Item("b")])
    StepRun.objects.filter(node_key="a").update(lease_expires_at=F("started_at"))

    assert sweeper.sweep().healed == 1

    lost, held = StepRun.objects.order_by("node_key")
    assert (lost.status, lost.lost_count) == ("ready", 1)
    assert (held.status, held.lost_count) == ("running", 0)
    assert "a" in jobs()
    entry = TestRun.objects.get()
    assert (entry.status, entry.attempt, entry.latency_ms) == ("error", 1, None)
    assert entry.summary["error"]["code"] == "worker-lost"


def test_a_step_past_its_time_whose_process_is_gone_is_given_up() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "timeoutMs": 1000}))
    Conductor.of(run.pk).claim([Item("a")])
    StepRun.objects.update(deadline=F("started_at"))

    sweeper.sweep()

    run.refresh_from_db()
    assert run.error is not None
    assert run.error["code"] == "timed-out"
    entry = TestRun.objects.get()
    assert (entry.status, entry.latency_ms) == ("error", 1_000)
    assert entry.summary["error"]["code"] == "timed-out"


def test_what_a_result_that_came_too_late_had_cost_is_kept() -> None:
    node = {"key": "a", "timeoutMs": 60_000, "params": {"usage": True}}
    conductor = Conductor.of(engine.start_run(version=building.pipeline(node)).pk)
    [claim] = conductor.claim([Item("a")])
    StepRun.objects.update(deadline=F("started_at"))

    lifecycle.execute(conductor, claim)

    entry = TestRun.objects.get()
    assert (entry.status, entry.tokens_in, entry.cost_usd) == ("error", 3, Decimal("0.5"))
    assert entry.summary["error"]["code"] == "timed-out"
    assert not IRArtifact.objects.exists()


def test_a_run_that_stands_still_is_looked_at_anew() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a"}))
    StepRun.objects.update(status="pending")

    assert sweeper.sweep().advanced == 1
    assert building.statuses(run) == {"a": "ready"}


def test_what_a_dead_worker_had_taken_is_dropped() -> None:
    engine.start_run(version=building.pipeline({"key": "a"}))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")

    assert sweeper.sweep().dropped == 1
    assert ProcrastinateJob.objects.count() == 0


def test_a_worker_keeps_no_more_in_memory_than_is_good_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed_executor, "REMEMBERED_BYTES", 25_000)
    version = building.pipeline(
        {"key": "a", "params": {"ir": {"text": "x" * 10_000}}}, {"key": "b", "dependsOn": ["a"], "approval": True}
    )
    carrier = Carrier()
    for _ in range(5):
        run = engine.start_run(version=version)
        carrier.carry(StepRun.objects.get(pipeline_run=run, node_key="a").pk)

    assert 10_000 < carrier.remembered_bytes < 25_000 + 10_100
    assert StepRun.objects.filter(node_key="b", status="waiting").count() == 5

    waiting = StepRun.objects.filter(node_key="b").order_by("id")
    for step_run in waiting:
        engine.approve(step_run_id=step_run.pk, user=UserFactory())
        carrier.carry(step_run.pk)
    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"completed"}
    told = IRArtifact.objects.filter(step_run__node_key="b").values_list("ir_json__upstream__a__text", flat=True)
    assert list(told) == ["x" * 10_000] * 5
    assert carrier.remembered_bytes == 0


def _lapsed() -> StepRun:
    """The step of a run, whose lease has run out."""
    run = engine.start_run(version=building.pipeline({"key": "a", "retryDelayMs": 0}))
    Conductor.of(run.pk).claim([Item("a")])
    StepRun.objects.filter(pipeline_run=run).update(lease_expires_at=F("started_at"))
    return StepRun.objects.get(pipeline_run=run)


def test_a_sweeper_that_is_stopped_in_its_midst_keeps_no_other_from_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "LONGEST_WAIT", "60s")
    stuck, free = _lapsed(), _lapsed()

    def sweep() -> None:
        sweeper.sweep()
        connection.close()

    other = threading.Thread(target=sweep)
    with held_row(stuck):
        other.start()
        until(waiting_for_locks)

        assert sweeper.sweep().healed == 1

        free.refresh_from_db()
        assert (free.status, free.lost_count) == ("ready", 1)
    other.join()
    stuck.refresh_from_db()
    assert (stuck.status, stuck.lost_count) == ("ready", 1)


@contextmanager
def held_row(step_run: StepRun) -> Iterator[None]:
    """Another connection holds the row of the step's run, as a process that was stopped within a transaction does."""
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            PipelineRun.objects.select_for_update().get(pk=step_run.pipeline_run_id)
            held.set()
            let_go.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(20)
        yield
    finally:
        let_go.set()
        thread.join()


def test_what_somebody_holds_for_long_is_left_for_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "LONGEST_WAIT", "50ms")
    stuck, free = _lapsed(), _lapsed()
    with held_row(stuck):
        assert sweeper.sweep().healed == 1

    free.refresh_from_db()
    assert free.status == "ready"
    assert sweeper.sweep().healed == 1


@pytest.mark.parametrize("part", ["healed", "advanced"])
def test_runs_that_cannot_be_looked_after_keep_no_other_from_its_turn(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "MAX_RUNS", 2)
    leave = {"healed": _lapsed, "advanced": _stuck}[part]
    beyond_help = [leave() for _ in range(5)]
    other = leave()
    with _unmovable(beyond_help):
        found = [getattr(sweeper.sweep(), part) for _ in range(3)]
        assert sorted(found) == [0, 0, 1]
    other.refresh_from_db()
    assert other.status == "ready"

    assert sum(getattr(sweeper.sweep(), part) for _ in range(3)) == 5


def _stuck() -> StepRun:
    """The step of a run in which nothing is under way."""
    run = engine.start_run(version=building.pipeline({"key": "a"}))
    StepRun.objects.filter(pipeline_run=run).update(status="pending")
    return StepRun.objects.get(pipeline_run=run)


@contextmanager
def _unmovable(step_runs: list[StepRun]) -> Iterator[None]:
    """The database refuses to change these rows."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE unmovable AS SELECT unnest(%s) AS id", [[step_run.pk for step_run in step_runs]])
        cursor.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF OLD.id IN (SELECT id FROM unmovable) THEN RAISE 'this row stays as it is'; END IF; RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON pipelines_steprun FOR EACH ROW EXECUTE FUNCTION refuse();
        """)
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION refuse CASCADE; DROP TABLE unmovable")


def test_runs_that_somebody_holds_take_up_no_more_than_a_part_of_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "LONGEST_WAIT", "50ms")
    monkeypatch.setattr(sweeper, "LONGEST_PART", 0.0)
    stuck, free = _lapsed(), _lapsed()
    with held_row(stuck):
        assert [sweeper.sweep().healed for _ in range(2)] == [0, 1]

    free.refresh_from_db()
    assert free.status == "ready"


def test_a_sweep_holds_nothing_when_it_is_done() -> None:
    _lapsed()
    sweeper.sweep()

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)


def test_a_worker_takes_only_what_it_has_the_code_for(settings: Any) -> None:
    run = engine.start_run(
        version=building.pipeline({"key": "a"}, {"key": "b", "stepVersionId": "listed@1"}), design=PAGE
    )

    call_command("worker", once=True, queues="listed")
    assert building.statuses(run) == {"a": "ready", "b": "completed"}
    settings.PIPELINE_STEPS = {"listed": HANDLERS["listed"]}
    Carrier().carry(StepRun.objects.get(node_key="a").pk)
    assert building.statuses(run)["a"] == "ready"
    with pytest.raises(CommandError, match="no code here for emit"):
        call_command("worker", once=True, queues="emit")


@pytest.mark.parametrize(
    "options", [{"grace": -1.0}, {"grace": float("nan")}, {"grace": 1e12}, {"concurrency": 0}, {"concurrency": 100_000}]
)
def test_a_worker_is_told_what_it_may_be_asked_for(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match=f"--{next(iter(options))} must be from"):
        call_command("worker", once=True, **options)


def test_a_pool_limits_steps_across_runs_by_their_weight() -> None:
    ConcurrencyPool.objects.create(key="browser", limit=3)
    version = building.pipeline({"key": "a", "pool": "browser", "weight": 2}, {"key": "b", "pool": "browser"})
    first, second = (Conductor.of(engine.start_run(version=version).pk) for _ in range(2))

    taken = first.claim([Item("a"), Item("b")])
    refused = second.claim([Item("a"), Item("b")])

    assert [claim.name for claim in taken] == ["a", "b"]
    assert refused == []


def test_many_who_claim_from_a_pool_at_once_never_overfill_it() -> None:
    ConcurrencyPool.objects.create(key="narrow", limit=2)
    version = building.pipeline(*({"key": f"n{i}", "pool": "narrow"} for i in range(2)))
    runs = [engine.start_run(version=version) for _ in range(6)]
    start = threading.Barrier(6)
    taken = []

    def claim(run: PipelineRun) -> None:
        conductor = Conductor.of(run.pk)
        start.wait()
        taken.extend(conductor.claim([Item("n0"), Item("n1")]))
        connection.close()

    threads = [threading.Thread(target=claim, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 2


def test_runs_of_a_full_pool_are_queued_and_begin_by_priority() -> None:
    pool = ConcurrencyPool.objects.create(key="one", limit=1)
    version = building.pipeline({"key": "a"})
    PipelineDefinition.objects.update(run_pool=pool)
    version.refresh_from_db()
    running, waiting, urgent = (engine.start_run(version=version) for _ in range(3))
    PipelineRun.objects.filter(pk=urgent.pk).update(priority=5)
    assert [run.queued for run in (running, waiting, urgent)] == [False, True, True]
    assert admission.admit_waiting("one") == []

    engine.cancel(run_id=running.pk)
    sweeper.sweep()
    assert set(PipelineRun.objects.filter(status="running", queued=False)) == {urgent}

    call_command("worker", once=True)
    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"cancelled", "completed"}


def test_a_cancelled_run_leaves_nothing_to_do() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}))
    engine.cancel(run_id=run.pk)

    call_command("worker", once=True)

    assert set(building.statuses(run).values()) == {"cancelled"}
    assert IRArtifact.objects.count() == 0
