"""Twenty reviewers at once, each with a connection of their own, lose nothing and double nothing."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.db.models import Count

from feedback import services
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQueue
from feedback.services import Answer
from tests.factories import ReviewItemFactory, ReviewQueueFactory, UserFactory

REVIEWERS = 20
ITEMS = 30
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: list[Callable[[], None]]) -> None:
    """Run each call in a thread and a connection of its own, all starting together; raises what any raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], None]) -> None:
        try:
            barrier.wait()
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        for ended in [pool.submit(run, call) for call in calls]:
            ended.result()


def work_through(queue: ReviewQueue, reviewer: User, seed: int) -> None:
    """Claim until nothing is left: answer most, skip or give back some, sometimes with the next fetched ahead."""
    given_back = set()
    for turn in range(10 * ITEMS):
        assignment = services.claim_next(queue=queue, reviewer=reviewer)
        if assignment is None:
            return
        if (turn + seed) % 3 == 0:
            services.claim_next(queue=queue, reviewer=reviewer, besides=assignment.pk)
        if (turn + seed) % 7 == 0 and assignment.pk not in given_back:
            given_back.add(assignment.pk)
            services.release(assignment_id=assignment.pk, reviewer=reviewer)
        elif (turn + seed) % 11 == 0:
            services.skip(assignment_id=assignment.pk, reviewer=reviewer)
        else:
            services.submit(assignment_id=assignment.pk, reviewer=reviewer, answer=Answer("accept"))


def answer_all(queue: ReviewQueue, reviewer: User) -> None:
    while assignment := services.claim_next(queue=queue, reviewer=reviewer):
        services.submit(assignment_id=assignment.pk, reviewer=reviewer, answer=Answer("accept"))


def test_twenty_reviewers_at_once_lose_and_double_nothing() -> None:
    queue = ReviewQueueFactory(reviewers_per_item=3)
    ReviewItemFactory.create_batch(ITEMS, queue=queue)
    reviewers = UserFactory.create_batch(REVIEWERS)

    at_once([partial(work_through, queue, who, seed) for seed, who in enumerate(reviewers)])
    # Who comes late finds what others skipped when all the rest had gone home.
    for latecomer in UserFactory.create_batch(3):
        answer_all(queue, latecomer)

    assert ReviewAnswer.objects.count() == 3 * ITEMS
    assert set(ReviewItem.objects.values_list("state", "free_slots")) == {("done", 0)}
    slots = ReviewAssignment.objects.filter(state="submitted").values("item").annotate(n=Count("slot", distinct=True))
    assert {each["n"] for each in slots} == {3}
    assert not ReviewAssignment.objects.filter(state="reserved").exists()


def test_twenty_windows_of_one_reviewer_hold_one_item() -> None:
    queue = ReviewQueueFactory(reviewers_per_item=2)
    ReviewItemFactory.create_batch(5, queue=queue)
    reviewer = UserFactory()
    claimed: list[object] = []

    def claim() -> None:
        assignment = services.claim_next(queue=queue, reviewer=reviewer)
        claimed.append(assignment and assignment.pk)

    at_once([claim] * REVIEWERS)

    assert list(Counter(claimed).values()) == [REVIEWERS]
    assert sorted(ReviewItem.objects.values_list("free_slots", flat=True)) == [1, 2, 2, 2, 2]


def test_an_assignment_is_of_the_queue_that_its_item_stays_in() -> None:
    item = ReviewItemFactory()
    assignment = services.claim_next(queue=item.queue, reviewer=UserFactory())
    other = ReviewQueueFactory()

    assert assignment is not None
    assert assignment.queue == item.queue
    with pytest.raises(IntegrityError, match="stays in its queue"):
        ReviewItem.objects.filter(pk=item.pk).update(queue=other)
