"""Claiming, answering, skipping, giving back: what one reviewer does to the next."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.problems import DomainError
from feedback import services
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewFeedback, ReviewItem, ReviewQueue
from feedback.services import Answer
from tests.factories import (
    ReviewAnswerFactory,
    ReviewAssignmentFactory,
    ReviewItemFactory,
    ReviewQuestionFactory,
    ReviewQueueFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
ACCEPT = Answer("accept")


@pytest.fixture
def queue() -> ReviewQueue:
    made: ReviewQueue = ReviewQueueFactory()
    return made


@pytest.fixture
def ann() -> User:
    made: User = UserFactory(username="ann", email="ann@example.org")
    return made


@pytest.fixture
def bob() -> User:
    made: User = UserFactory(username="bob", email="")
    return made


def claim(queue: ReviewQueue, reviewer: User, **more: Any) -> ReviewAssignment:
    assignment = services.claim_next(queue=queue, reviewer=reviewer, **more)
    assert assignment is not None
    return assignment


def lapse(assignment: ReviewAssignment) -> None:
    ReviewAssignment.objects.filter(pk=assignment.pk).update(reserved_until=timezone.now() - timedelta(seconds=1))


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(DomainError) as refused, transaction.atomic():
        call(**arguments)
    return refused.value.code


def test_items_come_by_priority_then_by_age_one_for_each_reviewer(queue: ReviewQueue, ann: User, bob: User) -> None:
    old, new, urgent = (ReviewItemFactory(queue=queue, priority=priority) for priority in (0, 0, 5))
    ReviewItemFactory()

    assert claim(queue, ann).item == urgent
    assert claim(queue, bob).item == old
    assert claim(queue, UserFactory()).item == new
    assert services.claim_next(queue=queue, reviewer=UserFactory()) is None


def test_who_holds_an_item_gets_it_again_unless_the_next_is_fetched_ahead(queue: ReviewQueue, ann: User) -> None:
    ReviewItemFactory.create_batch(3, queue=queue)

    first = claim(queue, ann)
    assert claim(queue, ann) == first
    ahead = claim(queue, ann, besides=first.pk)
    assert ahead.item != first.item
    assert claim(queue, ann, besides=first.pk) == ahead


def test_an_item_takes_as_many_reviewers_as_it_needs_each_with_a_slot(ann: User, bob: User) -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    item = ReviewItemFactory(queue=queue)

    slots = [claim(queue, reviewer).slot for reviewer in (ann, bob)]
    assert slots == [1, 2]
    assert services.claim_next(queue=queue, reviewer=UserFactory()) is None
    services.submit(assignment_id=claim(queue, ann).pk, reviewer=ann, answer=ACCEPT)
    item.refresh_from_db()
    assert (item.state, item.free_slots) == ("open", 0)
    services.submit(assignment_id=claim(queue, bob).pk, reviewer=bob, answer=ACCEPT)
    item.refresh_from_db()
    assert item.state == "done"


def test_nobody_gets_an_item_again_after_answering_or_skipping_it(ann: User) -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    ReviewItemFactory.create_batch(2, queue=queue)

    services.submit(assignment_id=claim(queue, ann).pk, reviewer=ann, answer=ACCEPT)
    skipped = claim(queue, ann)
    services.skip(assignment_id=skipped.pk, reviewer=ann, note="I wrote this one.")

    assert services.claim_next(queue=queue, reviewer=ann) is None
    assert refusal(services.submit, assignment_id=skipped.pk, reviewer=ann, answer=ACCEPT) == "review-already-answered"
    skipped.item.refresh_from_db()
    assert skipped.item.free_slots == 2


def test_a_reservation_that_lapsed_goes_to_the_next(queue: ReviewQueue, ann: User, bob: User) -> None:
    item = ReviewItemFactory(queue=queue)
    late = claim(queue, ann)
    lapse(late)

    taken = claim(queue, bob)

    assert taken.item == item
    late.refresh_from_db()
    assert late.state == "expired"
    for call in (services.skip, services.release):
        assert refusal(call, assignment_id=late.pk, reviewer=ann) == "review-reservation-lost"
    assert refusal(services.submit, assignment_id=late.pk, reviewer=ann, answer=ACCEPT) == "review-reservation-lost"
    services.release(assignment_id=taken.pk, reviewer=bob)
    assert claim(queue, ann) == late
    assert ReviewAssignment.objects.count() == 2


def test_a_late_answer_is_taken_while_nobody_else_wants_the_slot(queue: ReviewQueue, ann: User) -> None:
    ReviewItemFactory(queue=queue)
    late = claim(queue, ann)
    lapse(late)

    services.submit(assignment_id=late.pk, reviewer=ann, answer=ACCEPT)

    assert ReviewItem.objects.get().state == "done"


def test_a_draft_is_kept_through_giving_back_and_extends_the_reservation(queue: ReviewQueue, ann: User) -> None:
    ReviewItemFactory(queue=queue)
    assignment = claim(queue, ann)
    lapse(assignment)

    saved = services.save_draft(assignment_id=assignment.pk, reviewer=ann, draft={"comments": "so far"})
    assert saved.reserved_until is not None
    assert saved.reserved_until > timezone.now() + timedelta(minutes=queue.reservation_minutes - 1)
    services.release(assignment_id=assignment.pk, reviewer=ann)

    assert claim(queue, ann).draft == {"comments": "so far"}


def test_an_assignment_is_its_reviewers_alone(queue: ReviewQueue, ann: User, bob: User) -> None:
    ReviewItemFactory(queue=queue)
    mine = claim(queue, ann)

    assert refusal(services.submit, assignment_id=mine.pk, reviewer=bob, answer=ACCEPT) == "review-assignment-unknown"
    assert refusal(services.release, assignment_id=mine.pk, reviewer=bob) == "review-assignment-unknown"


def test_nothing_comes_from_a_queue_at_rest_or_of_withdrawn_items(queue: ReviewQueue, ann: User) -> None:
    item = ReviewItemFactory(queue=queue)
    held = claim(queue, ann)
    assert services.withdraw(items=[item]) == 1
    assert refusal(services.submit, assignment_id=held.pk, reviewer=ann, answer=ACCEPT) == "review-item-closed"
    assert services.claim_next(queue=queue, reviewer=ann) is None
    assert services.put_back(items=[item]) == 1
    assert claim(queue, ann) == held

    ReviewQueue.objects.update(is_active=False)
    assert services.claim_next(queue=queue, reviewer=ann) is None


def test_an_answer_leaves_a_review_that_every_reader_understands(queue: ReviewQueue, ann: User) -> None:
    ReviewQuestionFactory(queue=queue, key="looks_right")
    item = ReviewItemFactory(queue=queue)
    answer = Answer(
        "correct",
        answers={"looks_right": "fail"},
        correction={"a": 1},
        comments="Nearly.",
        remarks=[{"path": "/a", "comment": " One, not two. "}],
        took=timedelta(days=3),
    )

    given = services.submit(assignment_id=claim(queue, ann).pk, reviewer=ann, answer=answer)

    said = ReviewFeedback.objects.get()
    assert said.answer == given
    assert (said.reviewer, said.status, said.comments) == ("ann@example.org", "changes_requested", "Nearly.")
    assert said.ratings == {"looks_right": "fail"}
    assert said.findings == [{"path": "/a", "comment": "One, not two."}]
    assert said.design_split == item.design_split
    assert given.duration_ms < 60_000


def test_answers_that_do_not_fit_change_nothing(queue: ReviewQueue, ann: User) -> None:
    ReviewQuestionFactory(queue=queue, key="looks_right")
    item = ReviewItemFactory(queue=queue)
    held = claim(queue, ann)

    for answer in (
        ACCEPT,
        Answer("accept", answers={"looks_right": "maybe"}),
        Answer("accept", answers={"looks_right": "pass", "other": 1}),
        Answer("accept", answers={"looks_right": "pass"}, remarks=[{"path": "a", "comment": "b"}]),
        Answer("accept", answers={"looks_right": "pass"}, remarks=[{"path": "", "comment": " "}]),
    ):
        refused = refusal(services.submit, assignment_id=held.pk, reviewer=ann, answer=answer)
        assert refused == "review-answers-invalid"

    item.refresh_from_db()
    assert (item.state, item.free_slots, ReviewAnswer.objects.count()) == ("open", 0, 0)


def test_the_database_itself_refuses_what_review_must_never_do(queue: ReviewQueue, ann: User) -> None:
    item = ReviewItemFactory(queue=queue)
    held = claim(queue, ann)

    for broken in (
        lambda: ReviewAssignmentFactory(item=item, slot=1, state="submitted"),
        lambda: ReviewAssignmentFactory(item=item, reviewer=ann, slot=2),
        lambda: ReviewItemFactory(queue=queue, target_id=item.target_id),
        lambda: ReviewAnswerFactory(assignment=held, verdict="correct"),
        lambda: ReviewItem.objects.update(free_slots=2),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            broken()


def test_a_question_keeps_its_kind_once_it_is_answered(queue: ReviewQueue, ann: User) -> None:
    question = ReviewQuestionFactory(queue=queue)
    question.kind = "text"
    question.save()
    ReviewItemFactory(queue=queue)
    answer = Answer("accept", answers={question.key: "Fine."})
    services.submit(assignment_id=claim(queue, ann).pk, reviewer=ann, answer=answer)

    question.kind = "number"
    with pytest.raises(IntegrityError, match="has been answered"), transaction.atomic():
        question.save()


def test_an_answer_never_changes(queue: ReviewQueue) -> None:
    ReviewAnswerFactory(assignment__item__queue=queue, verdict="accept", comments="Good.")

    for change in ({"verdict": "reject"}, {"comments": "Bad."}, {"answers": {"fits": "fail"}}, {"duration_ms": 99}):
        with pytest.raises(IntegrityError, match="answer never changes"), transaction.atomic():
            ReviewAnswer.objects.update(**change)
    ReviewAnswer.objects.get().save()
    assert ReviewAnswer.objects.get().comments == "Good."


def test_others_answers_are_hidden_while_an_item_is_open(ann: User, bob: User) -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    ReviewItemFactory(queue=queue)
    services.submit(assignment_id=claim(queue, ann).pk, reviewer=ann, answer=ACCEPT)

    assert ReviewAnswer.objects.visible_to(ann).count() == ReviewFeedback.objects.visible_to(ann).count() == 1
    assert ReviewAnswer.objects.visible_to(bob).count() == ReviewFeedback.objects.visible_to(bob).count() == 0
    services.withdraw(items=ReviewItem.objects.all())
    assert ReviewAnswer.objects.visible_to(bob).count() == ReviewFeedback.objects.visible_to(bob).count() == 0
    services.put_back(items=ReviewItem.objects.all())
    services.submit(assignment_id=claim(queue, bob).pk, reviewer=bob, answer=ACCEPT)
    assert ReviewAnswer.objects.visible_to(bob).count() == ReviewFeedback.objects.visible_to(bob).count() == 2
