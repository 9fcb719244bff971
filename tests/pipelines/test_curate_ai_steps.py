"""What AI steps gave, reviewed and made ground truth: by the prompt's schema, with its origin, to be evaluated on."""

import json
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from config.canonical import content_hash
from feedback import ground_truth
from feedback.models import GroundTruth, ReviewAnswer, ReviewItem
from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition
from ir_schemas.services import activate_version, create_version
from pipelines.models import PipelineRun, PromptData, PromptResult, StepRun
from tests import factories
from tests.pipelines.building import PAGE, contract, pipeline, run
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.prompting import TITLE, a_prompt, run_prompt, step_of
from tests.pipelines.roles import ann as ann
from tests.pipelines.roles import roles as roles
from tests.pipelines.test_curation import reviewed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
ANSWER = {"title": "Ark"}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = {**settings.PIPELINE_STEPS, **HANDLERS}


def named(**arguments: Any) -> PipelineRun:
    """A run of the pipeline that ``docs/ai-steps.md`` makes."""
    return run_prompt(**{"script": [ANSWER], **arguments})


def item_of(done: PipelineRun, kind: str = "ir_artifact", **more: Any) -> ReviewItem:
    made = step_of(done)
    targets = {
        "ir_artifact": IRArtifact.objects.filter(step_run=made),
        "prompt_result": PromptResult.objects.filter(prompt_data__step_run=made),
        "module": StepRun.objects.filter(pk=made.pk),
    }
    item: ReviewItem = factories.ReviewItemFactory(kind=kind, target_id=targets[kind][0].pk, step_run=made, **more)
    return item


def curated(item: ReviewItem, roles: dict[str, APIClient], correction: Any = None) -> Any:
    said = reviewed("correct" if correction else "accept", correction, item=item)
    return roles["curator"].post(f"/api/review-feedback/{said.pk}/curate")


@pytest.mark.parametrize("kind", ["ir_artifact", "prompt_result"])
def test_the_screen_holds_a_correction_to_the_prompts_schema(kind: str, client: Client, ann: User) -> None:
    schema = IRSchemaDefinition.objects.get(prompt=a_prompt(schema=TITLE))
    item_of(named(), kind, queue__key="q")
    url = client.post(reverse("review:queue", args=["q"])).headers["Location"]

    assert "No schema is in force" not in client.get(url).content.decode()
    judged = client.post(f"{url}check", '{"title": 7}', content_type="text/plain").json()
    refused = client.post(url, {"verdict": "correct", "correction": '{"title": 7}'})
    taken = client.post(url, {"verdict": "correct", "correction": '{"title": "Boat"}'})

    assert (judged["valid"], refused.status_code, taken.status_code) == (False, 400, 302)
    assert ReviewAnswer.objects.get().corrected_under == schema.pk


def test_without_a_schema_of_the_prompt_its_process_has_the_say_and_then_the_step(roles: dict[str, APIClient]) -> None:
    prompt = a_prompt()
    item = item_of(named())
    step_version = step_of(PipelineRun.objects.get()).step_version

    def told() -> Any:
        held = factories.ReviewItemFactory(target_id=item.target_id, step_run=item.step_run)
        made = roles["reviewer"].post(f"/api/review-queues/{held.queue_id}/claim").json()
        return made["content"]["schemaId"]

    assert told() is None
    of_step = activate_version(schema=create_version(model=IRSchema, owner=step_version, schema=TITLE))
    assert told() == str(of_step.pk)
    of_process = activate_version(schema=create_version(model=IRSchemaDefinition, owner=prompt.process, schema=TITLE))
    assert told() == str(of_process.pk)


def test_a_step_that_was_taken_over_keeps_its_prompts_schema(roles: dict[str, APIClient]) -> None:
    a_prompt(schema=TITLE)
    node = {"cache": True}
    named(node=node)
    copy = named(node=node)
    assert step_of(copy).reused_from is not None

    made = curated(item_of(copy), roles).json()

    assert made["provenance"]["schemaVersion"] == 1
    assert made["provenance"]["promptVersion"] == 1


def test_what_breaks_the_prompts_schema_is_not_curated(roles: dict[str, APIClient]) -> None:
    a_prompt(schema=TITLE)

    refused = curated(item_of(named()), roles, {"title": 7})

    assert (refused.status_code, refused.json()["code"]) == (400, "ground-truth-invalid")
    assert not GroundTruth.objects.exists()


def test_an_answer_written_for_a_node_is_held_to_the_schema_of_the_prompt_that_it_asks(
    roles: dict[str, APIClient],
) -> None:
    a_prompt(schema=TITLE)
    named()

    def written(data: Any) -> int:
        body = {"scope": "ask", "referenceId": "a", "data": data}
        return int(roles["curator"].post("/api/ground-truth", body, "json").status_code)

    assert (written({"title": 7}), written(ANSWER)) == (400, 201)


PROVENANCE = {
    "pipelineRunId", "pipelineKey", "pipelineVersion", "stepRunId", "stepKey", "stepVersion", "nodeKey", "mapIndex",
    "artifactId", "designSplitId", "inputs", "processKey", "promptId", "promptVersion", "promptDataId",
    "promptResultId", "queueKey", "reviewItemId", "reviewFeedbackId", "reviewer", "reviewedAt", "verdict",
    "adjudicated", "curator", "schemaId", "schemaVersion", "changes",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["ir_artifact", "module", "prompt_result"])
