"""Versions of pipelines over REST: made, checked, put in force."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from pipelines.models import ConcurrencyPool, PipelineVersion
from tests.factories import (
    MetricDefinitionFactory,
    MetricProfileFactory,
    MetricProfileItemFactory,
    PipelineDefinitionFactory,
    PipelineVersionFactory,
    UserFactory,
)
from tests.pipelines import building

pytestmark = pytest.mark.django_db

DAG = {"nodes": [{"key": "a", "stepVersionId": "emit@1"}]}
BAD_DAG = {"nodes": [{"key": "a", "stepVersionId": "emit@9"}, {"key": "b", "stepVersionId": "nothing@1"}]}


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True, username="ann"))
    return client


def test_a_version_is_made_and_then_put_in_force(api: APIClient) -> None:
    first = building.pipeline({"key": "a"})

    answer = api.post("/api/pipelines/example/versions", {"dag": DAG, "notes": "second"})

    body = answer.json()
    assert (answer.status_code, body["version"], body["isActive"], body["createdBy"]) == (201, 2, False, "ann")
    assert answer["Location"] == "http://testserver/api/pipelines/example/versions/2"
    assert api.get(answer["Location"]).json()["dag"] == DAG
    active = api.post(f"{answer['Location']}/activate")
    assert (active.status_code, active.json()["isActive"]) == (200, True)
    first.refresh_from_db()
    assert not first.is_active


def test_a_dag_with_faults_is_refused_with_all_of_them(api: APIClient) -> None:
    building.pipeline({"key": "a"})

    answer = api.post("/api/pipelines/example/versions", {"dag": BAD_DAG})

    assert (answer.status_code, answer.json()["code"]) == (400, "dag-invalid")
    assert [error["path"] for error in answer.json()["errors"]] == ["/nodes/0/stepVersionId", "/nodes/1/stepVersionId"]
    assert PipelineVersion.objects.count() == 1


@pytest.mark.parametrize("dag", [None, 1, "x", [], {}, {"nodes": 1}])
def test_what_is_no_dag_is_refused(dag: Any, api: APIClient) -> None:
    building.pipeline({"key": "a"})

    assert api.post("/api/pipelines/example/versions", {"dag": dag}).status_code == 400
    assert PipelineVersion.objects.count() == 1


def test_a_dag_is_checked_without_being_kept(api: APIClient) -> None:
    building.pipeline({"key": "a"})

    fine, bad = (api.post("/api/pipelines/example/validate-dag", {"dag": dag}) for dag in (DAG, BAD_DAG))

    assert fine.json() == {"valid": True, "faults": []}
    assert bad.json()["valid"] is False
    assert [fault["code"] for fault in bad.json()["faults"]] == ["step-version-unknown"] * 2
    assert PipelineVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "path", "hint"),
    [
        ({"stepVersionId": "emti@1"}, "stepVersionId", "Did you mean 'emit@1'?"),
        ({"metricProfileId": "speeds"}, "metricProfileId", "Did you mean 'speed'?"),
        ({"pool": "zzz"}, "pool", "Make the pool first, or name one that exists."),
    ],
)
def test_a_name_that_stands_for_nothing_is_met_with_the_nearest(
    fields: dict[str, str], path: str, hint: str, api: APIClient
) -> None:
    building.pipeline({"key": "a"})
    MetricProfileFactory(key="speed")
    dag = {"nodes": [{"key": "a", "stepVersionId": "emit@1", **fields}]}

    (fault,) = api.post("/api/pipelines/example/validate-dag", {"dag": dag}).json()["faults"]

    assert (fault["path"], fault["hint"]) == (f"/nodes/0/{path}", hint)


def test_no_more_than_a_hundred_names_are_told_of(api: APIClient) -> None:
    building.pipeline({"key": "a"})
    dag = {"nodes": [{"key": f"n{n}", "stepVersionId": "nothing@1"} for n in range(300)]}

    faults = api.post("/api/pipelines/example/validate-dag", {"dag": dag}).json()["faults"]

    assert len(faults) == 101
    assert faults[-1]["code"] == "too-many-problems"


@pytest.mark.parametrize(
    ("source", "metric", "hint"),
    [
        ({"metricProfileId": "speed"}, "latency_ms", None),
        ({"metricProfileId": "speed"}, "latency", "Did you mean 'latency_ms'?"),
        ({"metricProfileId": "speed"}, "words", "Its profile measures latency_ms."),
        ({}, "latency_ms", "Give 'b' a 'metricProfileId'."),
        ({"metricProfileId": "speed", "forEach": "a.parts"}, "latency_ms", "It runs forEach"),
    ],
)
def test_a_condition_on_a_metric_that_is_never_measured_is_refused(
    source: dict[str, str], metric: str, hint: str | None, api: APIClient
) -> None:
    building.pipeline({"key": "a"})
    MetricProfileItemFactory(
        profile=MetricProfileFactory(key="speed"), metric=MetricDefinitionFactory(key="latency_ms")
    )
    nodes: list[dict[str, Any]] = [
        {"key": "a"},
        {"key": "b", "dependsOn": ["a"], **source},
        {"key": "c", "dependsOn": ["b"], "condition": f"metrics.b['{metric}'] > 1.0"},
    ]
    dag = {"nodes": [{"stepVersionId": "emit@1", **node} for node in nodes]}

    faults = api.post("/api/pipelines/example/validate-dag", {"dag": dag}).json()["faults"]

    assert [(fault["path"], fault["code"]) for fault in faults] == (
        [("/nodes/2/condition", "metric-not-measured")] if hint else []
    )
    assert all(fault["hint"].startswith(hint or "") for fault in faults)


@pytest.mark.parametrize(("pool", "refused"), [({}, True), ({"pool": "browser"}, False)])
def test_a_weight_that_limits_nothing_is_refused(pool: dict[str, str], refused: bool, api: APIClient) -> None:
    building.pipeline({"key": "a"})
    ConcurrencyPool.objects.create(key="browser", limit=2)
    dag = {"nodes": [{"key": "a", "stepVersionId": "emit@1", "weight": 2, **pool}]}

    faults = api.post("/api/pipelines/example/validate-dag", {"dag": dag}).json()["faults"]

    assert [(fault["path"], fault["code"]) for fault in faults] == (
        [("/nodes/0/weight", "weight-without-pool")] if refused else []
    )


def test_versions_are_listed_without_their_dags(api: APIClient) -> None:
    first = PipelineVersionFactory(notes="the beginning")
    PipelineVersionFactory(pipeline=first.pipeline, version=2)
    PipelineVersionFactory()

    rows = api.get(f"/api/pipelines/{first.pipeline.key}/versions").json()["results"]

    assert [row["version"] for row in rows] == [2, 1]
    assert "dag" not in rows[0]
    assert rows[1]["notes"] == "the beginning"


def test_listing_versions_costs_the_same_however_many_there_are(api: APIClient) -> None:
    pipeline = PipelineDefinitionFactory()

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(f"/api/pipelines/{pipeline.key}/versions").status_code == 200
        return len(captured)

    PipelineVersionFactory(pipeline=pipeline, version=1, created_by=UserFactory())
    few = cost()
    for number in range(2, 20):
        PipelineVersionFactory(pipeline=pipeline, version=number, created_by=UserFactory())

    assert cost() == few == 2


@pytest.mark.parametrize("rest", ["versions", "versions/1", "versions/1/activate", "validate-dag"])
def test_a_pipeline_that_is_not_there(rest: str, api: APIClient) -> None:
    method = api.post if rest in ("validate-dag", "versions/1/activate") else api.get

    assert method(f"/api/pipelines/nothing/{rest}").status_code == 404


@pytest.mark.parametrize(
    ("codename", "method", "rest", "opened"),
    [
        ("view_pipelineversion", "get", "versions", 200),
        ("add_pipelineversion", "post", "versions", 400),
        ("add_pipelineversion", "post", "validate-dag", 400),
        ("change_pipelineversion", "post", "versions/1/activate", 200),
        ("operate_pipelinerun", "post", "runs", 409),
    ],
)
def test_each_verb_has_a_permission_of_its_own(codename: str, method: str, rest: str, opened: int) -> None:
    building.pipeline({"key": "a"})
    address = f"/api/pipelines/example/{rest}"
    user = UserFactory()
    client = APIClient()
    client.force_authenticate(user)
    assert getattr(client, method)(address).status_code == 403

    user.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_authenticate(type(user).objects.get(pk=user.pk))

    assert getattr(client, method)(address).status_code == opened
