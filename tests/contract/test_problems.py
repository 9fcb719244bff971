"""Whatever is sent, the answer is a problem that can be acted on, never an error of ours."""

import uuid

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from pipelines.api.viewsets import PipelineViewSet
from pipelines.models import PromptResult
from tests.factories import PipelineDefinitionFactory, SplitAssetFactory

PAGES = ("/api/split-assets", "/api/pipelines", "/api/review-feedback")


@pytest.mark.parametrize("address", ["/api", "/api/nothing", "/api/split-assets/", "/api/split-assets/not-a-uuid"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_leads_nowhere(address: str, method: str, api: APIClient) -> None:
    response = getattr(APIClient(enforce_csrf_checks=True), method)(address)

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "code": "not-found",
    }


def test_an_id_that_nothing_has(api: APIClient) -> None:
    response = api.get(f"/api/split-assets/{uuid.uuid4()}")

    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_a_method_that_is_not_there(method: str, api: APIClient) -> None:
    response = getattr(api, method)("/api/split-assets")

    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert response["Allow"].startswith("GET")


def test_a_type_that_is_not_there(api: APIClient) -> None:
    response = api.get("/api/split-assets", headers={"Accept": "text/html"})

    assert (response.status_code, response.json()["code"]) == (406, "not-acceptable")


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("size", ["0", "-1", "201", "abc", "1e9", "１", "٣", "1.5", "1" * 10_000, "\0", " 1", "1\n"])
def test_a_page_size_that_is_none(address: str, size: str, api: APIClient) -> None:
    response = api.get(address, {"pageSize": size})

    assert (response.status_code, response.json()["code"]) == (400, "invalid-input")
    assert "from 1 to 200" in response.json()["detail"]


@pytest.mark.parametrize("name", ["pageSize", "cursor", "splitId", "kind"])
def test_an_empty_value_is_refused_and_not_ignored(name: str, api: APIClient) -> None:
    response = api.get("/api/split-assets", {name: ""})

    assert response.status_code == 400
    assert f"'{name}' is empty" in response.json()["detail"]


@pytest.mark.parametrize("cursor", ["x", "é", "\0", "=" * 30, "A" * 21, "A" * 23, "A" * 10_000_000, "'; --", "null"])
def test_a_cursor_that_is_none(cursor: str, api: APIClient) -> None:
    response = api.get("/api/split-assets", {"cursor": cursor})

    assert response.status_code == 400
    assert "cursor" in response.json()["detail"]


def test_a_cursor_of_a_row_that_is_gone_still_leads_on(api: APIClient) -> None:
    rows = SplitAssetFactory.create_batch(3)
    following = api.get("/api/split-assets?pageSize=1").json()["next"]
    rows[2].delete()

    assert [row["id"] for row in api.get(following).json()["results"]] == [str(rows[1].pk)]


@pytest.mark.parametrize("address", PAGES)
def test_an_unknown_parameter_is_refused_with_the_names_of_the_known(address: str, api: APIClient) -> None:
    response = api.get(address, {"stauts": "completed"})

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "invalid-input")
    assert "'stauts'" in problem["detail"]
    assert "cursor" in problem["detail"]
    assert problem["errors"][0]["path"] == "stauts"


def test_a_flood_of_unknown_parameters_gets_a_short_answer(api: APIClient) -> None:
    response = api.get("/api/split-assets", {f"{'x' * 10_000}{number}": "" for number in range(500)})

    assert response.status_code == 400
    assert len(response.content) < 20_000


@pytest.mark.parametrize("value", ["\0", "a\0b", "😀", "x" * 10_000_000, "' OR 1=1 --", "%00", "\ud83d\ude00"])
def test_a_hostile_value_of_a_text_filter_finds_nothing(value: str, api: APIClient) -> None:
    SplitAssetFactory()
    response = api.get("/api/split-assets", {"kind": value.encode("utf-8", "surrogatepass")})

    assert response.status_code in (200, 400)
    assert response.status_code == 400 or response.json()["results"] == []


@pytest.mark.parametrize(("name", "value"), [("splitId", "x"), ("splitId", "\0"), ("splitId", "1" * 10_000_000)])
def test_a_value_of_the_wrong_kind_is_named(name: str, value: str, api: APIClient) -> None:
    response = api.get("/api/split-assets", {name: value})

    assert response.status_code == 400
    assert [error["path"] for error in response.json()["errors"]] == [f"/{name}"]
    assert len(response.content) < 1000


def test_a_choice_that_is_none_is_named(api: APIClient) -> None:
    response = api.get("/api/design-splits", {"status": "done"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "/status"


def test_an_error_of_ours_is_a_problem_without_a_traceback(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: PipelineViewSet) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(PipelineViewSet, "get_queryset", fail)
    api.raise_request_exception = False
    response = api.get("/api/pipelines")

    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert response["Content-Type"] == "application/problem+json"
    assert b"secret" not in response.content


@override_settings(ALLOWED_HOSTS=["irline.example.org"])
def test_a_foreign_host_is_a_problem_too(api: APIClient) -> None:
    response = api.get("/api/pipelines", headers={"Host": "elsewhere.example.org"})

    assert (response.status_code, response.json()["code"]) == (400, "bad-request")


@pytest.mark.parametrize(
    ("address", "body", "key", "beginning"),
    [
        (
            "/api/pipelines/made/versions",
            '{"dag": {"nodes": [{"key": "a", "stepVersionId": "emit@1", "retries": 1, "retries": 2}]}}',
            "retries",
            "'key': 'a'",
        ),
        ("/api/pipelines/made/validate-dag", '{"dag": {"nodes": [], "nodes": []}}', "nodes", "'nodes': […]"),
        ("/api/pipelines/made/runs", '{"inputs": {"é": {}, "n": 1, "n": 1}}', "n", "'é': {…}"),
        ("/api/pools", '{"limit": 3, "limit": 4, "key": "a"}', "limit", "'limit': 3"),
        ("/api/pipeline-schedules", '{"cron": "* * * * *", "a\\ud800": 1, "a\\ud800": 2}', "a\\ud800", "'cron'"),
        ("/api/ground-truth", f'{{"{"k" * 90}": null, "data": 1, "data": 2}}', "data", f"'{'k' * 80}': null"),
    ],
)
def test_a_key_that_stands_twice_is_refused_by_its_name(
    address: str, body: str, key: str, beginning: str, api: APIClient
) -> None:
    PipelineDefinitionFactory(key="made")

    response = api.generic("POST", address, body, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "parse-error")
    assert f"the key '{key}' stands twice in the object that begins with {beginning}" in response.json()["detail"]


def test_of_a_key_that_stands_twice_in_what_others_did_the_last_counts(api: APIClient) -> None:
    body = '{"items": [{"idempotencyKey": "a", "model": "first", "model": "last"}, {"idempotencyKey": "b"}]}'

    response = api.generic("POST", "/api/ai-runs", body, content_type="application/json")

    assert [each["status"] for each in response.json()["results"]] == [201, 201]
    assert PromptResult.objects.exclude(model="").get().model == "last"
