"""What the lists can be narrowed by."""

from django_filters import rest_framework as filters

from feedback.models import ReviewAssignment, ReviewItem


class ReviewItemFilter(filters.FilterSet):  # type: ignore[misc]
    queueId = filters.UUIDFilter(field_name="queue_id")
    state = filters.ChoiceFilter(choices=ReviewItem.State.choices)


class ReviewAssignmentFilter(filters.FilterSet):  # type: ignore[misc]
    queueId = filters.UUIDFilter(field_name="item__queue_id")
    state = filters.ChoiceFilter(choices=ReviewAssignment.State.choices)
