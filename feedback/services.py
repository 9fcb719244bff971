"""The writes of review, one transaction each. Whoever changes an item's slots or its state holds the item's lock.

An assignment is its reviewer's alone: anybody else is told that there is none.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, F, Model, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from config.models import uuid7
from feedback.accepted import answers_to, decisive_keys, disagree
from feedback.answering import check_answers
from feedback.errors import AlreadyAnswered, InvalidAnswers, ItemClosed, ReservationLost, UnknownAssignment
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewFeedback, ReviewItem, ReviewQueue
from feedback.remarks import check_remarks

MAX_DURATION = timedelta(hours=24)
MAX_COMMENTS = 10_000
MOST_PRIORITY = 1_000
BATCH = 1_000
State = ReviewAssignment.State
UNDONE = (ReviewItem.State.OPEN, ReviewItem.State.DISPUTED)
STATUS_OF = {
    ReviewAnswer.Verdict.ACCEPT: ReviewFeedback.Status.APPROVED,
    ReviewAnswer.Verdict.CORRECT: ReviewFeedback.Status.CHANGES_REQUESTED,
    ReviewAnswer.Verdict.REJECT: ReviewFeedback.Status.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer gives: see ``ReviewAnswer``. ``took`` is the time the item was looked at, where it is known."""

    verdict: str
    answers: dict[str, Any] = field(default_factory=dict)
    correction: Any = None
    corrected_under: uuid.UUID | None = None
    comments: str = ""
    remarks: Sequence[dict[str, str]] = ()
    took: timedelta | None = None


def claim_next(
    *, queue: ReviewQueue, reviewer: User, besides: uuid.UUID | None = None, adjudicates: bool = False
) -> ReviewAssignment | None:
    """As ``claim``, with the assignment's item and queue."""
    found = claim(queue=queue, reviewer=reviewer, besides=besides, adjudicates=adjudicates)
    return ReviewAssignment.objects.select_related("item__queue").get(pk=found) if found else None


