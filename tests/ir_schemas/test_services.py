"""The registry's writes: numbering, drafts, activation and rollback, compatibility levels, events."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from ir_schemas import services
from ir_schemas.errors import (
    AlreadyActive,
    IdenticalSchema,
    IncompatibleSchema,
    InvalidSchema,
    NotActive,
    SchemaInUse,
    StaleSchema,
    UnknownSchema,
)
from ir_schemas.models import CompatibilityLevel, IRSchema, IRSchemaDefinition, SchemaEvent
from tests import factories

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]
OBJECT: dict[str, Any] = {"type": "object"}
WITH_TITLE = {"type": "object", "properties": {"title": {"type": "string"}}}
NEEDS_TITLE = {**WITH_TITLE, "required": ["title"]}
OWNERS = {
    "step": (IRSchema, factories.StepVersionFactory),
    "prompt": (IRSchemaDefinition, factories.AIPromptFactory),
    "process": (IRSchemaDefinition, factories.AIProcessFactory),
}


@pytest.fixture(params=sorted(OWNERS))
def make(request: pytest.FixtureRequest) -> Make:
    """Makes the next version of one line, of each kind of owner."""
    model, factory = OWNERS[request.param]
    owner = factory()
    name = {"name": "contract"} if model is IRSchemaDefinition else {}

    def make(schema: Any, **fields: Any) -> Any:
        return services.create_version(model=model, owner=owner, schema=schema, **{**name, **fields})

    return make


def states(version: Any) -> list[str]:
    line = services.versions_of(type(version), services.owner_of(version))
    return list(line.order_by("version").values_list("state", flat=True))


def events(version: Any) -> list[tuple[str, str]]:
    return list(version.events.order_by("id").values_list("action", "reason"))


def judge(version: Any) -> None:
    """Let an artifact be checked against a version."""
    column = "schema" if isinstance(version, IRSchema) else "schema_definition"
    factories.IRArtifactFactory(**{column: version})


def test_versions_are_numbered_within_their_line(make: Make) -> None:
    first, second = make(OBJECT), make(WITH_TITLE)

    assert (first.version, second.version) == (1, 2)
    assert states(first) == ["draft", "draft"]


def test_the_text_is_kept_beside_what_jsonb_makes_of_it(make: Make) -> None:
    text = '{\n  "type": "object",\n  "properties": {"b": true, "a": true}\n}'

    version = make({"type": "object", "properties": {"b": True, "a": True}}, source=text)

    assert services.versions_of(type(version), services.owner_of(version)).get().source == text


def test_an_identical_schema_is_refused_and_names_the_version(make: Make) -> None:
    first = make({"minimum": 1, "type": "number"})

    with pytest.raises(IdenticalSchema, match=str(first.pk)):
        make({"type": "number", "minimum": 1.0})


def test_the_same_schema_may_serve_two_owners() -> None:
    for _ in range(2):
        services.create_version(model=IRSchema, owner=factories.StepVersionFactory(), schema=OBJECT)

    assert IRSchema.objects.values("content_hash").distinct().count() == 1


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({"type": "objekt"}, "unknown-type"),
        ({"$ref": "#/$defs/nowhere"}, "dangling-reference"),
        ({"$defs": {"unused": {"$ref": "#/$defs/nowhere"}}}, "dangling-reference"),
        ({"$ref": "http://example.org/schema"}, "remote-reference"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "unsupported-draft"),
        ({"pattern": "("}, "invalid-pattern"),
        ([], "not-a-schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_every_fault(schema: Any, code: str) -> None:
    with pytest.raises(InvalidSchema) as refused:
        services.create_version(model=IRSchema, owner=factories.StepVersionFactory(), schema=schema)

    assert code in [error["code"] for error in refused.value.errors]
    assert not IRSchema.objects.exists()


def test_checking_a_schema_gives_what_only_looks_wrong() -> None:
    warnings = services.check_schema({"type": "object", "requird": ["a"]})

    assert [(warning.path, warning.severity) for warning in warnings] == [("/requird", "warning")]


def test_a_draft_can_be_edited(make: Make) -> None:
    draft = make(OBJECT)

    edited = services.update_version(
        schema=draft, changes={"schema": WITH_TITLE, "description": "titled"}, etag=draft.etag
    )

    assert (edited.schema, edited.description, edited.version) == (WITH_TITLE, "titled", 1)
    assert edited.etag != draft.etag
    assert events(edited) == [("created", ""), ("updated", "")]
    assert edited.events.get(action="updated").details == {"fields": ["description", "schema", "source"]}


def test_two_editors_cannot_overwrite_each_other(make: Make) -> None:
    read_by_both = make(OBJECT)
    services.update_version(schema=read_by_both, changes={"description": "mine"}, etag=read_by_both.etag)

    with pytest.raises(StaleSchema):
        services.update_version(schema=read_by_both, changes={"description": "theirs"}, etag=read_by_both.etag)

    read_by_both.refresh_from_db()
    assert read_by_both.description == "mine"


def test_activation_makes_an_etag_stale(make: Make) -> None:
    draft = make(OBJECT)
    services.activate_version(schema=draft)

    with pytest.raises(StaleSchema):
        services.update_version(schema=draft, changes={"description": "late"}, etag=draft.etag)


def test_an_edit_to_what_another_version_says_is_refused(make: Make) -> None:
    make(OBJECT)
    draft = make(WITH_TITLE)

    with pytest.raises(IdenticalSchema):
        services.update_version(schema=draft, changes={"schema": OBJECT})


@pytest.mark.parametrize("used", ["in force", "retired", "judged"])
def test_the_schema_of_a_used_version_stays(make: Make, used: str) -> None:
    version = make(OBJECT)
    if used == "judged":
        judge(version)
    else:
        services.activate_version(schema=version)
    if used == "retired":
        services.deactivate(schema=version)

    with pytest.raises(SchemaInUse):
        services.update_version(schema=version, changes={"schema": WITH_TITLE})
    whole = {"schema": OBJECT, "source": '{ "type": "object" }', "description": "may change"}
    described = services.update_version(schema=version, changes=whole)

    assert (described.schema, described.source, described.description) == (OBJECT, version.source, "may change")


def test_the_database_itself_refuses_to_edit_what_has_judged(make: Make) -> None:
    version = make(OBJECT)
    judge(version)
    rows = services.versions_of(type(version), services.owner_of(version))

    with pytest.raises(IntegrityError, match="Make a new version"), transaction.atomic():
        rows.update(schema=WITH_TITLE)

    assert rows.get().schema == OBJECT


def test_an_edit_that_changes_nothing_leaves_no_event(make: Make) -> None:
    draft = make(OBJECT)

    same = services.update_version(schema=draft, changes={"schema": OBJECT, "description": ""})

    assert (same.etag, events(same)) == (draft.etag, [("created", "")])


def test_a_version_deleted_meanwhile_is_unknown(make: Make) -> None:
    draft = make(OBJECT)
    type(draft).objects.all().delete()

    with pytest.raises(UnknownSchema):
        services.activate_version(schema=draft)


def test_activation_retires_the_one_before_and_says_who_and_why(make: Make) -> None:
    boss: User = factories.UserFactory()
    first, second = make(OBJECT), make(WITH_TITLE)
    services.activate_version(schema=first)

    active = services.activate_version(schema=second, activated_by=boss, reason="titles are read now")

    assert states(first) == ["retired", "active"]
    assert active.activated_at is not None
    retired = first.events.get(action="retired")
    assert (retired.actor, retired.reason, retired.details) == (boss, "titles are read now", {"supersededBy": 2})
    assert second.events.get(action="activated").actor == boss


def test_rollback_is_activating_the_earlier_version(make: Make) -> None:
    first, second = make(OBJECT), make(WITH_TITLE)
    for version in (first, second, first):
        services.activate_version(schema=version)

    assert states(first) == ["active", "retired"]
    assert [action for action, _ in events(first)] == ["created", "activated", "retired", "activated"]


def test_what_is_in_force_cannot_be_put_in_force_again(make: Make) -> None:
    version = make(OBJECT)
    services.activate_version(schema=version)

    with pytest.raises(AlreadyActive):
        services.activate_version(schema=version)


def test_a_stored_schema_that_cannot_be_used_is_not_put_in_force() -> None:
    broken = factories.IRSchemaFactory(schema={"type": "objekt"})

    with pytest.raises(InvalidSchema):
        services.activate_version(schema=broken)


def test_deactivation_leaves_nothing_in_force(make: Make) -> None:
    version = make(OBJECT)
    services.activate_version(schema=version)

    retired = services.deactivate(schema=version, reason="no contract for now")

    assert retired.state == "retired"
    assert events(version)[-1] == ("retired", "no contract for now")
    with pytest.raises(NotActive):
        services.deactivate(schema=version)


def test_events_cannot_be_rewritten(make: Make) -> None:
    version = make(OBJECT)

    with pytest.raises(Exception, match="update"), transaction.atomic():
        SchemaEvent.objects.update(reason="otherwise")

    assert events(version) == [("created", "")]


@pytest.mark.parametrize(
    ("level", "schemas", "broken"),
    [
        ("none", (NEEDS_TITLE, OBJECT), False),
        ("backward", (NEEDS_TITLE, WITH_TITLE), False),
        ("backward", (WITH_TITLE, NEEDS_TITLE), True),
        ("full", (NEEDS_TITLE, WITH_TITLE), True),
        ("full", (WITH_TITLE, {**WITH_TITLE, "title": "Page"}), False),
    ],
)
def test_a_line_can_require_a_level(make: Make, level: str, schemas: tuple[Any, Any], broken: bool) -> None:
    first, second = (make(schema) for schema in schemas)
    services.require_compatibility(owner=services.owner_of(first), level=CompatibilityLevel(level))
    services.activate_version(schema=first)

    if broken:
        with pytest.raises(IncompatibleSchema) as refused:
            services.activate_version(schema=second)
        assert {error["status"] for error in refused.value.errors} == {"incompatible"}
        assert "counterexample" in refused.value.errors[0]
    else:
        services.activate_version(schema=second)

    assert states(first) == (["active", "draft"] if broken else ["retired", "active"])


def test_a_level_can_be_overridden_with_a_reason_only(make: Make) -> None:
    first, second = make(WITH_TITLE), make(NEEDS_TITLE)
    services.require_compatibility(owner=services.owner_of(first), level=CompatibilityLevel.BACKWARD)
    services.activate_version(schema=first)

    with pytest.raises(IncompatibleSchema):
        services.activate_version(schema=second, override=True, reason=" ")
    services.activate_version(schema=second, override=True, reason="all writers send titles")

    event = second.events.get(action="activated")
    assert event.reason == "all writers send titles"
    assert event.details["overridden"] is True
    assert event.details["statuses"]["backward"] == "incompatible"


def both_at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads with connections of their own; what each gave or raised."""
    barrier = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            outcomes[index] = call()
        except Exception as error:  # noqa: BLE001 - the test asks what was raised
            outcomes[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_press_at_once_leave_one_version_in_force(make: Make) -> None:
    drafts = [make(OBJECT), make(WITH_TITLE)]

    outcomes = both_at_once(*(lambda draft=draft: services.activate_version(schema=draft) for draft in drafts))  # type: ignore[misc]

    assert [outcome.state for outcome in outcomes] == ["active", "active"]
    assert sorted(states(drafts[0])) == ["active", "retired"]


@pytest.mark.django_db(transaction=True)
def test_the_same_version_is_put_in_force_once(make: Make) -> None:
    draft = make(OBJECT)

    outcomes = both_at_once(*[lambda: services.activate_version(schema=draft)] * 2)

    assert sorted(type(outcome) is AlreadyActive for outcome in outcomes) == [False, True]
    assert [action for action, _ in events(draft)] == ["created", "activated"]


@pytest.mark.django_db(transaction=True)
def test_versions_made_at_once_have_different_numbers(make: Make) -> None:
    schemas = [{"title": str(number)} for number in range(4)]

    outcomes = both_at_once(*(lambda schema=schema: make(schema) for schema in schemas))  # type: ignore[misc]

    assert sorted(outcome.version for outcome in outcomes) == [1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_two_edits_at_once_keep_one_and_refuse_the_other(make: Make) -> None:
    draft = make(OBJECT)

    outcomes = both_at_once(
        *(
            lambda text=text: services.update_version(schema=draft, changes={"description": text}, etag=draft.etag)  # type: ignore[misc]
            for text in ("one", "other")
        )
    )

    assert sorted(type(outcome) is StaleSchema for outcome in outcomes) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_activation_does_not_wait_for_runs_that_point_at_the_owner() -> None:
    draft = services.create_version(model=IRSchema, owner=factories.StepVersionFactory(), schema=OBJECT)
    with transaction.atomic():
        factories.StepRunFactory(step_version=draft.step_version)

        (outcome,) = both_at_once(lambda: services.activate_version(schema=draft))

    assert outcome.state == "active"
