"""A version's life in the admin: compared, replayed, put in force with a reason, retired; each to those who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition, SchemaEvent, SchemaLine
from ir_schemas.services import activate_version, create_version, require_compatibility
from tests import factories

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"
OLD: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
NEW = {**OLD, "required": ["a"]}


@pytest.fixture
def line(db: None) -> tuple[IRSchema, IRSchema]:
    """A version in force, and a draft that asks for more."""
    owner = factories.StepVersionFactory()
    old = create_version(model=IRSchema, owner=owner, schema=OLD)
    new = create_version(model=IRSchema, owner=owner, schema=NEW)
    return activate_version(schema=old), new


@pytest.fixture
def clerk(client: Client) -> User:
    """A member of staff who is signed in and may view step schemas."""
    user: User = factories.UserFactory(is_staff=True)
    client.force_login(user)
    grant(user, "view_irschema")
    return user


def grant(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def url(version: Any, page: str) -> str:
    return reverse(f"admin:ir_schemas_{version._meta.model_name}_{page}", args=[version.pk])


def page(client: Client, version: Any, name: str, **query: Any) -> str:
    answer = client.get(url(version, name), query)
    assert answer.status_code == 200
    return answer.content.decode()


def act(client: Client, version: Any, name: str, **fields: Any) -> Any:
    return client.post(url(version, name), fields, follow=True)


def state(version: Any) -> str:
    version.refresh_from_db()
    return str(version.state)


# Comparing


def test_the_comparison_gives_both_verdicts_with_a_counterexample(client: Client, boss: User, line: Any) -> None:
    old, new = line
    require_compatibility(owner=old.step_version, level="backward")

    shown = page(client, new, "compare", against=old.pk)

    assert "Are documents of version 1 valid under 2?" in shown
    assert shown.count("A document that shows it:") == 1
    assert "Old documents may lack `a`" in shown
    assert "Not kept" in shown
    assert "<ins>" in shown


def test_open_content_can_be_read_as_writer_closed(client: Client, boss: User) -> None:
    owner = factories.StepVersionFactory()
    old = create_version(model=IRSchema, owner=owner, schema=OLD)
    grown = {**OLD, "properties": {**OLD["properties"], "b": {"type": "integer"}}}
    new = create_version(model=IRSchema, owner=owner, schema=grown)

    assert "A document that shows it:" in page(client, new, "compare", against=old.pk)
    closed = page(client, new, "compare", against=old.pk, reading="writer-closed")
    assert closed.count("chip-danger") == 0


def test_only_versions_of_the_same_line_are_compared(client: Client, boss: User, line: Any) -> None:
    stranger = factories.IRSchemaFactory()

    assert "Select a valid choice" in page(client, line[1], "compare", against=stranger.pk)
    assert "nothing to compare" in page(client, stranger, "compare")


def test_what_schemas_say_is_escaped(client: Client, boss: User, line: Any) -> None:
    named = {"type": "object", "properties": {SCRIPT: {"const": SCRIPT}}, "required": [SCRIPT]}
    new = create_version(model=IRSchema, owner=line[0].step_version, schema=named, description=SCRIPT)

    for name in ("compare", "activate", "change"):
        shown = page(client, new, name, **({"against": line[0].pk} if name == "compare" else {}))
        assert "&lt;script&gt;alert(1)" in shown
        assert SCRIPT not in shown


# Replay


def test_the_replay_links_the_artifacts_that_would_newly_fail(client: Client, boss: User, line: Any) -> None:
    old, new = line
    step_run = {"step_run__step_version": old.step_version}
    failing = factories.IRArtifactFactory(ir_json={}, schema=old, **step_run)
    factories.IRArtifactFactory(ir_json={"a": "x"}, schema=old, **step_run)

    shown = page(client, new, "replay")

    assert "2 documents" in shown
    assert "1 newly failing" in shown
    assert "1 still valid" in shown
    assert reverse("admin:ir_schemas_irartifact_change", args=[failing.pk]) in shown


def test_a_prompts_replay_links_its_results(client: Client, boss: User) -> None:
    result = factories.PromptResultFactory(result={"text": 3})
    schema = {"properties": {"text": {"type": "string"}}}
    prompt = result.prompt_data.ai_prompt
    version = create_version(model=IRSchemaDefinition, owner=prompt, schema=schema, name="reply")

    shown = page(client, version, "replay")

    assert reverse("admin:pipelines_promptresult_change", args=[result.pk]) in shown


def test_without_documents_the_replay_says_so(client: Client, boss: User, line: Any) -> None:
    assert "nothing was replayed" in page(client, line[1], "replay")


# Putting in force and retiring


def test_a_version_is_put_in_force_with_a_reason_and_the_earlier_one_again(
    client: Client, boss: User, line: Any
) -> None:
    old, new = line
    assert "takes the place of version 1" in page(client, new, "activate")

    act(client, new, "activate", reason="  ")
    assert state(new) == "draft"

    answer = act(client, new, "activate", reason="asked for")
    assert "is in force now" in answer.content.decode()
    assert (state(old), state(new)) == ("retired", "active")
    event = SchemaEvent.objects.get(schema=new, action="activated")
    assert (event.actor, event.reason) == (boss, "asked for")

    act(client, old, "activate", reason="roll back")
    assert (state(old), state(new)) == ("active", "retired")
    assert "already in force" in act(client, old, "activate", reason="again").content.decode()


def test_nothing_is_put_in_force_by_looking(client: Client, boss: User, line: Any) -> None:
    page(client, line[1], "activate", reason="x")

    assert state(line[1]) == "draft"


def test_a_broken_level_is_overridden_by_those_who_may(client: Client, clerk: User, line: Any) -> None:
    old, new = line
    require_compatibility(owner=old.step_version, level="backward")
    grant(clerk, "activate_irschema")
    assert 'name="override"' not in page(client, new, "activate")

    refused = act(client, new, "activate", reason="now", override="on")
    assert "does not keep the level" in refused.content.decode()
    assert state(new) == "draft"

    grant(clerk, "override_compatibility")
    act(client, new, "activate", reason="now", override="on")
    assert state(new) == "active"
    assert SchemaEvent.objects.get(schema=new, action="activated").details["overridden"] is True


def test_the_version_in_force_is_retired_with_a_reason(client: Client, boss: User, line: Any) -> None:
    old, new = line
    act(client, old, "retire", reason="")
    assert state(old) == "active"

    act(client, old, "retire", reason="wrong")
    assert state(old) == "retired"
    assert "cannot be retired" in act(client, new, "retire", reason="wrong").content.decode()


def test_the_level_that_a_line_requires_is_set(client: Client, boss: User, line: Any) -> None:
    answer = act(client, line[1], "level", level="full")

    assert "requires now: Full" in answer.content.decode()
    assert SchemaLine.objects.get(step_version=line[0].step_version).compatibility == "full"
    assert "Choose one of the levels" in act(client, line[1], "level", level="most").content.decode()
    assert client.get(url(line[1], "level")).status_code == 405


# Permissions


def test_every_page_is_closed_to_those_who_may_only_view(client: Client, clerk: User, line: Any) -> None:
    old, new = line

    shown = page(client, new, "change")
    assert "Try it" in shown
    for name in ("activate", "retire", "compare", "replay", "level"):
        assert f"../{name}/" not in shown
        assert client.get(url(new, name)).status_code == 403
        assert client.post(url(new, name), {"reason": "x", "level": "none"}).status_code == 403
    assert (state(old), state(new)) == ("active", "draft")


def test_who_may_change_may_judge_and_not_activate(client: Client, clerk: User, line: Any) -> None:
    grant(clerk, "change_irschema")

    page(client, line[1], "compare")
    page(client, line[1], "replay")
    assert client.post(url(line[1], "activate"), {"reason": "x"}).status_code == 403


def test_each_table_asks_for_its_own_permission(client: Client, clerk: User) -> None:
    definition = factories.IRSchemaDefinitionFactory()
    grant(clerk, "change_irschema", "activate_irschema")

    for name in ("activate", "compare", "replay"):
        assert client.get(url(definition, name)).status_code == 403


def test_every_action_asks_for_a_token(line: Any, boss: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)

    for name in ("activate", "retire", "level"):
        assert strict.post(url(line[0], name), {"reason": "x", "level": "none"}).status_code == 403
    assert state(line[0]) == "active"


# The list


def test_versions_stand_under_their_line_with_their_pass_rate(client: Client, boss: User, line: Any) -> None:
    old, _ = line
    other = factories.IRSchemaFactory()
    require_compatibility(owner=old.step_version, level="full")
    factories.IRArtifactFactory.create_batch(2, schema=old)
    factories.IRArtifactFactory(schema=old, outcome="invalid", is_valid=False, error_count=1)
    factories.IRArtifactFactory(schema=old, outcome="skipped", is_valid=None)
    stale = factories.IRArtifactFactory(schema=other)
    IRArtifact.objects.filter(pk=stale.pk).update(created_at="2020-01-01T00:00Z")

    shown = client.get(reverse("admin:ir_schemas_irschema_changelist")).content.decode()

    assert shown.count('scope="rowgroup"') == 2
    assert "66.6 % of 3" in shown
    assert shown.count("none checked") == 2
    assert "requires full" in shown
    assert shown.index("Version 2") < shown.index("Version 1")
