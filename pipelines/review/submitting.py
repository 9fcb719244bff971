"""Taking an answer whose correction is checked first; repeated, the same answer is taken as given."""

from dataclasses import replace

from django.contrib.auth.models import User

from feedback import services
from feedback.errors import AlreadyAnswered
from feedback.models import ReviewAnswer, ReviewAssignment
from feedback.remarks import check_places, check_remarks
from feedback.services import Answer
from pipelines.review.content import Content
from pipelines.review.corrections import check_correction


def submit(*, assignment: ReviewAssignment, reviewer: User, answer: Answer, content: Content) -> ReviewAnswer:
    """Raises ``InvalidCorrection``, ``InvalidAnswers`` for a remark on no place of the output, and whatever
    ``feedback.services.submit`` raises.

    Where the reviewer has given this very answer before, that one is returned.
    """
    if answer.verdict == ReviewAnswer.Verdict.CORRECT:
        answer = replace(answer, corrected_under=check_correction(content, answer.correction))
    else:
        answer = replace(answer, correction=None, corrected_under=None)
    if content.document is not None:  # of one that is gone nobody can say which places it had
        check_places(check_remarks(answer.remarks), content.document, answer.correction)
    try:
        return services.submit(assignment_id=assignment.pk, reviewer=reviewer, answer=answer)
    except AlreadyAnswered:
        given = ReviewAnswer.objects.filter(assignment=assignment).first()
        if given is None or not _is_same(given, answer):
            raise
        return given


def _is_same(given: ReviewAnswer, answer: Answer) -> bool:
    sent = (answer.verdict, dict(answer.answers), answer.correction, answer.comments, list(answer.remarks))
    return sent == (given.verdict, given.answers, given.correction, given.comments, given.remarks)