def test_ground_truth_says_all_of_where_it_is_from(kind: str, roles: dict[str, APIClient]) -> None:
    prompt = a_prompt(schema=TITLE)
    done = named()
    item = item_of(done, kind)

    told = curated(item, roles).json()["provenance"]

    step_run, question = step_of(done), PromptData.objects.get()
    assert told.keys() == PROVENANCE
    assert {name for name, value in told.items() if value is None} == {"mapIndex", "designSplitId"}
    assert (told["pipelineRunId"], told["pipelineKey"], told["pipelineVersion"]) == (str(done.pk), "names", 1)
    assert (told["stepRunId"], told["stepKey"], told["stepVersion"]) == (str(step_run.pk), "ask", 1)
    assert (told["nodeKey"], told["inputs"]) == ("ask", {"subject": "a boat"})
    assert told["artifactId"] == str(IRArtifact.objects.get().pk)
    assert (told["promptId"], told["promptVersion"], told["processKey"]) == (str(prompt.pk), 1, "naming")
    assert (told["promptDataId"], told["promptResultId"]) == (str(question.pk), str(question.results.get().pk))
    assert told["schemaId"] == str(IRSchemaDefinition.objects.get().pk)


def test_a_result_that_no_run_asked_for_says_so(roles: dict[str, APIClient]) -> None:
    result = factories.PromptResultFactory()
    item = factories.ReviewItemFactory(kind="prompt_result", target_id=result.pk, step_run=None)

    told = curated(item, roles).json()["provenance"]

    assert told.keys() == PROVENANCE
    assert (told["pipelineRunId"], told["stepKey"], told["artifactId"]) == (None, None, None)
    assert told["promptDataId"] == str(result.prompt_data_id)


def set_of(*truths: GroundTruth) -> None:
    truth_set = factories.GroundTruthSetFactory(key="home")
    ground_truth.put_into_set(truth_set=truth_set, truths=truths)


def evaluated(pipeline_key: str) -> Any:
    out = StringIO()
    call_command("evaluate", set_key="home", pipeline=pipeline_key, json=True, stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def test_a_prompts_result_is_ground_truth_that_a_pipeline_is_evaluated_on(roles: dict[str, APIClient]) -> None:
    a_prompt(schema=TITLE)
    made = curated(item_of(named(), "prompt_result"), roles).json()

    set_of(GroundTruth.objects.get())
    report = evaluated("names")

    assert (made["scope"], made["referenceId"]) == ("ask", content_hash({"subject": "a boat"}))
    assert report["means"]["truth_json_exact"] == 1
    assert PipelineRun.objects.order_by("-pk")[0].inputs == {"subject": "a boat"}


def test_an_answer_to_a_prompt_by_itself_is_refused_by_its_name_with_the_reason(roles: dict[str, APIClient]) -> None:
    a_prompt(schema=TITLE)
    curated(item_of(named()), roles)
    alone = factories.PromptResultFactory()
    curated(factories.ReviewItemFactory(kind="prompt_result", target_id=alone.pk, step_run=None), roles)
    lone = GroundTruth.objects.exclude(scope="ask").get()
    set_of(*GroundTruth.objects.all())

    with pytest.raises(CommandError) as refusal:
        evaluated("names")

    said = str(refusal.value)
    assert said.startswith("1 answers are to a prompt by itself, so no pipeline gives another output")
    assert str(lone) in said
    assert "ask" not in said.partition(str(lone))[2]
    assert PipelineRun.objects.count() == 1


def test_one_page_with_other_inputs_is_another_answer(roles: dict[str, APIClient]) -> None:
    contract("emit", {"type": "object"})
    version = pipeline({"key": "first", "params": {"ir": ANSWER}})
    for inputs in ({"tone": "dry"}, {"tone": "warm"}, {}):
        done = run(version, design=PAGE, inputs=inputs)
        curated(item_of(done), roles)

    truths = list(GroundTruth.objects.order_by("pk"))
    assert [truth.version for truth in truths] == [1, 1, 1]
    assert truths[0].reference_id == f"{PAGE.sha256}+{content_hash({'tone': 'dry'})}"
    assert truths[2].reference_id == PAGE.sha256
    set_of(*truths)
    report = evaluated("example")
    ran = PipelineRun.objects.filter(run_group_id=report["runGroupId"])
    assert sorted(str(each.inputs) for each in ran) == ["{'tone': 'dry'}", "{'tone': 'warm'}", "{}"]
    assert {each.design_split.sha256 for each in ran if each.design_split} == {PAGE.sha256}
    assert report["means"]["truth_json_exact"] == 1


def test_an_answer_that_was_kept_by_its_page_alone_is_still_evaluated(roles: dict[str, APIClient]) -> None:
    run(pipeline({"key": "first", "params": {"ir": ANSWER}}), design=PAGE)
    old = ground_truth.add_version(
        scope="first", reference_id=PAGE.sha256, data=ANSWER, provenance={"inputs": {"tone": "dry"}}
    )
    set_of(old)

    report = evaluated("example")

    assert PipelineRun.objects.get(run_group_id=report["runGroupId"]).inputs == {"tone": "dry"}
