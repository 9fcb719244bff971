"""Results of equal earlier steps in place of running: when one counts as equal, and what is left behind."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.flags import Key, set_flag
from monitoring.models import TestRun
from pipelines import engine
from pipelines.executors import inline
from pipelines.models import PipelineRun, PipelineVersion, StepOutputLink, StepRun
from tests.factories import MetricDefinitionFactory, MetricProfileFactory, MetricProfileItemFactory
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS

CHAIN = ({"key": "a", "cache": True}, {"key": "b", "dependsOn": ["a"], "cache": True})
FAN_OUT = (
    {"key": "split", "stepVersionId": "listed@1", "params": {"count": 3}, "cache": True},
    {"key": "each", "stepVersionId": "picky@1", "dependsOn": ["split"], "forEach": "split.parts", "cache": True},
    {"key": "join", "dependsOn": ["each"], "cache": True},
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def example_steps(settings: Any, transactional_db: None, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def reused(run: PipelineRun) -> set[str]:
    return {str(row) for row in StepRun.objects.filter(pipeline_run=run, reused_from__isnull=False)}


def ran(run: PipelineRun) -> set[str]:
    """The rows that left an entry in the audit log: those that really ran here."""
    rows = TestRun.objects.filter(step_run__pipeline_run=run).select_related("step_run")
    return {str(row.step_run) for row in rows}


def test_without_cache_nothing_is_reused_and_no_key_is_kept() -> None:
    version = building.pipeline({"key": "a"})
    building.run(version)

    assert reused(building.run(version)) == set()
    assert not StepRun.objects.exclude(cache_key="").exists()


def test_an_equal_step_takes_the_earlier_result_and_leaves_nothing_in_the_audit_log() -> None:
    version = building.pipeline(*CHAIN)
    first = building.run(version, inputs={"n": 1})

    second = building.run(version, inputs={"n": 1})

    assert (second.status, reused(second), ran(second)) == ("completed", {"a", "b"}, set())
    assert ran(first) == {"a", "b"}
    for row in StepRun.objects.filter(pipeline_run=second):
        assert row.reused_from.pipeline_run == first
        assert row.reused_from.node_key == row.node_key
        assert row.ir_artifacts.get().ir_json == row.reused_from.ir_artifacts.get().ir_json
        assert row.ir_artifacts.get().attempt == row.attempt == 1


def test_a_step_without_an_equal_one_reads_what_it_sees_once() -> None:
    version = building.pipeline(
        {"key": "split", "stepVersionId": "listed@1"},
        {"key": "make", "stepVersionId": "make_module@1", "dependsOn": ["split"], "forEach": "split.parts"},
        {"key": "judge", "stepVersionId": "judge@1", "dependsOn": ["make"], "forEach": "make", "cache": True},
    )

    with CaptureQueriesContext(connection) as captured:
        run = building.run(version, design=PAGE)

    assert (run.status, reused(run)) == ("completed", set())
    reads = [query["sql"] for query in captured if 'FROM "pipelines_stepoutputlink"' in query["sql"]]
    assert len(reads) == StepRun.objects.filter(node_key="judge").count() == 2


def test_what_reuses_a_reused_result_names_the_step_that_really_ran() -> None:
    version = building.pipeline(*CHAIN)
    runs = [building.run(version) for _ in range(3)]

    origins = StepRun.objects.filter(pipeline_run=runs[2]).values_list("reused_from__pipeline_run", flat=True)
    assert set(origins) == {runs[0].pk}
    runs[0].delete()
    assert reused(building.run(version)) == {"a", "b"}


@pytest.mark.parametrize(
    "changed",
    [
        {"inputs": {"n": 2}},
        {"params": {"a": {"x": 1}}},
        {"design": PAGE},
    ],
    ids=["inputs", "params", "design"],
)
def test_whatever_a_step_sees_makes_it_another(changed: dict[str, Any]) -> None:
    version = building.pipeline({"key": "a", "cache": True})
    arguments = {"inputs": {"n": 1}, "params": {"a": {"x": 0}}}
    building.run(version, **arguments)

    assert reused(building.run(version, **{**arguments, **changed})) == set()
    assert reused(building.run(version, **{**arguments, **changed})) == {"a"}


def test_an_equal_parent_is_enough_whatever_lies_above_it() -> None:
    version = building.pipeline(*CHAIN)
    building.run(version, params={"a": {"ir": {"same": True}, "x": 1}})

    second = building.run(version, params={"a": {"ir": {"same": True}, "x": 2}})

    assert (reused(second), ran(second)) == ({"b"}, {"a"})


def test_another_version_of_the_step_is_another_step() -> None:
    building.run(building.pipeline({"key": "a", "cache": True}))
    older = building.steps()["emit"]
    older.step.versions.create(version=2, handler="emit")

    second = building.run(building.pipeline({"key": "a", "stepVersionId": "emit@2", "cache": True}))

    assert reused(second) == set()


def test_a_pipeline_of_another_name_finds_it_too() -> None:
    building.run(building.pipeline({"key": "a", "cache": True}))

    assert reused(building.run(building.pipeline({"key": "z", "cache": True}, key="other"))) == {"z"}


def test_items_are_reused_one_by_one() -> None:
    version = building.pipeline(*FAN_OUT)
    first = building.run(version, design=PAGE, params={"each": {"refuse": [1]}})
    assert first.status == "failed"

    second = building.run(version, design=PAGE, params={"each": {"refuse": [1]}})
    third = building.run(version, design=PAGE, params={"split": {"count": 4}, "each": {"refuse": [1]}})

    assert (reused(second), ran(second)) == ({"split", "each[0]", "each[2]"}, {"each[1]"})
    assert reused(third) == set()  # the parents' rows are others, and a step may ask for their ids


def test_links_and_metrics_come_along_and_conditions_see_them() -> None:
    profile = MetricProfileFactory(key="timing")
    MetricProfileItemFactory(profile=profile, metric=MetricDefinitionFactory(key="latency_ms"))
    split = {**FAN_OUT[0], "metricProfileId": "timing"}
    condition = "metrics.split.latency_ms >= 0.0 && size(ir.split.parts) == 3"
    version = building.pipeline(split, {"key": "seen", "dependsOn": ["split"], "condition": condition})
    first = building.run(version, design=PAGE)

    second = building.run(version, design=PAGE)

    assert building.statuses(second) == {"split": "completed", "seen": "completed"}
    assert reused(second) == {"split"}
    links = [targets(run) for run in (first, second)]
    assert links[0] == links[1]
    assert len(links[0]) == 3
    values = [MetricResult.objects.get(step_run__pipeline_run=run).value for run in (first, second)]
    assert values[0] == values[1]


def targets(run: PipelineRun) -> list[Any]:
    links = StepOutputLink.objects.filter(step_run__pipeline_run=run, step_run__node_key="split").order_by("id")
    return list(links.values_list("target_id", flat=True))


def test_a_result_that_is_measured_otherwise_is_not_reused() -> None:
    building.run(building.pipeline({"key": "a", "cache": True}))
    profile = MetricProfileFactory(key="timing")
    item = MetricProfileItemFactory(profile=profile, metric=MetricDefinitionFactory(key="latency_ms"), threshold=None)
    measured = building.pipeline({"key": "a", "cache": True, "metricProfileId": "timing"})

    assert reused(building.run(measured)) == set()
    assert reused(building.run(measured)) == {"a"}
    type(item).objects.update(threshold=5.0)
    assert reused(building.run(measured)) == set()


def test_a_result_that_was_not_checked_as_it_would_be_now_is_not_reused() -> None:
    version = building.pipeline({"key": "a", "cache": True, "params": {"ir": {"n": 1}}})
    building.run(version)
    building.contract("emit", {"type": "object", "required": ["title"]})
    set_flag(key=Key.IR_VALIDATION_MODE, value="log", reason="test")
    assert reused(building.run(version)) == set()
    assert reused(building.run(version)) == {"a"}

    set_flag(key=Key.IR_VALIDATION_MODE, value="enforce", reason="test")
    strict = building.run(version)

    assert (strict.status, strict.error["code"]) == ("failed", "ir-invalid")


def test_a_failure_is_never_reused() -> None:
    version = building.pipeline({"key": "a", "cache": True})
    building.run(version, params={"a": {"refuse": "no"}})

    second = building.run(version, params={"a": {"refuse": "no"}})

    assert (second.status, ran(second)) == ("failed", {"a"})


def test_a_pruned_result_is_not_reused() -> None:
    version = building.pipeline({"key": "a", "cache": True})
    building.run(version)
    prune()

    assert reused(building.run(version)) == set()


@pytest.mark.parametrize("way", ["pruned", "deleted"])
def test_a_result_that_goes_while_it_is_being_reused_is_made_anew(way: str) -> None:
    version = building.pipeline({"key": "a", "cache": True})
    first = building.run(version)
    second = engine.start_run(version=version)
    gone: list[str] = []

    def take_away(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if "pipelines_carry_on" in sql and '"settles"' in params[0].obj and not gone:
            gone.append(way)
            elsewhere(first.delete if way == "deleted" else prune)
        return execute(sql, params, *rest)

    with connection.execute_wrapper(take_away):
        second = inline.carry(second.pk, threads=0)

    assert gone == [way]
    assert (second.status, reused(second), ran(second)) == ("completed", set(), {"a"})


def test_a_node_that_is_named_to_run_again_does() -> None:
    version = building.pipeline(*CHAIN)
    first = building.run(version)

    second = inline.carry(engine.rerun(run_id=first.pk, from_nodes=["a"]).pk, threads=0)

    assert (reused(second), ran(second)) == ({"b"}, {"a"})


def prune() -> None:
    IRArtifact.objects.update(ir_json=None, pruned_at=timezone.now())


def elsewhere(work: Callable[[], Any]) -> None:
    """Do it on a connection of its own, as another process would."""

    def alone() -> None:
        work()
        connection.close()

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join()


def test_workers_reuse_as_one_process_does(settings: Any) -> None:
    version = building.pipeline(*FAN_OUT)
    first = building.run(version, design=PAGE)
    settings.PIPELINE_EXECUTOR = "distributed"
    second = engine.start_run(version=version, design=PAGE)

    call_command("worker", once=True, concurrency=2)

    second.refresh_from_db()
    assert (second.status, ran(second)) == ("completed", set())
    assert reused(second) == {"split", "each[0]", "each[1]", "each[2]", "join"}
    assert irs(second) == irs(first)


def irs(run: PipelineRun) -> list[Any]:
    artifacts = IRArtifact.objects.filter(step_run__pipeline_run=run)
    return list(artifacts.order_by("step_run__node_key", "step_run__map_index").values_list("ir_json", flat=True))


def test_a_node_without_cache_costs_no_query_more() -> None:
    plain, cached = building.pipeline({"key": "a"}), building.pipeline({"key": "a", "cache": True}, key="cached")
    for version in (plain, cached):
        building.run(version)

    assert statements(plain) == []
    assert len(statements(cached)) == 3  # it is looked for, noted and found by


def statements(version: PipelineVersion) -> list[str]:
    """Those that have to do with reuse, of one run."""
    with CaptureQueriesContext(connection) as captured:
        building.run(version)
    words = ('"cache_key" =', "KEY SHARE")
    return [query["sql"] for query in captured.captured_queries if any(word in query["sql"] for word in words)]
