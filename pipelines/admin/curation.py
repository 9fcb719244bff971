"""Curating in the admin: an action on the list of what reviewers said."""

from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from config import features
from feedback.admin.reviews import ReviewFeedbackAdmin
from feedback.models import ReviewFeedback
from feedback.permissions import CURATE
from pipelines.review.curation import MOST_AT_ONCE, curate_many

MOST_SAID = 5

admin.site.unregister(ReviewFeedback)


@admin.register(ReviewFeedback)
class CuratingFeedbackAdmin(ReviewFeedbackAdmin):
    """Checking a truth against its schema is the conductor's to do, so it adds the action."""

    actions = ("make_ground_truth",)

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(CURATE)) and features.is_open(request, features.REVIEW)

    @admin.action(description="Make ground truth of what was accepted or corrected", permissions=["curate"])
    def make_ground_truth(self, request: HttpRequest, feedback: QuerySet[ReviewFeedback]) -> None:
        count = feedback.count()
        if count > MOST_AT_ONCE:
            messages.error(request, f"Choose {MOST_AT_ONCE} at most: these are {count:,}. Nothing was made of them.")
            return
        chosen = feedback.select_related("answer__assignment__item__queue")
        curated = curate_many(feedback=chosen, curator=cast(User, request.user))
        if curated.truths:
            messages.success(request, f"{len(curated.truths)} are ground truth now.")
        for each, refusal in curated.refusals[:MOST_SAID]:
            messages.error(request, f"{each}: {refusal.message}")
        if len(curated.refusals) > MOST_SAID:
            messages.error(request, f"{len(curated.refusals) - MOST_SAID} more were refused.")
