"""What the lists can be narrowed by."""

from django_filters import rest_framework as filters

from config.filters import SwitchFilter, TextFilter
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem
from feedback.models.queues import ItemKind


class ReviewQueueFilter(filters.FilterSet):  # type: ignore[misc]
    key = TextFilter()
    kind = filters.ChoiceFilter(choices=ItemKind.choices)
    active = SwitchFilter(field_name="is_active")


class ReviewQuestionFilter(filters.FilterSet):  # type: ignore[misc]
    queueId = filters.UUIDFilter(field_name="queue_id")


class ReviewItemFilter(filters.FilterSet):  # type: ignore[misc]
    queueId = filters.UUIDFilter(field_name="queue_id")
    state = filters.ChoiceFilter(choices=ReviewItem.State.choices)


class ReviewAnswerFilter(filters.FilterSet):  # type: ignore[misc]
    queueId = filters.UUIDFilter(field_name="assignment__item__queue_id")
    itemId = filters.UUIDFilter(field_name="assignment__item_id")
    verdict = filters.ChoiceFilter(choices=ReviewAnswer.Verdict.choices)


class ReviewAssignmentFilter(filters.FilterSet):  # type: ignore[misc]
    queueId = filters.UUIDFilter(field_name="item__queue_id")
    state = filters.ChoiceFilter(choices=ReviewAssignment.State.choices)
