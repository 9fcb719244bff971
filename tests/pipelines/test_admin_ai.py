"""An administrator makes a working AI step with rows alone, and reads what it did and cost."""

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from config.ai_providers import read_providers
from ir_schemas.models import IRArtifact, IRSchemaDefinition
from monitoring.models import TestRun
from pipelines.executors import inline
from pipelines.models import (
    AIProcess,
    AIPrompt,
    Embedding,
    PipelineDefinition,
    PipelineRun,
    PipelineVersion,
    PromptData,
    PromptResult,
    StepDefinition,
    StepLog,
    StepRun,
    StepVersion,
)
from tests.factories import AIPromptFactory, EmbeddingFactory, PromptDataFactory, PromptResultFactory
from tests.pipelines.prompting import TITLE, a_prompt, run_prompt

pytestmark = pytest.mark.django_db


def page_url(model: type[Any], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def add(client: Client, model: type[Any], **fields: Any) -> Any:
    """Save the form for a new row; the errors that it comes back with, or the row."""
    answer = client.post(page_url(model, "add"), fields)
    if answer.status_code == 200:
        return answer.context["adminform"].form.errors
    return model.objects.latest("created_at")


def page(client: Client, model: type[Any], *args: Any) -> str:
    answer = client.get(page_url(model, "change", *args) if args else page_url(model, "changelist"))
    assert answer.status_code == 200
    return answer.content.decode()


NO_INLINES = {"prompts-TOTAL_FORMS": "0", "prompts-INITIAL_FORMS": "0"}
NO_VERSIONS = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}


def test_an_ai_step_is_made_and_run_on_admin_pages_alone(client: Client, boss: User, logging_on: None) -> None:
    process = add(client, AIProcess, key="naming", name="Naming", **NO_INLINES)
    content = "Name {{ inputs.subject }} in one word."
    prompt = add(client, AIPrompt, process=process.pk, version=1, content=content, is_active="on")
    schema = add(client, IRSchemaDefinition, name="name", prompt=prompt.pk, schema=json.dumps(TITLE))
    client.post(page_url(IRSchemaDefinition, "activate", schema.pk), {"reason": "first"})
    step = add(client, StepDefinition, key="ask", name="Ask", **NO_VERSIONS)
    config = json.dumps({"prompt": "naming"})
    client.post(
        reverse("admin:pipelines_stepversion_add"),
        {"step": step.pk, "version": 1, "handler": "prompt", "default_config": config},
    )
    pipeline = add(client, PipelineDefinition, key="names", name="Names", run_weight=1, **NO_VERSIONS)
    dag = json.dumps({"nodes": [{"key": "ask", "stepVersionId": "ask@1"}]})
    version = add(client, PipelineVersion, pipeline=pipeline.pk, dag=dag)
    client.post(page_url(PipelineVersion, "activate", version.pk))
    started = client.post(
        reverse("admin:pipelines_pipelinedefinition_run", args=[pipeline.pk]),
        {"version": version.pk, "token": str(uuid.uuid4()), "inputs": '{"subject": "a boat"}'},
    )
    assert started.status_code == 302

    run = inline.carry(PipelineRun.objects.get().pk, threads=0)

    assert run.status == PipelineRun.Status.COMPLETED
    artifact = IRArtifact.objects.get()
    assert (artifact.is_valid, artifact.schema_definition) == (True, schema)
    data = PromptData.objects.get()
    assert (data.prompt, data.ai_prompt) == ("Name a boat in one word.", prompt)
    shown = page(client, PromptData, data.pk)
    assert "Name a boat in one word." in shown
    assert "unpriced" in shown
    assert "unpriced" in page(client, TestRun, TestRun.objects.get().pk)
    step = page(client, StepRun, data.step_run_id)
    for model in (IRArtifact, PromptData, TestRun):
        found = client.get(page_url(model, "changelist"), {"q": str(data.step_run_id)})
        assert f"{page_url(model, 'changelist')}?q={data.step_run_id}" in step
        assert found.context["cl"].result_count == 1
    assert f"{page_url(StepLog, 'changelist')}?q=" not in step


@pytest.mark.parametrize(
    ("content", "said"),
    [("{% if %}", "Line 1"), ("fine\n{{ name|nothing }}", "nothing"), ("x" * 200_001, "200,000")],
)
def test_a_prompt_that_cannot_be_rendered_is_not_saved(client: Client, boss: User, content: str, said: str) -> None:
    process = AIPromptFactory().process

    errors = add(client, AIPrompt, process=process.pk, version=2, content=content)

    assert said in str(errors["content"])


