"""The permissions of review that are no table's own."""

from django.contrib.auth.models import AnonymousUser, User

REVIEW = "feedback.review_item"
CURATE = "feedback.curate_review"
ADJUDICATE = "feedback.adjudicate_item"
MAY_ADJUDICATE = (ADJUDICATE, CURATE)  # either of them


def may_review(user: User | AnonymousUser) -> bool:
    """Whether a person works through queues in either way."""
    return user.has_perm(REVIEW) or may_adjudicate(user)


def may_adjudicate(user: User | AnonymousUser) -> bool:
    """Whether a person may decide items whose reviewers disagree; curators may."""
    return any(user.has_perm(each) for each in MAY_ADJUDICATE)
