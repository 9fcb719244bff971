"""Schemas in the admin: numbered by the registry, refused with their faults, frozen once they are used."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from ir_schemas.models import IRSchema, IRSchemaDefinition, SchemaEvent
from ir_schemas.services import create_version
from tests import factories

pytestmark = pytest.mark.django_db

SOURCE = '{\n  "type": "object",\n  "required": ["parts"]\n}'


def add(client: Client, step_version: Any, text: str) -> Any:
    fields = {"step_version": step_version.pk, "schema": text, "description": "first"}
    return client.post(reverse("admin:ir_schemas_irschema_add"), fields)


def act(client: Client, *schemas: IRSchema) -> str:
    fields = {"action": "put_in_force", "_selected_action": [schema.pk for schema in schemas]}
    answer = client.post(reverse("admin:ir_schemas_irschema_changelist"), fields, follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def test_a_schema_is_kept_as_written_and_numbered(client: Client, boss: User) -> None:
    step_version = factories.StepVersionFactory()

    assert add(client, step_version, '{"type": "object"}').status_code == 302
    assert add(client, step_version, SOURCE).status_code == 302

    first, second = IRSchema.objects.order_by("version")
    assert (first.version, second.version, second.state) == (1, 2, "draft")
    assert second.source == SOURCE
    assert second.created_by == boss
    assert SchemaEvent.objects.get(schema=second).actor == boss


def test_a_schema_that_cannot_be_used_is_refused_with_its_faults(client: Client, boss: User) -> None:
    answer = add(client, factories.StepVersionFactory(), '{"type": "objekt"}')

    assert answer.status_code == 200
    assert "/type: A type is one of" in str(answer.context["adminform"].form.errors["schema"])
    assert not IRSchema.objects.exists()


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


def test_a_draft_is_edited_and_a_used_version_is_not(client: Client, boss: User) -> None:
    draft = create_version(model=IRSchema, owner=factories.StepVersionFactory(), schema={"type": "object"})
    url = reverse("admin:ir_schemas_irschema_change", args=[draft.pk])

    assert client.post(url, {"schema": SOURCE, "description": ""}).status_code == 302
    draft.refresh_from_db()
    assert draft.schema["required"] == ["parts"]

    factories.IRArtifactFactory(schema=draft)
    assert client.post(url, {"schema": '{"type": "array"}'}).status_code == 403


def test_an_earlier_version_is_put_back_in_force(client: Client, boss: User) -> None:
    owner = factories.StepVersionFactory()
    first = create_version(model=IRSchema, owner=owner, schema={"type": "object"})
    second = create_version(model=IRSchema, owner=owner, schema={"type": "object", "required": ["a"]})

    for schema in (first, second, first):
        assert "is in force now" in act(client, schema)

    assert list(IRSchema.objects.filter(state="active")) == [first]
    assert "already in force" in act(client, first)
    assert "Choose exactly one" in act(client, first, second)


def test_putting_in_force_asks_for_its_own_permission(client: Client) -> None:
    schema = create_version(model=IRSchema, owner=factories.StepVersionFactory(), schema={"type": "object"})
    editor = factories.UserFactory(is_staff=True)
    editor.user_permissions.set(Permission.objects.filter(codename__in=["view_irschema", "change_irschema"]))
    client.force_login(editor)

    act(client, schema)
    assert not IRSchema.objects.filter(state="active").exists()

    editor.user_permissions.add(Permission.objects.get(codename="activate_irschema"))
    act(client, schema)
    assert IRSchema.objects.filter(state="active").exists()
