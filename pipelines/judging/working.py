"""A judge's work, within limits, from where it was left; and the items of a review queue as its work."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from time import monotonic

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, QuerySet

from feedback.accepted import accepted_answers
from feedback.models import Judge, Judgement, ReviewItem, ReviewQueue
from feedback.models.queues import ItemKind
from pipelines.judging.asking import Subject, ask_judge
from pipelines.judging.keeping import keep
from pipelines.judging.lease import alone
from pipelines.review.content import load_content
from pipelines.review.reviewed import truth_of

MOST_ITEMS = 1_000
BATCH = 100
FAILURES_IN_A_ROW = 3
Outcome = Judgement.Outcome
Observer = Callable[[Judgement], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many judgements, and no further one once ``budget`` US dollars are spent or ``within`` has passed."""

    items: int = 200
    budget: Decimal | None = None
    within: timedelta | None = None


USUAL_LIMITS = Limits()


@dataclass
class Worked:
    """What came of it. ``without_truth`` and ``gone`` count items that could not be judged at all.

    ``cost`` is in US dollars, None where that of a call is not known. ``stopped`` says why it ended early; it
    ``gave_up`` where that is neither the number asked for nor the budget.
    """

    scored: int = 0
    unusable: int = 0
    failed: int = 0
    without_truth: int = 0
    gone: int = 0
    cost: Decimal | None = Decimal(0)
    stopped: str = ""
    gave_up: bool = False

    def add(self, judgement: Judgement) -> None:
        name = str(judgement.outcome)
        setattr(self, name, getattr(self, name) + 1)
        self.cost = None if self.cost is None or judgement.cost_usd is None else self.cost + judgement.cost_usd


def judge_queue(
    *,
    judge: Judge,
    queue: ReviewQueue,
    limits: Limits = USUAL_LIMITS,
    waiting: bool = False,
    observe: Observer | None = None,
) -> Worked:
    """Judge the queue's items that have an accepted answer, the newest first; with ``waiting`` those without one too.

    What the judge has judged already is left out, so that it goes on where it was left. Each judgement is kept as it
    comes. Raises ``JudgeBusy``.
    """
    worked = Worked()
    subjects = (_subject(judge, item, worked) for item in _items(judge, queue, waiting))
    work(judge, subjects, worked, limits, observe)
    return worked


def work(
    judge: Judge, subjects: Iterable[Subject | None], worked: Worked, limits: Limits, observe: Observer | None
) -> None:
    """Judge one after the other and count in ``worked``, until a limit is reached; None is nothing to judge.

    Raises ``JudgeBusy``.
    """
    in_a_row, began = 0, monotonic()
    with alone(judge) as make_sure:
        for subject in subjects:
            if subject is None:
                continue
            worked.stopped, worked.gave_up = _why_stop(worked, limits, in_a_row, timedelta(seconds=monotonic() - began))
            if worked.stopped:
                break
            make_sure()
            verdict = ask_judge(judge, subject)
            try:
                judgement = keep(judge, subject, verdict)
            except IntegrityError:
                make_sure()
                raise
            worked.add(judgement)
            in_a_row = in_a_row + 1 if judgement.outcome == Outcome.FAILED else 0
            if observe is not None:
                observe(judgement)


def to_judge(judge: Judge, queue: ReviewQueue) -> QuerySet[ReviewItem]:
    """The queue's items that the judge has not judged yet, the newest first."""
    had = Judgement.objects.filter(judge=judge, kind=OuterRef("kind"), target_id=OuterRef("target_id"))
    items = queue.items.exclude(state=ReviewItem.State.WITHDRAWN).filter(~Exists(had.exclude(outcome=Outcome.FAILED)))
    return items.order_by("-pk")


def _items(judge: Judge, queue: ReviewQueue, waiting: bool) -> Iterator[ReviewItem]:
    left = to_judge(judge, queue).select_related("queue", "step_run__pipeline_run", "step_run__step_version__step")
    if not waiting:
        left = left.filter(state=ReviewItem.State.DONE)
    last = None
    while batch := list((left if last is None else left.filter(pk__lt=last))[:BATCH]):
        last = batch[-1].pk
        accepted = batch if waiting else accepted_answers(queue, batch)
        yield from (item for item in batch if item in accepted)


def _subject(judge: Judge, item: ReviewItem, worked: Worked) -> Subject | None:
    content = load_content(item)
    if content.document is None:
        worked.gone += 1
        return None
    truth = truth_of(item) if judge.compares else None
    if judge.compares and truth is None:
        worked.without_truth += 1
        return None
    return Subject(
        kind=ItemKind(item.kind),
        target_id=item.target_id,
        output=content.document,
        step_run=item.step_run,
        truth=truth,
        given=content.given,
    )


def _why_stop(worked: Worked, limits: Limits, failures_in_a_row: int, took: timedelta) -> tuple[str, bool]:
    """The reason, empty where there is none, and whether it is one to give up for."""
    judged = worked.scored + worked.unusable + worked.failed
    if judged >= limits.items:
        return f"{limits.items} were judged, as many as were asked for.", False
    if failures_in_a_row >= FAILURES_IN_A_ROW:
        return f"The provider failed {failures_in_a_row} times in a row.", True
    if limits.budget is not None and worked.cost is None:
        return "What a call cost is not known, so the budget can't be kept. Give the model a price.", True
    if limits.budget is not None and worked.cost is not None and worked.cost >= limits.budget:
        return f"The budget of ${limits.budget} is spent.", False
    if judged and limits.within is not None and took >= limits.within:
        return f"{limits.within.total_seconds():g} seconds have passed. Send it again to go on.", False
    return "", False
