"""Evaluations and gates in a real browser: readable on each screen, followed while they are under way."""

import pytest
from django.conf import LazySettings
from django.urls import reverse
from playwright.sync_api import expect

from pipelines.models import PipelineVersion
from pipelines.review.evaluating import services
from tests.browser.conftest import Admin, Screen
from tests.browser.test_admin import each_screen, faults
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.test_gates import WRONG, first, following, gated

pytestmark = pytest.mark.usefixtures("logging_on")


@pytest.fixture
def worse(admin: Admin, settings: LazySettings) -> PipelineVersion:
    """A version that a gate refuses, as its evaluation found it worse."""
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = HANDLERS
    old, new = first(), following(WRONG)
    gate = gated()
    services.carry(services.start_evaluation(truth_set=gate.truth_set, version=new, baseline_version=old).pk)
    return new


@each_screen
def test_the_pages_have_no_faults(admin: Admin, worse: PipelineVersion, screen: Screen) -> None:
    page = admin.page(screen)
    evaluation = worse.evaluations.get()
    for name, path in {
        "evaluation": reverse("admin:feedback_evaluation_change", args=[evaluation.pk]),
        "evaluations": reverse("admin:feedback_evaluation_changelist"),
        "add": reverse("admin:feedback_evaluation_add"),
        "gate": reverse("admin:feedback_activationgate_changelist"),
        "activate": reverse("admin:pipelines_pipelineversion_activate", args=[worse.pk]),
    }.items():
        admin.open(page, path)
        assert faults(page) == [], name
    assert admin.errors == []


def test_an_evaluation_is_followed_to_its_end(admin: Admin, worse: PipelineVersion) -> None:
    evaluation = services.start_evaluation(truth_set=worse.evaluations.get().truth_set, version=worse)
    page = admin.page()
    admin.open(page, reverse("admin:feedback_evaluation_change", args=[evaluation.pk]))
    expect(page.get_by_text("0 of 6 runs scored").first).to_be_visible()

    services.carry(evaluation.pk)

    expect(page.get_by_text("6 of 6 runs scored").first).to_be_visible(timeout=15_000)
    expect(page.get_by_role("heading", name="By metric")).to_be_visible()
