"""Requests to every operation, generated from its description: each answer is as described, and none is an error."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from knox.models import AuthToken
from schemathesis.generation.case import Case
from schemathesis.specs.openapi import checks

from config.wsgi import application
from tests import factories
from tests.contract.test_legacy_reads import review
from tests.factories import (
    IRArtifactFactory,
    MetricResultFactory,
    SplitAssetFactory,
    StepOutputLinkFactory,
    StepRunFactory,
    UserFactory,
    ValidationResultFactory,
)

EXAMPLES, EXAMPLES_OF_A_ROW = 10, 4
WINDOWS = ("/api/monitoring/test-runs", "/api/monitoring/quality/trends", "/api/monitoring/ai/metrics")
# A body can be refused for what no schema can say, such as a version that is in force, and DRF reads 0 as false.
# Of a window, no schema can say that it must end after it begins and how long it may be.
RULES_BEYOND_A_SCHEMA = (checks.positive_data_acceptance, checks.negative_data_rejection)

# An edit that does not say which state it edits is answered by 428, which was made for it, where the check knows 400.
A_STATUS_OF_ITS_OWN = checks.missing_required_header

generator: Any = SchemaGenerator
schema = schemathesis.openapi.from_dict(generator().get_schema(request=None, public=True))
schema.app = application
schema.config.base_url = "http://testserver"
schema.config.generation.update(max_examples=EXAMPLES, deterministic=True)


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: Any, value: Any) -> bytes:
    """A text as it is."""
    return str(value).encode(errors="replace")


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Requests run inside the test's own transaction, so none may close its connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def key(db: None) -> dict[str, str]:
    _, secret = AuthToken.objects.create(UserFactory(is_superuser=True))
    return {"Authorization": f"Bearer {secret}"}


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_no_answer_is_undocumented(case: Case[Any], key: dict[str, str]) -> None:
    excluded = () if case.method == "GET" and case.operation.path not in WINDOWS else RULES_BEYOND_A_SCHEMA
    case.call_and_validate(headers=key, excluded_checks=list(excluded))


ROWS: dict[str, Any] = {
    "activation-gates": factories.ActivationGateFactory,
    "ai-prompts": factories.AIPromptFactory,
    "design-splits": factories.DesignSplitFactory,
    "evaluations": factories.EvaluationFactory,
    "generated-artifacts": factories.GeneratedArtifactFactory,
    "ground-truth": factories.GroundTruthFactory,
    "ground-truth-sets": factories.GroundTruthSetFactory,
    "ir-schemas": factories.IRSchemaFactory,
    "judgements": factories.JudgementFactory,
    "judges": factories.JudgeFactory,
    "module-templates": factories.ModuleTemplateFactory,
    "monitoring": factories.TestRunFactory,
    "pipeline-runs": factories.PipelineRunFactory,
    "pipeline-schedules": factories.PipelineScheduleFactory,
    "pipelines": factories.PipelineVersionFactory,
    "pools": factories.ConcurrencyPoolFactory,
    "review-answers": factories.ReviewAnswerFactory,
    "review-assignments": factories.ReviewAssignmentFactory,
    "review-feedback": factories.ReviewFeedbackFactory,
    "review-items": factories.ReviewItemFactory,
    "review-questions": factories.ReviewQuestionFactory,
    "review-queues": factories.ReviewQueueFactory,
    "split-assets": factories.SplitAssetFactory,
    "step-runs": factories.StepRunFactory,
    "validation-results": factories.ValidationResultFactory,
}


@schema.include(path_regex=r"\{").parametrize()
@settings(max_examples=EXAMPLES_OF_A_ROW, suppress_health_check=list(HealthCheck))
def test_no_answer_about_a_row_that_is_there_is_undocumented(case: Case[Any], key: dict[str, str]) -> None:
    """Made-up ids lead nowhere, so that nothing but a 404 would be seen of most operations."""
    kind = _kind(case.operation)
    row = ROWS[kind](**({"reviewer": User.objects.get(is_superuser=True)} if kind == "review-assignments" else {}))
    named = {"id": row.pk} if kind != "pipelines" else {"key": row.pipeline.key, "version": row.version}
    case.path_parameters.update({name: str(named[name]) for name in case.path_parameters if name in named})

    case.call_and_validate(headers=key, excluded_checks=[*RULES_BEYOND_A_SCHEMA, A_STATUS_OF_ITS_OWN])


@pytest.fixture
def ids(db: None) -> dict[str, str]:
    """An id of a row for the single read of each kind."""
    said = review()
    step = StepRunFactory(completed=True, pipeline_run__finished=True)
    IRArtifactFactory(step_run=step, ir_json={"module": {"name": "hero", "css": ""}, "renderedHtml": "<p>Hello</p>"})
    MetricResultFactory(step_run=step)
    StepOutputLinkFactory(step_run=step, target_type="GeneratedArtifact", target_id=said.artifact_id)
    default_storage.save(f"{said.artifact.content_url}/hero.module/meta.json", ContentFile(b"{}"))
    rows = {
        "design-splits": said.design_split,
        "split-assets": SplitAssetFactory(),
        "module-templates": said.module,
        "generated-artifacts": said.artifact,
        "validation-results": ValidationResultFactory(artifact=said.artifact),
        "review-feedback": said,
        "pipeline-runs": step.pipeline_run,
        "step-runs": step,
    }
    return {name: str(row.pk) for name, row in rows.items()} | {"pipelines": step.pipeline_run.pipeline.key}


def test_what_is_there_is_answered_as_described(key: dict[str, str], ids: dict[str, str]) -> None:
    operations = [result.ok() for result in schema.get_all_operations()]
    reads = [each for each in operations if each.method == "get" and _kind(each) in ids]
    for operation in reads:
        row = ids[_kind(operation)]
        known = {"id": row, "key": row, "version": 1}
        case = operation.Case(path_parameters={name: known[name] for name in known if f"{{{name}}}" in operation.path})
        answer = case.call_and_validate(headers=key)
        assert answer.status_code == 200, operation.path

    assert {_kind(operation) for operation in reads} == ids.keys()


def _kind(operation: Any) -> str:
    return str(operation.path.split("/")[2])
