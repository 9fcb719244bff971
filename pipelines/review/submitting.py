"""Taking an answer whose correction is checked first; repeated, the same answer is taken as given."""

from dataclasses import replace

from django.contrib.auth.models import User

from config.canonical import canonical_json
from feedback import services
from feedback.answering import filled
from feedback.errors import AlreadyAnswered, InvalidAnswers
from feedback.models import ReviewAnswer, ReviewAssignment
from feedback.remarks import check_places, check_remarks
from feedback.services import Answer
from pipelines.review.content import Content
from pipelines.review.corrections import check_correction


def submit(*, assignment: ReviewAssignment, reviewer: User, answer: Answer, content: Content) -> ReviewAnswer:
    """Raises ``InvalidCorrection``, ``InvalidAnswers`` for a remark on no place of the output, and whatever
    ``feedback.services.submit`` raises.

    Where the reviewer has given this very answer before, that one is returned, whatever is in force now.
    """
    if assignment.state == ReviewAssignment.State.SUBMITTED and (given := _given_before(assignment, answer)):
        return given
    if answer.verdict == ReviewAnswer.Verdict.CORRECT:
        answer = replace(answer, corrected_under=check_correction(content, answer.correction))
    else:
        answer = replace(answer, correction=None, corrected_under=None)
    if content.document is not None:  # of one that is gone nobody can say which places it had
        check_places(check_remarks(answer.remarks), content.document, answer.correction)
    try:
        return services.submit(assignment_id=assignment.pk, reviewer=reviewer, answer=answer)
    except AlreadyAnswered:
        given = _given_before(assignment, answer)
        if given is None:
            raise
        return given


def _given_before(assignment: ReviewAssignment, answer: Answer) -> ReviewAnswer | None:
    """What was answered, if it is what ``answer`` would be stored as."""
    given = ReviewAnswer.objects.filter(assignment=assignment).first()
    if given is None:
        return None
    correction = answer.correction if answer.verdict == ReviewAnswer.Verdict.CORRECT else None
    kept = [given.verdict, given.answers, given.correction, given.comments, given.remarks]
    try:
        remarks = check_remarks(answer.remarks)
        sent = canonical_json([answer.verdict, filled(answer.answers), correction, answer.comments, remarks])
    except (InvalidAnswers, ValueError):  # nothing that could have been taken
        return None
    return given if sent == canonical_json(kept) else None
