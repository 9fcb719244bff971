"""What a step leaves behind: all of its records, or none."""

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ir_schemas.models import IRArtifact
from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem, MetricResult
from monitoring.flags import Key, Who, add_rule, set_flag
from monitoring.models import TestResult, TestRun
from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.errors import LoggingDisabled
from pipelines.executors import inline
from pipelines.models import (
    DesignSplit,
    GeneratedArtifact,
    ModuleTemplate,
    PipelineRun,
    SplitAsset,
    StepOutputLink,
    StepRun,
    ValidationResult,
)
from pipelines.scheduling import Item
from pipelines.steps.contract import StepResult
from tests.factories import UserFactory
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db

DESIGN_NODES = (
    {"key": "split", "stepVersionId": "listed@1"},
    {"key": "make", "stepVersionId": "make_module@1", "dependsOn": ["split"], "forEach": "split.parts"},
    {"key": "judge", "stepVersionId": "judge@1", "dependsOn": ["make"], "forEach": "make"},
)


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def domain_rows() -> int:
    models = (SplitAsset, ModuleTemplate, GeneratedArtifact, ValidationResult, StepOutputLink)
    return sum(model.objects.count() for model in models)


def test_a_completed_run_leaves_every_record(media: Path) -> None:
    run = building.run(building.pipeline(*DESIGN_NODES), design=PAGE)

    assert run.status == PipelineRun.Status.COMPLETED
    assert building.statuses(run) == dict.fromkeys(["split", "make[0]", "make[1]", "judge[0]", "judge[1]"], "completed")
    assert IRArtifact.objects.count() == 5
    assert [asset.meta for asset in SplitAsset.objects.order_by("order")] == [
        {"key": "part0", "n": 0},
        {"key": "part1", "n": 1},
    ]
    artifacts = GeneratedArtifact.objects.order_by("id")
    assert [artifact.module.name for artifact in artifacts if artifact.module] == ["module0", "module1"]
    judged = ValidationResult.objects.order_by("id").values_list("artifact_id", flat=True)
    assert list(judged) == [artifact.pk for artifact in artifacts]
    assert StepOutputLink.objects.count() == 2 + 2 * 2 + 2
    folder = f"runs/{run.pk}"
    assert files_below(media) == {
        f"designs/{run.design_split_id}.zip",
        f"{folder}/split/parts/0.txt",
        f"{folder}/split/parts/1.txt",
        f"{folder}/make/0000/module0.module/module.html",
        f"{folder}/make/0001/module1.module/module.html",
    }


def test_the_design_gets_a_small_summary() -> None:
    run = building.run(building.pipeline(*DESIGN_NODES), design=PAGE)

    design = DesignSplit.objects.get()
    assert design.status == DesignSplit.Status.COMPLETED
    assert design.metrics["runId"] == str(run.pk)
    assert design.metrics["quality"] == {"scores": {"html": 95.0, "seo": None}, "overall": 95.0, "grade": "A"}


def test_the_audit_log_mirrors_each_step() -> None:
    building.run(building.pipeline(*DESIGN_NODES), design=PAGE)

    assert sorted(TestRun.objects.values_list("type", "status")) == [("ai", "passed")] * 3 + [("quality", "passed")] * 2
    assert set(TestResult.objects.filter(test_run__type="ai").values_list("name", "status")) == {
        ("Prompt IO", "passed"),
        ("IR Validation", "skipped"),
        ("Safety/Policy", "passed"),
    }
    assert set(TestResult.objects.filter(test_run__type="quality").values_list("name", "status")) == {
        ("html", "passed"),
        ("IR Validation", "skipped"),
        ("Safety/Policy", "passed"),
    }


def test_what_readers_sum_on_stands_in_columns() -> None:
    building.contract("emit", {"type": "object", "required": ["answer"]})
    run = building.run(building.pipeline({"key": "a", "params": {"usage": True, "ir": {"grade": 1, "scores": [2]}}}))
    building.run(building.pipeline(*DESIGN_NODES), design=PAGE)

    ai = TestRun.objects.filter(pipeline=run.pipeline_id, tokens_in__isnull=False).get()
    assert (ai.tokens_in, ai.tokens_out, ai.cost_usd) == (3, None, Decimal("0.5"))
    assert (ai.validation_passed, ai.error_count) == (False, 1)
    assert (ai.grade, ai.score_overall, ai.source) == ("", None, TestRun.Source.ENGINE)
    assert ai.latency_ms is not None
    quality = TestRun.objects.filter(type=TestRun.Type.QUALITY)
    assert set(quality.values_list("score_overall", "score_html", "score_seo", "grade")) == {(95.0, 95.0, None, "A")}
    assert set(quality.values_list("validation_passed", "error_count")) == {(None, None)}


def test_a_refusal_fails_the_run_with_its_own_words() -> None:
    run = building.run(building.pipeline({"key": "a", "params": {"refuse": "Give me a page."}}))

    assert run.status == PipelineRun.Status.FAILED
    assert run.error == {
        "code": "example-refused",
        "message": "Give me a page.",
        "nodeKey": "a",
        "mapIndex": None,
    }
    assert TestRun.objects.get().status == TestRun.Status.ERROR