def claim(
    *, queue: ReviewQueue, reviewer: User, besides: uuid.UUID | None = None, adjudicates: bool = False
) -> uuid.UUID | None:
    """Reserve the reviewer's next item, or give back what they hold already; None where nothing is left for them.

    ``besides`` is an assignment that does not count as held, so that the next item can be fetched ahead. With
    ``adjudicates`` it is an item that waits for an adjudicator, never one that they reviewed themselves; the caller has
    checked that they may. The answer is the id of the assignment.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT feedback_claim(%s, %s, %s, %s, %s)", [queue.pk, reviewer.pk, besides, uuid7(), adjudicates]
        )
        found: tuple[uuid.UUID | None] = cursor.fetchone()
    return found[0]


@transaction.atomic
def save_draft(*, assignment_id: uuid.UUID, reviewer: User, draft: dict[str, Any]) -> ReviewAssignment:
    """Keep an unfinished answer as it stands, and extend the reservation. Raises what ``_hold`` raises."""
    assignment = _hold(assignment_id, reviewer)
    assignment.draft = draft
    assignment.save(update_fields=["draft"])
    _reserve(assignment)
    return assignment


@transaction.atomic
def submit(*, assignment_id: uuid.UUID, reviewer: User, answer: Answer) -> ReviewAnswer:
    """Take a reviewer's answer, and its ``ReviewFeedback``; the last one needed, or an adjudicator's, settles the item.

    The caller has checked the correction. Raises ``InvalidAnswers`` and what ``_hold`` raises.
    """
    assignment = _hold(assignment_id, reviewer)
    given = ReviewAnswer(
        assignment=assignment,
        verdict=ReviewAnswer.Verdict(answer.verdict),
        answers=check_answers(assignment.item.queue.questions.all(), answer.answers),
        correction=answer.correction,
        corrected_under=answer.corrected_under,
        comments=_check_comments(answer.comments),
        remarks=check_remarks(answer.remarks),
        duration_ms=_duration_ms(assignment, answer.took),
    )
    _conclude(assignment, answered=_take(given, _as_feedback(given, assignment.item, reviewer)))
    return given


@transaction.atomic
def skip(*, assignment_id: uuid.UUID, reviewer: User, note: str = "") -> ReviewAssignment:
    """Leave the item to others, for good; repeated, it is skipped once. Raises what ``_hold`` raises."""
    try:
        assignment = _hold(assignment_id, reviewer)
    except AlreadyAnswered:
        skipped = ReviewAssignment.objects.filter(pk=assignment_id, state=State.SKIPPED).first()
        if skipped is None:
            raise
        return skipped
    assignment.note = note[:500]
    _end(assignment, State.SKIPPED)
    _free_slot(assignment.item)
    return assignment


@transaction.atomic
def release(*, assignment_id: uuid.UUID, reviewer: User, draft: dict[str, Any] | None = None) -> ReviewAssignment:
    """Give the item back for now; the draft stays, or is ``draft`` from now on. Raises what ``_hold`` raises."""
    assignment = _hold(assignment_id, reviewer)
    if draft is not None:
        assignment.draft = draft
        assignment.save(update_fields=["draft"])
    _end(assignment, State.RELEASED)
    _free_slot(assignment.item)
    return assignment


def add_items(*, queue: ReviewQueue, items: Iterable[ReviewItem]) -> int:
    """Put outputs into a queue; those that are in it already stay as they are. Returns how many were added."""
    added = 0
    batch: list[ReviewItem] = []
    for item in items:
        item.queue = queue
        item.answers_needed = item.free_slots = queue.reviewers_per_item
        batch.append(item)
        if len(batch) == BATCH:
            added += _insert(queue, batch)
            batch = []
    return added + _insert(queue, batch)


@transaction.atomic
def withdraw(*, items: Iterable[ReviewItem]) -> int:
    """Take items that are not done out of their queues; answers given so far stay. Returns how many there were."""
    keys = [item.pk for item in items]
    undone = ReviewItem.objects.select_for_update().filter(pk__in=keys, state__in=UNDONE).order_by("pk")
    found = list(undone.values_list("pk", flat=True))
    return ReviewItem.objects.filter(pk__in=found).update(state=ReviewItem.State.WITHDRAWN)


@transaction.atomic
def prioritise(*, items: Iterable[ReviewItem], priority: int) -> int:
    """Have items that are not done handed out before those of a lower priority. Returns how many there were."""
    keys = [item.pk for item in items]
    locked = ReviewItem.objects.select_for_update().filter(pk__in=keys).exclude(state=ReviewItem.State.DONE)
    found = list(locked.order_by("pk").values_list("pk", flat=True))
    return ReviewItem.objects.filter(pk__in=found).update(priority=priority)


@transaction.atomic
def put_back(*, items: Iterable[ReviewItem]) -> int:
    """Put withdrawn items back into their queues. Returns how many were withdrawn."""
    keys = [item.pk for item in items]
    withdrawn = ReviewItem.objects.filter(pk__in=keys, state=ReviewItem.State.WITHDRAWN)
    answers = ReviewAssignment.objects.filter(item=OuterRef("pk"), state=State.SUBMITTED).order_by()
    answered = Subquery(answers.values("item").annotate(n=Count("pk")).values("n"))
    disputed = withdrawn.filter(answers_needed__lte=answered)
    return disputed.update(state=ReviewItem.State.DISPUTED) + withdrawn.update(state=ReviewItem.State.OPEN)


def _hold(assignment_id: uuid.UUID, reviewer: User) -> ReviewAssignment:
    """The reviewer's assignment, reserved and its item locked.

    One that lapsed or was given back is reserved again while a slot is free. Raises ``UnknownAssignment``,
    ``AlreadyAnswered``, ``ItemClosed`` and ``ReservationLost``.
    """
    of_it = ReviewItem.objects.filter(assignments__pk=assignment_id, assignments__reviewer=reviewer)
    item = of_it.select_for_update(of=("self",)).select_related("queue").first()
    if item is None:
        raise UnknownAssignment("You have no such assignment. Claim an item of the queue first.")
    assignment = ReviewAssignment.objects.get(pk=assignment_id)  # as it is now that the item is locked
    assignment.item = item
    if assignment.state in (State.SUBMITTED, State.SKIPPED):
        raise AlreadyAnswered(f"You have {assignment.get_state_display().lower()} this item. Go on to the next.")
    if assignment.slot not in item.open_slots:
        raise ItemClosed(f"This item takes no more answers: it is {item.get_state_display().lower()}.")
    if assignment.state != State.RESERVED:
        _reserve_again(assignment)
    return assignment


def _reserve_again(assignment: ReviewAssignment) -> None:
    item = assignment.item
    taken = item.assignments.filter(state__in=[State.RESERVED, State.SUBMITTED]).values_list("slot", flat=True)
    free = sorted(set(item.open_slots) - set(taken))
    if not free:
        raise ReservationLost("Your reservation lapsed and others have taken this item since. Go on to the next.")
    _reserve(assignment, slot=free[0])
    ReviewItem.objects.filter(pk=item.pk).update(free_slots=F("free_slots") - 1)


def _reserve(assignment: ReviewAssignment, **changes: Any) -> None:
    """From now on, by the database's clock, for as long as the queue says."""
    until = Now() + timedelta(minutes=assignment.item.queue.reservation_minutes)
    own = ReviewAssignment.objects.filter(pk=assignment.pk)
    own.update(state=State.RESERVED, reserved_until=until, **changes)
    assignment.refresh_from_db(fields=["state", "reserved_until", *changes])


