"""manage.py evaluate: a pipeline over a set of ground truth, and two of its versions item by item."""

import json
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from feedback import ground_truth
from metrics.models import MetricResult
from monitoring.models import TestResult
from pipelines.models import PipelineRun
from tests.factories import GroundTruthSetFactory
from tests.pipelines.building import PAGE, pipeline, run
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.truths import RIGHT, truths

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = HANDLERS


def version(ir: Any, **params: Any) -> Any:
    return pipeline({"key": "first", "params": {"ir": ir, **params}})


def told(**options: Any) -> Any:
    out = StringIO()
    call_command("evaluate", set_key="home", stdout=out, stderr=StringIO(), **options)
    return json.loads(out.getvalue()) if options.get("json") else out.getvalue()


def test_a_version_is_scored_on_every_answer_and_the_scores_are_kept() -> None:
    version(RIGHT)
    truths(2)

    report = told(pipeline="example", json=True)

    assert report["means"] == {"truth_json_exact": 1, "truth_json_similarity": 1, "truth_text_f1": 1}
    kept = MetricResult.objects.filter(metric__key="truth_json_exact")
    assert [str(row.step_run_id) for row in kept.order_by("pk")] == [item["stepRunId"] for item in report["items"]]
    checks = TestResult.objects.filter(name="Ground truth")
    assert {(check.status, check.details["setKey"]) for check in checks} == {("passed", "home")}
    assert checks.count() == 2
    assert {str(each) for each in PipelineRun.objects.values_list("run_group_id", flat=True)} == {report["runGroupId"]}


def test_a_worse_version_is_called_worse_with_the_items_that_changed() -> None:
    version(RIGHT)
    version({"title": "Wrong"})
    truths(8)

    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(
            "evaluate", set_key="home", pipeline="example@2", against=1, json=True, stdout=out, stderr=StringIO()
        )

    report = json.loads(out.getvalue())
    assert ended.value.code == 1
    exact = report["metrics"]["truth_json_exact"]
    assert (exact["outcome"], exact["worsened"], exact["improved"], exact["meanChange"]) == ("worse", 8, 0, -1)
    assert exact["p"] == pytest.approx(2 / 2**8)
    assert {change["new"] for change in report["changes"]} == {0}
    better = told(pipeline="example@1", against=2)
    assert "example@1 on 8 answers, 0 without an output" in better
    assert "truth_json_exact         1.000  better: +1.000" in better
    assert "Answers that changed: 8" in better


def test_too_few_items_are_no_verdict() -> None:
    version(RIGHT)
    version({"title": "Wrong"})
    truths(2)

    assert "can't tell: -1.000" in told(pipeline="example@2", against=1)
    assert "the same: +0.000" in told(pipeline="example@1", against=1)


def test_a_run_that_fails_scores_nothing() -> None:
    version(RIGHT, refuse="No.")
    truths(1)

    said = told(pipeline="example")

    assert "1 without an output" in said
    assert "truth_json_exact         0.000" in said
    assert not MetricResult.objects.exists()


def test_the_design_is_that_of_the_answer() -> None:
    run(version(RIGHT), design=PAGE)
    truth = ground_truth.add_version(scope="first", reference_id=PAGE.sha256, data=RIGHT, provenance={})
    ground_truth.put_into_set(truth_set=GroundTruthSetFactory(key="home"), truths=[truth])

    item = told(pipeline="example", json=True)["items"][0]

    assert PipelineRun.objects.get(pk=item["runId"]).design_split.sha256 == PAGE.sha256


def test_what_cannot_be_evaluated_is_said(settings: LazySettings) -> None:
    version(RIGHT)
    with pytest.raises(CommandError, match="There is no set 'home'"):
        told(pipeline="example")
    empty = GroundTruthSetFactory(key="home")
    with pytest.raises(CommandError, match="is empty"):
        told(pipeline="example")
    gone = ground_truth.add_version(scope="first", reference_id="gone", data=RIGHT, provenance={})
    ground_truth.put_into_set(truth_set=empty, truths=[gone])
    with pytest.raises(CommandError, match="inputs of 1 answers are not in this database: first gone v1"):
        told(pipeline="example")
    with pytest.raises(CommandError, match="has no version 9"):
        told(pipeline="example", against=9)
    settings.REVIEW_ENABLED = False
    with pytest.raises(CommandError, match="REVIEW_ENABLED is off"):
        told(pipeline="example")
    assert not PipelineRun.objects.exists()
