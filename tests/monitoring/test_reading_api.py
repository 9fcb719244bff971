"""The monitoring endpoints over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from monitoring.models import TestRun
from monitoring.rollups import fold_marked
from tests.factories import (
    AIPromptFactory,
    DesignSplitFactory,
    PipelineDefinitionFactory,
    TestResultFactory,
    TestRunFactory,
    UserFactory,
)
from tests.queries import plans_of

BEGAN = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
ADDRESSES = ("test-runs", "test-results", "quality/trends", "ai/metrics")

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(settings: LazySettings) -> APIClient:
    """Somebody who may read the audit log, where the endpoints are open."""
    settings.MONITORING_API_ENABLED = True
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_testrun"))
    client = APIClient()
    client.force_authenticate(user)
    return client


def get(client: APIClient, address: str, **query: Any) -> Any:
    return client.get(f"/api/monitoring/{address}", query)


def ids(client: APIClient, **query: Any) -> list[str]:
    return [row["id"] for row in get(client, "test-runs", **query).json()["results"]]


def run(minutes: int = 0, **values: Any) -> TestRun:
    made: TestRun = TestRunFactory(started_at=BEGAN + timedelta(minutes=minutes), **values)
    return made


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_closed_endpoint_is_as_if_it_were_not_there(address: str, reader: APIClient, settings: LazySettings) -> None:
    settings.MONITORING_API_ENABLED = False

    response, nowhere = get(reader, address), reader.get("/api/nowhere")

    assert (response.status_code, response.content) == (404, nowhere.content)


@pytest.mark.parametrize("address", ADDRESSES)
def test_reading_needs_the_permission(address: str, reader: APIClient) -> None:
    other = APIClient()
    other.force_authenticate(UserFactory())

    assert get(other, address).status_code == 403
    assert get(reader, address).status_code == 200


def test_a_run_is_shown_whole(reader: APIClient) -> None:
    made = run(
        design_split=DesignSplitFactory(),
        prompt=AIPromptFactory(),
        model="small",
        tokens_in=12,
        cost_usd="0.00120000",
        latency_ms=340.5,
        validation_passed=True,
        error_count=0,
        score_html=90,
        summary={"validation": {"passed": True}},
    )
    TestResultFactory(test_run=made, name="IR Validation", details={"mode": "log"})

    shown = get(reader, f"test-runs/{made.pk}").json()

    assert shown | {"results": None, "createdAt": None} == {
        "id": str(made.pk),
        "type": "ai",
        "status": "passed",
        "designSplitId": str(made.design_split_id),
        "artifactId": None,
        "moduleId": None,
        "stepRunId": None,
        "attempt": None,
        "runGroupId": None,
        "pipelineId": None,
        "processId": None,
        "promptId": str(made.prompt_id),
        "model": "small",
        "provider": "",
        "tokensIn": 12,
        "tokensOut": None,
        "tokensCached": None,
        "tokensReasoning": None,
        "costUsd": "0.00120000",
        "latencyMs": 340.5,
        "validationPassed": True,
        "errorCount": 0,
        "grade": "",
        "scores": {
            "overall": None,
            "html": 90.0,
            "accessibility": None,
            "performance": None,
            "hubspot": None,
            "seo": None,
            "tailwind": None,
        },
        "summary": {"validation": {"passed": True}},
        "source": "engine",
        "startedAt": "2026-03-02T10:15:00Z",
        "completedAt": None,
        "createdAt": None,
        "results": None,
    }
    assert [(result["name"], result["details"]) for result in shown["results"]] == [("IR Validation", {"mode": "log"})]


def test_runs_can_be_narrowed(reader: APIClient) -> None:
    prompt, pipeline, design = AIPromptFactory(), PipelineDefinitionFactory(), DesignSplitFactory()
    group = "01955230-0000-7000-8000-000000000000"
    told = {
        "type": run(type="quality"),
        "status": run(status="error"),
        "promptId": run(prompt=prompt),
        "pipelineId": run(pipeline=pipeline),
        "designSplitId": run(design_split=design),
        "runGroupId": run(run_group_id=group),
        "model": run(model="small"),
        "grade": run(grade="B"),
    }
    values = {
        "type": "quality",
        "status": "error",
        "promptId": prompt.pk,
        "pipelineId": pipeline.pk,
        "designSplitId": design.pk,
        "runGroupId": group,
        "model": "small",
        "grade": "B",
    }

    assert {name: ids(reader, **{name: value}) for name, value in values.items()} == {
        name: [str(made.pk)] for name, made in told.items()
    }
    assert ids(reader, model="small", grade="B") == []


def test_dates_narrow_by_when_a_run_began(reader: APIClient) -> None:
    before, first, last, after = (run(minutes) for minutes in (-24 * 60, 0, 13 * 60, 14 * 60))

    assert ids(reader, **{"from": "2026-03-02", "to": "2026-03-02"}) == [str(last.pk), str(first.pk)]
    assert ids(reader, to="2026-03-02T10:15:00Z") == [str(before.pk)]
    assert ids(reader, **{"from": "2026-03-03T00:00:00Z"}) == [str(after.pk)]


def test_pages_hold_every_run_once_by_when_it_began(reader: APIClient) -> None:
    late = [run(minutes) for minutes in (5, 0, 0, 0, 3)]
    expected = sorted(late, key=lambda made: (made.started_at, made.pk), reverse=True)

    pages, address = [], "/api/monitoring/test-runs?pageSize=2"
    while address:
        page = reader.get(address).json()
        pages.append([row["id"] for row in page["results"]])
        address = page["next"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page] == [str(made.pk) for made in expected]


@pytest.mark.parametrize("cursor", ["A" * 32, "_" * 32, "f_______" + "A" * 24, "gAAAAAAA" + "A" * 24])
def test_any_cursor_of_the_form_is_a_place(cursor: str, reader: APIClient) -> None:
    run()

    assert get(reader, "test-runs", cursor=cursor).status_code == 200


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("test-runs", {"prompt": "x"}),
        ("test-runs", {"from": "yesterday"}),
        ("test-runs", {"from": ""}),
        ("test-runs", {"promptId": " "}),
        ("test-runs", {"model": "  "}),
        ("test-runs", {"from": "2026-03-03", "to": "2026-03-02"}),
        ("test-runs", {"from": "2026-03-03T10:00:00+02:00", "to": "2026-03-03T08:00:00Z"}),
        ("test-runs", {"cursor": "A" * 22}),
        ("test-results", {"runId": "x"}),
        ("quality/trends", {"interval": "minute"}),
        ("quality/trends", {"interval": "hour", "from": "2026-01-01", "to": "2026-01-15"}),
        ("quality/trends", {"from": "2026-01-02", "to": "2026-01-01"}),
        ("quality/trends", {"pageSize": "5"}),
        ("ai/metrics", {"groupBy": "pipeline"}),
        ("ai/metrics", {"from": "2024-01-01", "to": "2026-01-01"}),
        ("ai/metrics", {"model": "a\0"}),
        ("ai/metrics", {"to": "2026-02-30"}),
    ],
)
def test_what_cannot_be_answered_is_refused(address: str, query: dict[str, str], reader: APIClient) -> None:
    response = get(reader, address, **query)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_a_model_is_asked_for_as_it_is_spelt(reader: APIClient) -> None:
    spaced, plain = run(model=" small "), run(model="small")
    window = {"from": "2026-03-01", "to": "2026-03-31"}

    assert ids(reader, model=" small ") == [str(spaced.pk)]
    assert ids(reader, model="small") == [str(plain.pk)]
    assert get(reader, "ai/metrics", model=" small ", **window).json()["total"]["runs"] == 1


def test_a_plus_that_got_lost_is_explained(reader: APIClient) -> None:
    refused = reader.get("/api/monitoring/test-runs?from=2026-03-02T12:00:00+02:00").json()

    assert "so escape it" in refused["errors"][0]["message"]


def test_a_window_too_long_says_what_to_give(reader: APIClient) -> None:
    refused = get(reader, "ai/metrics", **{"from": "2024-01-01"}).json()

    assert refused["code"] == "window-too-long"
    assert "Give a later `from`" in refused["detail"]


def test_results_of_a_run(reader: APIClient) -> None:
    made = run()
    TestResultFactory(test_run=made, name="html", status="failed")
    TestResultFactory(test_run=made, name="seo")
    TestResultFactory()

    of_run = get(reader, "test-results", runId=made.pk).json()["results"]
    failed = get(reader, "test-results", runId=made.pk, status="failed").json()["results"]

    assert [result["name"] for result in of_run] == ["seo", "html"]
    assert [result["name"] for result in failed] == ["html"]


def test_trends_of_quality(reader: APIClient) -> None:
    run(type="quality", score_overall=80, grade="B")
    run(type="quality", score_overall=60, status="failed", validation_passed=False)
    run(24 * 60, type="quality", score_overall=90)
    run()

    answer = get(reader, "quality/trends", **{"from": "2026-03-01", "to": "2026-03-03"}).json()

    assert (answer["interval"], answer["from"], answer["to"]) == ("day", "2026-03-01T00:00:00Z", "2026-03-04T00:00:00Z")
    assert [point["start"] for point in answer["points"]] == [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert [point["scores"]["overall"]["mean"] for point in answer["points"]] == [None, 70, 90]
    assert [point["passRate"] for point in answer["points"]] == [None, 0.5, 1]
    assert answer["points"][1]["validation"] == {"checked": 1, "passed": 0, "passRate": 0}
    assert answer["total"]["runs"] == 3


@pytest.mark.parametrize("interval", ["hour", "day", "week"])
def test_trends_fill_in_the_window(interval: str, reader: APIClient) -> None:
    points = get(reader, "quality/trends", interval=interval).json()["points"]

    assert len(points) in {"hour": {48}, "day": {30}, "week": {13, 14}}[interval]


def test_metrics_of_ai(reader: APIClient) -> None:
    prompt = AIPromptFactory()
    for latency in (100, 200, 1000):
        run(prompt=prompt, model="small", tokens_in=10, tokens_out=5, cost_usd="0.5", latency_ms=latency)
    run(model="small", status="error")
    fold_marked()
    run(prompt=prompt, model="large", status="failed", validation_passed=True)
    window = {"from": "2026-03-01", "to": "2026-03-31"}

    by_prompt = get(reader, "ai/metrics", groupBy="prompt", **window).json()
    by_model = get(reader, "ai/metrics", groupBy="model", promptId=prompt.pk, **window).json()
    by_day = get(reader, "ai/metrics", groupBy="day", model="small", **window).json()

    first, second = by_prompt["groups"]
    assert (first["key"], first["name"], first["runs"]) == (str(prompt.pk), str(prompt), 4)
    assert (first["costUsd"], first["priced"], first["unpriced"]) == ("1.50000000", 3, 1)
    assert first["tokens"] == {"input": 30, "output": 15, "cached": 0, "reasoning": 0}
    assert first["latencyMs"]["p50"] == pytest.approx(200, rel=0.05)
    assert first["latencyMs"]["p95"] == pytest.approx(1000, rel=0.05)
    assert (second["key"], second["costUsd"], second["tokens"]["input"]) == ("", None, None)
    assert [(group["key"], group["runs"]) for group in by_model["groups"]] == [("small", 3), ("large", 1)]
    assert (len(by_day["groups"]), by_day["total"]["runs"]) == (31, 4)
    assert by_prompt["leftOut"] is False


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_answer_costs_the_same_for_many_rows(address: str, reader: APIClient) -> None:
    def queries(rows: int) -> int:
        for _ in range(rows):
            TestResultFactory(test_run=run(prompt=AIPromptFactory(), design_split=DesignSplitFactory()))
        with CaptureQueriesContext(connection) as captured:
            assert get(reader, address).status_code == 200
        return len(captured)

    get(reader, address)  # the user's permissions are read once

    assert queries(2) == queries(25) <= 4


@pytest.mark.parametrize("name", ["designSplitId", "promptId", "pipelineId", "model", "grade", "type"])
def test_the_newest_of_what_is_narrowed_to_are_read_from_an_index(name: str, reader: APIClient) -> None:
    value = {"model": "small", "grade": "B", "type": "ai"}.get(name, "01955230-0000-7000-8000-000000000000")
    with connection.cursor() as cursor:  # as with many rows
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")

    [plan] = [plan for plan in plans_of(lambda: ids(reader, **{name: value})) if "test_run" in plan]

    assert "Sort" not in plan
    assert "Index Cond" in plan


def test_a_run_costs_the_same_for_many_results(reader: APIClient) -> None:
    made = run()

    def queries(rows: int) -> int:
        TestResultFactory.create_batch(rows, test_run=made)
        with CaptureQueriesContext(connection) as captured:
            get(reader, f"test-runs/{made.pk}")
        return len(captured)

    get(reader, "test-runs")  # the user's permissions are read once

    assert queries(2) == queries(20)
