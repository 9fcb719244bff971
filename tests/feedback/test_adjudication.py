"""Where reviewers disagree a third person decides, and theirs is the accepted answer."""

from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from config.problems import DomainError
from feedback import services
from feedback.accepted import accepted_answer, accepted_answers, disagree
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQueue
from feedback.services import Answer
from tests.factories import (
    ReviewAssignmentFactory,
    ReviewItemFactory,
    ReviewQuestionFactory,
    ReviewQueueFactory,
    UserFactory,
)
from tests.feedback.test_claims import at_once
from tests.feedback.test_services import lapse, refusal

VERDICTS = st.sampled_from(["accept", "reject"])
ANSWERS = st.dictionaries(st.sampled_from(["fits", "kind", "score"]), st.sampled_from(["pass", "fail"]))


def said(verdict: str = "accept", **answers: Any) -> ReviewAnswer:
    return ReviewAnswer(verdict=verdict, answers=answers)


@given(st.lists(st.builds(lambda verdict, answers: said(verdict, **answers), VERDICTS, ANSWERS), min_size=1))
def test_disagreement_is_of_a_pair_whatever_the_order(answers: list[ReviewAnswer]) -> None:
    decisive = ["fits", "kind"]
    pairs = [(one, other) for one in answers for other in answers]

    assert disagree(answers, decisive) == any(disagree(pair, decisive) for pair in pairs)
    assert disagree(answers, decisive) == disagree(answers[::-1], decisive)
    assert not disagree(answers[:1] * 3, decisive)


def test_numbers_and_texts_and_what_is_empty_make_no_disagreement() -> None:
    assert not disagree([said(score=1), said(score=9)], ["fits"])
    assert not disagree([said(fits="pass"), said()], ["fits"])
    assert disagree([said(fits="pass"), said(fits="fail")], ["fits"])
    one, other = (ReviewAnswer(verdict="correct", correction={"a": n}) for n in (1, 2))
    assert disagree([one, other], [])


def claim(queue: ReviewQueue, who: User, **more: Any) -> ReviewAssignment:
    held = services.claim_next(queue=queue, reviewer=who, **more)
    assert held is not None
    return held


def give(queue: ReviewQueue, who: User, verdict: str, *, adjudicates: bool = False, **answers: Any) -> ReviewAnswer:
    held = claim(queue, who, adjudicates=adjudicates)
    return services.submit(assignment_id=held.pk, reviewer=who, answer=Answer(verdict, answers=answers))


def disputed(queue: ReviewQueue, ann: User, bob: User) -> ReviewItem:
    item: ReviewItem = ReviewItemFactory(queue=queue)
    give(queue, ann, "accept")
    give(queue, bob, "reject")
    item.refresh_from_db()
    assert item.state == "disputed"
    return item


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    made: ReviewQueue = ReviewQueueFactory(reviewers_per_item=2)
    return made


@pytest.fixture
def ann(db: None) -> User:
    return UserFactory()  # type: ignore[no-any-return]


@pytest.fixture
def bob(db: None) -> User:
    return UserFactory()  # type: ignore[no-any-return]


@pytest.fixture
def cleo(db: None) -> User:
    return UserFactory()  # type: ignore[no-any-return]


def test_the_third_persons_answer_is_the_accepted_one(queue: ReviewQueue, ann: User, bob: User, cleo: User) -> None:
    item = disputed(queue, ann, bob)
    assert accepted_answer(item) is None
    assert services.claim_next(queue=queue, reviewer=cleo) is None

    decided = give(queue, cleo, "reject", adjudicates=True)

    item.refresh_from_db()
    assert (item.state, item.free_slots, decided.assignment.slot) == ("done", 0, 0)
    assert accepted_answer(item) == decided
    assert services.claim_next(queue=queue, reviewer=UserFactory(), adjudicates=True) is None


