"""What the lists can be narrowed by."""

from django_filters import rest_framework as filters

from config.filters import TextFilter
from feedback.models import Judgement


class JudgeFilter(filters.FilterSet):  # type: ignore[misc]
    key = TextFilter()


class JudgementFilter(filters.FilterSet):  # type: ignore[misc]
    judgeId = filters.UUIDFilter(field_name="judge_id")
    stepRunId = filters.UUIDFilter(field_name="step_run_id")
    targetId = filters.UUIDFilter(field_name="target_id")
    outcome = filters.ChoiceFilter(choices=Judgement.Outcome.choices)
