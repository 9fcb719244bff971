"""Recording runs of other software over HTTP: each whole or not at all, once, and with a reason where it is refused."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken
from rest_framework.test import APIClient

from ir_schemas.models import IRSchemaDefinition
from ir_schemas.services import activate_version, create_version
from monitoring.flags import Key, Who, add_rule, set_flag
from monitoring.models import TestResult, TestRun
from pipelines.models import DesignSplit, PipelineDefinition, PromptData, PromptResult
from tests.factories import (
    AIProcessFactory,
    AIPromptFactory,
    DesignSplitFactory,
    ModelPriceFactory,
    PipelineDefinitionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

RUN = {
    "pipelineId": "their-own-name",
    "prompt": "Write to jane@example.com about the hero.",
    "context": {"apiKey": "k-123456"},
    "result": {"title": "Bicycles", "contact": "jane@example.com"},
    "model": "gpt-5",
    "provider": "openai",
    "tokensIn": 812,
    "tokensOut": 96,
    "tokensCached": 512,
    "costUsd": "0.00184",
    "latencyMs": 1500,
    "completedAt": "2026-01-31T12:00:00Z",
    "contextReferences": [{"namespace": "modules", "refId": "hero-3", "score": 0.91}],
}
JUDGEMENT = {
    "scores": {"html": 95, "accessibility": 80, "seo": None},
    "recommendations": ["Give every image an alternative text."],
    "checks": [
        {"name": "html", "status": "passed", "durationMs": 12},
        {"name": "accessibility", "status": "failed", "message": "3 images", "details": {"rule": "image-alt"}},
    ],
}


@pytest.fixture(autouse=True)
def logging_on(db: None) -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="tests")


def recorder() -> User:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="record_testrun"))
    return user


def signed_in(user: User | None = None) -> APIClient:
    client = APIClient()
    client.force_authenticate(user or recorder())
    return client


def ai_run(key: str = "run-1", **fields: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, **RUN, **fields}


def prompt_with_schema(**fields: Any) -> Any:
    prompt = AIPromptFactory(**fields)
    schema = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}
    activate_version(schema=create_version(model=IRSchemaDefinition, owner=prompt, name="title", schema=schema))
    return prompt


def test_an_ai_run_leaves_all_its_records() -> None:
    user = recorder()
    pipeline, prompt = PipelineDefinitionFactory(), AIPromptFactory()
    group = str(uuid.uuid4())

    response = signed_in(user).post(
        "/api/ai-runs", ai_run(pipelineId=str(pipeline.pk), promptId=str(prompt.pk), runGroupId=group)
    )

    assert response.status_code == 201
    answer = response.json()
    data = PromptData.objects.get(pk=answer["promptDataId"])
    assert (data.prompt, data.context, data.ai_prompt) == (RUN["prompt"], RUN["context"], prompt)
    result = PromptResult.objects.get(pk=answer["promptResultId"])
    assert (result.prompt_data, result.result, result.model) == (data, RUN["result"], "gpt-5")
    assert (result.tokens_in, str(result.total_cost_usd)) == (812, "0.00184000")
    run = TestRun.objects.get(pk=answer["testRunId"])
    assert (run.type, run.status, run.source, run.recorded_by) == ("ai", "passed", "api", user)
    assert (run.prompt, run.process, run.pipeline) == (prompt, prompt.process, pipeline)
    assert (run.model, run.tokens_cached, run.latency_ms, str(run.run_group_id)) == ("gpt-5", 512, 1500, group)
    assert run.completed_at is not None
    assert (run.completed_at - run.started_at).total_seconds() == 1.5
    assert run.summary["promptVersion"] == prompt.version
    assert run.summary["contextReferences"] == RUN["contextReferences"]
    assert set(run.results.values_list("name", "status")) == {
        ("Prompt IO", "passed"),
        ("IR Validation", "skipped"),
        ("Safety/Policy", "warning"),
    }


def test_the_audit_log_keeps_nothing_personal() -> None:
    signed_in().post("/api/ai-runs", ai_run(error={"code": "timeout", "message": "jane@example.com waited"}))

    run = TestRun.objects.get()
    kept = json.dumps([run.summary, *run.results.values_list("details", flat=True)])
    assert "jane@example.com" not in kept
    assert "k-123456" not in kept
    assert run.status == "error"
    safety = run.results.get(name="Safety/Policy").details
    assert safety["redaction"]["counts"] == {"email": 3, "secret": 1}
    io = run.results.get(name="Prompt IO").details
    assert io["promptExcerpt"].startswith("Write to [email:")
    assert len(io["promptSha256"]) == 64


@pytest.mark.parametrize(
    ("mode", "result", "status", "passed"),
    [
        ("log", {"title": "x"}, "passed", True),
        ("log", {"title": 1}, "failed", False),
        ("enforce", {"title": 1}, "error", False),
        ("off", {"title": 1}, "passed", None),
    ],
)
def test_the_result_is_judged_by_the_prompts_schema(mode: str, result: Any, status: str, passed: bool | None) -> None:
    set_flag(key=Key.IR_VALIDATION_MODE, value=mode, reason="tests")

    signed_in().post("/api/ai-runs", ai_run(promptId=str(prompt_with_schema().pk), result=result))

    run = TestRun.objects.get()
    assert (run.status, run.validation_passed) == (status, passed)
    assert run.error_count == (None if passed is None else int(not passed))


def test_without_a_prompt_it_is_judged_by_the_processs_schema() -> None:
    set_flag(key=Key.IR_VALIDATION_MODE, value="log", reason="tests")
    process = AIProcessFactory()
    schema = {"type": "object", "required": ["title"]}
    activate_version(schema=create_version(model=IRSchemaDefinition, owner=process, name="title", schema=schema))

    signed_in().post("/api/ai-runs", ai_run(processId=str(process.pk), result={}))

    run = TestRun.objects.get()
    assert (run.process, run.validation_passed) == (process, False)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("ai-runs", "promptId"),
        ("ai-runs", "processId"),
        ("ai-runs", "designSplitId"),
        ("quality-runs", "designSplitId"),
        ("quality-runs", "artifactId"),
        ("quality-runs", "moduleId"),
    ],
)
def test_a_run_of_what_is_not_here_is_refused(address: str, name: str) -> None:
    body = {"idempotencyKey": "a", name: str(uuid.uuid4()), **({} if address == "ai-runs" else JUDGEMENT)}

    response = signed_in().post(f"/api/{address}", body)

    assert (response.status_code, response.json()["code"]) == (400, "reference-unknown")
    assert response.json()["errors"][0]["path"] == f"/{name}"


def test_a_prompts_own_mode_goes_first() -> None:
    set_flag(key=Key.IR_VALIDATION_MODE, value="enforce", reason="tests")

    prompt = prompt_with_schema(ir_validation_mode="log")
    signed_in().post("/api/ai-runs", ai_run(promptId=str(prompt.pk), result={}))

    assert TestRun.objects.get().status == "failed"


def price(model: str, day: str, dollars: int, provider: str = "openai") -> None:
    ModelPriceFactory(
        provider=provider, model=model, effective_from=day, input_per_million=dollars, output_per_million=10 * dollars
    )


def test_a_run_that_tells_no_cost_has_that_of_the_table_of_prices_on_its_day() -> None:
    for day, dollars in (("2026-01-01", 1), ("2026-02-01", 2), ("2026-03-01", 3)):
        price("small", day, dollars)
    price("large", "2026-01-01", 99)
    price("small", "2026-01-01", 99, provider="other")
    spent = {"model": "small", "tokensIn": 1_000_000, "tokensOut": 100_000, "tokensCached": None}
    items = [
        ai_run("on its day", **spent, costUsd=None, completedAt="2026-02-28T23:59:59Z", startedAt=None),
        ai_run("told", **spent, costUsd="0.5"),
        ai_run("before there was a price", **spent, costUsd=None, completedAt="2025-12-31T00:00:00Z", startedAt=None),
        ai_run("tokens unknown", **{**spent, "tokensOut": None}, costUsd=None),
        ai_run("another model", **{**spent, "model": "new"}, costUsd=None),
        ai_run("asked", **{**spent, "model": "small-0228"}, costUsd=None, metadata={"request": {"model": "small"}}),
        ai_run("a dated version", **{**spent, "model": "small-2026-02-28"}, costUsd=None),
    ]

    verdicts = signed_in().post("/api/ai-runs", {"items": items}).json()["results"]

    assert {one["status"] for one in verdicts} == {201}
    costs = {run.idempotency_key: run for run in TestRun.objects.all()}
    assert {key: run.cost_usd for key, run in costs.items()} == {
        "on its day": 4,
        "told": Decimal("0.5"),
        "before there was a price": None,
        "tokens unknown": None,
        "another model": None,
        "asked": 2,
        "a dated version": 2,
    }
    assert costs["on its day"].summary["totalCostUsd"] == "4.00000000"
    assert {key for key, run in costs.items() if "costFrom" in run.summary} == {
        "on its day",
        "asked",
        "a dated version",
    }
    assert PromptResult.objects.get(prompt_data__idempotency_key="on its day").total_cost_usd == 4


def test_with_logging_off_no_cost_is_added() -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="tests")
    price("gpt-5", "2020-01-01", 1)

    signed_in().post("/api/ai-runs", ai_run(costUsd=None))

    assert PromptResult.objects.get().total_cost_usd is None


def test_guards_and_refusals_are_told() -> None:
    client = signed_in()
    client.post("/api/ai-runs", ai_run("a", prompt="", context={}, result="No.", refused=True))
    checks = [{"name": "toxicity", "passed": False, "message": "0.93"}]
    client.post("/api/ai-runs", ai_run("b", prompt="", context={}, result="Hm.", policyChecks=checks))

    safety = TestResult.objects.filter(name="Safety/Policy").order_by("test_run__idempotency_key")
    assert [one.status for one in safety] == ["warning", "failed"]


def test_a_quality_run_leaves_its_checks_and_its_designs_summary() -> None:
    design = DesignSplitFactory(metrics={"runId": "kept"})

    response = signed_in().post(
        "/api/quality-runs", {"idempotencyKey": "q", **JUDGEMENT, "designSplitId": str(design.pk)}
    )

    assert response.status_code == 201
    run = TestRun.objects.get(pk=response.json()["testRunId"])
    assert (run.type, run.status, run.design_split) == ("quality", "failed", design)
    assert (run.score_html, run.score_accessibility, run.score_seo) == (95, 80, None)
    assert (run.score_overall, run.grade) == (86.7, "B")
    assert run.summary["recommendations"] == JUDGEMENT["recommendations"]
    assert set(run.results.values_list("name", "status")) == {
        ("html", "passed"),
        ("accessibility", "failed"),
        ("Safety/Policy", "passed"),
    }
    design.refresh_from_db()
    assert design.metrics["runId"] == "kept"
    assert design.metrics["quality"]["overall"] == 86.7


def test_replays_change_nothing_and_answer_with_the_same_ids() -> None:
    client = signed_in()
    design = DesignSplitFactory()
    judged = {"idempotencyKey": "q", **JUDGEMENT, "designSplitId": str(design.pk)}
    first = [client.post("/api/ai-runs", ai_run()).json(), client.post("/api/quality-runs", judged).json()]
    DesignSplit.objects.update(metrics={})

    again = [client.post("/api/ai-runs", ai_run()), client.post("/api/quality-runs", judged)]

    assert [response.status_code for response in again] == [200, 200]
    assert [response.json() | {"created": True} for response in again] == first
    assert (PromptData.objects.count(), PromptResult.objects.count(), TestRun.objects.count()) == (1, 1, 2)
    assert DesignSplit.objects.get().metrics == {}


def test_a_key_stands_for_one_run_of_one_user_and_one_kind() -> None:
    user = recorder()
    signed_in(user).post("/api/ai-runs", ai_run())

    refused = signed_in(user).post("/api/ai-runs", ai_run(tokensIn=1))
    other_user = signed_in().post("/api/ai-runs", ai_run(tokensIn=1))
    other_kind = signed_in(user).post("/api/quality-runs", {"idempotencyKey": "run-1"})

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")
    assert (other_user.status_code, other_kind.status_code) == (201, 201)


def test_of_a_batch_what_can_be_kept_is_kept_and_the_rest_says_why() -> None:
    items = [
        ai_run("a"),
        ai_run("b", tokensIn=-1),
        ai_run("a"),
        ai_run("c", prompt="\x00"),
        ai_run("d", promptId=str(uuid.uuid4())),
        ai_run("a", tokensIn=7),
        ai_run("e", startedAt="2026-02-01T00:00:00Z"),
        "f",
        ai_run("g", tokensIn=10**30),
        ai_run("h", metadata={"deep": json.loads("[" * 70 + "]" * 70)}),
        ai_run("i"),
    ]

    response = signed_in().post("/api/ai-runs", {"items": items})

    assert response.status_code == 207
    results = response.json()["results"]
    assert [one["status"] for one in results] == [201, 400, 200, 400, 400, 422, 400, 400, 400, 400, 201]
    assert results[0]["run"]["testRunId"] == results[2]["run"]["testRunId"]
    problems = {index: one["problem"] for index, one in enumerate(results) if "problem" in one}
    assert problems[1]["errors"][0]["path"] == "/items/1/tokensIn"
    assert problems[3]["errors"][0]["code"] == "nul-character"
    assert (problems[4]["code"], problems[4]["errors"][0]["path"]) == ("reference-unknown", "/items/4/promptId")
    assert problems[5]["code"] == "idempotency-key-reused"
    assert problems[6]["errors"][0]["code"] == "ends-before-start"
    assert sorted(TestRun.objects.values_list("idempotency_key", flat=True)) == ["a", "i"]
    assert PromptData.objects.count() == PromptResult.objects.count() == 2


def test_a_whole_number_may_be_written_with_a_point() -> None:
    signed_in().post("/api/ai-runs", ai_run(tokensIn=5.0))

    assert TestRun.objects.get().tokens_in == PromptResult.objects.get().tokens_in == 5


def test_what_only_postgresql_refuses_spoils_its_own_item_only() -> None:
    items = [ai_run("a"), ai_run("b", completedAt="0001-01-01T00:00:00Z", latencyMs=0), ai_run("c", qualityScore=1e308)]

    response = signed_in().post("/api/ai-runs", {"items": items})

    assert {one["status"] for one in response.json()["results"]} <= {201, 400}
    assert response.json()["results"][2]["status"] == 201


def test_the_latest_of_a_batch_is_the_designs_summary() -> None:
    design = str(DesignSplitFactory().pk)
    items = [
        {"idempotencyKey": str(n), "designSplitId": design, "scores": {"html": score}}
        for n, score in enumerate((50, 90, 70))
    ]

    signed_in().post("/api/quality-runs", {"items": items})

    assert DesignSplit.objects.get().metrics["quality"] == {"scores": {"html": 70}, "overall": 70.0, "grade": "C"}


def test_a_batch_asks_for_the_senders_groups_once() -> None:
    user, group = recorder(), Group.objects.create(name="testers")
    add_rule(key=Key.IR_VALIDATION_MODE, who=Who.GROUP, target=group, value="log", reason="tests")
    prompt = str(prompt_with_schema().pk)

    def queries(count: int) -> int:
        runs = [ai_run(f"{count}-{number}", promptId=prompt) for number in range(count)]
        with CaptureQueriesContext(connection) as captured:
            assert signed_in(User.objects.get(pk=user.pk)).post("/api/ai-runs", {"items": runs}).status_code == 207
        return sum("auth_user_groups" in query["sql"] and "auth_group" in query["sql"] for query in captured)

    assert queries(2) == queries(20)


def test_a_run_takes_few_statements(django_assert_max_num_queries: Any) -> None:
    _, secret = AuthToken.objects.create(recorder())
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    prompt = str(prompt_with_schema().pk)
    client.post("/api/ai-runs", ai_run("a", promptId=prompt))

    # The key with its permissions, what the run stands on, its schema; the writing, in a savepoint that is released.
    with django_assert_max_num_queries(6):
        client.post("/api/ai-runs", ai_run("b", promptId=prompt))

    assert TestRun.objects.count() == 2


def test_a_batch_takes_few_statements_whatever_its_size(django_assert_max_num_queries: Any) -> None:
    client = signed_in()

    with django_assert_max_num_queries(8):
        response = client.post("/api/ai-runs", {"items": [ai_run(str(n)) for n in range(40)]})

    assert {one["status"] for one in response.json()["results"]} == {201}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"items": [{"idempotencyKey": str(n)} for n in range(501)]}, 413, "too-many-items"),
        ({"items": []}, 400, "invalid-input"),
        ({"items": {}}, 400, "invalid-input"),
        ({"items": [{"idempotencyKey": "a"}], "more": 1}, 400, "invalid-input"),
        ({}, 400, "item-invalid"),
        ([], 400, "item-invalid"),
        ({"idempotencyKey": "a", "unknown": 1}, 400, "item-invalid"),
    ],
)
@pytest.mark.parametrize("address", ["/api/ai-runs", "/api/quality-runs"])
def test_what_is_no_run_is_refused(address: str, body: Any, status: int, code: str) -> None:
    response = signed_in().post(address, body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert TestRun.objects.count() == 0


def test_a_run_that_is_too_large_to_be_checked_is_refused_in_words_for_its_sender() -> None:
    refused = signed_in().post("/api/ai-runs", {"idempotencyKey": "a", "prompt": "a" * 10_000_000})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "too-costly")
    assert "10 million" in refused.json()["errors"][0]["message"]


def test_five_hundred_at_once_are_taken() -> None:
    response = signed_in().post("/api/quality-runs", {"items": [{"idempotencyKey": str(n)} for n in range(500)]})

    assert {one["status"] for one in response.json()["results"]} == {201}
    assert TestRun.objects.count() == 500


def test_with_logging_off_only_what_was_always_left_is_left() -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="tests")
    client = signed_in()
    design = DesignSplitFactory()
    judged = {"idempotencyKey": "q", **JUDGEMENT, "designSplitId": str(design.pk)}

    first = client.post("/api/ai-runs", ai_run()).json()
    again = client.post("/api/ai-runs", ai_run())
    quality = client.post("/api/quality-runs", judged).json()

    assert (first["logged"], first["testRunId"], quality["logged"]) == (False, None, False)
    assert (again.status_code, again.json()["promptDataId"]) == (200, first["promptDataId"])
    assert (PromptData.objects.count(), PromptResult.objects.count()) == (1, 1)
    assert TestRun.objects.count() == TestResult.objects.count() == 0
    design.refresh_from_db()
    assert design.metrics["quality"]["grade"] == "B"


def test_a_quality_run_that_is_sent_again_while_nothing_is_logged_leaves_its_design_as_it_is() -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="tests")
    judged = {"idempotencyKey": "q", **JUDGEMENT, "designSplitId": str(DesignSplitFactory().pk)}
    signed_in().post("/api/quality-runs", judged)
    before = DesignSplit.objects.get()

    assert signed_in().post("/api/quality-runs", judged).status_code == 201

    after = DesignSplit.objects.get()
    assert (after.metrics, after.updated_at) == (before.metrics, before.updated_at)


def test_recording_needs_its_own_permission() -> None:
    user = UserFactory()
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="monitoring", codename="add_testrun"))

    assert signed_in(user).post("/api/ai-runs", ai_run()).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_clients_that_send_the_same_at_once_leave_it_once() -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="tests")
    _, secret = AuthToken.objects.create(recorder())
    design = str(DesignSplitFactory().pk)
    keys = [str(n) for n in range(20)]

    def send(number: int) -> list[dict[str, Any]]:
        client = APIClient(headers={"Authorization": f"Bearer {secret}"})
        ordered = keys if number % 2 else keys[::-1]
        try:
            ai = client.post("/api/ai-runs", {"items": [ai_run(key) for key in ordered]})
            judged = [{"idempotencyKey": key, "designSplitId": design, "scores": {"seo": 50}} for key in ordered]
            quality = client.post("/api/quality-runs", {"items": judged})
            return [*ai.json()["results"], *quality.json()["results"]]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = [one for answer in pool.map(send, range(8)) for one in answer]

    assert {one["status"] for one in answers} == {200, 201}
    assert sum(one["run"]["created"] for one in answers) == 40
    assert len({one["run"]["testRunId"] for one in answers}) == 40
    assert (PromptData.objects.count(), TestRun.objects.count()) == (20, 40)
    assert PipelineDefinition.objects.count() == 0