def test_the_audit_log_keeps_what_a_step_says_redacted() -> None:
    run = building.run(building.pipeline({"key": "a", "params": {"refuse": "No page at jane@example.com."}}))

    assert run.error is not None
    assert "jane@example.com" in run.error["message"]
    assert "jane@example.com" not in str(TestRun.objects.get().summary)
    safety = TestResult.objects.get(name="Safety/Policy")
    assert (safety.status, safety.details["redaction"]["counts"]) == ("warning", {"email": 1})


@pytest.mark.parametrize("ir", [2, "its scores", None, True, [{"scores": 1}]])
def test_an_ir_that_is_no_object_fails_the_step(ir: Any) -> None:
    run = building.run(building.pipeline({"key": "a", "params": {"ir": ir}}))

    assert run.status == "failed"
    assert run.error is not None
    assert (run.error["code"], "is a JSON object" in run.error["message"]) == ("ir-not-an-object", True)


def test_a_step_that_returns_something_else_fails_with_what_it_should(settings: Any) -> None:
    settings.PIPELINE_STEPS = {**HANDLERS, "emit": "builtins.repr"}

    run = building.run(building.pipeline({"key": "a"}))

    assert run.error is not None
    assert (run.error["code"], "returned str" in run.error["message"]) == ("result-invalid", True)


def test_a_crash_is_worded_without_a_traceback() -> None:
    run = building.run(building.pipeline({"key": "a", "params": {"crash": "boom\nsecret second line"}}))

    assert run.error is not None
    assert run.error["code"] == "step-crashed"
    assert "RuntimeError: boom" in run.error["message"]
    assert "second line" not in run.error["message"]


def test_a_step_whose_code_is_not_here_is_left_for_a_process_that_has_it(settings: Any) -> None:
    version = building.pipeline({"key": "a"})
    settings.PIPELINE_STEPS = {}

    run = building.run(version)

    assert run.status == PipelineRun.Status.RUNNING
    assert building.statuses(run) == {"a": "ready"}

    settings.PIPELINE_STEPS = HANDLERS
    assert inline.carry(run.pk, threads=0).status == PipelineRun.Status.COMPLETED


def test_code_that_cannot_be_imported_fails_the_step(settings: Any) -> None:
    settings.PIPELINE_STEPS = {"emit": "tests.pipelines.no_such_module.emit"}

    run = building.run(building.pipeline({"key": "a"}))

    assert run.error is not None
    assert run.error["code"] == "step-code-missing"
    assert "no_such_module" in run.error["message"]


@pytest.mark.parametrize(
    ("mode", "status", "links"), [("off", "completed", 2), ("log", "completed", 2), ("enforce", "failed", 0)]
)
def test_the_mode_decides_what_an_invalid_ir_does(mode: str, status: str, links: int, media: Path) -> None:
    building.contract("listed", {"type": "object", "required": ["parts", "title"]})
    set_flag(key=Key.IR_VALIDATION_MODE, value=mode, reason="test")

    run = building.run(building.pipeline(DESIGN_NODES[0]), design=PAGE)

    assert run.status == status
    assert StepOutputLink.objects.count() == links
    assert len([name for name in files_below(media) if name.startswith("runs/")]) == links
    artifact = IRArtifact.objects.get()
    assert artifact.is_valid is (None if mode == "off" else False)
    assert artifact.error_count == (0 if mode == "off" else 1)
    if mode == "enforce":
        assert run.error is not None
        assert run.error["code"] == "ir-invalid"
        assert "title" in run.error["message"]


def test_a_pipeline_can_enforce_before_the_installation_does() -> None:
    building.contract("emit", {"type": "object", "required": ["title"]})
    version = building.pipeline({"key": "a", "params": {"ir": {}}})
    version.pipeline.ir_validation_mode = "enforce"
    version.pipeline.save()

    assert building.run(version).status == PipelineRun.Status.FAILED


def test_a_rule_gives_a_pipeline_or_a_user_a_mode_of_its_own() -> None:
    building.contract("emit", {"type": "object", "required": ["title"]})
    node = {"key": "a", "params": {"ir": {}}}
    strict, usual = building.pipeline(node, key="strict"), building.pipeline(node, key="usual")
    ada = UserFactory()
    mode = Key.IR_VALIDATION_MODE
    add_rule(key=mode, who=Who.PIPELINE, target=strict.pipeline, value="enforce", reason="test")
    add_rule(key=mode, who=Who.USER, target=ada, value="enforce", reason="test")

    assert building.run(strict).status == PipelineRun.Status.FAILED
    assert building.run(usual).status == PipelineRun.Status.COMPLETED
    assert building.run(usual, started_by=ada).status == PipelineRun.Status.FAILED