@pytest.mark.parametrize(
    ("adjudication", "verdicts", "state"),
    [
        ("on_disagreement", "accept accept", "done"),
        ("on_disagreement", "accept reject", "disputed"),
        ("always", "accept accept", "disputed"),
        ("never", "accept reject", "done"),
    ],
)
def test_the_queue_says_when_somebody_decides(
    adjudication: str, verdicts: str, state: str, ann: User, bob: User
) -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2, adjudication=adjudication)
    item = ReviewItemFactory(queue=queue)
    for who, verdict in zip((ann, bob), verdicts.split(), strict=True):
        give(queue, who, verdict)

    item.refresh_from_db()
    assert item.state == state
    accepted = accepted_answer(item)
    assert (accepted is not None) == (state == "done" and verdicts == "accept accept")


def test_an_item_of_one_reviewer_needs_nobody_else(ann: User) -> None:
    queue = ReviewQueueFactory(adjudication="always")
    item = ReviewItemFactory(queue=queue)

    given_answer = give(queue, ann, "accept")

    item.refresh_from_db()
    assert (item.state, accepted_answer(item)) == ("done", given_answer)


def test_answers_to_questions_disagree_too(queue: ReviewQueue, ann: User, bob: User) -> None:
    ReviewQuestionFactory(queue=queue, key="fits")
    ReviewQuestionFactory(queue=queue, key="score", kind="number")
    same, other = ReviewItemFactory.create_batch(2, queue=queue)
    for who, answers in ((ann, ("pass", "pass")), (bob, ("pass", "fail"))):
        for place, fits in enumerate(answers):
            give(queue, who, "accept", fits=fits, score=place + who.pk)

    assert dict(ReviewItem.objects.values_list("pk", "state")) == {same.pk: "done", other.pk: "disputed"}


