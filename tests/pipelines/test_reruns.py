"""Running again: what is reused, what runs anew, and that each run is whole by itself."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.problems import InvalidInput
from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from pipelines import engine
from pipelines.errors import IdempotencyConflict, LoggingDisabled, NothingToRerun, RunUnfinished
from pipelines.executors import inline
from pipelines.models import PipelineRun, StepOutputLink, StepRun
from tests.factories import MetricDefinitionFactory, MetricProfileFactory, MetricProfileItemFactory, UserFactory
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.test_lifecycle import DESIGN_NODES

pytestmark = pytest.mark.django_db

CHAIN = ({"key": "a"}, {"key": "b", "dependsOn": ["a"]}, {"key": "c", "dependsOn": ["b"]}, {"key": "other"})
FAN_OUT = (
    {"key": "split", "stepVersionId": "listed@1", "params": {"count": 3}},
    {"key": "each", "stepVersionId": "picky@1", "dependsOn": ["split"], "forEach": "split.parts"},
    {"key": "join", "dependsOn": ["each"]},
)


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def again(run: PipelineRun, **arguments: Any) -> PipelineRun:
    return inline.carry(engine.rerun(run_id=run.pk, **arguments).pk, threads=0)


def reused(run: PipelineRun) -> set[str]:
    return {str(row) for row in StepRun.objects.filter(pipeline_run=run, reused_from__isnull=False)}


def ran(run: PipelineRun) -> set[str]:
    """The rows that left an entry in the audit log: those that really ran here."""
    rows = TestRun.objects.filter(step_run__pipeline_run=run).select_related("step_run")
    return {str(row.step_run) for row in rows}


def upstream(run: PipelineRun, node_key: str) -> Any:
    return IRArtifact.objects.get(step_run__pipeline_run=run, step_run__node_key=node_key).ir_json["upstream"]


def test_from_what_failed_the_failed_and_what_lies_below_run_again() -> None:
    first = building.run(building.pipeline(*CHAIN), params={"b": {"refuse": "no"}})
    assert building.statuses(first) == {"a": "completed", "b": "failed", "c": "skipped", "other": "completed"}

    second = again(first, params={"b": {"refuse": "still no"}})

    assert second.status == "failed"
    assert reused(second) == {"a", "other"}
    assert ran(second) == {"b"}
    assert second.error is not None
    assert second.error["message"] == "still no"


def test_the_rerun_keeps_what_the_run_was_made_of() -> None:
    user = UserFactory()
    first = building.run(building.pipeline(*CHAIN), inputs={"n": 1}, design=PAGE, params={"b": {"refuse": "no"}})
    building.pipeline({"key": "a"})

    second = engine.rerun(run_id=first.pk, started_by=user)

    assert second.rerun_of == first
    assert (second.pipeline_version, second.dag) == (first.pipeline_version, first.dag)
    assert (second.inputs, second.params) == ({"n": 1}, {"b": {"refuse": "no"}})
    assert (second.design_split, second.run_group_id) == (first.design_split, first.run_group_id)
    assert second.started_by == user
    assert second.design_split.status == "processing"


def test_a_reused_result_is_copied_whole_so_that_the_earlier_run_can_go() -> None:
    profile = MetricProfileFactory(key="timing")
    MetricProfileItemFactory(profile=profile, metric=MetricDefinitionFactory(key="latency_ms"))
    nodes = ({**DESIGN_NODES[0], "metricProfileId": "timing"}, *DESIGN_NODES[1:])
    first = building.run(building.pipeline(*nodes), design=PAGE, params={"judge": {"crash": "x"}})

    second = again(first, from_nodes=["judge"])

    assert reused(second) == {"split", "make[0]", "make[1]"}
    for row in StepRun.objects.filter(pipeline_run=second, reused_from__isnull=False):
        origin = row.reused_from
        ours, theirs = row.ir_artifacts.get(), origin.ir_artifacts.get()
        assert (ours.ir_json, ours.content_hash, ours.outcome) == (theirs.ir_json, theirs.content_hash, theirs.outcome)
        assert targets(row) == targets(origin)
        assert values(row) == values(origin)
    PipelineRun.objects.filter(pk=second.pk).update(rerun_of=None)
    first.delete()
    assert building.statuses(second) == building.statuses(second) | {"split": "completed", "judge[1]": "completed"}
    assert IRArtifact.objects.filter(step_run__pipeline_run=second).count() == 5


def targets(row: StepRun) -> list[tuple[str, Any]]:
    return list(StepOutputLink.objects.filter(step_run=row).order_by("id").values_list("target_type", "target_id"))


def values(row: StepRun) -> list[tuple[str, float]]:
    return list(MetricResult.objects.filter(step_run=row).values_list("metric__key", "value"))


def test_a_rerun_of_a_rerun_names_the_row_that_really_ran() -> None:
    first = building.run(building.pipeline(*CHAIN))
    second = again(first, from_nodes=["c"])
    third = again(second, from_nodes=["c"])

    origins = StepRun.objects.filter(pipeline_run=third, reused_from__isnull=False)
    assert {row.reused_from.pipeline_run_id for row in origins} == {first.pk}
    assert third.rerun_of == second


def test_named_nodes_and_all_below_them_run_again() -> None:
    first = building.run(building.pipeline(*CHAIN))

    second = again(first, from_nodes=["b"])

    assert (second.status, second.rerun_from) == ("completed", ["b"])
    assert reused(second) == {"a", "other"}
    assert ran(second) == {"b", "c"}
    assert upstream(second, "b") == upstream(first, "b")


def test_a_node_with_other_params_runs_again_though_it_is_not_named() -> None:
    first = building.run(building.pipeline(*CHAIN), params={"b": {"x": 1, "y": 1}})

    second = again(first, params={"b": {"y": 2}})

    assert second.params == {"b": {"x": 1, "y": 2}}
    assert ran(second) == {"b", "c"}
    assert upstream(second, "c")["b"]["params"] == {"x": 1, "y": 2}


def test_true_is_another_parameter_than_1() -> None:
    first = building.run(building.pipeline(*CHAIN), params={"b": {"x": 1}})

    second = again(first, params={"b": {"x": True}})

    assert ran(second) == {"b", "c"}
    assert upstream(second, "c")["b"]["params"] == {"x": True}


def test_of_a_fan_out_only_the_failed_items_run_again() -> None:
    first = building.run(building.pipeline(*FAN_OUT), design=PAGE, params={"each": {"refuse": [1]}})
    assert building.statuses(first)["each[1]"] == "failed"

    second = again(first, params={})
    assert building.statuses(second)["each[1]"] == "failed"
    third = again(first, params={"each": {"refuse": []}})

    assert reused(second) == {"split", "each[0]", "each[2]"}
    assert ran(second) == {"each[1]"}
    assert third.status == "completed"
    assert ran(third) == {"each[0]", "each[1]", "each[2]", "join"}


@pytest.mark.parametrize("limit", [None, 1])
def test_failed_items_keep_to_the_limit_of_their_group(limit: int | None) -> None:
    nodes = (FAN_OUT[0], {**FAN_OUT[1], "parallelGroup": "g"}, FAN_OUT[2])
    version = building.pipeline(*nodes, parallelGroups={"g": {"limit": limit}})
    first = building.run(version, design=PAGE, params={"each": {"refuse": [0, 2]}})

    second = engine.rerun(run_id=first.pk)

    assert StepRun.objects.filter(pipeline_run=second, status="ready").count() == (limit or 2)
    assert building.statuses(inline.carry(second.pk, threads=0))["each[2]"] == "failed"
    assert ran(second) == {"each[0]", "each[2]"}


def test_a_named_fan_out_is_counted_anew() -> None:
    first = building.run(building.pipeline(*FAN_OUT), design=PAGE)

    second = again(first, from_nodes=["each"])

    assert ran(second) == {"each[0]", "each[1]", "each[2]", "join"}
    assert reused(second) == {"split"}


def test_a_cancelled_run_goes_on_where_it_was() -> None:
    run = engine.start_run(version=building.pipeline(*CHAIN))
    engine.cancel(run_id=run.pk)

    second = again(run)

    assert second.status == "completed"
    assert ran(second) == {"a", "b", "c", "other"}


def test_what_was_not_wanted_stays_so_and_what_lies_below_is_decided_anew() -> None:
    version = building.pipeline(
        {"key": "a", "params": {"ir": {"n": 1}}},
        {"key": "never", "dependsOn": ["a"], "condition": "ir.a.n > 3"},
        {"key": "b"},
    )
    first = building.run(version)

    beside = again(first, from_nodes=["b"])
    below = again(first, params={"a": {"ir": {"n": 5}}})

    assert building.statuses(beside) == {"a": "completed", "never": "skipped", "b": "completed"}
    assert StepRun.objects.get(pipeline_run=beside, node_key="never").reason_code == "condition_false"
    assert building.statuses(below) == {"a": "completed", "never": "completed", "b": "completed"}
    assert reused(below) == {"b"}


def test_what_has_lost_its_body_runs_again() -> None:
    first = building.run(building.pipeline(*CHAIN))
    IRArtifact.objects.filter(step_run__node_key="b").update(ir_json=None, pruned_at=timezone.now())

    second = again(first, from_nodes=["other"])

    assert reused(second) == {"a"}
    assert ran(second) == {"b", "c", "other"}


def test_an_empty_fan_out_is_kept() -> None:
    first = building.run(building.pipeline(FAN_OUT[0], FAN_OUT[1], FAN_OUT[2]), params={"split": {"count": 0}})

    second = again(first, from_nodes=["join"])

    assert building.statuses(second) == {"split": "completed", "each": "completed", "join": "completed"}
    assert upstream(second, "join") == {"each": []}


def test_a_run_that_goes_on_cannot_be_run_again() -> None:
    run = engine.start_run(version=building.pipeline(*CHAIN))

    with pytest.raises(RunUnfinished, match="has not ended"):
        engine.rerun(run_id=run.pk)


def test_where_nothing_failed_a_node_must_be_named() -> None:
    run = building.run(building.pipeline(*CHAIN))

    with pytest.raises(NothingToRerun, match="Name the nodes"):
        engine.rerun(run_id=run.pk)
    assert PipelineRun.objects.count() == 1


def test_a_run_that_never_began_cannot_be_run_again() -> None:
    version = building.pipeline(*CHAIN)
    run = engine.record_refusal(version=version, error={"code": "x", "message": "no page"}, inputs={})

    with pytest.raises(NothingToRerun, match="before its first step"):
        engine.rerun(run_id=run.pk, from_nodes=["a"])


@pytest.mark.parametrize(
    "arguments", [{"from_nodes": ["nope"]}, {"from_nodes": []}, {"params": {"nope": {}}}, {"params": {"a": 1}}]
)
def test_what_names_no_node_is_refused(arguments: dict[str, Any]) -> None:
    run = building.run(building.pipeline(*CHAIN))

    with pytest.raises(InvalidInput):
        engine.rerun(run_id=run.pk, **arguments)
    assert PipelineRun.objects.count() == 1


def test_with_the_flag_off_nothing_runs_again() -> None:
    run = building.run(building.pipeline(*CHAIN))
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")

    with pytest.raises(LoggingDisabled):
        engine.rerun(run_id=run.pk, from_nodes=["a"])


def test_one_key_stands_for_one_rerun() -> None:
    run = building.run(building.pipeline(*CHAIN), idempotency_key="start")

    second = engine.rerun(run_id=run.pk, from_nodes=["b"], idempotency_key="k")

    assert engine.rerun(run_id=run.pk, from_nodes=["b"], idempotency_key="k") == second
    for other in ({"from_nodes": ["c"]}, {"from_nodes": ["b"], "params": {"b": {"x": 1}}}):
        with pytest.raises(IdempotencyConflict):
            engine.rerun(run_id=run.pk, idempotency_key="k", **other)
    with pytest.raises(IdempotencyConflict, match=f"is no rerun of run {run.pk}"):
        engine.rerun(run_id=run.pk, from_nodes=["b"], idempotency_key="start")
    with pytest.raises(IdempotencyConflict, match=f"is a rerun of run {run.pk}"):
        engine.start_run(version=run.pipeline_version, idempotency_key="k")


def test_reuse_costs_the_same_however_much_is_reused(media: Path) -> None:
    costs = []
    for count in (2, 40):
        params = {"split": {"count": count}, "each": {"refuse": []}}
        first = building.run(building.pipeline(*FAN_OUT), design=PAGE, params=params)
        with CaptureQueriesContext(connection) as captured:
            engine.rerun(run_id=first.pk, from_nodes=["join"])
        costs.append(len(captured))

    assert costs[0] == costs[1]


@pytest.mark.django_db(transaction=True)
def test_two_who_rerun_with_one_key_at_once_get_one_run() -> None:
    first = building.run(building.pipeline(*CHAIN))
    start = threading.Barrier(2)
    runs = []

    def begin() -> None:
        start.wait()
        runs.append(engine.rerun(run_id=first.pk, from_nodes=["b"], idempotency_key="k"))
        connection.close()

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(runs) == 2
    assert len({run.pk for run in runs}) == 1
    assert PipelineRun.objects.count() == 2
