"""From what a reviewer said of an output to ground truth that fits the schema in force and says where it is from."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from config.problems import DomainError
from feedback import ground_truth
from feedback.accepted import accepted_answer
from feedback.models import GroundTruth, ReviewAnswer, ReviewFeedback, ReviewItem
from metrics.documents import differences
from pipelines.review.reviewed import NotCuratable, output_of
from pipelines.review.truth_rules import hold_against

MOST_AT_ONCE = 200
MOST_DIFFERENCES = 200
WAITS: dict[str, str] = {
    ReviewItem.State.OPEN: "Its reviewers have not all answered. It can become ground truth once they have.",
    ReviewItem.State.DISPUTED: "Its reviewers disagree. It can become ground truth once an adjudicator has decided.",
    ReviewItem.State.WITHDRAWN: "Its item was withdrawn. Put it back, and curate it once its reviewers have answered.",
}


@dataclass(frozen=True, slots=True)
class Curated:
    """What became of many: the ground truth made or found, and why the others were refused."""

    truths: list[GroundTruth]
    refusals: list[tuple[ReviewFeedback, DomainError]]


@transaction.atomic
def curate(*, feedback: ReviewFeedback, curator: User) -> GroundTruth:
    """Make the output that a reviewer accepted, or corrected, the next version of its ground truth.

    Curating the same feedback again gives the version that it made, and so does curating another review of the item
    that agrees with it. Raises ``NotCuratable`` and ``TruthInvalid``.
    """
    answer = feedback.answer
    if answer is None:
        raise NotCuratable("This feedback came of no review queue, so no output stands behind it.")
    if answer.verdict == ReviewAnswer.Verdict.REJECT:
        raise NotCuratable("This output was rejected and not corrected. Curate a review that accepts or corrects it.")
    item = answer.assignment.item
    feedback, answer, alike = _accepted(feedback, answer, item)
    output = output_of(item)
    is_corrected = answer.verdict == ReviewAnswer.Verdict.CORRECT
    data = answer.correction if is_corrected else output.document
    if output.contract is not None:
        hold_against(data, [output.contract])
    provenance = {
        **output.provenance,
        "queueKey": item.queue.key,
        "reviewItemId": str(item.pk),
        "reviewFeedbackId": str(feedback.pk),
        "reviewer": feedback.reviewer,
        "reviewedAt": answer.created_at.isoformat(),
        "verdict": answer.verdict,
        "adjudicated": answer.assignment.is_adjudication,
        "curator": curator.get_username(),
        "schemaId": str(output.contract.schema_id) if output.contract else None,
        "schemaVersion": output.contract.version if output.contract else None,
        "changes": differences(output.document, data, most=MOST_DIFFERENCES) if is_corrected else [],
    }
    return ground_truth.add_version(
        scope=output.reference.scope,
        reference_id=output.reference.id,
        data=data,
        provenance=provenance,
        feedback=feedback,
        alike=alike,
        created_by=curator,
    )


def curate_many(*, feedback: Iterable[ReviewFeedback], curator: User) -> Curated:
    """Each in a transaction of its own, so that one that is refused holds up no other.

    Reviews that agree have one ground truth, which is given once.
    """
    truths: dict[uuid.UUID, GroundTruth] = {}
    refusals: list[tuple[ReviewFeedback, DomainError]] = []
    for each in feedback:
        try:
            truth = curate(feedback=each, curator=curator)
        except DomainError as refusal:
            refusals.append((each, refusal))
        else:
            truths[truth.pk] = truth
    return Curated([*truths.values()], refusals)


def _accepted(
    feedback: ReviewFeedback, answer: ReviewAnswer, item: ReviewItem
) -> tuple[ReviewFeedback, ReviewAnswer, QuerySet[ReviewFeedback] | None]:
    """The review that is curated in this one's place, its answer, and all that say the same, where there are more.

    Where reviewers disagreed and nobody had to decide, each answer stands for itself: the curator decides.
    """
    if item.state in WAITS:
        raise NotCuratable(WAITS[item.state])
    accepted = accepted_answer(item)
    if accepted is None:
        return feedback, answer, None
    if accepted.assignment.is_adjudication:
        if accepted != answer:
            raise NotCuratable("An adjudicator decided this item. Curate the adjudicator's review.")
        return feedback, answer, None
    alike = ReviewFeedback.objects.filter(answer__assignment__item=item)
    return alike.filter(answer=accepted).first() or feedback, accepted, alike
