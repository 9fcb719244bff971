"""The writes of queues and their questions, one transaction each."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from config.problems import InvalidInput
from config.row_rules import check_row
from feedback.errors import QuestionAnswered, QueueInUse
from feedback.models import ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from feedback.models.queues import MOST_QUESTIONS

MOST_OPTIONS = 9  # each has its key on the keyboard
OPTIONS_WANTED = f'Give 2 to {MOST_OPTIONS} different texts, as a list: ["good", "usable", "poor"].'


@transaction.atomic
def save_queue(queue: ReviewQueue, *, questions: Iterable[ReviewQuestion] = ()) -> ReviewQueue:
    """Keep a queue that is new or was changed; ``questions`` are added to those it has. Raises ``InvalidInput``."""
    check_row(queue)
    queue.save()
    for number, question in enumerate(questions):
        question.queue = queue
        save_question(question, at=f"/questions/{number}")
    return queue


@transaction.atomic
def delete_queue(queue: ReviewQueue) -> None:
    """With its questions. Raises ``QueueInUse`` for one that has or had items: what was answered is kept."""
    locked = ReviewQueue.objects.select_for_update(of=("self",)).get(pk=queue.pk)
    if locked.items.exists():
        raise QueueInUse(f"The queue {locked.key} has items, so it stays. Let it rest: then it hands out nothing.")
    locked.delete()


@transaction.atomic
def save_question(question: ReviewQuestion, *, at: str = "") -> ReviewQuestion:
    """Keep a question that is new or was changed.

    Raises ``InvalidInput``, its places below ``at``, and ``QuestionAnswered`` for another kind, key or queue of one
    that somebody has answered.
    """
    locked = ReviewQueue.objects.select_for_update(of=("self",)).get(pk=question.queue_id)
    kept = ReviewQuestion.objects.filter(pk=question.pk).first()
    if kept is not None and any(getattr(kept, name) != getattr(question, name) for name in ("key", "kind", "queue_id")):
        _refuse_answered(kept, "keeps its key and kind. Add another instead")
    if kept is None and locked.questions.count() >= MOST_QUESTIONS:
        raise InvalidInput(f"A queue asks {MOST_QUESTIONS} questions at most.")
    check_row(question, at=at)
    fault = fault_of_options(question.kind, question.options)
    if fault:
        raise InvalidInput(fault, errors=[{"path": f"{at}/options", "message": fault}])
    question.save()
    return question


@transaction.atomic
def delete_question(question: ReviewQuestion) -> None:
    """Raises ``QuestionAnswered`` for one that somebody has answered."""
    ReviewQueue.objects.select_for_update(of=("self",)).get(pk=question.queue_id)
    _refuse_answered(question, "stays. Let it be optional instead")
    question.delete()


def progress(queue: ReviewQueue, reviewer: User) -> dict[str, int]:
    """How many items are in each state, by its name; ``answered`` and ``held`` are the reviewer's own."""
    by_state = dict(queue.items.order_by().values_list("state").annotate(Count("pk")))
    mine = ReviewAssignment.objects.filter(queue=queue, reviewer=reviewer)
    own = mine.aggregate(
        answered=Count("pk", filter=Q(state=ReviewAssignment.State.SUBMITTED)),
        held=Count("pk", filter=Q(state=ReviewAssignment.State.RESERVED, reserved_until__gt=Now())),
    )
    return {
        **{state: by_state.get(state, 0) for state in ReviewItem.State.values},
        **own,
    }


def fault_of_options(kind: str, options: Any) -> str:
    """What is wrong with a question's options, as a sentence; empty where nothing is. Pure."""
    if kind != ReviewQuestion.Kind.CATEGORY:
        return "Only a question of the kind one of several has options." if options else ""
    are_texts = isinstance(options, list) and all(isinstance(each, str) and each.strip() for each in options)
    return "" if are_texts and 2 <= len(set(options)) == len(options) <= MOST_OPTIONS else OPTIONS_WANTED


def _refuse_answered(question: ReviewQuestion, what: str) -> None:
    if question.is_answered():
        raise QuestionAnswered(f"The question {question.key} has been answered, so it {what}.")
