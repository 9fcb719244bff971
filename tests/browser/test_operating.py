"""Operating runs from the admin in a real browser: started, followed, cancelled, run again, approved."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.urls import reverse
from playwright.sync_api import Page, expect

from pipelines import engine
from pipelines.executors import carry_on
from pipelines.models import PipelineRun, PipelineVersion, StepLog, StepRun
from tests.browser.conftest import Admin, Screen
from tests.browser.test_admin import each_screen, faults, run_url
from tests.pipelines.building import pipeline, run, statuses
from tests.pipelines.example_steps import HANDLERS

REFUSED = {"key": "b", "dependsOn": ["a"], "params": {"refuse": "no"}}
WAITING = {"key": "b", "dependsOn": ["a"], "approval": True}
TALKING = {"key": "a", "stepVersionId": "talk@1", "params": {"wait": True}}


@pytest.fixture(autouse=True)
def example(admin: Admin, settings: LazySettings, logging_on: None) -> Iterator[None]:
    """Example steps may run; runs have ended before the database is cleaned."""
    settings.PIPELINE_STEPS = HANDLERS
    yield
    for unfinished in PipelineRun.objects.filter(status="running"):
        engine.cancel(run_id=unfinished.pk)
    for thread in threading.enumerate():
        if thread.name.startswith("run "):
            thread.join()


def pipeline_url(version: PipelineVersion) -> str:
    return reverse("admin:pipelines_pipelinedefinition_change", args=[version.pipeline_id])


def box(page: Page, label: str) -> Any:
    """The box of the picture whose label begins so."""
    return page.locator(f".dag-node[aria-label^='{label}']")


def talking() -> PipelineRun:
    """A run whose step speaks and then waits until it is told to stop."""
    made = engine.start_run(version=pipeline(TALKING, {"key": "b", "dependsOn": ["a"]}))
    carry_on(made.pk)
    return made


def test_a_run_is_started_on_the_page_of_its_pipeline_and_followed_to_its_end(admin: Admin) -> None:
    page = admin.page()
    admin.open(page, pipeline_url(pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]})))

    page.get_by_role("link", name="Run…").click()
    page.get_by_label("Inputs").fill('{"n": 1}')
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_text("The run has started.")).to_be_visible()
    expect(box(page, "a: Completed")).to_be_visible()
    expect(box(page, "b: Completed")).to_be_visible()
    expect(page.locator(".run-title .chip")).to_have_text("Completed")
    expect(page.get_by_role("link", name="Run again…")).to_be_visible()
    assert PipelineRun.objects.get().inputs == {"n": 1}
    assert admin.errors == []


def test_what_a_step_says_appears_while_it_runs_and_it_is_cancelled(admin: Admin) -> None:
    made = talking()
    page = admin.page()
    page.set_viewport_size({"width": 1440, "height": 2000})
    admin.open(page, run_url(made))
    log = page.get_by_role("region", name="Log of a")

    expect(log.get_by_text("line 1")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Progress of a")).to_have_attribute("value", "3")
    expect(page.get_by_role("link", name=re.compile("^a: Running · .* · 30 %"))).to_be_visible()
    step = StepRun.objects.get(node_key="a")
    StepLog.objects.bulk_create(StepLog(step_run=step, attempt=1, message=f"more {n}") for n in range(100))
    expect(log.get_by_text("more 99")).to_be_in_viewport()

    page.get_by_role("link", name="Cancel…").click()
    expect(page.get_by_text("1 runs now: it is told to stop")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Cancel the run").click()

    expect(page.get_by_text("The run is cancelled.")).to_be_visible()
    expect(page.locator(".run-title .chip")).to_have_text("Cancelled")
    assert statuses(made) == {"a": "cancelled", "b": "cancelled"}
    assert admin.errors == []


def test_a_failed_run_runs_again_from_a_node(admin: Admin) -> None:
    failed = run(pipeline({"key": "a"}, REFUSED, {"key": "c"}))
    page = admin.page()
    admin.open(page, run_url(failed))

    page.get_by_role("link", name="Run again from b…").click()
    expect(box(page, "a: Reused")).to_be_visible()
    expect(box(page, "b: Runs again")).to_be_visible()
    page.get_by_label("What to run again").select_option("Everything")
    page.get_by_role("button", name="Show what that means").click()
    expect(page.get_by_role("heading", name="3 nodes run again, 0 do not")).to_be_visible()
    page.get_by_label("What to run again").select_option("b, and all below it")
    page.get_by_role("button", name="Show what that means").click()
    page.get_by_text("With other parameters").click()
    page.get_by_label("Other parameters").fill('{"b": {"ir": {"mended": true}}}')
    page.get_by_role("button", name="Run again").click()

    expect(page.get_by_text("The rerun has started.")).to_be_visible()
    expect(box(page, "a: Completed · reused")).to_be_visible()
    expect(page.get_by_text("refused", exact=False).first).to_be_visible()
    made = PipelineRun.objects.get(rerun_of=failed)
    assert made.params == {"b": {"ir": {"mended": True}}}
    page.get_by_role("link", name=str(failed.pk)).click()
    expect(page.get_by_role("link", name=str(made.pk))).to_be_visible()


def test_a_waiting_step_is_approved_by_keyboard(admin: Admin) -> None:
    waiting = run(pipeline({"key": "a"}, WAITING))
    page = admin.page()
    admin.open(page, run_url(waiting))

    link = page.get_by_role("link", name="Approve or decline b…")
    link.focus()
    page.keyboard.press("Enter")
    comment = page.get_by_label("Comment")
    comment.focus()
    page.keyboard.type("Looks right.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Step b is approved.")).to_be_visible()
    expect(box(page, "b: Completed")).to_be_visible()
    expect(page.get_by_text("Looks right.")).to_be_visible()
    expect(page.get_by_text("Waits for a person")).to_be_hidden()


@each_screen
def test_every_page_that_asks_is_accessible(admin: Admin, screen: Screen) -> None:
    version = pipeline({"key": "a"}, WAITING, {**REFUSED, "key": "c"})
    waiting, talks = run(version), talking()
    failed = run(pipeline({"key": "a"}, REFUSED, key="other"))
    step = StepRun.objects.get(status="waiting")
    page = admin.page(screen)
    found = {}
    for path in (
        reverse("admin:pipelines_pipelinedefinition_run", args=[version.pipeline_id]),
        reverse("admin:pipelines_pipelinerun_cancel", args=[waiting.pk]),
        reverse("admin:pipelines_pipelinerun_rerun", args=[failed.pk]),
        reverse("admin:pipelines_pipelinerun_rerun", args=[talks.pk]),
        reverse("admin:pipelines_steprun_decide", args=[step.pk]),
        pipeline_url(version),
        run_url(waiting),
        run_url(failed),
    ):
        admin.open(page, path)
        found[path] = faults(page)
    admin.open(page, run_url(talks))
    expect(page.get_by_role("progressbar", name="Progress of a")).to_be_visible()
    found["talking"] = faults(page)
    admin.open(page, reverse("admin:pipelines_pipelinedefinition_run", args=[version.pipeline_id]))
    page.get_by_label("Parameters").fill("{")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Line 1, column 2")).to_be_visible()
    found["refused"] = faults(page)

    assert {path: each for path, each in found.items() if each} == {}
    assert admin.errors == []
