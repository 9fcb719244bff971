"""The admin in a real browser: accessible, no wider than its window, usable by keyboard, closed to a module's code."""

import io
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.contrib import admin as django_admin
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, expect

from pipelines.models import PipelineRun
from tests import factories
from tests.browser.conftest import Admin, Screen
from tests.config.test_admin import FACTORIES

SCREENS = [Screen(1440), Screen(1440, dark=True), Screen(390), Screen(390, dark=True)]
each_screen = pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen.width}-{screen.dark}")


def picture() -> bytes:
    """A PNG of 40 by 60 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 60), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def full_run(html: str = "<h2>Hero</h2>") -> PipelineRun:
    """A failed run with everything its page can show."""
    error = {"code": "part-empty", "message": "The part shows nothing.", "nodeKey": "generate"}
    run = factories.PipelineRunFactory(status="failed", finished_at=timezone.now(), error=error)
    split = factories.StepRunFactory(pipeline_run=run, node_key="split", completed=True)
    bounds = [{"x": 0, "y": y, "width": 1, "height": 0.5} for y in (0, 0.5)]
    parts = [{"key": f"p{n}", "label": f"Part {n}", "kind": "hero", "bounds": b} for n, b in enumerate(bounds)]
    source = {"width": 1440, "height": 2000}
    factories.IRArtifactFactory(step_run=split, ir_json={"source": source, "parts": parts, "boundsSource": "rendered"})
    name = default_storage.save("page.png", ContentFile(picture()))
    page = factories.SplitAssetFactory(split=run.design_split, kind="page", storage_url=name)
    factories.StepOutputLinkFactory(step_run=split, target_id=page.pk)
    made = factories.StepRunFactory(pipeline_run=run, node_key="generate", map_index=0, completed=True)
    module = {"name": "hero", "label": "Hero", "css": "", "fields": [{"name": "a", "label": "A", "type": "text"}]}
    factories.IRArtifactFactory(step_run=made, ir_json={"module": module, "kind": "hero", "renderedHtml": html})
    for passed in (True, False, None):
        factories.MetricResultFactory(step_run=made, passed=passed)
    judged = factories.StepRunFactory(pipeline_run=run, node_key="validate", map_index=0, completed=True)
    finding = {"severity": "error", "rule": "r", "place": "p", "message": "m", "remedy": "x"}
    scores = {"html": 95, "accessibility": 70, "hubspot": 20, "seo": None}
    ir = {"subject": {"name": "hero"}, "scores": scores, "grade": "C", "overall": 70, "findings": [finding]}
    factories.IRArtifactFactory(step_run=judged, ir_json=ir)
    factories.StepRunFactory(
        pipeline_run=run, node_key="generate", map_index=1, status="failed", finished_at=timezone.now(), error=error
    )
    return run


def run_url(run: PipelineRun) -> str:
    return reverse("admin:pipelines_pipelinerun_change", args=[run.pk])


def faults(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than its window."""
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    found = [f"{each['id']}: {each['nodes'][0]['target']}" for each in violations]
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, f"{overflow} px too wide"] if overflow > 0 else found


@each_screen
def test_the_main_pages_are_accessible(admin: Admin, screen: Screen, settings: LazySettings) -> None:
    settings.MONITORING_API_ENABLED = True
    run = full_run()
    artifact = factories.IRArtifactFactory(ir_json={"parts": [1, "two", None]})
    profile = factories.MetricProfileItemFactory().profile
    factories.TestRunFactory(step_run=artifact.step_run, prompt=factories.AIPromptFactory(), model="small")
    page = admin.page(screen)
    paths = [
        reverse("admin:index"),
        reverse("admin:pipelines_pipelinerun_changelist"),
        run_url(run),
        reverse("admin:ir_schemas_irartifact_change", args=[artifact.pk]),
        reverse("admin:metrics_metricprofile_change", args=[profile.pk]),
        reverse("admin:metrics_metricprofile_history", args=[profile.pk]),
        reverse("admin:ir_schemas_irschema_add"),
        reverse("admin:monitoring_figures"),
        reverse("admin:monitoring_alert_changelist"),
        reverse("admin:monitoring_alert_change", args=[factories.AlertFactory().pk]),
    ]

    found = {}
    for path in paths:
        admin.open(page, path)
        found[path] = faults(page)

    assert {path: each for path, each in found.items() if each} == {}
    assert admin.errors == []


