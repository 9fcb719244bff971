"""What an adjudicator is shown of the answers so far: side by side, and without names."""

from dataclasses import dataclass

from feedback.accepted import answers_to
from feedback.models import ReviewAnswer, ReviewAssignment


@dataclass(frozen=True, slots=True)
class AnswerSoFar:
    """``name`` is a letter, by the order of the slots; it says nothing of the person."""

    name: str
    given: ReviewAnswer


def answers_so_far(assignment: ReviewAssignment) -> list[AnswerSoFar]:
    """Those of the item's reviewers; none where the assignment is a reviewer's own, who shall not be led by them."""
    if not assignment.is_adjudication:
        return []
    given = [each for each in answers_to(assignment.item) if not each.assignment.is_adjudication]
    return [AnswerSoFar(chr(ord("A") + place), each) for place, each in enumerate(given)]
