"""The pages of a pipeline's versions in a real browser: one list of faults, and every version is reached."""

from django.urls import reverse
from playwright.sync_api import Page, expect

from pipelines.definitions import create_version
from pipelines.models import PipelineDefinition, PipelineVersion
from tests.browser.conftest import Admin, Screen
from tests.browser.test_admin import each_screen, faults
from tests.pipelines.building import pipeline

FAULTY = """{"nodes": [
  {"key": "a", "stepVersionId": "emit@1"},
  {"key": "a", "stepVersionId": "emit@1"},
  {"key": "b", "stepVersionId": "emit@1", "retires": 2}
]}"""
SOUND = '{"nodes": [{"key": "a", "stepVersionId": "emit@1"}]}'


def refused_save(admin: Admin, of: PipelineDefinition, screen: Screen) -> Page:
    """The page after a text with two faults was saved."""
    page = admin.page(screen)
    admin.open(page, f"{reverse('admin:pipelines_pipelineversion_add')}?pipeline={of.pk}")
    page.locator("[data-editor=dag]").fill(FAULTY)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Please correct the errors below.")).to_be_visible()
    return page


@each_screen
def test_after_a_refused_save_each_fault_is_told_once_by_line(admin: Admin, screen: Screen) -> None:
    page = refused_save(admin, pipeline({"key": "a"}).pipeline, screen)

    expect(page.locator(".editor-problem .text-link")).to_have_text(["Line 3", "Line 4"])
    expect(page.get_by_text("is not a field", exact=False)).to_have_count(2)  # at its line, and in the list
    expect(page.locator("#id_dag_error")).to_have_count(0)
    assert faults(page) == []


def test_a_text_that_was_refused_is_mended_and_saved(admin: Admin) -> None:
    page = refused_save(admin, pipeline({"key": "a"}).pipeline, Screen())

    page.locator("[data-editor=dag]").fill(SOUND)
    expect(page.locator("#dag-status")).to_have_text("No problems.")
    expect(page.get_by_text("is not a field")).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert PipelineVersion.objects.count() == 2


def test_without_scripts_the_faults_of_a_refused_save_stand_below_the_text(admin: Admin) -> None:
    of = pipeline({"key": "a"}).pipeline
    page = admin.page()
    page.route("**/schema-editor.js", lambda route: route.abort())
    page.goto(f"{admin.url}{reverse('admin:pipelines_pipelineversion_add')}?pipeline={of.pk}")
    page.locator("textarea[name=dag]").fill(FAULTY)
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator("#id_dag_error li")).to_have_count(2)


@each_screen
def test_the_page_of_a_pipeline_leads_to_the_drawing_of_each_version(admin: Admin, screen: Screen) -> None:
    of = pipeline({"key": "v1"}).pipeline
    for number in range(2, 8):
        create_version(pipeline=of, dag={"nodes": [{"key": f"v{number}", "stepVersionId": "emit@1"}]})
    page = admin.page(screen)
    admin.open(page, reverse("admin:pipelines_pipelinedefinition_change", args=[of.pk]))

    page.get_by_role("link", name="Page 2").click()
    page.get_by_text("Version 2", exact=True).click()

    expect(page.locator(".dag-node[aria-label^='v2']")).to_be_visible()
    assert faults(page) == []
    assert admin.errors == []
