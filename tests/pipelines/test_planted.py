"""Personal data planted in every field of every door to the audit log: no column of it has any of them."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from rest_framework.test import APIClient

from monitoring.flags import Key, set_flag
from monitoring.models import TestResult, TestRun
from pipelines.models import PipelineRun, PromptData
from pipelines.steps.contract import StepContext, StepResult, ValidationResultOutput
from tests.factories import UserFactory
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.otlp import export, failed, span
from tests.pipelines.prompting import TITLE, a_prompt, run_prompt

pytestmark = pytest.mark.django_db

WHO = "a@b.io"  # short enough for a grade
LONG = [{"n": n, "said": "x" * 90} for n in range(1_500)]


def validate(context: StepContext) -> StepResult:
    """Speaks of someone wherever a step can."""
    context.reporter.log(f"Wrote to {WHO}.")
    verdict = ValidationResultOutput(f"for {WHO}", "failed", f"{WHO} failed", {WHO: [WHO]})
    return StepResult(ir={"scores": {"html": 50, WHO: 1}, "grade": WHO, "recommendations": [WHO]}, outputs=[verdict])


@pytest.fixture(autouse=True)
def logging_on(db: None) -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="tests")


@pytest.fixture
def sender() -> APIClient:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="record_testrun"))
    client = APIClient()
    client.force_authenticate(user)
    return client


def audit_log() -> str:
    """All columns of all its rows, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text FROM test_run t UNION ALL SELECT to_jsonb(t)::text FROM test_result t")
        return "\n".join(row for (row,) in cursor.fetchall())


AI_RUN: dict[str, Any] = {
    "idempotencyKey": f"for {WHO}",
    "pipelineId": WHO,
    "sectionId": WHO,
    "prompt": f"Write to {WHO}.",
    "context": {WHO: {"to": [WHO]}},
    "contextReferences": [{"namespace": WHO, "refType": WHO, "refId": WHO}],
    "metadata": {WHO: WHO},
    "result": {WHO: [WHO]},
    "metrics": {WHO: WHO},
    "model": WHO,
    "provider": WHO,
    "error": {"code": WHO, "message": WHO},
    "policyChecks": [{"name": WHO, "passed": False, "message": WHO}],
}
QUALITY_RUN: dict[str, Any] = {
    "idempotencyKey": f"for {WHO}",
    "pipelineId": WHO,
    "scores": {"html": 95},
    "grade": WHO,
    "recommendations": [WHO, {WHO: WHO}],
    "checks": [{"name": f"page of {WHO}", "status": "failed", "message": WHO, "details": {WHO: [WHO]}}],
}


@pytest.mark.parametrize(("address", "body"), [("ai-runs", AI_RUN), ("quality-runs", QUALITY_RUN)])
def test_nothing_that_other_software_hands_in_is_kept_as_it_was(sender: APIClient, address: str, body: Any) -> None:
    first = sender.post(f"/api/{address}", body).json()

    again = sender.post(f"/api/{address}", body)
    other = sender.post(f"/api/{address}", {**body, "idempotencyKey": f"For {WHO}"})

    assert WHO not in audit_log()
    assert (again.status_code, again.json()["testRunId"]) == (200, first["testRunId"])
    assert first["idempotencyKey"] == body["idempotencyKey"]
    assert (other.status_code, other.json()["created"]) == (201, True)
    kept = TestRun.objects.get(pk=first["testRunId"])
    assert kept.idempotency_key.startswith("[key:")
    assert kept.results.get(name="Safety/Policy").details["redaction"]["counts"]["email"] > 5


def test_nothing_of_a_trace_is_kept_as_it_was(sender: APIClient) -> None:
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": WHO}]}])
    attributes = {
        "gen_ai.request.model": WHO,
        "gen_ai.provider.name": WHO,
        "gen_ai.input.messages": said,
        "gen_ai.output.messages": said,
        "gen_ai.conversation.id": WHO,
        "gen_ai.request.user": WHO,
        "irline.pipeline_id": WHO,
        "irline.section_id": WHO,
        "error.type": WHO,
    }

    sender.generic(
        "POST", "/v1/traces", export(span(attributes=attributes, status=failed(WHO))), "application/x-protobuf"
    )

    assert PromptData.objects.get().section_id == WHO
    assert WHO not in audit_log()


def test_nothing_that_steps_say_is_kept_as_it_was(settings: Any) -> None:
    settings.PIPELINE_STEPS = {**HANDLERS, "emit": "tests.pipelines.test_planted.validate"}
    judged = building.run(building.pipeline({"key": "a"}))
    settings.PIPELINE_STEPS = HANDLERS
    refused = building.pipeline({"key": "a", "params": {"refuse": f"{WHO} is refused."}}, key="refused")
    crashed = building.pipeline({"key": "a", "params": {"crash": f"{WHO} crashed."}}, key="crashed")

    statuses = {building.run(refused).status, building.run(crashed).status}

    assert (judged.status, statuses) == (PipelineRun.Status.COMPLETED, {PipelineRun.Status.FAILED})
    assert TestResult.objects.filter(name__startswith="for [email:").exists()
    assert TestRun.objects.count() == 3
    assert WHO not in audit_log()


def test_nothing_that_an_ai_step_asks_and_is_answered_is_kept_as_it_was() -> None:
    set_flag(key=Key.IR_VALIDATION_MODE, value="log", reason="tests")
    a_prompt(schema=TITLE)

    run_prompt(subject=WHO, script=[{"title": WHO, WHO: WHO}, {"title": WHO, WHO: WHO}])

    assert WHO in PromptData.objects.earliest("pk").prompt
    assert WHO not in audit_log()


def test_names_give_values_away_in_bodies_too_large_to_be_looked_at_whole(sender: APIClient) -> None:
    body = {"password": "sunshine", "more": LONG}
    sender.post("/api/ai-runs", {"idempotencyKey": "a", "context": body, "result": body})

    assert "sunshine" not in audit_log()
    details = TestResult.objects.get(name="Prompt IO").details
    assert details["resultExcerpt"].startswith('{"password": "[secret:')
    assert TestResult.objects.get(name="Safety/Policy").details["redaction"]["whole"] is False
