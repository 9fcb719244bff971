"""What the editor is told while somebody types: the problems of a schema and a document, at their lines."""

import json
import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db

SCHEMA = '{\n  "type": "object",\n  "properties": {"n": {"type": "integer"}},\n  "required": ["n"]\n}'


def ask(client: Client, verb: str = "check", **texts: Any) -> Any:
    return client.post(reverse(f"admin:ir_schemas_irschema_{verb}"), json.dumps(texts), "application/json")


def problems(client: Client, schema: str) -> list[tuple[int, str, str]]:
    found = ask(client, schema=schema).json()["problems"]
    return [(each["line"], each["severity"], each["message"]) for each in found]


def test_each_problem_stands_at_its_line_with_a_remedy(client: Client, boss: User) -> None:
    text = '{\n  "type": "object",\n  "requird": ["n"],\n  "properties": {\n    "n": {"$ref": "#/$defs/no"}\n  }\n}'

    found = ask(client, schema=text).json()

    assert [(each["line"], each["severity"], each["path"]) for each in found["problems"]] == [
        (5, "error", "/properties/n/$ref"),
        (3, "warning", "/requird"),
    ]
    assert found["problems"][1]["hint"] == 'Did you mean "required"?'
    assert found["usable"] is False


def test_a_text_that_is_no_json_says_where_it_stops(client: Client, boss: User) -> None:
    ((line, severity, message),) = problems(client, '{\n "type": }')

    assert (line, severity) == (2, "error")
    assert "not JSON" in message


def test_a_document_is_judged_at_its_lines(client: Client, boss: User) -> None:
    valid = ask(client, schema=SCHEMA, document='{"n": 1}').json()["document"]
    invalid = ask(client, schema=SCHEMA, document='{\n "n": "1"\n}').json()["document"]
    broken = ask(client, schema=SCHEMA, document='{"n": 1').json()["document"]

    assert valid == {"valid": True, "errorCount": 0, "problems": []}
    assert (invalid["errorCount"], invalid["problems"][0]["line"], invalid["problems"][0]["path"]) == (1, 2, "/n")
    assert broken["valid"] is False
    assert ask(client, schema=SCHEMA, document="  ").json()["document"] is None
    assert ask(client, schema='{"type": "x"}', document="{}").json()["document"] is None


def test_an_example_is_valid_under_the_schema(client: Client, boss: User) -> None:
    text = ask(client, "example", schema=SCHEMA).json()["text"]

    assert ask(client, schema=SCHEMA, document=text).json()["document"]["valid"] is True


@pytest.mark.parametrize(
    ("schema", "detail"),
    [("false", "accepts no document"), ('{"type": "x"}', "Mend them first"), ("{", "Mend them first")],
)
def test_where_no_example_can_be_made_the_reason_is_given(schema: str, detail: str, client: Client, boss: User) -> None:
    answer = ask(client, "example", schema=schema)

    assert answer.status_code == 400
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize("body", ["[]", "{", "null", '{"schema": 3}', "[" * 100_000], ids=lambda body: body[:12])
def test_a_body_without_texts_is_refused(body: str, client: Client, boss: User) -> None:
    answer = client.post(reverse("admin:ir_schemas_irschema_check"), body, "application/json")

    assert answer.status_code == 400
    assert "`schema` and `document`" in answer.json()["detail"]


def test_texts_too_large_to_check_are_refused(client: Client, boss: User) -> None:
    answer = ask(client, schema="1" * 3_000_000)

    assert answer.status_code == 413
    assert "1 MB each" in answer.json()["detail"]
    assert "larger than" in problems(client, "1" * 1_500_000)[0][2]


MANY = json.dumps({"properties": {f"p{n}": {"type": "strin"} for n in range(8_000)}})
BRANCHES = {
    "anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "object", "additionalProperties": {"$ref": "#"}}]
}
DEEP = "[" * 90 + "1" + "]" * 90


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ("[" * 100_000, ""),
        (MANY, "{}"),
        ('{"pattern": "^(a+)+$"}', json.dumps("a" * 50_000 + "b")),
        (json.dumps(BRANCHES), DEEP),
        (json.dumps({"items": {"type": "integer"}}), json.dumps(["x"] * 40_000)),
        ('{"$ref": "#"}', "1"),
    ],
    ids=["deep", "wide", "pattern", "branches", "errors", "loop"],
)
def test_hostile_texts_are_answered_and_not_pondered_for_ever(
    schema: str, document: str, client: Client, boss: User
) -> None:
    started = time.process_time()

    answer = ask(client, schema=schema, document=document)

    assert answer.status_code == 200
    assert time.process_time() - started < 20


def test_the_editor_asks_for_permission_and_a_token(client: Client) -> None:
    clerk = factories.UserFactory(is_staff=True)
    client.force_login(clerk)
    assert ask(client, schema="{}").status_code == 403

    clerk.user_permissions.add(Permission.objects.get(codename="view_irschema"))
    assert ask(client, schema="{}").status_code == 200
    assert client.get(reverse("admin:ir_schemas_irschema_check")).status_code == 405

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(clerk)
    assert ask(strict, schema="{}").status_code == 403
