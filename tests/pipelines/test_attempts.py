"""Steps that speak, take too long, or run elsewhere."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ir_schemas.models import IRArtifact
from monitoring.models import TestRun
from pipelines import engine, lifecycle, store
from pipelines.attempts import held
from pipelines.conductor import Conductor
from pipelines.executors import inline
from pipelines.executors.distributed import give_back
from pipelines.models import PipelineRun, StepLog, StepOutputLink, StepRun
from pipelines.scheduling import Item
from pipelines.steps.contract import StepContext, StepResult
from tests.pipelines import building, example_steps
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS
from tests.queries import plans_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def example(settings: Any, transactional_db: None, logging_on: None) -> Iterator[None]:
    settings.PIPELINE_STEPS = {**HANDLERS, "picky": f"{__name__}.stop_worker"}
    example_steps.RELEASE.clear()
    example_steps.WAS_CANCELLED.clear()
    yield
    example_steps.RELEASE.set()


async def stop_worker(context: StepContext) -> StepResult:
    """Has its worker give back what it runs, as one that is stopped does, and never comes back."""
    give_back()
    await asyncio.Event().wait()
    raise AssertionError


def test_lines_and_progress_are_kept() -> None:
    building.run(building.pipeline({"key": "a", "stepVersionId": "talk@1"}))

    assert list(StepLog.objects.order_by("id").values_list("message", "attempt")) == [("line 0", 1), ("line 1", 1)]


def test_an_attempts_lines_are_bounded() -> None:
    building.run(building.pipeline({"key": "a", "stepVersionId": "talk@1", "params": {"lines": 1_200}}))

    assert StepLog.objects.count() == 1_000
    assert StepLog.objects.order_by("id").last().message == "More lines were not kept."


def test_lines_and_progress_show_while_the_step_runs_and_it_hears_of_the_cancellation() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "stepVersionId": "talk@1", "params": {"wait": True}}))
    with carried(run):
        until(lambda: StepRun.objects.filter(progress_done=3, progress_total=10).exists())
        assert StepLog.objects.count() == 2

        cancelled = engine.cancel(run_id=run.pk)
        assert cancelled.status == PipelineRun.Status.CANCELLED
        assert StepRun.objects.get().status == StepRun.Status.CANCELLED

    assert StepRun.objects.get().status == StepRun.Status.CANCELLED
    assert IRArtifact.objects.count() == TestRun.objects.count() == 0


@pytest.mark.parametrize(
    "refused", ["BEFORE INSERT ON pipelines_steplog", "BEFORE UPDATE OF progress_done ON pipelines_steprun"]
)
def test_what_a_step_says_is_kept_where_writing_it_fails_once(refused: str) -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "stepVersionId": "talk@1", "params": {"wait": True}}))
    with refused_once(refused) as tries, carried(run):
        until(lambda: StepRun.objects.filter(progress_done=3, progress_total=10).exists())
        assert list(StepLog.objects.order_by("id").values_list("message", flat=True)) == ["line 0", "line 1"]
        assert tries() > 1
        engine.cancel(run_id=run.pk)


@contextmanager
def refused_once(what: str) -> Iterator[Callable[[], int]]:
    """The database refuses to do this the first time it is asked; how often it was."""
    with connection.cursor() as cursor:
        cursor.execute(f"""
            CREATE SEQUENCE asked;
            CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('asked') = 1 THEN RAISE 'not now' USING ERRCODE = 'admin_shutdown'; END IF; RETURN NEW;
            END $$;
            CREATE TRIGGER refuse_once {what} FOR EACH ROW EXECUTE FUNCTION refuse_once();
        """)

        def asked() -> int:
            cursor.execute("SELECT last_value FROM asked")
            return int(cursor.fetchone()[0])

        try:
            yield asked
        finally:
            cursor.execute("DROP FUNCTION refuse_once CASCADE; DROP SEQUENCE asked")


def test_what_a_step_said_is_kept_once_where_its_end_is_written_with_lines_that_are_there_already() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "stepVersionId": "talk@1"}))
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item("a")])
    with held(claim, timeout_ms=None) as attempt:
        settlement = lifecycle.run_attempt(conductor, claim, attempt, guarded=False)
        assert settlement is not None
        for _ in range(2):
            store.write_lines(attempt.unwritten_lines())

    assert lifecycle.accept(conductor, settlement).accepted
    assert list(StepLog.objects.order_by("id").values_list("message", flat=True)) == ["line 0", "line 1"]


@pytest.mark.parametrize("step", ["hang", "hang_async", "hang_apart"])
def test_a_step_past_its_time_is_given_up(step: str) -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": f"{step}@1", "timeoutMs": 50}))

    assert run.status == PipelineRun.Status.FAILED
    assert run.error is not None
    assert run.error["code"] == "timed-out"
    assert "timeoutMs of 50" in run.error["message"]
    assert TestRun.objects.get().status == "error"
    if step == "hang_async":
        assert example_steps.WAS_CANCELLED.wait(20)


def test_a_timeout_counts_as_a_failed_attempt() -> None:
    node = {"key": "a", "stepVersionId": "hang@1", "timeoutMs": 30, "retries": 1, "retryDelayMs": 1}
    building.run(building.pipeline(node))

    step_run = StepRun.objects.get()
    assert (step_run.attempt, step_run.status) == (2, "failed")
    assert [past["error"]["code"] for past in step_run.past_attempts] == ["timed-out"]


@pytest.mark.parametrize("step", ["ask", "ask_apart"])
def test_each_attempt_of_a_step_has_the_same_key(step: str, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    node = {"stepVersionId": f"{step}@1", "params": {"asked": str(asked)}, "retries": 1, "retryDelayMs": 1}
    building.run(building.pipeline({"key": "a", **node}, {"key": "b", **node}))

    keys = Counter(asked.read_text().split())
    assert keys == {str(pk): 2 for pk in StepRun.objects.values_list("pk", flat=True)}


def test_an_asynchronous_step_is_a_step() -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": "emit_async@1", "params": {"ir": {"x": 1}}}))

    assert run.status == PipelineRun.Status.COMPLETED
    assert IRArtifact.objects.get().ir_json == {"x": 1}


def test_an_asynchronous_step_has_its_sources() -> None:
    nodes = (
        {"key": "a", "stepVersionId": "listed@1"},
        {"key": "b", "stepVersionId": "cite_async@1", "dependsOn": ["a"]},
    )
    building.run(building.pipeline(*nodes), design=PAGE)

    linked = StepOutputLink.objects.filter(step_run__node_key="a").order_by("id").values_list("target_id", flat=True)
    [behind_a] = IRArtifact.objects.get(step_run__node_key="b").ir_json["sources"]["a"]
    assert behind_a == {"mapIndex": None, "SplitAsset": [str(target) for target in linked]}
    assert len(linked) == 2


def test_an_asynchronous_step_that_blocks_holds_up_none_once_it_is_given_up() -> None:
    stuck = building.run(building.pipeline({"key": "a", "stepVersionId": "block_async@1", "timeoutMs": 50}))
    after = building.run(building.pipeline({"key": "a", "stepVersionId": "emit_async@1", "timeoutMs": 20_000}))

    assert stuck.error is not None
    assert stuck.error["code"] == "timed-out"
    assert after.status == PipelineRun.Status.COMPLETED


def test_an_asynchronous_step_that_its_worker_gives_back_is_no_failure() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "stepVersionId": "picky@1"}))
    conductor = Conductor.of(run.pk)

    lifecycle.execute(conductor, conductor.claim(conductor.ready(1))[0], guarded=True)

    step_run = StepRun.objects.get()
    assert (step_run.status, step_run.released_count, step_run.error) == ("ready", 1, None)


def test_an_asynchronous_step_that_cancels_itself_has_crashed() -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": "cancel_itself@1"}))

    assert run.error is not None
    assert run.error["code"] == "step-crashed"
    assert "its coroutine was cancelled, and not by the engine" in run.error["message"]


def test_an_asynchronous_step_that_exits_harms_no_other() -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": "exit_async@1"}))
    after = building.run(building.pipeline({"key": "a", "stepVersionId": "emit_async@1"}))

    assert run.error is not None
    assert run.error["code"] == "step-crashed"
    assert "SystemExit" in run.error["message"]
    assert after.status == PipelineRun.Status.COMPLETED


def test_a_step_in_its_own_process_is_told_everything_and_its_process_is_used_again() -> None:
    nodes = [
        {"key": "a", "stepVersionId": "emit_apart@1", "params": {"ir": {"x": 1}}},
        {"key": "b", "stepVersionId": "emit_apart@1", "dependsOn": ["a"]},
    ]
    run = building.run(building.pipeline(*nodes))

    first, second = IRArtifact.objects.order_by("id").values_list("ir_json", flat=True)
    assert run.status == PipelineRun.Status.COMPLETED
    assert first["x"] == 1
    assert second["upstream"] == {"a": first}
    assert first["pid"] == second["pid"] != example_steps.os.getpid()
    assert StepLog.objects.filter(message="apart").count() == 2


@pytest.mark.parametrize(
    ("step", "params", "code"),
    [
        ("emit_apart", {"refuse": "not today"}, "example-refused"),
        ("emit_apart", {"crash": "broken"}, "step-crashed"),
        ("eat_memory", {}, "step-crashed"),
        ("end_process", {}, "step-process-died"),
    ],
)
def test_what_goes_wrong_in_a_process_is_an_error_of_the_step(step: str, params: dict[str, Any], code: str) -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": f"{step}@1", "params": params}))

    assert run.error is not None
    assert run.error["code"] == code


def test_a_process_is_killed_when_its_run_is_cancelled() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a", "stepVersionId": "hang_apart@1"}))
    with carried(run):
        until(lambda: StepRun.objects.get().status == "running")
        engine.cancel(run_id=run.pk)

    run.refresh_from_db()
    assert run.status == PipelineRun.Status.CANCELLED


def test_looking_after_an_attempt_reads_no_other_rows_however_many_there_are() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a"}))
    claims = Conductor.of(run.pk).claim([Item("a")])
    building.many_step_runs(run)

    def look_after() -> None:
        store.renew(claims, 60_000)
        assert store.still_held(claims) == {claims[0].token}
        store.write_progress(claims[0], 3, 10)

    plans = plans_of(look_after)

    assert len(plans) == 3
    assert all("Index Scan" in plan and "Seq Scan" not in plan for plan in plans), plans
    assert StepRun.objects.get(node_key="a").progress_done == 3


class carried:  # noqa: N801 - reads as a phrase
    """Carries the run in a thread while the block lasts; the thread must end by itself soon after."""

    def __init__(self, run: PipelineRun) -> None:
        self._thread = threading.Thread(target=self._carry, args=(run.pk,))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _carry(self, run_id: Any) -> None:
        inline.carry(run_id, threads=0)
        connection.close()


def test_leases_are_renewed_whatever_went_wrong_with_another_attempt(settings: Any) -> None:
    settings.PIPELINE_LEASE_MS = 400
    run = engine.start_run(version=building.pipeline({"key": "a"}, {"key": "b"}))
    first, second = Conductor.of(run.pk).claim([Item("a"), Item("b")])
    told = threading.Event()

    def complain() -> None:
        told.set()
        raise RuntimeError("not now")

    with held(first, timeout_ms=None) as attempt, held(second, timeout_ms=None):
        attempt.when_gone(complain)
        StepRun.objects.filter(node_key="a").update(status="ready", lease_token=None, lease_expires_at=None)
        assert told.wait(20)
        lease = StepRun.objects.filter(node_key="b").values_list("lease_expires_at", flat=True)
        before = lease.get()
        until(lambda: lease.get() != before)
        before = lease.get()
        until(lambda: lease.get() != before)
