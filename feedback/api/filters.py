"""What the lists can be narrowed by."""

from django_filters import rest_framework as filters

from feedback.models import ReviewFeedback


class ReviewFeedbackFilter(filters.FilterSet):  # type: ignore[misc]
    designSplitId = filters.UUIDFilter(field_name="design_split_id")
    artifactId = filters.UUIDFilter(field_name="artifact_id")
    moduleId = filters.UUIDFilter(field_name="module_id")
    status = filters.ChoiceFilter(choices=ReviewFeedback.Status.choices)
