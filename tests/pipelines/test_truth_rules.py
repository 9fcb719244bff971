"""Ground truth that is written or imported is held against the schemas in force for what its scope names."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from feedback.models import GroundTruth
from tests import factories
from tests.pipelines.building import contract, pipeline
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.prompting import a_prompt
from tests.pipelines.roles import roles as roles

pytestmark = pytest.mark.django_db
TRUTHS = "/api/ground-truth"
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
RIGHT, WRONG = {"n": 1}, {"n": "one"}


@pytest.fixture(autouse=True)
def one_node(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = HANDLERS
    pipeline({"key": "first"})
    contract("emit", NUMBER)


def written(client: APIClient, data: Any, scope: str = "first", **more: Any) -> Any:
    return client.post(TRUTHS, {"scope": scope, "referenceId": "home", "data": data, **more}, "json")


def test_an_answer_is_written_over_rest_as_the_next_version(roles: dict[str, APIClient]) -> None:
    first = written(roles["curator"], RIGHT, provenance={"from": "a workshop"})
    second = written(roles["curator"], {"n": 2})

    assert (first.status_code, first.json()["version"], second.json()["version"]) == (201, 1, 2)
    assert roles["curator"].get(first["Location"]).json() == first.json()
    assert first.json()["provenance"] == {"from": "a workshop"}
    assert GroundTruth.objects.get(version=1).created_by.username == "curator"
    assert written(roles["reviewer"], RIGHT).status_code == 403
    for body in ({"data": RIGHT}, {"scope": "first", "referenceId": "x", "data": None}):
        assert roles["curator"].post(TRUTHS, body, "json").json()["code"] == "invalid-input"


def test_over_rest_what_breaks_the_schema_is_refused_with_its_place(roles: dict[str, APIClient]) -> None:
    refused = written(roles["curator"], WRONG)

    assert (refused.status_code, refused.json()["code"]) == (400, "ground-truth-invalid")
    assert [error["path"] for error in refused.json()["errors"]] == ["/data/n"]
    assert "version 1. At /n: " in refused.json()["detail"]
    assert written(roles["curator"], WRONG, scope="unknown").status_code == 201
    assert GroundTruth.objects.count() == 1


def test_the_admins_form_refuses_it_too(client: Client) -> None:
    client.force_login(factories.UserFactory(is_superuser=True, is_staff=True))
    address = reverse("admin:feedback_groundtruth_add")
    form = {"scope": "first", "reference_id": "home", "version": 1, "data": json.dumps(WRONG), "provenance": "{}"}

    refused = client.post(address, form)

    assert (refused.status_code, "/data/n: " in refused.content.decode()) == (200, True)
    assert client.post(address, {**form, "data": json.dumps(RIGHT)}).status_code == 302
    assert GroundTruth.objects.get().data == RIGHT


def test_while_review_is_off_the_form_takes_what_it_took_before(client: Client, settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = False
    client.force_login(factories.UserFactory(is_superuser=True, is_staff=True))
    form = {"scope": "first", "reference_id": "home", "version": 1, "data": json.dumps(WRONG), "provenance": "{}"}

    assert client.post(reverse("admin:feedback_groundtruth_add"), form).status_code == 302
    assert GroundTruth.objects.get().data == WRONG


def test_an_import_says_which_lines_break_the_schema(tmp_path: Path, roles: dict[str, APIClient]) -> None:
    lines = [{"scope": "first", "referenceId": str(n), "version": 1, "data": {"n": n}} for n in (1, "two", 3, "four")]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    file = tmp_path / "truth.jsonl"
    file.write_text(text)
    truth_set = factories.GroundTruthSetFactory()

    sent = roles["curator"].post(
        f"/api/ground-truth-sets/{truth_set.pk}/import", text, content_type="application/x-ndjson"
    )
    with pytest.raises(CommandError) as refusal:
        call_command("import_ground_truth", file)

    assert [error["path"] for error in sent.json()["errors"]] == ["line 2", "line 4"]
    assert sent.json()["errors"][0]["message"].startswith("data: It does not match ")
    assert "line 4: data: It does not match " in str(refusal.value)
    assert not GroundTruth.objects.exists()


def test_what_is_there_already_comes_in_again_under_a_newer_schema(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_text(json.dumps({"scope": "first", "referenceId": "a", "version": 1, "data": RIGHT}))
    call_command("import_ground_truth", file)
    contract("emit", {**NUMBER, "required": ["n", "m"]})

    call_command("import_ground_truth", file)

    assert GroundTruth.objects.count() == 1


def test_a_scope_of_several_nodes_takes_what_fits_one_of_them(roles: dict[str, APIClient]) -> None:
    pipeline({"key": "first", "stepVersionId": "listed@1"}, key="other")
    contract("listed", {"type": "array"})

    assert written(roles["curator"], [1]).status_code == 201
    assert written(roles["curator"], RIGHT).status_code == 201
    refused = written(roles["curator"], WRONG)
    assert (refused.status_code, ", nor " in refused.json()["detail"]) == (400, True)


def test_a_scope_that_is_a_process_has_the_schema_of_its_active_prompt(roles: dict[str, APIClient]) -> None:
    prompt = a_prompt(schema=NUMBER)

    assert written(roles["curator"], WRONG, scope=prompt.process.key).json()["code"] == "ground-truth-invalid"
    assert written(roles["curator"], RIGHT, scope=prompt.process.key).status_code == 201
