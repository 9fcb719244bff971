"""Pipelines and runs over REST."""

import io
import uuid
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from pipelines import engine
from pipelines.models import PipelineRun
from tests.factories import (
    GeneratedArtifactFactory,
    IRArtifactFactory,
    MetricDefinitionFactory,
    MetricResultFactory,
    PipelineDefinitionFactory,
    PipelineRunFactory,
    PipelineVersionFactory,
    StepOutputLinkFactory,
    StepRunFactory,
    UserFactory,
)
from tests.pipelines.building import pipeline, statuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True, username="operator"))
    return client


def queries(api: APIClient, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert api.get(address).status_code == 200
    return len(captured)


def test_pipelines_name_the_version_in_force(api: APIClient) -> None:
    idle = PipelineDefinitionFactory()
    first = PipelineVersionFactory(version=1)
    PipelineVersionFactory(pipeline=first.pipeline, version=2, is_active=True)

    rows = api.get("/api/pipelines").json()["results"]

    assert {row["key"]: row["activeVersion"] for row in rows} == {idle.key: None, first.pipeline.key: 2}


def test_a_pipeline_comes_with_its_versions_the_newest_first(api: APIClient) -> None:
    first = PipelineVersionFactory(version=1, notes="the beginning")
    second = PipelineVersionFactory(pipeline=first.pipeline, version=2, is_active=True)

    answer = api.get(f"/api/pipelines/{first.pipeline.key}").json()

    assert answer["activeVersion"] == 2
    assert [(row["version"], row["isActive"]) for row in answer["versions"]] == [(2, True), (1, False)]
    assert answer["versions"][0]["dag"] == second.dag
    assert answer["versions"][1]["notes"] == "the beginning"


def test_of_many_versions_the_newest_come_with_a_pipeline_and_the_active_one(api: APIClient) -> None:
    active = PipelineVersionFactory(version=2, is_active=True)
    PipelineVersionFactory(pipeline=active.pipeline, version=1)
    for version in range(3, 110):
        PipelineVersionFactory(pipeline=active.pipeline, version=version)
    PipelineVersionFactory(version=500)

    answer = api.get(f"/api/pipelines/{active.pipeline.key}").json()

    assert [row["version"] for row in answer["versions"]] == [*range(109, 9, -1), 2]
    assert answer["activeVersion"] == 2


def test_a_run_comes_with_its_steps_in_the_order_of_its_dag(api: APIClient) -> None:
    dag = {"nodes": [{"key": "split"}, {"key": "generate"}]}
    run = PipelineRunFactory(dag=dag, params={"split": {"max_parts": 3}}, started_by=UserFactory(username="ann"))
    second = StepRunFactory(pipeline_run=run, node_key="generate", map_index=0)
    first = StepRunFactory(pipeline_run=run, node_key="split", completed=True)
    ir = IRArtifactFactory(step_run=first, attempt=1)
    MetricResultFactory(
        step_run=first, attempt=1, metric=MetricDefinitionFactory(key="coverage"), value=0.5, passed=False
    )
    link = StepOutputLinkFactory(step_run=first)

    answer = api.get(f"/api/pipeline-runs/{run.pk}").json()

    assert answer["pipeline"] == run.pipeline.key
    assert answer["version"] == 1
    assert answer["startedBy"] == "ann"
    assert answer["params"] == {"split": {"max_parts": 3}}
    assert [step["stepRunId"] for step in answer["steps"]] == [str(first.pk), str(second.pk)]
    step = answer["steps"][0]
    assert (step["status"], step["isValid"], step["artifactId"]) == ("completed", True, str(ir.pk))
    assert step["metrics"] == {"coverage": {"value": 0.5, "passed": False}}
    assert step["outputs"] == [{"targetType": "SplitAsset", "targetId": str(link.target_id)}]
    assert answer["steps"][1]["mapIndex"] == 0


def test_reading_runs_costs_the_same_however_many_there_are(api: APIClient) -> None:
    run = PipelineRunFactory(started_by=UserFactory())
    MetricResultFactory.create_batch(2, step_run__pipeline_run=run)
    list_cost, run_cost = queries(api, "/api/pipeline-runs"), queries(api, f"/api/pipeline-runs/{run.pk}")
    PipelineRunFactory.create_batch(28, started_by=UserFactory())
    MetricResultFactory.create_batch(28, step_run__pipeline_run=run)

    assert queries(api, "/api/pipeline-runs") == list_cost == 1
    assert queries(api, f"/api/pipeline-runs/{run.pk}") == run_cost


def test_reading_pipelines_costs_the_same_however_many_there_are(api: APIClient) -> None:
    PipelineVersionFactory.create_batch(2, is_active=True)
    cost = queries(api, "/api/pipelines")
    PipelineVersionFactory.create_batch(28, is_active=True)

    assert queries(api, "/api/pipelines") == cost == 1


@pytest.mark.parametrize("name", ["pipeline", "status", "designSplitId", "runGroupId"])
def test_runs_can_be_narrowed(name: str, api: APIClient) -> None:
    wanted = PipelineRunFactory(finished=True)
    PipelineRunFactory()
    value = {
        "pipeline": wanted.pipeline.key,
        "status": "completed",
        "designSplitId": wanted.design_split_id,
        "runGroupId": wanted.run_group_id,
    }[name]

    rows = api.get("/api/pipeline-runs", {name: value}).json()["results"]

    assert [row["id"] for row in rows] == [str(wanted.pk)]


def test_cancel_ends_a_run_of_which_nothing_runs(api: APIClient, logging_on: None) -> None:
    run = engine.start_run(version=pipeline({"key": "one"}))
    answer = api.post(f"/api/pipeline-runs/{run.pk}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["cancelRequestedAt"] is not None
    assert statuses(run) == {"one": "cancelled"}


def test_a_run_that_has_ended_cannot_be_cancelled(api: APIClient) -> None:
    run = PipelineRunFactory(finished=True)

    answer = api.post(f"/api/pipeline-runs/{run.pk}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "run-finished")
    assert PipelineRun.objects.get(pk=run.pk).cancel_requested_at is None


def test_cancelling_what_is_not_there(api: APIClient) -> None:
    assert api.post(f"/api/pipeline-runs/{uuid.uuid4()}/cancel").status_code == 404


def made_module(run: PipelineRun) -> None:
    artifact = GeneratedArtifactFactory(content_url="runs/x", meta={"files": ["hero.module/meta.json"]})
    StepOutputLinkFactory(step_run__pipeline_run=run, target_type="GeneratedArtifact", target_id=artifact.pk)


def test_the_modules_of_a_run_come_as_a_zip(api: APIClient) -> None:
    run = PipelineRunFactory(finished=True)
    made_module(run)
    default_storage.save("runs/x/hero.module/meta.json", ContentFile(b"{}"))

    answer = api.get(f"/api/pipeline-runs/{run.pk}/modules.zip")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert answer["Content-Disposition"] == f'attachment; filename="modules-{run.pk}.zip"'
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["modules/hero.module/meta.json"]


def test_a_run_without_modules_has_no_zip(api: APIClient) -> None:
    answer = api.get(f"/api/pipeline-runs/{PipelineRunFactory().pk}/modules.zip")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "This run has made no module."


def test_a_zip_whose_files_are_gone_says_so(api: APIClient) -> None:
    run = PipelineRunFactory(finished=True)
    made_module(run)

    answer = api.get(f"/api/pipeline-runs/{run.pk}/modules.zip")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert "no longer in storage" in answer.json()["detail"]
