"""Replay: what a candidate would have said of the documents that are stored."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ir_schemas import replay as replaying
from ir_schemas.errors import InvalidSchema
from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition
from ir_schemas.replay import replay
from ir_schemas.services import activate_version, create_version
from tests import factories

pytestmark = pytest.mark.django_db

LOOSE: dict[str, Any] = {"type": "object"}
PARTS = {
    "type": "object",
    "required": ["parts"],
    "properties": {
        "parts": {"type": "array", "items": {"required": ["kind"], "properties": {"kind": {"type": "string"}}}}
    },
}
COUNTS = ("checked", "newlyFailing", "newlyPassing", "stillValid", "stillInvalid", "explained")


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {name: answer[name] for name in COUNTS if answer[name]}


def artifacts(step_version: Any, *documents: Any) -> list[IRArtifact]:
    return [
        factories.IRArtifactFactory(step_run__step_version=step_version, ir_json=document) for document in documents
    ]


def step_versions(*schemas: Any) -> list[IRSchema]:
    owner = factories.StepVersionFactory()
    return [create_version(model=IRSchema, owner=owner, schema=schema) for schema in schemas]


def test_each_document_is_told_by_what_changes_for_it() -> None:
    active, candidate = step_versions({"required": ["a"]}, {"required": ["b"]})
    activate_version(schema=active)
    artifacts(active.step_version, {"a": 1, "b": 1}, {"a": 1}, {"a": 2}, {"b": 1}, {}, {"c": 1})

    answer = replay(candidate).as_json()

    assert (answer["source"], answer["againstVersion"]) == ("artifacts", 1)
    assert counts(answer) == {
        "checked": 6, "newlyFailing": 2, "newlyPassing": 1, "stillValid": 1, "stillInvalid": 2, "explained": 2,
    }  # fmt: skip


def test_new_failures_are_grouped_by_kind_and_link_to_examples() -> None:
    active, candidate = step_versions(LOOSE, PARTS)
    activate_version(schema=active)
    made = artifacts(
        active.step_version,
        {"parts": [{}, {}, {"kind": "hero"}]},
        {"parts": [{"kind": "hero"}, {}]},
        {"parts": "none"},
        {"parts": [{"kind": "hero"}]},
    )

    errors = replay(candidate).as_json()["errors"]

    assert [(error["code"], error["path"], error["count"]) for error in errors] == [
        ("missing-property", "/parts/*", 2),
        ("wrong-type", "/parts", 1),
    ]
    assert errors[0]["examples"] == [str(made[1].pk), str(made[0].pk)]
    assert errors[0]["message"]


def test_with_nothing_in_force_every_failure_is_new() -> None:
    (candidate,) = step_versions(PARTS)
    artifacts(candidate.step_version, {}, {"parts": []})

    answer = replay(candidate).as_json()

    assert answer["againstVersion"] is None
    assert counts(answer) == {"checked": 2, "newlyFailing": 1, "stillValid": 1, "explained": 1}


def test_only_the_last_documents_of_its_own_owner_are_taken() -> None:
    candidate, other = step_versions(PARTS)[0], factories.StepVersionFactory()
    artifacts(candidate.step_version, {}, {"parts": []}, {"parts": []})
    artifacts(other, {}, {})
    pruned = artifacts(candidate.step_version, {})[0]
    IRArtifact.objects.filter(pk=pruned.pk).update(ir_json=None, pruned_at=pruned.created_at)

    assert counts(replay(candidate, last=2).as_json()) == {"checked": 2, "stillValid": 2}


@pytest.mark.parametrize("owner", ["prompt", "process"])
def test_a_prompts_results_are_its_documents(owner: str) -> None:
    prompt, sibling = factories.AIPromptFactory(), factories.AIPromptFactory()
    data = factories.PromptDataFactory(ai_prompt=prompt)
    for document in ({"parts": []}, {"parts": [{}]}, {}):
        factories.PromptResultFactory(prompt_data=data, result=document)
    factories.PromptResultFactory(prompt_data=factories.PromptDataFactory(ai_prompt=prompt), result={"parts": []})
    factories.PromptResultFactory(prompt_data=data, result=None)
    factories.PromptResultFactory(prompt_data=factories.PromptDataFactory(ai_prompt=sibling), result={})
    candidate = create_version(
        model=IRSchemaDefinition, owner=prompt if owner == "prompt" else prompt.process, schema=PARTS, name="parts"
    )

    answer = replay(candidate).as_json()

    assert answer["source"] == "promptResults"
    assert counts(answer) == {"checked": 4, "newlyFailing": 2, "stillValid": 2, "explained": 2}


def test_failures_are_counted_when_there_is_no_time_to_explain_them(monkeypatch: pytest.MonkeyPatch) -> None:
    (candidate,) = step_versions(PARTS)
    artifacts(candidate.step_version, {}, {}, {})
    monkeypatch.setattr(replaying, "EXPLAINING", 0.0)

    answer = replay(candidate).as_json()

    assert counts(answer) == {"checked": 3, "newlyFailing": 3}
    assert answer["errors"] == []


def test_documents_are_streamed_in_as_many_queries_for_many_as_for_few() -> None:
    (candidate,) = step_versions(PARTS)
    artifacts(candidate.step_version, {})
    with CaptureQueriesContext(connection) as few:
        replay(candidate)
    artifacts(candidate.step_version, *[{} for _ in range(20)])

    with CaptureQueriesContext(connection) as many:
        replay(candidate)

    assert len(many) == len(few)


def test_a_stored_schema_that_cannot_be_used_is_said_to_be_so() -> None:
    with pytest.raises(InvalidSchema):
        replay(factories.IRSchemaFactory(schema={"type": "objekt"}))
