"""Whether the reviewers of an item disagree, and which answer to it is the accepted one."""

from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, QuerySet

from config.canonical import canonical_json
from feedback.models import GroundTruth, ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from feedback.models.work import ADJUDICATION_SLOT

DECISIVE = (ReviewQuestion.Kind.PASS_FAIL, ReviewQuestion.Kind.CATEGORY)

USABLE = (ReviewAnswer.Verdict.ACCEPT, ReviewAnswer.Verdict.CORRECT)


def disagree(given: Collection[ReviewAnswer], decisive: Collection[str]) -> bool:
    """Whether verdicts, corrections, or answers to any of the ``decisive`` questions (their keys) differ.

    A question that one left empty is not compared; nor are numbers and texts, which seldom are the same.
    """
    if len({each.verdict for each in given}) > 1:
        return True
    if len({canonical_json(each.correction) for each in given}) > 1:
        return True
    return any(len({each.answers[key] for each in given if key in each.answers}) > 1 for key in decisive)


def decisive_keys(queue: ReviewQueue) -> list[str]:
    """The keys of the queue's questions whose answers can be the same or not."""
    return [each.key for each in queue.questions.all() if each.kind in DECISIVE]


def answers_to(item: ReviewItem) -> list[ReviewAnswer]:
    """By slot, so that an adjudicator's comes first."""
    given = ReviewAnswer.objects.filter(assignment__item=item, assignment__state=ReviewAssignment.State.SUBMITTED)
    return list(given.select_related("assignment").order_by("assignment__slot"))


def adjudicated(item: ReviewItem) -> bool:
    """Whether an adjudicator has decided the item."""
    return item.assignments.filter(slot=ADJUDICATION_SLOT, state=ReviewAssignment.State.SUBMITTED).exists()


def accepted_answer(item: ReviewItem) -> ReviewAnswer | None:
    """The adjudicator's, else the first of reviewers who agree; None while the item takes answers or they disagree."""
    return _accepted(item, answers_to(item), decisive_keys(item.queue))


def accepted_answers(queue: ReviewQueue, items: Iterable[ReviewItem]) -> dict[ReviewItem, ReviewAnswer]:
    """The same for many items of one queue, in two queries; items without an accepted answer are left out."""
    by_item: dict[ReviewItem, list[ReviewAnswer]] = {item: [] for item in items}
    known = {item.pk: item for item in by_item}
    given = ReviewAnswer.objects.filter(
        assignment__item__in=by_item, assignment__state=ReviewAssignment.State.SUBMITTED
    ).select_related("assignment")
    for each in given.order_by("assignment__slot"):
        by_item[known[each.assignment.item_id]].append(each)
    decisive = decisive_keys(queue)
    found = ((item, _accepted(item, answers, decisive)) for item, answers in by_item.items())
    return {item: answer for item, answer in found if answer is not None}


def awaited_items() -> QuerySet[ReviewItem]:
    """Those whose outputs somebody has still to see: reviewers or an adjudicator."""
    return ReviewItem.objects.filter(state__in=(ReviewItem.State.OPEN, ReviewItem.State.DISPUTED))


def uncurated_items() -> QuerySet[ReviewItem]:
    """Those that are done, of which ground truth could be made and is not yet."""
    usable = ReviewAnswer.objects.filter(assignment__item=OuterRef("pk"), verdict__in=USABLE)
    truth = GroundTruth.objects.filter(feedback__answer__assignment__item=OuterRef("pk"))
    return ReviewItem.objects.filter(Exists(usable), ~Exists(truth), state=ReviewItem.State.DONE)


def _accepted(item: ReviewItem, given: list[ReviewAnswer], decisive: Collection[str]) -> ReviewAnswer | None:
    if item.state != ReviewItem.State.DONE or not given:
        return None
    is_settled = given[0].assignment.is_adjudication or not disagree(given, decisive)
    return given[0] if is_settled else None
