"""The registry's screens in a real browser: errors at their line as one types, a pane to try documents, accessible."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from ir_schemas.models import IRSchema
from ir_schemas.services import activate_version, create_version, require_compatibility
from tests import factories
from tests.browser.conftest import Admin
from tests.browser.test_admin import each_screen, faults

OLD: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
SOURCE = '{\n  "type": "object",\n  "requird": ["a"],\n  "required": ["a"]\n}'


@pytest.fixture
def line(transactional_db: None) -> tuple[IRSchema, IRSchema]:
    """A version in force that judged an artifact, and a draft that asks for more, with a slip on its third line."""
    owner = factories.StepVersionFactory()
    old = activate_version(schema=create_version(model=IRSchema, owner=owner, schema=OLD))
    new = create_version(
        model=IRSchema, owner=owner, schema={"type": "object", "requird": ["a"], "required": ["a"]}, source=SOURCE
    )
    require_compatibility(owner=owner, level="backward")
    factories.IRArtifactFactory(schema=old, step_run__step_version=owner)
    return old, new


def url(version: IRSchema, name: str = "change") -> str:
    return reverse(f"admin:ir_schemas_irschema_{name}", args=[version.pk])


def schema_box(page: Page) -> Any:
    return page.locator("[data-editor=schema]")


@each_screen
def test_every_screen_of_the_registry_is_accessible(admin: Admin, screen: Any, line: Any) -> None:
    old, new = line
    page = admin.page(screen)
    found = {}
    for path in (
        reverse("admin:ir_schemas_irschema_changelist"),
        url(old),
        url(new, "activate"),
        url(old, "retire"),
        f"{url(new, 'compare')}?against={old.pk}",
        url(new, "replay"),
    ):
        admin.open(page, path)
        found[path] = faults(page)
    admin.open(page, url(new))
    page.get_by_label("Document to try").fill('{"b": 1}')
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("1 newly failing")).to_be_visible()
    expect(page.get_by_text("Not valid")).to_be_visible()
    expect(page.get_by_role("heading", name="Backward No")).to_be_visible()
    found["edit"] = faults(page)

    assert {path: each for path, each in found.items() if each} == {}
    assert admin.errors == []


def test_problems_appear_at_their_line_while_typing(admin: Admin, line: Any) -> None:
    page = admin.page()
    admin.open(page, url(line[1]))
    box, status = schema_box(page), page.locator("#schema-status")

    expect(status).to_contain_text("1 warning")
    expect(page.get_by_role("listitem").filter(has_text='Did you mean "required"?')).to_be_visible()
    expect(box).to_have_attribute("aria-invalid", "false")

    box.fill('{\n  "type": "objekt"\n}')
    expect(status).to_contain_text("1 error")
    expect(box).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Line 2").click()
    assert box.evaluate("area => area.value.slice(0, area.selectionStart).split('\\n').length") == 2

    box.fill('{\n  "type": "object"\n}')
    expect(status).to_have_text("No problems.")


def test_the_keyboard_goes_from_problem_to_problem_and_out(admin: Admin, line: Any) -> None:
    page = admin.page()
    admin.open(page, url(line[1]))
    box = schema_box(page)
    box.fill('{\n  "type": "objekt",\n  "requird": []\n}')
    expect(page.locator("#schema-status")).to_contain_text("1 error, 1 warning")

    box.press("F8")
    expect(page.locator("#schema-status")).to_contain_text("Line 2:")
    box.press("F8")
    expect(page.locator("#schema-status")).to_contain_text("Line 3:")
    box.press("Tab")
    expect(box).not_to_be_focused()


def test_a_document_is_tried_against_what_is_typed(admin: Admin, line: Any) -> None:
    page = admin.page()
    admin.open(page, url(line[1]))
    document, verdict = page.get_by_label("Document to try"), page.locator("[data-verdict]")

    document.fill("{}")
    expect(verdict).to_have_text("Not valid")
    schema_box(page).fill('{"type": "object"}')
    expect(verdict).to_have_text("Valid")
    schema_box(page).fill('{"const": 7}')
    page.get_by_role("button", name="Generate an example").click()
    expect(document).to_have_value("7")
    expect(verdict).to_have_text("Valid")
    schema_box(page).fill("{")
    expect(verdict).to_have_text("Mend the schema first")


def test_a_fixed_version_can_still_be_tried(admin: Admin, line: Any) -> None:
    page = admin.page()
    admin.open(page, url(line[0]))

    expect(schema_box(page)).not_to_be_editable()
    page.get_by_label("Document to try").fill('{\n"a": 1}')
    expect(page.get_by_role("button", name="Line 2")).to_be_visible()


def test_a_version_is_put_in_force_from_its_page(admin: Admin, line: Any) -> None:
    page = admin.page()
    admin.open(page, url(line[1]))

    page.get_by_role("link", name="Activate").click()
    page.get_by_label("Reason").fill("asked for")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("alert")).to_contain_text("does not keep the level")
    page.get_by_label("Put it in force even if").check()
    page.get_by_role("button", name="Activate").click()

    expect(page.get_by_text("is in force now")).to_be_visible()
    assert IRSchema.objects.get(state="active") == line[1]


def test_the_editor_is_a_plain_box_without_scripts(admin: Admin, line: Any) -> None:
    context = admin.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    context.add_cookies([{"name": "sessionid", "value": admin.session, "url": admin.url}])
    page.goto(f"{admin.url}{url(line[1])}")

    schema_box(page).fill('{\n"type": "objekt"}')
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Line 2, column 9 (/type)")).to_be_visible()
    expect(schema_box(page)).to_have_value('{\n"type": "objekt"}')
