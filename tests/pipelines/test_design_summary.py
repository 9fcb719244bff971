"""The summary that a run leaves on its design, whatever its steps have handed over."""

from typing import Any

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem, MetricResult
from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.executors import sweeper
from pipelines.models import DesignSplit, PipelineRun, StepRun
from pipelines.scheduling import Item
from tests.factories import UserFactory
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db

GOOD = {"scores": {"html": 90}, "overall": 90.0, "grade": "A"}
ODD = [
    {"scores": [1], "overall": "good", "grade": "B"},
    {"scores": None, "overall": None, "grade": None},
    {"scores": {"html": "fine", "seo": [1], "hubspot": True}, "overall": {}, "grade": 1},
    {"scores": {"html": 1e308, "seo": -1}, "overall": 1e308, "grade": "A"},
    {"scores": "html", "overall": [90], "grade": []},
]


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def half_done(odd: dict[str, Any], **node: Any) -> PipelineRun:
    """A run whose first step has handed over the odd IR, and whose second is still to come."""
    run = engine.start_run(
        version=building.pipeline({"key": "a", "params": {"ir": odd}}, {"key": "b", **node}), design=PAGE
    )
    conductor = Conductor.of(run.pk)
    [claim] = conductor.claim([Item("a")])
    assert lifecycle.execute(conductor, claim).accepted
    return run


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_judgement_does_not_keep_a_run_from_its_end(odd: dict[str, Any]) -> None:
    run = building.run(building.pipeline({"key": "a", "params": {"ir": odd}}), design=PAGE)

    assert run.status == PipelineRun.Status.COMPLETED
    design = DesignSplit.objects.get()
    assert (design.status, "quality" in design.metrics) == (DesignSplit.Status.COMPLETED, False)


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_judgement_is_left_out_of_the_others_means(odd: dict[str, Any]) -> None:
    version = building.pipeline({"key": "a", "params": {"ir": odd}}, {"key": "b", "params": {"ir": GOOD}})

    building.run(version, design=PAGE)

    quality = DesignSplit.objects.get().metrics["quality"]
    assert (quality["scores"]["html"], quality["overall"], quality["grade"]) == (90, 90.0, "A")


def test_a_run_with_an_odd_judgement_can_be_cancelled() -> None:
    run = half_done(ODD[0])
    api = APIClient()
    api.force_authenticate(UserFactory(is_superuser=True))

    assert api.post(f"/api/pipeline-runs/{run.pk}/cancel").status_code == 200

    run.refresh_from_db()
    assert run.status == PipelineRun.Status.CANCELLED


def test_a_run_with_an_odd_judgement_is_ended_by_the_sweeper() -> None:
    run = half_done(ODD[0], maxLost=0)
    Conductor.of(run.pk).claim([Item("b")])
    StepRun.objects.filter(node_key="b").update(lease_expires_at=F("started_at"))

    assert sweeper.sweep().healed == 1

    run.refresh_from_db()
    assert (run.status, run.error and run.error["code"]) == (PipelineRun.Status.FAILED, "worker-lost")


def test_only_what_was_accepted_is_averaged() -> None:
    profile = MetricProfile.objects.create(key="example_profile", name="Example")
    tokens = MetricDefinition.objects.create(key="tokens_in", name="Tokens", direction="lower")
    MetricProfileItem.objects.create(profile=profile, metric=tokens)
    building.contract("emit", {"required": ["title"]})
    node = {"metricProfileId": "example_profile", "params": {"usage": True, "ir": {}}}
    version = building.pipeline({"key": "a", **node, "retries": 1, "retryDelayMs": 1})
    version.pipeline.ir_validation_mode = "enforce"
    version.pipeline.save()

    building.run(version, design=PAGE)

    assert MetricResult.objects.count() == 2
    assert DesignSplit.objects.get().metrics["metrics"] == {}
