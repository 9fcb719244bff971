"""Pipelines in the admin: a DAG's faults are shown with their places, a version that has run is frozen."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from pipelines.models import PipelineVersion
from tests import factories

pytestmark = pytest.mark.django_db


def dag(*nodes: dict[str, Any]) -> str:
    return json.dumps({"nodes": nodes})


def node(key: str, **fields: Any) -> dict[str, Any]:
    """A node of a step version that exists."""
    return {"key": key, "stepVersionId": str(factories.StepVersionFactory().pk), **fields}


def add(client: Client, pipeline: Any, text: str) -> Any:
    fields = {"pipeline": pipeline.pk, "dag": text, "notes": "first"}
    return client.post(reverse("admin:pipelines_pipelineversion_add"), fields)


def test_a_version_is_added_as_the_next(client: Client, boss: User) -> None:
    pipeline = factories.PipelineVersionFactory(version=3).pipeline

    assert add(client, pipeline, dag(node("a"), node("b", dependsOn=["a"]))).status_code == 302

    version = PipelineVersion.objects.get(pipeline=pipeline, notes="first")
    assert (version.version, version.is_active, version.created_by) == (4, False, boss)


def test_every_fault_of_a_dag_is_shown_with_its_place(client: Client, boss: User) -> None:
    pipeline = factories.PipelineDefinitionFactory()

    answer = add(client, pipeline, dag(node("a", dependsOn=["nobody"]), node("b", condition="1 +")))

    assert answer.status_code == 200
    page = answer.content.decode()
    assert "/nodes/0/dependsOn" in page
    assert "/nodes/1/condition" in page
    assert not PipelineVersion.objects.exists()


def test_a_version_that_has_run_is_frozen(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    url = reverse("admin:pipelines_pipelineversion_change", args=[run.pipeline_version_id])

    assert client.post(url, {"dag": dag(node("other"))}).status_code == 403
    page = client.get(url).content.decode()
    assert "This version has run" in page
    assert 'name="dag"' not in page
    assert client.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_a_version_that_has_not_run_can_be_edited(client: Client, boss: User) -> None:
    version = factories.PipelineVersionFactory()
    url = reverse("admin:pipelines_pipelineversion_change", args=[version.pk])

    assert client.post(url, {"dag": dag(node("other")), "notes": "edited"}).status_code == 302

    version.refresh_from_db()
    assert version.dag["nodes"][0]["key"] == "other"


def activate(client: Client, *versions: PipelineVersion) -> str:
    fields = {"action": "activate", "_selected_action": [version.pk for version in versions]}
    answer = client.post(reverse("admin:pipelines_pipelineversion_changelist"), fields, follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def test_one_version_at_a_time_is_active(client: Client, boss: User) -> None:
    old = factories.PipelineVersionFactory(is_active=True)
    new = factories.PipelineVersionFactory(pipeline=old.pipeline, version=2)

    assert "Choose exactly one" in activate(client, old, new)
    assert "now take version 2" in activate(client, new)

    assert list(PipelineVersion.objects.filter(is_active=True)) == [new]


def test_a_version_that_cannot_run_is_not_made_active(client: Client, boss: User) -> None:
    broken = factories.PipelineVersionFactory(dag={"nodes": [{"key": "a", "stepVersionId": "nothing@1"}]})

    assert "which does not exist" in activate(client, broken)
    assert not PipelineVersion.objects.filter(is_active=True).exists()


def test_a_step_version_that_has_run_is_frozen(client: Client, boss: User) -> None:
    step_run = factories.StepRunFactory()
    url = reverse("admin:pipelines_stepversion_change", args=[step_run.step_version_id])

    assert client.post(url, {"handler": "other"}).status_code == 403
