"""The prompt step through the engine: what it asks, what it hands over, and what it leaves on the record."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from config.canonical import hash_of_canonical
from ir_schemas.models import IRArtifact, IRSchemaDefinition
from ir_schemas.services import activate_version, create_version
from monitoring.flags import Key, Who, add_rule, set_flag
from monitoring.models import TestResult, TestRun
from pipelines.ai.activation import activate_prompt
from pipelines.embeddings.services import upsert_embedding
from pipelines.models import AIPrompt, PipelineDefinition, PipelineRun, PromptData, PromptResult, StepLog
from tests.factories import AIPromptFactory, EmbeddingFactory, ModelPriceFactory
from tests.pipelines.prompting import TITLE, a_prompt, run_prompt, step_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]


def results() -> list[PromptResult]:
    return list(PromptResult.objects.order_by("id"))


def checks(run: TestRun) -> dict[str, TestResult]:
    return {result.name: result for result in run.results.all()}


def test_an_answer_is_the_ir_and_everything_is_recorded() -> None:
    prompt = a_prompt(schema=TITLE)
    ModelPriceFactory(provider="echo", model="echo-1", input_per_million=Decimal(1000), output_per_million=Decimal(500))
    set_flag(key=Key.IR_VALIDATION_MODE, value="enforce", reason="test")

    run = run_prompt(subject="a boat of ada@example.com", script=[{"title": "Swift"}])

    assert run.status == PipelineRun.Status.COMPLETED
    artifact = IRArtifact.objects.get()
    assert (artifact.ir_json, artifact.is_valid) == ({"title": "Swift"}, True)
    assert artifact.schema_definition.prompt == prompt
    data, [result] = PromptData.objects.get(), results()
    assert (data.prompt, data.ai_prompt, data.step_run) == ("Name a boat of ada@example.com.", prompt, step_of(run))
    assert (data.pipeline_id, data.section_id, data.metadata["attempt"]) == (str(run.pipeline_id), "ask", 1)
    assert (result.prompt_data, result.result) == (data, {"title": "Swift"})
    assert (result.tokens_in, result.tokens_out, result.tokens_cached, result.tokens_reasoning) == (5, 2, 0, 0)
    assert (result.provider, result.model, result.total_cost_usd) == ("echo", "echo-1", Decimal("0.006"))
    assert result.latency_ms is not None
    test_run = TestRun.objects.get()
    assert (test_run.type, test_run.status, test_run.prompt, test_run.process) == (
        "ai",
        "passed",
        prompt,
        prompt.process,
    )
    assert (test_run.tokens_in, test_run.tokens_out, test_run.cost_usd) == (5, 2, Decimal("0.006"))
    assert (test_run.provider, test_run.model, test_run.validation_passed) == ("echo", "echo-1", True)
    told = test_run.summary
    assert (told["pipelineId"], told["promptId"], told["processId"], told["promptVersion"], told["runGroupId"]) == (
        str(run.pipeline_id),
        str(prompt.pk),
        str(prompt.process_id),
        1,
        str(run.run_group_id),
    )
    assert told["validation"] == {
        "schemaId": str(artifact.schema_definition_id),
        "version": 1,
        "passed": True,
        "errorCount": 0,
    }
    assert (told["tokensIn"], told["totalCostUsd"], told["contextReferences"]) == (5, "0.00600000", [])
    found = checks(test_run)
    io = found["Prompt IO"].details
    assert "ada@example.com" not in io["promptExcerpt"]
    assert io["promptSha256"] == hash_of_canonical(data.prompt.encode())
    assert io["resultExcerpt"] == '{"title": "Swift"}'
    assert (found["IR Validation"].status, found["Safety/Policy"].status) == ("passed", "warning")


def test_an_unusable_answer_is_asked_for_once_more_with_the_reasons() -> None:
    a_prompt(schema=TITLE)

    run = run_prompt(script=["Sure! Here you are", {"title": "Swift"}])

    assert run.status == PipelineRun.Status.COMPLETED
    assert IRArtifact.objects.get().ir_json == {"title": "Swift"}
    first, second = PromptData.objects.order_by("id")
    assert "This is not JSON" in second.prompt
    assert second.prompt.startswith(first.prompt)
    assert [one.result for one in results()] == ["Sure! Here you are", {"title": "Swift"}]
    assert [one.metrics.get("error", {}).get("code") for one in results()] == ["answer-unusable", None]
    test_run = TestRun.objects.get()
    assert test_run.tokens_in == sum(one.tokens_in or 0 for one in results())
    assert test_run.summary["calls"] == 2


@pytest.mark.parametrize(("mode", "status"), [("log", "completed"), ("enforce", "failed")])
def test_an_answer_that_stays_invalid_is_the_engines_to_judge(mode: str, status: str) -> None:
    a_prompt(schema=TITLE)
    set_flag(key=Key.IR_VALIDATION_MODE, value=mode, reason="test")

    run = run_prompt(script=[{"title": ""}])

    assert run.status == status
    artifact = IRArtifact.objects.get()
    assert (artifact.is_valid, artifact.error_count) == (False, 1)
    assert len(results()) == 2
    assert "At /title: " in PromptData.objects.latest("id").prompt
    assert checks(TestRun.objects.get())["IR Validation"].status == "failed"


def test_the_prompts_own_mode_goes_before_the_installations() -> None:
    a_prompt(schema=TITLE, ir_validation_mode="enforce")
    set_flag(key=Key.IR_VALIDATION_MODE, value="off", reason="test")

    run = run_prompt(script=[{"title": ""}], repairAttempts=0)

    assert step_of(run).error["code"] == "ir-invalid"
    assert len(results()) == 1


def rule(prompt: AIPrompt, value: str) -> None:
    add_rule(key=Key.IR_VALIDATION_MODE, who=Who.PROMPT, target=prompt, value=value, reason="test")


@pytest.mark.parametrize("live", ["off", "log"])
def test_a_rule_for_a_prompt_judges_its_steps_and_no_others(live: str) -> None:
    strict = a_prompt(schema=TITLE)
    usual = AIPromptFactory(process=strict.process, version=2, content=strict.content)
    activate_version(schema=create_version(model=IRSchemaDefinition, owner=usual, schema=TITLE))
    set_flag(key=Key.IR_VALIDATION_MODE, value=live, reason="test")
    rule(strict, "enforce")

    ruled = run_prompt(prompt="naming@1", script=[{"title": ""}], repairAttempts=1)
    other = run_prompt(prompt="naming@2", script=[{"title": ""}], repairAttempts=0)

    assert step_of(ruled).error["code"] == "ir-invalid"
    assert PromptResult.objects.filter(prompt_data__step_run=step_of(ruled)).count() == 2
    assert IRArtifact.objects.get(step_run=step_of(ruled)).validation_mode == "enforce"
    assert other.status == PipelineRun.Status.COMPLETED
    assert IRArtifact.objects.get(step_run=step_of(other)).validation_mode == live


def test_a_rule_for_a_prompt_can_spare_it() -> None:
    spared = a_prompt(schema=TITLE)
    set_flag(key=Key.IR_VALIDATION_MODE, value="enforce", reason="test")
    rule(spared, "off")

    assert run_prompt(script=[{"title": ""}]).status == PipelineRun.Status.COMPLETED
    assert len(results()) == 1


def test_the_mode_of_a_prompts_or_a_pipelines_row_goes_before_a_rule_for_the_prompt() -> None:
    prompt = a_prompt(schema=TITLE, ir_validation_mode="log")
    rule(prompt, "enforce")
    assert run_prompt(script=[{"title": ""}], repairAttempts=0).status == PipelineRun.Status.COMPLETED

    AIPrompt.objects.update(ir_validation_mode="")
    PipelineDefinition.objects.update(ir_validation_mode="log")
    assert run_prompt(script=[{"title": ""}], repairAttempts=0).status == PipelineRun.Status.COMPLETED

    PipelineDefinition.objects.update(ir_validation_mode="")
    assert step_of(run_prompt(script=[{"title": ""}], repairAttempts=0)).error["code"] == "ir-invalid"


def test_a_result_found_under_another_rule_for_its_prompt_is_not_taken_again() -> None:
    prompt = a_prompt(schema=TITLE)
    cached = {"node": {"cache": True}, "script": [{"title": ""}], "repairAttempts": 0}
    run_prompt(**cached)
    assert step_of(run_prompt(**cached)).reused_from is not None

    rule(prompt, "enforce")

    assert step_of(run_prompt(**cached)).error["code"] == "ir-invalid"


def test_off_means_that_nothing_is_checked_and_nothing_asked_again() -> None:
    a_prompt(schema=TITLE)
    set_flag(key=Key.IR_VALIDATION_MODE, value="off", reason="test")

    run = run_prompt(script=[{"title": ""}])

    assert run.status == PipelineRun.Status.COMPLETED
    assert IRArtifact.objects.get().is_valid is None
    assert len(results()) == 1


@pytest.mark.parametrize("answer", ["never", "[1]", "", '{"a": 1, "a": 2}', '{"a": "\\u0000"}'])
def test_a_failed_step_leaves_its_calls_too(answer: str) -> None:
    a_prompt()

    run = run_prompt(script=[answer], repairAttempts=2)

    assert step_of(run).error["code"] == "answer-unusable"
    assert not IRArtifact.objects.exists()
    assert len(results()) == 3
    test_run = TestRun.objects.get()
    assert (test_run.status, test_run.tokens_in) == ("error", sum(one.tokens_in or 0 for one in results()))
    assert test_run.summary["error"]["code"] == "answer-unusable"


def test_an_answer_may_stand_in_a_fence() -> None:
    a_prompt(schema=TITLE)

    run_prompt(script=['```json\n{"title": "Swift"}\n```'])

    assert IRArtifact.objects.get().ir_json == {"title": "Swift"}
    assert len(results()) == 1


def test_without_a_script_the_answer_is_an_example_of_the_schema() -> None:
    a_prompt(schema=TITLE)

    run_prompt()

    assert IRArtifact.objects.get().is_valid is True


def test_what_is_retrieved_is_shown_to_the_model_and_its_references_are_kept() -> None:
    for ref_id, text in (("sails", "A boat with sails is fast."), ("cooking", "Boil the rice for ten minutes.")):
        upsert_embedding(namespace="harbour", ref_type="note", ref_id=ref_id, content=text)
    upsert_embedding(namespace="elsewhere", ref_type="note", ref_id="other", content="a boat")
    a_prompt("{% for note in context %}{{ note }}\n{% endfor %}Name {{ inputs.subject }}.")
    retrieve = {"namespace": "harbour", "query": "{{ inputs.subject }}", "topK": 1}

    run = run_prompt(retrieve=retrieve)

    assert run.status == PipelineRun.Status.COMPLETED
    data = PromptData.objects.get()
    assert data.prompt == "A boat with sails is fast.\nName a boat."
    [reference] = TestRun.objects.get().summary["contextReferences"]
    assert (reference["namespace"], reference["refType"], reference["refId"]) == ("harbour", "note", "sails")
    assert 0 < reference["score"] < 1
    assert data.context["retrieved"] == [{**reference, "content": "A boat with sails is fast."}]
    assert "contextSha256" in checks(TestRun.objects.get())["Prompt IO"].details


# Lines are written by a thread with a connection of its own, which must see the step's rows.
@pytest.mark.django_db(transaction=True)
def test_where_nothing_is_retrieved_the_log_says_so() -> None:
    a_prompt("{{ context }}")
    EmbeddingFactory(namespace="harbour", model="another")

    run = run_prompt(retrieve={"namespace": "harbour", "query": "boats"})

    assert run.status == PipelineRun.Status.COMPLETED
    assert "Nothing was retrieved: the namespace 'harbour' has no text for it." in StepLog.objects.get().message


def test_a_name_means_the_active_version_and_a_number_that_one() -> None:
    first = a_prompt("first")
    AIPromptFactory(process=first.process, version=2, content="second", is_active=False)
    AIPromptFactory(process=first.process, version=3, content="third", is_active=True)

    run_prompt()
    run_prompt(prompt="naming@2")

    assert list(PromptData.objects.order_by("id").values_list("prompt", flat=True)) == ["first", "second"]


REFUSED_WITH_A_PROMPT = ("provider-unknown", "prompt-template-failed")


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        ({"prompt": "nothing"}, "prompt-unknown", "no active version"),
        ({"prompt": "naming@9"}, "prompt-unknown", "no version 9"),
        ({"prompt": "Naming!"}, "prompt-config-invalid", "/prompt"),
        ({"topK": 3}, "prompt-config-invalid", "topK"),
        ({"repairAttempts": 99}, "prompt-config-invalid", "/repairAttempts"),
        ({"provider": "nobody"}, "provider-unknown", "echo"),
        (
            {"retrieve": {"namespace": "notes", "query": "{{ inputs.nothing }}"}},
            "prompt-template-failed",
            "The template retrieve.query can't be rendered: line 1: ",
        ),
        (
            {"system": "Be\n{{ inputs.nothing }}"},
            "prompt-template-failed",
            "The template system can't be rendered: line 2: there is no 'nothing' in an object that has subject.",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(config: dict[str, Any], code: str, said: str) -> None:
    prompt = a_prompt()

    error = step_of(run_prompt(**config)).error

    assert error["code"] == code
    assert said in error["message"]
    assert not PromptData.objects.exists()
    test_run = TestRun.objects.get()
    named = (test_run.prompt, test_run.summary.get("promptVersion"), test_run.summary.get("calls"))
    assert named == ((prompt, 1, 0) if code in REFUSED_WITH_A_PROMPT else (None, None, None))


def test_a_price_begins_on_its_day_and_what_has_none_is_unpriced() -> None:
    a_prompt()

    run_prompt()
    ModelPriceFactory(provider="echo", model="echo-1", effective_from=date(2999, 1, 1))
    run_prompt()

    assert [one.total_cost_usd for one in results()] == [None, None]
    assert set(TestRun.objects.values_list("cost_usd", flat=True)) == {None}


@pytest.mark.parametrize(("price", "said"), [("0", "0.00000000"), ("0.01", "0.00000007")])
def test_the_smallest_costs_are_written_as_decimals_too(price: str, said: str) -> None:
    a_prompt()
    ModelPriceFactory(
        provider="echo", model="echo-1", input_per_million=Decimal(price), output_per_million=Decimal(price)
    )

    run_prompt(script=[{"title": "Swift and sound"}])

    assert TestRun.objects.get().summary["totalCostUsd"] == said
    assert TestRun.objects.get().cost_usd == Decimal(said)


def test_an_equal_question_is_not_asked_again_where_the_node_says_cache() -> None:
    prompt = a_prompt(schema=TITLE)
    cached = {"node": {"cache": True}, "script": [{"title": "Swift"}]}

    run_prompt(**cached)
    again = run_prompt(**cached)

    assert step_of(again).reused_from is not None
    assert len(results()) == 1

    words = "Name {{ inputs.subject }} otherwise."
    activate_prompt(AIPromptFactory(process=prompt.process, version=2, content=words))
    assert step_of(run_prompt(**cached)).reused_from is None
    assert len(results()) == 2
