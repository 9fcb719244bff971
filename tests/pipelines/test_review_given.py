"""What an output under review was made of, on the screen, over REST and to judges."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from ir_schemas.models import IRArtifact
from pipelines.models import PipelineRun, PromptData
from pipelines.seeding.roles import plant_role
from tests import factories
from tests.pipelines.building import pipeline, run
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.prompting import a_prompt
from tests.pipelines.roles import roles as roles
from tests.pipelines.test_curation import reviewed
from tests.queries import queries_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
INPUTS = {"subject": "a boat"}
LIST = {"key": "list", "params": {"ir": {"parts": [{"n": 1}, {"n": 2}]}}}
STYLE = {"key": "style", "params": {"ir": {"colour": "red"}}}
EACH = {"key": "each", "forEach": "list.parts", "dependsOn": ["list", "style"], "params": {"ir": {"made": True}}}
LAST = {"key": "last", "dependsOn": ["each", "style"]}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = {**settings.PIPELINE_STEPS, **HANDLERS}


def done(*nodes: dict[str, Any], **inputs: Any) -> PipelineRun:
    return run(pipeline(*nodes), inputs=inputs or INPUTS)


def item_of(ran: PipelineRun, node: str, index: int | None = None, **more: Any) -> Any:
    made = IRArtifact.objects.get(step_run__pipeline_run=ran, step_run__node_key=node, step_run__map_index=index)
    return factories.ReviewItemFactory(target_id=made.pk, **more)


def content(reviewer: APIClient, item: Any) -> Any:
    return reviewer.post(f"/api/review-queues/{item.queue_id}/claim").json()["content"]


def test_a_step_behind_a_fan_out_was_given_a_list_and_the_runs_inputs(roles: dict[str, APIClient]) -> None:
    shown = content(roles["reviewer"], item_of(done(LIST, STYLE, EACH, LAST), "last"))

    upstream = {"each": [{"made": True}, {"made": True}], "style": {"colour": "red"}}
    assert (shown["input"], shown["upstream"], shown["runInputs"]) == (upstream, upstream, INPUTS)
    assert shown["inputIsTooLarge"] is False


def test_an_item_of_a_fan_out_was_given_its_item_and_what_its_other_parents_gave(roles: dict[str, APIClient]) -> None:
    shown = content(roles["reviewer"], item_of(done(LIST, STYLE, EACH, LAST), "each", 1))

    assert (shown["input"], shown["upstream"]) == ({"n": 2}, {"style": {"colour": "red"}})


def test_a_step_without_parents_was_given_the_runs_inputs(roles: dict[str, APIClient]) -> None:
    shown = content(roles["reviewer"], item_of(done(STYLE), "style"))

    assert (shown["input"], shown["upstream"], shown["runInputs"]) == (None, {}, INPUTS)


def too_much() -> PipelineRun:
    """A run whose last step worked on a little more than 1 MB."""
    dozen = {"key": "list", "params": {"ir": {"parts": [{"n": n} for n in range(12)]}}}
    return done(dozen, STYLE, {**EACH, "params": {"ir": {"text": "x" * 90_000}}}, LAST)


def test_what_is_too_large_is_left_out_and_said(roles: dict[str, APIClient]) -> None:
    ran = too_much()

    shown = content(roles["reviewer"], item_of(ran, "last"))
    beside = content(roles["reviewer"], item_of(ran, "each", 3))

    assert (shown["input"], shown["upstream"], shown["inputIsTooLarge"]) == (None, {}, True)
    assert shown["runInputs"] == INPUTS
    assert (beside["input"], beside["inputIsTooLarge"]) == ({"n": 3}, False)


def test_an_item_with_more_parents_costs_the_same(roles: dict[str, APIClient]) -> None:
    def queries(item: Any) -> int:
        return queries_of(lambda: content(roles["reviewer"], item))

    more = [{**STYLE, "key": f"style{n}"} for n in range(4)]
    ran = done(LIST, STYLE, EACH, LAST, *more, {"key": "end", "dependsOn": [each["key"] for each in more]})

    queries(item_of(ran, "last"))
    assert queries(item_of(ran, "last")) == queries(item_of(ran, "end"))


def test_the_screen_shows_it(client: Client) -> None:
    plant_role("reviewer")
    ann = factories.UserFactory(is_staff=True)
    ann.groups.add(Group.objects.get(name="reviewer"))
    client.force_login(ann)
    ran = done(LIST, STYLE, EACH, LAST, subject="a tall ship")
    item_of(ran, "each", 1, queue__key="q")

    url = client.post(reverse("review:queue", args=["q"])).headers["Location"]
    page = client.get(url).content.decode()

    assert all(words in page for words in ("a tall ship", "Inputs of the run", "What other steps gave it", "colour"))


def test_the_screen_says_what_it_leaves_out(client: Client) -> None:
    plant_role("reviewer")
    ann = factories.UserFactory(is_staff=True)
    ann.groups.add(Group.objects.get(name="reviewer"))
    client.force_login(ann)
    item_of(too_much(), "last", queue__key="q")

    page = client.get(client.post(reverse("review:queue", args=["q"])).headers["Location"]).content.decode()

    assert "Some of what the step worked on is too large to be shown here." in page


def test_scores_against_ground_truth_lead_no_reviewer(roles: dict[str, APIClient]) -> None:
    item = item_of(done(STYLE), "style")
    for key in ("truth_json_exact", "truth_of_colour"):
        factories.MetricResultFactory(step_run=item.step_run, metric__key=key, value=0.5)

    shown = content(roles["reviewer"], item)

    assert [each["key"] for each in shown["metrics"]] == ["truth_of_colour"]


def test_a_judge_sees_it_too() -> None:
    item = item_of(done(LIST, STYLE, EACH, LAST), "each", 1, queue__key="q")
    reviewed(item=item)
    words = "{{ inputs.input }} {{ inputs.upstream.style.colour }} {{ inputs.runInputs.subject }}"
    factories.JudgeFactory(key="faithful", prompt=a_prompt(words), provider="echo")

    call_command("judge", judge="faithful", queue="q")

    assert PromptData.objects.get().prompt == '{"n": 2} red a boat'
