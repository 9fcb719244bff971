"""What the lists can be narrowed by."""

from django_filters import rest_framework as filters

from config.filters import SwitchFilter
from feedback.models import ReviewAnswer, ReviewFeedback
from feedback.models.reviews import FeedbackQuerySet

WHILE_ON = "Only while `REVIEW_ENABLED` is on."


class LegacyReviewFeedbackFilter(filters.FilterSet):  # type: ignore[misc]
    designSplitId = filters.UUIDFilter(field_name="design_split_id")
    artifactId = filters.UUIDFilter(field_name="artifact_id")
    moduleId = filters.UUIDFilter(field_name="module_id")
    status = filters.ChoiceFilter(choices=ReviewFeedback.Status.choices)


class ReviewFeedbackFilter(LegacyReviewFeedbackFilter):
    """What review adds: with ``REVIEW_ENABLED`` off these parameters are unknown."""

    queueId = filters.UUIDFilter(field_name="answer__assignment__queue_id", help_text=WHILE_ON)
    verdict = filters.ChoiceFilter(
        field_name="answer__verdict",
        choices=ReviewAnswer.Verdict.choices,
        help_text=WHILE_ON,
    )
    curated = SwitchFilter(
        method="filter_curated",
        help_text=f"`true`: ground truth was made of the item; `false`: it can still be made of this. {WHILE_ON}",
    )

    def filter_curated(self, rows: FeedbackQuerySet, name: str, value: bool) -> FeedbackQuerySet:
        return rows.curated() if value else rows.to_be_curated()
