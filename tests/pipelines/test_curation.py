"""From a review to ground truth, with where it is from."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from feedback.models import GroundTruth, GroundTruthSet, GroundTruthSetItem, ReviewAnswer, ReviewFeedback, ReviewItem
from ir_schemas.models import IRArtifact
from tests.factories import (
    GroundTruthFactory,
    GroundTruthSetFactory,
    PromptResultFactory,
    ReviewAnswerFactory,
    ReviewFeedbackFactory,
    ReviewItemFactory,
    UserFactory,
)
from tests.pipelines.building import PAGE, contract, pipeline, run
from tests.pipelines.example_steps import HANDLERS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
IR = {"title": "Bikes", "n": 1}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = HANDLERS


@pytest.fixture
def curator() -> User:
    user: User = UserFactory(username="cleo", is_staff=True)
    wanted = ("curate_review", "view_reviewfeedback")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return user


def reviewed(
    verdict: str = "accept", correction: Any = None, item: ReviewItem | None = None, slot: int = 1
) -> ReviewFeedback:
    """What a reviewer said of the output of a real run."""
    if item is None:
        done = run(pipeline({"key": "first", "params": {"ir": IR}}), design=PAGE)
        artifact = IRArtifact.objects.get(step_run__pipeline_run=done)
        item = ReviewItemFactory(target_id=artifact.pk, state="done", free_slots=0)
    item.state = "done"
    item.save()
    answer: ReviewAnswer = ReviewAnswerFactory(
        assignment__item=item, assignment__slot=slot, verdict=verdict, correction=correction
    )
    feedback: ReviewFeedback = ReviewFeedbackFactory(answer=answer)
    return feedback


def curate(feedback: ReviewFeedback, user: User) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    return client.post(f"/api/review-feedback/{feedback.pk}/curate")


def test_a_correction_becomes_ground_truth_with_what_was_changed(curator: User) -> None:
    contract("emit", {"type": "object", "required": ["title"]})
    feedback = reviewed("correct", {"title": "Bicycles", "n": 1})

    made = curate(feedback, curator)

    assert made.status_code == 201, made.json()
    truth = GroundTruth.objects.get()
    assert (truth.scope, truth.reference_id, truth.version) == ("first", PAGE.sha256, 1)
    assert truth.data == {"title": "Bicycles", "n": 1}
    told = truth.provenance
    assert told["changes"] == [{"operation": "changed", "path": "/title", "before": "Bikes", "after": "Bicycles"}]
    assert (told["pipelineKey"], told["pipelineVersion"], told["stepKey"]) == ("example", 1, "emit")
    assert (told["schemaVersion"], told["verdict"], told["curator"]) == (1, "correct", "cleo")
    assert truth.feedback == feedback
    assert curate(feedback, curator).json()["id"] == str(truth.pk)
    assert GroundTruth.objects.count() == 1


def test_what_was_accepted_is_the_output_itself_and_the_next_version(curator: User) -> None:
    first, second = reviewed(), reviewed("correct", {"n": 2})

    versions = [curate(feedback, curator).json()["version"] for feedback in (first, second)]

    assert versions == [1, 2]
    assert GroundTruth.objects.get(version=1).data == IR


def test_a_prompts_result_becomes_ground_truth_of_its_process(curator: User) -> None:
    result = PromptResultFactory(result={"answer": 42})
    item = ReviewItemFactory(kind="prompt_result", target_id=result.pk, step_run=None, state="done", free_slots=0)

    made = curate(reviewed(item=item), curator).json()

    prompt = result.prompt_data.ai_prompt
    assert (made["scope"], made["data"]) == (prompt.process.key, {"answer": 42})
    assert made["provenance"]["promptVersion"] == prompt.version


def test_a_module_becomes_ground_truth_by_the_document_it_was_made_of(curator: User) -> None:
    artifact = IRArtifact.objects.get(pk=reviewed().answer.assignment.item.target_id)
    module = ReviewItemFactory(kind="module", step_run=artifact.step_run, state="done", free_slots=0)

    made = curate(reviewed(item=module), curator).json()

    assert (made["scope"], made["data"]) == ("first", artifact.ir_json)
    assert made["provenance"]["artifactId"] == str(artifact.pk)


def test_what_cannot_become_ground_truth_is_refused_with_the_reason(curator: User) -> None:
    contract("emit", {"type": "object", "properties": {"n": {"type": "integer"}}})
    module = ReviewItemFactory(kind="module", step_run=None, state="done", free_slots=0)
    cases = [
        (ReviewFeedbackFactory(), 409, "feedback-not-curatable", "no review queue"),
        (reviewed("reject"), 409, "feedback-not-curatable", "rejected"),
        (reviewed(item=module), 409, "feedback-not-curatable", "deleted or pruned"),
        (reviewed("correct", {"n": "two"}), 400, "ground-truth-invalid", "At /n"),
    ]
    for feedback, status, code, words in cases:
        refusal = curate(feedback, curator)
        assert (refusal.status_code, refusal.json()["code"]) == (status, code)
        assert words in refusal.json()["detail"]
    assert not GroundTruth.objects.exists()


def test_curating_is_for_curators_while_review_is_on(curator: User, settings: LazySettings) -> None:
    feedback = reviewed()

    assert curate(feedback, UserFactory()).status_code == 403
    settings.REVIEW_ENABLED = False
    assert curate(feedback, curator).status_code == 404


def test_many_at_once_in_the_admin(curator: User, client: Client, settings: LazySettings) -> None:
    good, bad = reviewed(), reviewed("reject")
    client.force_login(curator)
    chosen = {"action": "make_ground_truth", "_selected_action": [good.pk, bad.pk]}
    address = "/admin/feedback/reviewfeedback/"

    page = client.post(address, chosen, follow=True).content.decode()

    assert "1 are ground truth now." in page
    assert "This output was rejected" in page
    assert GroundTruth.objects.get().feedback == good
    settings.REVIEW_ENABLED = False
    assert "make_ground_truth" not in client.get(address).content.decode()


def test_where_reviewers_disagree_the_adjudicators_answer_becomes_ground_truth(curator: User) -> None:
    first = reviewed()
    item = first.answer.assignment.item
    other = reviewed("correct", {"n": 2}, item=item, slot=2)
    ReviewItem.objects.update(state="disputed")
    assert "disagree" in curate(first, curator).json()["detail"]
    decision = reviewed("correct", {"n": 3}, item=item, slot=0)

    for feedback in (first, other):
        refused = curate(feedback, curator)
        assert (refused.status_code, refused.json()["code"]) == (409, "feedback-not-curatable")
        assert "adjudicator" in refused.json()["detail"]
    truth = curate(decision, curator).json()

    assert (truth["data"], truth["provenance"]["adjudicated"]) == ({"n": 3}, True)
    assert GroundTruth.objects.count() == 1


def test_answers_are_put_into_a_set_by_whoever_may_curate(client: Client, curator: User) -> None:
    truths = GroundTruthFactory.create_batch(2)
    open_set, frozen = GroundTruthSetFactory(key="open"), GroundTruthSetFactory(key="frozen", frozen_at=timezone.now())
    curator.user_permissions.add(Permission.objects.get(codename="view_groundtruth"))
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_groundtruth"))
    url = reverse("admin:feedback_groundtruth_changelist")

    def put(user: User, truth_set: GroundTruthSet) -> None:
        client.force_login(user)
        client.post(url, {"action": f"put_into_{truth_set.key}", "_selected_action": [truth.pk for truth in truths]})

    put(reader, open_set)
    put(curator, frozen)
    assert not GroundTruthSetItem.objects.exists()
    put(curator, open_set)
    assert set(open_set.members.all()) == set(truths)


def agreeing(verdict: str = "accept", correction: Any = None) -> list[ReviewFeedback]:
    """Two reviews of one item that say the same."""
    first = reviewed(verdict, correction)
    return [first, reviewed(verdict, correction, item=first.answer.assignment.item, slot=2)]


@pytest.mark.parametrize(("verdict", "correction"), [("accept", None), ("correct", {"n": 2})])
def test_reviewers_who_agree_make_one_ground_truth(verdict: str, correction: Any, curator: User) -> None:
    first, second = agreeing(verdict, correction)

    made = [curate(each, curator).json() for each in (second, first, second)]

    assert len({each["id"] for each in made}) == 1
    assert (made[0]["version"], made[0]["reviewFeedbackId"]) == (1, str(first.pk))
    assert made[0]["provenance"]["reviewer"] == first.reviewer


def test_many_reviews_that_agree_are_curated_once(curator: User, client: Client) -> None:
    chosen = [each.pk for each in (*agreeing(), *agreeing("correct", {"n": 2}))]
    api = APIClient()
    api.force_authenticate(curator)
    client.force_login(curator)

    page = client.post(
        "/admin/feedback/reviewfeedback/", {"action": "make_ground_truth", "_selected_action": chosen}, follow=True
    )
    sent = api.post("/api/review-feedback/curate", {"reviewFeedbackIds": chosen}, "json").json()

    assert "2 are ground truth now." in page.content.decode()
    assert {each["id"] for each in sent["groundTruth"]} == {str(each.pk) for each in GroundTruth.objects.all()}
    assert (len(sent["groundTruth"]), sent["refused"]) == (2, [])


def test_what_an_agreeing_review_was_curated_to_before_is_found(curator: User) -> None:
    first, second = agreeing()
    early = GroundTruthFactory(feedback=second, data=IR)

    assert curate(first, curator).json()["id"] == str(early.pk)
    assert GroundTruth.objects.count() == 1


def test_where_nobody_had_to_decide_the_curator_chooses_among_answers_that_differ(curator: User) -> None:
    first = reviewed()
    second = reviewed("correct", {"n": 2}, item=first.answer.assignment.item, slot=2)

    assert [curate(each, curator).json()["data"] for each in (first, second)] == [IR, {"n": 2}]