@pytest.mark.parametrize(("percentage", "status"), [(0, "completed"), (100, "failed")])
def test_a_percentage_of_runs_can_be_strict(percentage: int, status: str) -> None:
    building.contract("emit", {"type": "object", "required": ["title"]})
    mode, share = Key.IR_VALIDATION_MODE, Decimal(percentage)
    add_rule(key=mode, who=Who.PERCENTAGE, target=share, value="enforce", reason="test")

    assert building.run(building.pipeline({"key": "a", "params": {"ir": {}}})).status == status


def test_one_pipeline_may_run_before_the_others() -> None:
    first, other = (building.pipeline({"key": "a"}, key=key) for key in ("first", "other"))
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")
    add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.PIPELINE, target=first.pipeline, value="on", reason="test")

    assert engine.start_run(version=first).pipeline == first.pipeline
    with pytest.raises(LoggingDisabled):
        engine.start_run(version=other)


def test_a_valid_ir_names_the_schema_that_judged_it() -> None:
    schema = building.contract("emit", {"type": "object", "required": ["title"]})
    set_flag(key=Key.IR_VALIDATION_MODE, value="enforce", reason="test")

    building.run(building.pipeline({"key": "a", "params": {"ir": {"title": "x"}}}))

    artifact = IRArtifact.objects.get()
    assert (artifact.outcome, artifact.schema, artifact.validation_mode) == ("valid", schema, "enforce")
    assert artifact.engine


@pytest.mark.parametrize("ir", [{"text": "a\x00b"}, {"number": float("nan")}, {"text": "\ud800"}])
def test_an_ir_that_postgresql_cannot_keep_fails_the_step(ir: dict[str, Any], settings: Any) -> None:
    settings.PIPELINE_STEPS = {"emit": "tests.pipelines.test_lifecycle.hand_over_unstorable"}
    UNSTORABLE["ir"] = ir

    run = building.run(building.pipeline({"key": "a"}))

    assert run.error is not None
    assert "cannot be stored" in run.error["message"]
    assert not IRArtifact.objects.exists()


UNSTORABLE: dict[str, Any] = {}


def hand_over_unstorable(context: Any) -> Any:
    return StepResult(ir=UNSTORABLE["ir"])


def test_outputs_that_the_database_refuses_leave_nothing_half_written(media: Path) -> None:
    nodes = (DESIGN_NODES[0], {**DESIGN_NODES[1], "params": {"badKind": True}})

    run = building.run(building.pipeline(*nodes), design=PAGE)

    assert run.status == PipelineRun.Status.FAILED
    assert run.error is not None
    assert run.error["code"] == "output-unstorable"
    assert ModuleTemplate.objects.count() == GeneratedArtifact.objects.count() == 0
    assert IRArtifact.objects.count() == 1
    assert not any("module" in name for name in files_below(media))


def test_a_result_whose_lease_was_lost_is_discarded_whole(media: Path) -> None:
    run = engine.start_run(version=building.pipeline(DESIGN_NODES[0]), design=PAGE)
    slow = Conductor.of(run.pk)
    [late] = slow.claim([Item("split")])
    StepRun.objects.update(status="ready", lease_token=None, lease_expires_at=None)
    quick = Conductor.of(run.pk)
    [again] = quick.claim([Item("split")])

    settled = lifecycle.execute(slow, late, claim_next=1)

    assert (settled.accepted, settled.claims) == (False, [])
    assert domain_rows() == IRArtifact.objects.count() == TestRun.objects.count() == 0
    assert not any(name.startswith("runs/") for name in files_below(media))

    assert lifecycle.execute(quick, again).accepted
    run.refresh_from_db()
    assert run.status == PipelineRun.Status.COMPLETED
    assert IRArtifact.objects.get().attempt == 2
    assert StepOutputLink.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_who_claim_at_once_one_gets_the_step() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a"}))
    start = threading.Barrier(8)
    claims = []

    def claim() -> None:
        conductor = Conductor.of(run.pk)
        start.wait()
        claims.extend(conductor.claim([Item("a")]))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claims) == 1
    assert StepRun.objects.get().attempt == 1


def test_metrics_are_measured_by_the_nodes_profile() -> None:
    profile = MetricProfile.objects.create(key="example_profile", name="Example")
    for key, direction, threshold in (
        ("tokens_in", "lower", 2.0),
        ("total_cost_usd", "lower", 0.5),
        ("tokens_out", "lower", 1.0),
        ("latency_ms", "lower", None),
        ("split_coverage", "higher", 0.9),
    ):
        metric = MetricDefinition.objects.create(key=key, name=key, direction=direction)
        MetricProfileItem.objects.create(profile=profile, metric=metric, threshold=threshold)

    building.run(building.pipeline({"key": "a", "metricProfileId": "example_profile", "params": {"usage": True}}))

    found = {result.metric.key: result for result in MetricResult.objects.select_related("metric")}
    assert {key: (result.value, result.passed) for key, result in found.items() if key != "latency_ms"} == {
        "tokens_in": (3.0, False),
        "total_cost_usd": (0.5, True),
        "tokens_out": (None, None),
        "split_coverage": (None, None),
    }
    assert found["latency_ms"].value is not None
    assert found["latency_ms"].passed is None
    assert found["split_coverage"].details["reason"]