def test_a_prompt_that_has_been_asked_keeps_its_words(client: Client, boss: User) -> None:
    prompt = PromptDataFactory().ai_prompt
    fields = {"process": prompt.process_id, "version": 7, "content": "Other words.", "is_active": "on"}

    answer = client.post(page_url(AIPrompt, "change", prompt.pk), fields)

    assert answer.status_code == 302
    prompt.refresh_from_db()
    assert (prompt.version, prompt.content, prompt.is_active) == (1, "Describe {{ section }}.", True)
    assert "Add the next version" in page(client, AIPrompt, prompt.pk)


def test_the_forms_say_what_can_be_named(client: Client, boss: User, settings: Any) -> None:
    settings.AI_PROVIDERS = read_providers('{"claude": {"kind": "anthropic"}}')

    form = client.get(page_url(StepVersion, "add")).content.decode()

    assert "Providers here are echo, claude." in form
    assert "layout_split, module_generate, prompt, validate_artifact" in form
    assert (
        "It sees inputs, upstream, item, context and schema" in client.get(page_url(AIPrompt, "add")).content.decode()
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"topK": 3}', "topK"),
        ('{"system": "a\\n{% if %}"}', "/system: line 2"),
        ('{"retrieve": {"namespace": "a", "query": "{{ b|c }}"}}', "/retrieve/query: line 1"),
    ],
)
def test_a_config_that_cannot_be_used_is_not_saved(client: Client, boss: User, config: str, said: str) -> None:
    step = StepDefinition.objects.create(key="ask", name="Ask")
    fields = {"step": step.pk, "version": 1, "handler": "prompt", "default_config": config}

    answer = client.post(reverse("admin:pipelines_stepversion_add"), fields)

    assert said in str(answer.context["adminform"].form.errors["default_config"])


def test_cost_and_tokens_are_shown_and_what_is_unknown_is_said(client: Client, boss: User) -> None:
    known = PromptResultFactory(
        tokens_in=1200,
        tokens_out=340,
        tokens_cached=800,
        tokens_reasoning=120,
        total_cost_usd=Decimal("0.0042"),
        latency_ms=4200.0,
    )
    unknown = PromptResultFactory()
    whole = PromptResultFactory(total_cost_usd=Decimal(3), tokens_in=5, tokens_cached=0)

    for text in ("1,200 (800 cached)", "340 (120 reasoning)", "$0.0042", "4.2 s"):
        assert text in page(client, PromptResult)
        assert text in page(client, PromptResult, known.pk)
        assert text in page(client, PromptData, known.prompt_data_id)
    assert "unpriced" in page(client, PromptResult, unknown.pk)
    assert "unknown" in page(client, PromptResult, unknown.pk)
    assert "$3.00" in page(client, PromptResult, whole.pk)


def test_a_text_is_added_and_changed_and_prompts_are_shown_it(client: Client, boss: User, logging_on: None) -> None:
    fields = {"namespace": "harbour", "ref_type": "note", "ref_id": "sails"}
    text = add(client, Embedding, **fields, content="Rice boils for ten minutes.")
    elsewhere = EmbeddingFactory(namespace="harbour", ref_type="note", ref_id="other")
    a_prompt("{{ context|join }} Name {{ inputs.subject }}.")
    retrieve = {"namespace": "harbour", "query": "sails of {{ inputs.subject }}", "topK": 1}

    url = page_url(Embedding, "change", text.pk)
    assert client.post(url, {**fields, "content": "A boat with sails is fast."}).status_code == 302
    run_prompt(retrieve=retrieve)

    assert PromptData.objects.get().prompt == "A boat with sails is fast. Name a boat."
    assert "Its vector was made elsewhere" in page(client, Embedding, elsewhere.pk)
    assert client.post(page_url(Embedding, "delete", text.pk), {"post": "yes"}).status_code == 302
    assert list(Embedding.objects.all()) == [elsewhere]


@pytest.mark.parametrize(
    ("ref_id", "content", "said"),
    [("sails", "Another.", "Change that one"), ("oars", "… !", "no words"), ("oars", "", "required")],
)
def test_a_text_that_could_not_be_found_is_not_kept(
    client: Client, boss: User, ref_id: str, content: str, said: str
) -> None:
    fields = {"namespace": "harbour", "ref_type": "note"}
    add(client, Embedding, **fields, ref_id="sails", content="A boat with sails is fast.")

    errors = add(client, Embedding, **fields, ref_id=ref_id, content=content)

    assert said in str(errors)
    assert Embedding.objects.count() == 1
