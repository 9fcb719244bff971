"""Schema versions in the admin: written in the editor, numbered by the registry, frozen once they are used."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ir_schemas.models import IRSchema, IRSchemaDefinition, SchemaEvent
from ir_schemas.services import activate_version, create_version
from tests import factories

pytestmark = pytest.mark.django_db

SOURCE = '{\n  "type": "object",\n  "required": ["parts"]\n}'


def add(client: Client, step_version: Any, text: str) -> Any:
    fields = {"step_version": step_version.pk, "schema": text, "description": "first"}
    return client.post(reverse("admin:ir_schemas_irschema_add"), fields)


def draft(schema: Any = None, **fields: Any) -> IRSchema:
    owner = fields.pop("owner", None) or factories.StepVersionFactory()
    return create_version(model=IRSchema, owner=owner, schema=schema or {"type": "object"}, **fields)


def change_url(schema: Any) -> str:
    return reverse(f"admin:ir_schemas_{schema._meta.model_name}_change", args=[schema.pk])


def edit(client: Client, schema: IRSchema, text: str, etag: str | None = None) -> Any:
    fields = {"schema": text, "description": "", "etag": schema.etag if etag is None else etag}
    return client.post(change_url(schema), fields)


def test_a_schema_is_kept_as_written_and_numbered(client: Client, boss: User) -> None:
    step_version = factories.StepVersionFactory()

    assert add(client, step_version, '{"type": "object"}').status_code == 302
    assert add(client, step_version, SOURCE.replace("\n", "\r\n")).status_code == 302

    first, second = IRSchema.objects.order_by("version")
    assert (first.version, second.version, second.state) == (1, 2, "draft")
    assert second.source == SOURCE
    assert second.created_by == boss
    assert SchemaEvent.objects.get(schema=second).actor == boss


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{\n "type": "objekt"}', "Line 2, column 10 (/type): A type is one of"),
        ('{"a": 1,\n "a": 2}', "Line 2, column 2"),
        ('{"type": \n}', "Line 2, column 1: This is not JSON"),
        ('{"$ref": "https://example.org/a.json"}', "nothing is ever fetched"),
        ('{"maximum": NaN}', "NaN"),
        ("[" * 100_000, "Line 1, column"),
        (f'{{"title": "{"x" * 1_000_001}"}}', "larger than"),
    ],
    ids=["type", "duplicate", "syntax", "remote", "nan", "deep", "large"],
)
def test_a_schema_that_cannot_be_used_is_refused_at_its_line(
    text: str, complaint: str, client: Client, boss: User
) -> None:
    answer = add(client, factories.StepVersionFactory(), text)

    assert answer.status_code == 200
    assert complaint in " ".join(answer.context["adminform"].form.errors["schema"])
    assert not IRSchema.objects.exists()


def test_a_warning_does_not_keep_a_schema_out(client: Client, boss: User) -> None:
    assert add(client, factories.StepVersionFactory(), '{"requird": ["a"]}').status_code == 302


def test_what_the_registry_refuses_comes_back_with_what_was_typed(client: Client, boss: User) -> None:
    step_version = factories.StepVersionFactory()
    add(client, step_version, SOURCE)

    answer = add(client, step_version, SOURCE)

    assert answer.status_code == 200
    assert "has this very schema" in answer.content.decode()
    assert answer.context["adminform"].form["schema"].data == SOURCE
    assert IRSchema.objects.count() == 1


def test_a_definition_belongs_to_exactly_one_owner(client: Client, boss: User) -> None:
    process, prompt = factories.AIProcessFactory(), factories.AIPromptFactory()
    url = reverse("admin:ir_schemas_irschemadefinition_add")
    fields = {"name": "reply", "schema": SOURCE}

    both = client.post(url, {**fields, "process": process.pk, "prompt": prompt.pk})
    none = client.post(url, fields)
    assert "choose exactly one" in both.content.decode()
    assert "choose exactly one" in none.content.decode()

    assert client.post(url, {**fields, "process": process.pk}).status_code == 302
    assert IRSchemaDefinition.objects.get().process == process


def test_a_draft_is_edited_as_it_was_written(client: Client, boss: User) -> None:
    schema = draft({"type": "object", "required": ["parts"]}, source=SOURCE)

    form = client.get(change_url(schema)).context["adminform"].form
    assert form["schema"].value() == SOURCE
    assert form["etag"].value() == schema.etag

    assert edit(client, schema, '{"type": "array"}').status_code == 302
    schema.refresh_from_db()
    assert (schema.schema, schema.source) == ({"type": "array"}, '{"type": "array"}')


def test_the_second_of_two_editors_is_refused(client: Client, boss: User) -> None:
    schema = draft()
    read = schema.etag
    assert edit(client, schema, SOURCE, read).status_code == 302

    stale = edit(client, schema, '{"type": "array"}', read)
    blind = edit(client, schema, '{"type": "array"}', "")

    assert "Somebody changed this version since you read it" in stale.content.decode()
    assert stale.context["adminform"].form["schema"].data == '{"type": "array"}'
    assert "Load the page again" in blind.content.decode()
    schema.refresh_from_db()
    assert schema.source == SOURCE


def test_a_used_version_is_read_only_and_says_why(client: Client, boss: User) -> None:
    checked, active, retired = draft(), draft(), draft()
    factories.IRArtifactFactory(schema=checked)
    activate_version(schema=active)
    activate_version(schema=retired)
    activate_version(schema=draft({"type": "array"}, owner=retired.step_version))

    for schema, why in ((checked, "Artifacts were checked"), (active, "is in force"), (retired, "was in force once")):
        page = client.get(change_url(schema)).content.decode()
        assert why in page
        assert "readonly>" in page
        assert edit(client, schema, SOURCE).status_code == 403


def test_the_next_version_begins_with_this_one(client: Client, boss: User) -> None:
    schema = draft(source=SOURCE, schema={"type": "object", "required": ["parts"]})
    page = client.get(change_url(schema)).content.decode()
    link = f"{reverse('admin:ir_schemas_irschema_add')}?from={schema.pk}"
    assert link in page

    form = client.get(link).context["adminform"].form

    assert form["schema"].value() == SOURCE
    assert form["step_version"].value() == schema.step_version_id
    assert client.get(f"{reverse('admin:ir_schemas_irschema_add')}?from=nonsense").status_code == 200


def test_the_page_says_who_did_what(client: Client, boss: User) -> None:
    schema = draft(created_by=boss)
    activate_version(schema=schema, activated_by=boss, reason="<b>needed</b> today")

    page = client.get(change_url(schema)).content.decode()

    assert "&lt;b&gt;needed&lt;/b&gt; today" in page
    assert "<b>needed" not in page
    assert f"by {boss.username}" in page


def test_the_page_of_a_version_costs_the_same_for_a_long_line(client: Client, boss: User) -> None:
    schema = draft()
    draft({"type": "array"}, owner=schema.step_version)
    with CaptureQueriesContext(connection) as few:
        client.get(change_url(schema))
    for number in range(9):
        draft({"minProperties": number}, owner=schema.step_version)
    with CaptureQueriesContext(connection) as many:
        client.get(change_url(schema))

    assert len(many) == len(few)