def test_the_preview_of_an_alert_follows_the_form(admin: Admin, settings: LazySettings) -> None:
    settings.MONITORING_API_ENABLED = True
    factories.TestRunFactory(status="failed", started_at=timezone.now() - timedelta(hours=3))
    page = admin.page()
    admin.open(page, reverse("admin:monitoring_alert_change", args=[factories.AlertFactory().pk]))
    preview = page.locator("[data-alert-preview]")
    expect(preview).to_contain_text("pass_rate is 0 of 1, below 90")

    page.get_by_label("For so many minutes").fill("120")
    expect(preview).to_contain_text("It would not have fired")
    page.get_by_label("For so many minutes").fill("0")
    page.get_by_role("spinbutton", name="Threshold").fill("1")
    expect(preview).to_contain_text("pass_rate is 0 of 1, below 1")
    assert admin.errors == []


@each_screen
def test_the_login_page_is_accessible(admin: Admin, screen: Screen) -> None:
    page = admin.page(screen, signed_in=False)
    admin.open(page, "/admin/login/")

    assert faults(page) == []


@pytest.mark.parametrize("screen", [Screen(1440), Screen(390, dark=True)], ids=["desktop", "phone"])
def test_every_list_is_accessible(admin: Admin, screen: Screen, settings: Any) -> None:
    settings.REVIEW_ENABLED = settings.MONITORING_API_ENABLED = True
    for factory in FACTORIES.values():
        factory()
    page = admin.page(screen)

    found = {}
    for model in django_admin.site._registry:
        admin.open(page, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        found[model._meta.label] = faults(page)

    assert {label: each for label, each in found.items() if each} == {}
    assert admin.errors == []


def test_the_empty_overview_is_accessible(admin: Admin) -> None:
    page = admin.page()
    admin.open(page, "/admin/")

    expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    assert faults(page) == []


def test_a_part_lights_up_with_its_entry(admin: Admin) -> None:
    page = admin.page()
    admin.open(page, run_url(full_run()))
    box, entry = page.locator("a[data-part='2']"), page.locator("li[data-part='2']")

    box.focus()
    expect(entry).to_have_class("is-lit")
    box.blur()
    expect(entry).not_to_have_class("is-lit")
    entry.hover()
    expect(box).to_have_class("part-box is-lit")


def test_a_module_in_its_frame_can_run_nothing(admin: Admin) -> None:
    page = admin.page()
    script = "<script>parent.document.title = document.title = 'taken'</script>"
    admin.open(page, run_url(full_run(f"<h2>Hero</h2>{script}")))
    frame = page.locator(".preview iframe")
    frame.scroll_into_view_if_needed()

    expect(frame.content_frame.get_by_role("heading", name="Hero")).to_be_visible()
    assert "taken" not in page.title()
    assert frame.content_frame.locator("title").text_content() == "Module preview"


def test_menus_and_filters_open_by_keyboard(admin: Admin) -> None:
    factories.PipelineRunFactory()
    page = admin.page()
    admin.open(page, reverse("admin:pipelines_pipelinerun_changelist"))

    filters = page.get_by_role("button", name="Filters")
    filters.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By status")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="By status")).to_be_hidden()
    menu = page.get_by_role("button", name="Show or hide the menu").first
    menu.focus()
    page.keyboard.press(" ")
    expect(page.get_by_role("link", name="Step runs")).to_be_hidden()


def test_a_run_under_way_is_followed(admin: Admin) -> None:
    step = factories.StepRunFactory()
    page = admin.page()
    admin.open(page, run_url(step.pipeline_run))
    expect(page.get_by_text("1 pending")).to_be_visible()

    type(step).objects.filter(pk=step.pk).update(status="skipped", finished_at=timezone.now())

    expect(page.get_by_text("1 skipped")).to_be_visible(timeout=10_000)
