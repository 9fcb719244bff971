"""Nobody sees what others answered on an item before all its reviewers have, whichever door they try."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from feedback import services
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewFeedback, ReviewItem
from feedback.services import Answer
from tests.contract.test_access import ADDRESSES
from tests.factories import (
    IRArtifactFactory,
    ReviewItemFactory,
    ReviewQuestionFactory,
    ReviewQueueFactory,
    StepRunFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
SAMPLE = "01955230-0000-7000-8000-000000000000"
SECRET = "annsopinion"


@pytest.fixture
def item(settings: LazySettings) -> ReviewItem:
    """One that ann has answered and cleo has begun, as two of its three reviewers."""
    settings.REVIEW_ENABLED = settings.METRICS_OPEN = True
    queue = ReviewQueueFactory(reviewers_per_item=3)
    ReviewQuestionFactory(queue=queue, key="why", kind="text", is_required=False)
    step = StepRunFactory(completed=True)
    artifact = IRArtifactFactory(step_run=step, attempt=1, ir_json={"n": 1})
    made: ReviewItem = ReviewItemFactory(queue=queue, target_id=artifact.pk)
    answer = Answer(
        "correct",
        answers={"why": SECRET},
        correction={"n": SECRET},
        comments=SECRET,
        remarks=[{"path": "/n", "comment": SECRET}],
    )
    services.submit(assignment_id=hold(made, "ann").pk, reviewer=User.objects.get(username="ann"), answer=answer)
    cleo = hold(made, "cleo")
    services.save_draft(assignment_id=cleo.pk, reviewer=cleo.reviewer, draft={"comments": SECRET})
    return made


def hold(item: ReviewItem, name: str) -> ReviewAssignment:
    held = services.claim_next(queue=item.queue, reviewer=UserFactory(username=name))
    assert held is not None
    return held


@pytest.fixture
def bob(client: Client, item: ReviewItem) -> Client:
    """A reviewer who may do everything else, too, and has not answered."""
    client.force_login(UserFactory(username="bob", is_staff=True, is_superuser=True))
    return client


def rows(item: ReviewItem) -> list[Any]:
    assignments = list(ReviewAssignment.objects.all())
    return [item, item.queue, *assignments, ReviewAnswer.objects.get(), ReviewFeedback.objects.get(), item.step_run]


def admin_doors(item: ReviewItem) -> Iterator[str]:
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if model._meta.app_label == "feedback":
            address = reverse(f"admin:{name}_changelist")
            yield from (address, f"{address}?q={SECRET}")
        for row in rows(item):
            if isinstance(row, model):
                yield from (reverse(f"admin:{name}_{verb}", args=[row.pk]) for verb in ("change", "history"))
                names = [field.name for field in model._meta.fields]
                yield from (reverse(f"admin:{name}_json", args=[row.pk, field]) for field in names)


def api_doors(item: ReviewItem) -> Iterator[str]:
    for address in (address for address, methods in ADDRESSES.items() if "get" in methods):
        ids = [str(row.pk) for row in rows(item)] if SAMPLE in address else [""]
        yield from (address.replace(SAMPLE, pk) for pk in ids)


def screen_doors(item: ReviewItem) -> Iterator[str]:
    yield from (reverse("review:queues"), reverse("review:queue", args=[item.queue.key]))
    yield reverse("review:adjudicate", args=[item.queue.key])
    yield reverse("admin:feedback_reviewqueue_agreement", args=[item.queue_id])
    yield from (reverse("review:item", args=[row.pk]) for row in ReviewAssignment.objects.all())
    yield "/metrics"


@pytest.mark.parametrize("doors", [admin_doors, api_doors, screen_doors])
@pytest.mark.parametrize("state", ["open", "withdrawn"])
def test_no_door_shows_what_others_answered(bob: Client, item: ReviewItem, doors: Any, state: str) -> None:
    if state == "withdrawn":
        services.withdraw(items=[item])
    said = {}
    for door in doors(item):
        answer = bob.get(door)
        said[door] = b"".join(answer.streaming_content) if answer.streaming else answer.content

    # What was searched for is repeated in the box that it was typed into.
    assert [door for door, text in said.items() if SECRET.encode() in text and SECRET not in door] == []
    assert len(said) > 5


def test_nobody_makes_ground_truth_of_an_answer_before_the_others_have_given_theirs(
    bob: Client, item: ReviewItem
) -> None:
    theirs = ReviewFeedback.objects.get()
    assert bob.post(f"/api/review-feedback/{theirs.pk}/curate").status_code == 404
    bob.force_login(User.objects.get(username="ann"))
    User.objects.filter(username="ann").update(is_superuser=True)

    own = bob.post(f"/api/review-feedback/{theirs.pk}/curate")

    assert (own.status_code, own.json()["code"]) == (409, "feedback-not-curatable")
    assert "have not all answered" in own.json()["detail"]


def test_once_all_have_answered_the_answers_are_shown(bob: Client, item: ReviewItem) -> None:
    ReviewItem.objects.update(state="done")

    shown = [bob.get(reverse("admin:feedback_reviewanswer_change", args=[ReviewAnswer.objects.get().pk]))]
    shown.append(bob.get("/api/review-feedback"))

    assert all(SECRET in page.content.decode() for page in shown)