def _end(assignment: ReviewAssignment, state: ReviewAssignment.State) -> None:
    assignment.state, assignment.reserved_until = state, None
    assignment.save(update_fields=["state", "reserved_until", "note"])


def _free_slot(item: ReviewItem) -> None:
    ReviewItem.objects.filter(pk=item.pk).update(free_slots=F("free_slots") + 1)


def _take(given: ReviewAnswer, said: ReviewFeedback) -> int:
    """Write both and end the assignment; how many answers the item has now."""
    rows = [json.dumps(_by_column(row), default=str) for row in (given, said)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT feedback_take_answer(%s, %s)", rows)
        [answered] = cursor.fetchone()
    for row in (given, said):
        row._state.adding = False
    given.assignment.state, given.assignment.reserved_until = State.SUBMITTED, None
    return int(answered)


def _by_column(row: Model) -> dict[str, Any]:
    columns = {str(field.column): getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {column: value for column, value in columns.items() if value is not None}


def _conclude(assignment: ReviewAssignment, *, answered: int) -> None:
    item = assignment.item
    if answered < item.answers_needed:
        return
    if not assignment.is_adjudication and _needs_adjudicator(item):
        # Its one place that is free now is the adjudicator's.
        ReviewItem.objects.filter(pk=item.pk).update(state=ReviewItem.State.DISPUTED, free_slots=1)
    else:
        ReviewItem.objects.filter(pk=item.pk).update(state=ReviewItem.State.DONE)


def _needs_adjudicator(item: ReviewItem) -> bool:
    when = item.queue.adjudication
    if item.answers_needed == 1 or when == ReviewQueue.Adjudication.NEVER:
        return False
    return when == ReviewQueue.Adjudication.ALWAYS or disagree(answers_to(item), decisive_keys(item.queue))


def _check_comments(comments: str) -> str:
    """Raises ``InvalidAnswers``."""
    if len(comments) > MAX_COMMENTS:
        fault = f"The comments have {len(comments):,} characters; at most {MAX_COMMENTS:,} fit. Shorten them."
        raise InvalidAnswers(fault, errors=[{"path": "/comments", "code": "comments-unfit", "message": fault}])
    return comments


def _duration_ms(assignment: ReviewAssignment, took: timedelta | None) -> int:
    since_claim = timezone.now() - assignment.claimed_at
    bounded = min(took or since_claim, since_claim, MAX_DURATION)
    return max(0, round(bounded / timedelta(milliseconds=1)))


def _as_feedback(answer: ReviewAnswer, item: ReviewItem, reviewer: User) -> ReviewFeedback:
    return ReviewFeedback(
        answer=answer,
        design_split_id=item.design_split_id,
        artifact_id=item.artifact_id,
        module_id=item.module_id,
        reviewer=reviewer.email or reviewer.get_username(),
        status=STATUS_OF[ReviewAnswer.Verdict(answer.verdict)],
        ratings=answer.answers,
        comments=answer.comments,
        findings=answer.remarks,
    )


def _insert(queue: ReviewQueue, batch: list[ReviewItem]) -> int:
    """``bulk_create`` cannot say which rows were there already, so those that made it are counted."""
    with transaction.atomic():
        ReviewItem.objects.bulk_create(batch, ignore_conflicts=True)
        return ReviewItem.objects.filter(queue=queue, pk__in=[item.pk for item in batch]).count()
