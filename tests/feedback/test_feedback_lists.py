"""Finding what is to be curated, in the admin and over REST, and what was made of it."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from feedback.models import ReviewFeedback, ReviewItem
from tests.factories import (
    GroundTruthFactory,
    ReviewAnswerFactory,
    ReviewFeedbackFactory,
    ReviewItemFactory,
    ReviewQueueFactory,
    UserFactory,
)
from tests.queries import queries_of_page

pytestmark = pytest.mark.django_db
LIST = "/admin/feedback/reviewfeedback/"


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


def said(verdict: str = "accept", *, item: ReviewItem | None = None, slot: int = 1, **more: Any) -> ReviewFeedback:
    item = item or ReviewItemFactory(state="done", free_slots=0)
    correction = {"n": 2} if verdict == "correct" else None
    answer = ReviewAnswerFactory(assignment__item=item, assignment__slot=slot, verdict=verdict, correction=correction)
    feedback: ReviewFeedback = ReviewFeedbackFactory(answer=answer, **more)
    return feedback


def found_in_admin(client: Client, **filters: Any) -> set[Any]:
    page = client.get(LIST, filters)
    assert page.status_code == 200
    return {row.pk for row in page.context["cl"].result_list}


def found_over_rest(**filters: Any) -> set[str]:
    api = APIClient()
    api.force_authenticate(UserFactory(is_superuser=True))
    answer = api.get("/api/review-feedback", filters)
    assert answer.status_code == 200, answer.json()
    return {row["id"] for row in answer.json()["results"]}


def test_what_can_be_curated_is_found_by_queue_verdict_and_what_was_made(boss: User, client: Client) -> None:
    queue = ReviewQueueFactory()
    waits = said(item=ReviewItemFactory(queue=queue, state="done", free_slots=0))
    rejected = said("reject", item=ReviewItemFactory(queue=queue, state="done", free_slots=0))
    made, legacy = said("correct"), ReviewFeedbackFactory()
    of_same_item = said("correct", item=made.answer.assignment.item, slot=2)
    GroundTruthFactory(feedback=made)
    said(item=ReviewItemFactory(state="withdrawn", free_slots=0))
    decided = said(item=ReviewItemFactory(state="done", free_slots=0))
    decision = said("correct", item=decided.answer.assignment.item, slot=0)

    cases: list[tuple[dict[str, Any], dict[str, Any], set[ReviewFeedback]]] = [
        ({"answer__assignment__queue__id__exact": queue.pk}, {"queueId": queue.pk}, {waits, rejected}),
        ({"answer__verdict__exact": "reject"}, {"verdict": "reject"}, {rejected}),
        ({"ground_truth": "made"}, {"curated": "true"}, {made, of_same_item}),
        ({"ground_truth": "open"}, {"curated": "false"}, {waits, decision}),
    ]
    for in_admin, over_rest, wanted in cases:
        assert found_in_admin(client, **in_admin) == {row.pk for row in wanted}, in_admin
        assert found_over_rest(**over_rest) == {str(row.pk) for row in wanted}, over_rest
    assert found_in_admin(client) >= {legacy.pk, decided.pk}


def test_the_list_and_the_page_link_to_item_answer_and_ground_truth(boss: User, client: Client) -> None:
    feedback = said("correct")
    truth = GroundTruthFactory(feedback=feedback, scope="split", version=3)
    links = [
        reverse("admin:feedback_reviewitem_change", args=[feedback.answer.assignment.item_id]),
        reverse("admin:feedback_reviewanswer_change", args=[feedback.answer_id]),
        reverse("admin:feedback_groundtruth_change", args=[truth.pk]),
    ]

    for page in (LIST, f"{LIST}{feedback.pk}/change/"):
        shown = client.get(page).content.decode()
        for link in links:
            assert link in shown
        assert "split v3" in shown
        assert "Corrected" in shown


def test_the_list_costs_the_same_however_many_there_are(boss: User, client: Client) -> None:
    def add() -> None:
        GroundTruthFactory(feedback=said())

    add()
    queries_of_page(client, LIST)
    few = queries_of_page(client, LIST)
    for _ in range(5):
        add()
    assert queries_of_page(client, LIST) == few


def test_while_review_is_off_the_list_is_what_it_was(boss: User, client: Client, settings: LazySettings) -> None:
    feedback = said()
    settings.REVIEW_ENABLED = False

    page = client.get(LIST)

    assert [getattr(column, "__name__", column) for column in page.context["cl"].list_display] == [
        "action_checkbox", "created_at", "reviewer", "status", "design_split", "artifact", "module", "comments",
    ]  # fmt: skip
    assert [each.title for each in page.context["cl"].filter_specs] == ["status", "reviewer", "created at"]
    assert "Verdict" not in page.content.decode()
    assert "Verdict" not in client.get(f"{LIST}{feedback.pk}/change/").content.decode()
    api = APIClient()
    api.force_authenticate(UserFactory(is_superuser=True))
    for name in ("queueId", "verdict", "curated"):
        refused = api.get("/api/review-feedback", {name: "x"})
        assert refused.status_code == 400
        [error] = refused.json()["errors"]
        assert error["message"] == (
            "This list has the parameters artifactId, cursor, designSplitId, moduleId, pageSize, status."
        )


def test_no_more_are_curated_at_once_than_can_be_waited_for(boss: User, client: Client) -> None:
    ReviewFeedbackFactory.create_batch(201)
    first = ReviewFeedback.objects.first()
    chosen = {"action": "make_ground_truth", "_selected_action": [first.pk], "select_across": "1"}

    page = client.post(LIST, chosen, follow=True).content.decode()

    assert "Choose 200 at most: these are 201. Nothing was made of them." in page
