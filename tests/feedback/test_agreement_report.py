"""A queue's agreement: over HTTP and in the admin, from settled items only."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from feedback import agreement_report
from feedback.models import ReviewAssignment, ReviewQuestion, ReviewQueue
from tests.factories import (
    MetricDefinitionFactory,
    MetricResultFactory,
    ReviewAnswerFactory,
    ReviewAssignmentFactory,
    ReviewItemFactory,
    ReviewQuestionFactory,
    ReviewQueueFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


@pytest.fixture
def ann() -> User:
    return UserFactory(username="ann")


@pytest.fixture
def bob() -> User:
    return UserFactory(username="bob")


@pytest.fixture
def queue() -> ReviewQueue:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    ReviewQuestionFactory(queue=queue, key="marks", label="Marks", kind="number")
    ReviewQuestionFactory(queue=queue, key="why", label="Why", kind="text")
    return queue


def answer(item: Any, reviewer: User, slot: int, verdict: str = "accept", **answers: Any) -> None:
    assignment = ReviewAssignmentFactory(
        item=item, reviewer=reviewer, slot=slot, state=ReviewAssignment.State.SUBMITTED
    )
    correction = {"parts": []} if verdict == "correct" else None
    ReviewAnswerFactory(assignment=assignment, verdict=verdict, answers=answers, correction=correction)


def settled(queue: ReviewQueue, state: str = "done") -> Any:
    return ReviewItemFactory(queue=queue, state=state, free_slots=0)


def curator() -> APIClient:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="curate_review"))
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_the_report_says_how_reviewers_agree(queue: ReviewQueue, ann: User, bob: User) -> None:
    first, second, undecided = settled(queue), settled(queue, "disputed"), settled(queue, "open")
    for item, verdicts in ((first, "accept accept"), (second, "accept reject"), (undecided, "accept reject")):
        for slot, (reviewer, verdict) in enumerate(zip((ann, bob), verdicts.split(), strict=True), 1):
            answer(item, reviewer, slot, verdict, marks=slot, why="So.")
    answer(first, UserFactory(), 0, "reject", marks=9)

    response = curator().get(f"/api/review-queues/{queue.pk}/agreement")

    assert response.status_code == 200
    verdict, marks = response.json()["questions"]
    assert (verdict["key"], verdict["items"], verdict["answers"], verdict["percent"]) == ("verdict", 2, 4, 0.5)
    assert (verdict["kappa"], verdict["alpha"]) == (0, 0)
    assert verdict["values"] == ["accept", "reject"]
    rows = {"ann": [[1, 1], [0, 0]], "bob": [[1, 0], [1, 0]]}
    assert verdict["matrix"] == rows[verdict["matrixReviewers"][0]]
    assert verdict["disputed"] == [{"itemId": str(second.pk), "title": str(second), "disagreement": 1}]
    leans = {each["reviewer"]: each["lean"] for each in marks["reviewers"]}
    assert (marks["key"], leans) == ("marks", {"ann": {"mean": -1}, "bob": {"mean": 1}})


def test_a_metric_that_foretells_rejection_is_named_with_its_limit(queue: ReviewQueue, ann: User, bob: User) -> None:
    telling = MetricDefinitionFactory(key="telling", direction="higher")
    silent = MetricDefinitionFactory(key="silent", direction="higher")
    for measured in (0.2, 0.4, 0.7, 0.9):
        item = settled(queue)
        for metric, value in ((telling, measured), (silent, 1.0)):
            MetricResultFactory(metric=metric, step_run=item.step_run, value=value, attempt=item.step_run.attempt)
            MetricResultFactory(metric=metric, step_run=item.step_run, value=0, attempt=item.step_run.attempt + 1)
        answer(item, ann, 1, "reject" if measured < 0.5 else "accept")
        answer(item, bob, 2, "reject" if measured < 0.5 else "accept")

    best, other = curator().get(f"/api/review-queues/{queue.pk}/agreement").json()["metrics"]

    assert best == {
        "metric": "telling", "auc": 1, "threshold": 0.7, "youden": 1, "sensitivity": 1, "specificity": 1,
        "rejected": 2, "kept": 2,
    }  # fmt: skip
    assert (other["metric"], other["auc"]) == ("silent", 0.5)


def test_only_the_latest_results_of_metrics_are_read(
    queue: ReviewQueue, ann: User, monkeypatch: pytest.MonkeyPatch, boss: User, client: Client
) -> None:
    metric, other = MetricDefinitionFactory(key="m", direction="higher"), MetricDefinitionFactory(key="n")
    for measured in (0.1, 0.2, 0.9):
        item = settled(queue)
        MetricResultFactory(metric=other, step_run=item.step_run, value=0.5)
        MetricResultFactory(metric=metric, step_run=item.step_run, value=measured)
        answer(item, ann, 1, "reject" if measured < 0.5 else "accept")
    assert curator().get(f"/api/review-queues/{queue.pk}/agreement").json()["areMetricsCut"] is False
    monkeypatch.setattr(agreement_report, "MOST_RESULTS", 3)

    told = curator().get(f"/api/review-queues/{queue.pk}/agreement").json()

    assert told["areMetricsCut"] is True
    assert [(each["metric"], each["rejected"], each["kept"]) for each in told["metrics"]] == [("m", 1, 1)]
    page = client.get(f"/admin/feedback/reviewqueue/{queue.pk}/agreement/").content.decode()
    assert "200,000 results of metrics, of the latest items" in page


def test_texts_are_named_as_not_compared(queue: ReviewQueue, boss: User, client: Client) -> None:
    told = curator().get(f"/api/review-queues/{queue.pk}/agreement").json()
    page = client.get(f"/admin/feedback/reviewqueue/{queue.pk}/agreement/").content.decode()

    assert told["notCompared"] == ["why"]
    assert "Not compared, as texts seldom are the same: Why" in page


def test_no_question_is_called_as_the_verdict_is(boss: User, client: Client) -> None:
    api = APIClient()
    api.force_authenticate(boss)
    asked = {"key": "verdict", "label": "Verdict", "kind": "pass_fail"}

    refused = api.post("/api/review-queues", {"key": "q", "name": "Q", "questions": [asked]}, "json")

    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "/questions/0/key")
    assert "Every answer has a verdict already" in refused.json()["detail"]
    queue = ReviewQueueFactory()
    form = {"queue": queue.pk, **asked, "options": "[]", "order": 0}
    page = client.post("/admin/feedback/reviewquestion/add/", form).content.decode()
    assert "Every answer has a verdict already" in page
    assert not ReviewQuestion.objects.exists()


def test_a_question_of_old_that_is_called_as_the_verdict_is_has_disputes_of_its_own(
    queue: ReviewQueue, ann: User, bob: User, boss: User, client: Client
) -> None:
    old = ReviewQuestionFactory(queue=queue, key="verdict", label="Old", kind="pass_fail")
    item = settled(queue)
    for slot, (reviewer, verdict) in enumerate(((ann, "accept"), (bob, "reject")), 1):
        held = ReviewAssignmentFactory(item=item, reviewer=reviewer, slot=slot, state="submitted")
        ReviewAnswerFactory(assignment=held, verdict=verdict, answers={"verdict": "pass"})

    first, *_, last = curator().get(f"/api/review-queues/{queue.pk}/agreement").json()["questions"]

    assert [(each["key"], len(each["disputed"])) for each in (first, last)] == [("verdict", 1), ("verdict", 0)]
    page = client.get(f"/admin/feedback/reviewqueue/{queue.pk}/agreement/").content.decode()
    ids = re.findall(r' id="((?:question|matrix|bias)-[^"]*)"', page)
    assert len(ids) == len(set(ids)) > 3
    api = APIClient()
    api.force_authenticate(boss)
    renamed = api.patch(f"/api/review-questions/{old.pk}", {"label": "Older"}, "json")
    assert renamed.status_code == 200, renamed.json()


def test_the_number_of_queries_does_not_grow(queue: ReviewQueue, ann: User, bob: User) -> None:
    client = curator()

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/api/review-queues/{queue.pk}/agreement")
        return len(queries)

    def fill(count: int) -> None:
        for _ in range(count):
            item = settled(queue)
            answer(item, ann, 1, "accept", marks=1)
            answer(item, bob, 2, "reject", marks=2)

    fill(1)
    cost()  # the first request reads the permissions
    few = cost()
    fill(5)
    assert cost() == few <= 10


def test_agreement_is_for_curators_while_review_is_on(queue: ReviewQueue, settings: LazySettings) -> None:
    address = f"/api/review-queues/{queue.pk}/agreement"
    stranger = APIClient()
    stranger.force_authenticate(UserFactory())

    assert stranger.get(address).status_code == 403
    assert curator().get("/api/review-queues/01955230-0000-7000-8000-000000000000/agreement").status_code == 404
    settings.REVIEW_ENABLED = False
    assert curator().get(address).status_code == 404


def test_the_page_shows_the_matrix_and_the_items(
    boss: User, client: Client, queue: ReviewQueue, ann: User, bob: User, settings: LazySettings
) -> None:
    item = settled(queue)
    answer(item, ann, 1, "accept", marks=1)
    answer(item, bob, 2, "reject", marks=1)
    address = f"/admin/feedback/reviewqueue/{queue.pk}/agreement/"

    page = client.get(address).content.decode()

    assert "Verdict" in page
    assert "accept +100 points, reject -100 points" in page
    assert str(item) in page
    client.force_login(UserFactory(is_staff=True))
    assert client.get(address).status_code == 403
    settings.REVIEW_ENABLED = False
    assert client.get(address).status_code == 404


def test_a_queue_without_answers_says_so(boss: User, client: Client, queue: ReviewQueue) -> None:
    page = client.get(f"/admin/feedback/reviewqueue/{queue.pk}/agreement/").content.decode()

    assert page.count("No item has two answers to this yet.") == 2
    assert "No metric was measured on both" in page
