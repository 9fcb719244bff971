"""The page of the API in a real browser: it works in any window, under the site's policy, with no request elsewhere."""

import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.conftest import Admin, Screen
from tests.browser.test_admin import each_screen

# Swagger UI's own markup breaks these.
LEFT_TO_SWAGGER = {
    "heading-order",
    "landmark-unique",
    "nested-interactive",
    "region",
    "scrollable-region-focusable",
    "select-name",
}


def try_out(page: Page, operation: str) -> None:
    page.locator("#operations-tag-pipeline-runs").click()
    block = page.locator(f"#operations-pipeline-runs-{operation}")
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()


def test_every_group_of_operations_is_there(admin: Admin) -> None:
    page = admin.page()
    page.goto(f"{admin.url}/api/docs")
    expect(page.locator("#operations-tag-validation-results")).to_be_visible()
    described = yaml.safe_load(page.evaluate("fetch('/api/schema').then(answer => answer.text())"))
    groups = {tag for path in described["paths"].values() for each in path.values() for tag in each["tags"]}

    shown = page.locator(".opblock-tag").evaluate_all("tags => tags.map(tag => tag.dataset.tag)")

    assert set(shown) == groups


@each_screen
def test_a_request_can_be_tried(admin: Admin, screen: Screen) -> None:
    run = factories.PipelineRunFactory()
    page = admin.page(screen)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{admin.url}/api/docs")
    try_out(page, "pipelineRunsList")
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table .response").first).to_contain_text(str(run.pk))
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width
    broken = {violation["id"] for violation in Axe().run(page).response["violations"]}
    assert broken - LEFT_TO_SWAGGER == set()
    assert [url for url in asked if not url.startswith((admin.url, "data:", "blob:"))] == []
    assert admin.errors == []


def test_what_changes_something_carries_the_csrf_token(admin: Admin) -> None:
    run = factories.PipelineRunFactory(finished=True)
    page = admin.page()
    page.goto(f"{admin.url}/api/docs")
    try_out(page, "pipelineRunsCancel")
    page.get_by_placeholder("id").fill(str(run.pk))
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("409")