def test_none_of_its_reviewers_decides_an_item(queue: ReviewQueue, ann: User, bob: User, cleo: User) -> None:
    item = disputed(queue, ann, bob)

    for reviewer in (ann, bob):
        assert services.claim_next(queue=queue, reviewer=reviewer, adjudicates=True) is None
        with pytest.raises(IntegrityError), transaction.atomic():
            ReviewAssignmentFactory(item=item, reviewer=reviewer, slot=0)
    held = claim(queue, cleo, adjudicates=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewAssignmentFactory(item=item, slot=0, state="submitted")
    services.skip(assignment_id=held.pk, reviewer=cleo)
    assert services.claim_next(queue=queue, reviewer=cleo, adjudicates=True) is None
    assert claim(queue, UserFactory(), adjudicates=True).item == item


def test_who_looked_at_an_item_without_answering_may_decide_it(
    queue: ReviewQueue, ann: User, bob: User, cleo: User
) -> None:
    item: ReviewItem = ReviewItemFactory(queue=queue)
    looked = claim(queue, cleo)
    services.release(assignment_id=looked.pk, reviewer=cleo)
    give(queue, ann, "accept")
    give(queue, bob, "reject")
    assert refusal(services.release, assignment_id=looked.pk, reviewer=cleo) == "review-item-closed"

    held = claim(queue, cleo, adjudicates=True)

    assert (held, held.slot, held.item) == (looked, 0, item)


def test_a_decision_is_reserved_given_back_and_lapses(queue: ReviewQueue, ann: User, bob: User, cleo: User) -> None:
    disputed(queue, ann, bob)
    other = UserFactory()
    held = claim(queue, cleo, adjudicates=True)
    assert claim(queue, cleo, adjudicates=True) == held
    assert services.claim_next(queue=queue, reviewer=other, adjudicates=True) is None

    services.release(assignment_id=held.pk, reviewer=cleo)
    assert ReviewItem.objects.get().free_slots == 1
    services.save_draft(assignment_id=held.pk, reviewer=cleo, draft={"comments": "so far"})
    assert ReviewItem.objects.get().free_slots == 0
    lapse(held)
    taken = claim(queue, other, adjudicates=True)
    assert refusal(services.release, assignment_id=held.pk, reviewer=cleo) == "review-reservation-lost"
    services.submit(assignment_id=taken.pk, reviewer=other, answer=Answer("accept"))
    assert refusal(services.release, assignment_id=held.pk, reviewer=cleo) == "review-item-closed"


def test_a_disputed_item_is_withdrawn_and_put_back(queue: ReviewQueue, ann: User, bob: User, cleo: User) -> None:
    item, waiting = disputed(queue, ann, bob), ReviewItemFactory(queue=queue)
    held = claim(queue, cleo, adjudicates=True)

    assert services.withdraw(items=[item, waiting]) == 2
    assert refusal(services.release, assignment_id=held.pk, reviewer=cleo) == "review-item-closed"
    assert services.put_back(items=[item, waiting]) == 2

    assert set(ReviewItem.objects.values_list("pk", "state")) == {(item.pk, "disputed"), (waiting.pk, "open")}
    assert claim(queue, cleo, adjudicates=True) == held


def test_the_accepted_answers_of_many_items(queue: ReviewQueue, ann: User, bob: User, cleo: User) -> None:
    decided, undecided, agreed = (ReviewItemFactory(queue=queue, priority=n) for n in (3, 2, 1))
    for verdict in ("accept", "accept", "accept"):
        give(queue, ann, verdict)
    for verdict in ("reject", "reject", "accept"):
        give(queue, bob, verdict)
    decision = give(queue, cleo, "reject", adjudicates=True)
    items = list(ReviewItem.objects.all())

    found = accepted_answers(queue, items)

    assert {item.pk for item in found} == {decided.pk, agreed.pk}
    assert found[decided] == decision
    assert found[agreed].verdict == "accept"
    assert {item.pk: accepted_answer(item) for item in items} == {
        decided.pk: decision, undecided.pk: None, agreed.pk: found[agreed],
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_many_adjudicators_at_once_each_decide_an_item_of_their_own() -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    ReviewItemFactory.create_batch(6, queue=queue)
    for who, verdict in ((UserFactory(), "accept"), (UserFactory(), "reject")):
        for _ in range(6):
            give(queue, who, verdict)
    decided: list[object] = []

    def decide(who: User) -> None:
        while held := services.claim_next(queue=queue, reviewer=who, adjudicates=True):
            services.submit(assignment_id=held.pk, reviewer=who, answer=Answer("accept"))
            decided.append(held.item.pk)

    at_once([partial(decide, who) for who in UserFactory.create_batch(12)])

    assert len(decided) == len(set(decided)) == 6
    assert set(ReviewItem.objects.values_list("state", "free_slots")) == {("done", 0)}
    assert ReviewAssignment.objects.filter(slot=0).count() == 6


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_the_only_item_one_gets_it() -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    ReviewItemFactory(queue=queue)
    give(queue, UserFactory(), "accept")
    give(queue, UserFactory(), "reject")
    late: ReviewAssignment = claim(queue, UserFactory(), adjudicates=True)
    services.release(assignment_id=late.pk, reviewer=late.reviewer)
    outcomes: list[str] = []

    def decide(who: User) -> None:
        """Claiming anew, against one who comes back to what they gave back."""
        held = late if who == late.reviewer else services.claim_next(queue=queue, reviewer=who, adjudicates=True)
        try:
            if held is None:
                raise DomainError("Nothing is left.")
            services.submit(assignment_id=held.pk, reviewer=who, answer=Answer("accept"))
            outcomes.append("decided")
        except DomainError as refused:
            outcomes.append(refused.code)

    at_once([partial(decide, who) for who in (late.reviewer, UserFactory())])

    assert outcomes.count("decided") == 1
    assert ReviewAnswer.objects.filter(assignment__slot=0).count() == 1


def test_an_items_page_shows_the_accepted_answer(
    queue: ReviewQueue, ann: User, bob: User, cleo: User, boss: User, client: Client, settings: LazySettings
) -> None:
    settings.REVIEW_ENABLED = True
    item = disputed(queue, ann, bob)
    page = f"/admin/feedback/reviewitem/{item.pk}/change/"
    assert "by the adjudicator" not in client.get(page).content.decode()

    decided = give(queue, cleo, "reject", adjudicates=True)

    shown = client.get(page).content.decode()
    assert f"/admin/feedback/reviewanswer/{decided.pk}/change/" in shown
    assert "by the adjudicator" in shown
