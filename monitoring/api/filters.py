"""What the lists can be narrowed by."""

from collections import OrderedDict
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.forms import Field, ValidationError
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from config.filters import SwitchFilter, TextFilter
from monitoring.models import TestResult, TestRun
from monitoring.windows import moment, refuse_disorder

MOMENT = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
NO_MOMENT = (
    "Give a date, 2026-01-31, or a date with a time, 2026-01-31T12:00:00Z; in an address + is a space, so escape it."
)


class _MomentField(Field):
    def __init__(self, *args: Any, ends: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends = ends

    def clean(self, value: str | None) -> datetime | None:
        if not value:
            return None
        try:
            return moment(value, ends=self.ends)
        except ValueError as error:
            raise ValidationError(NO_MOMENT, code="invalid") from error


@extend_schema_field(MOMENT)
class MomentFilter(filters.Filter):  # type: ignore[misc]
    """From a moment on, or before it."""

    field_class = _MomentField


class TestRunFilter(filters.FilterSet):  # type: ignore[misc]
    type = filters.ChoiceFilter(choices=TestRun.Type.choices)
    status = filters.ChoiceFilter(choices=TestRun.Status.choices)
    designSplitId = filters.UUIDFilter(field_name="design_split_id")
    promptId = filters.UUIDFilter(field_name="prompt_id")
    pipelineId = filters.UUIDFilter(field_name="pipeline_id")
    runGroupId = filters.UUIDFilter(field_name="run_group_id")
    model = TextFilter(strip=False)
    grade = TextFilter(strip=False)

    @classmethod
    def get_filters(cls) -> "OrderedDict[str, Any]":
        """With ``from`` and ``to``; the former is no name that a class can declare."""
        window = {
            "from": MomentFilter(
                field_name="started_at", lookup_expr="gte", help_text="Runs that began then or later."
            ),
            "to": MomentFilter(
                field_name="started_at",
                lookup_expr="lt",
                ends=True,
                help_text="Runs that began before; a date includes its day.",
            ),
        }
        return OrderedDict({**super().get_filters(), **window})

    def filter_queryset(self, queryset: QuerySet[TestRun]) -> Any:
        """Raises ``InvalidInput`` for a window that nothing can be in."""
        begins, ends = self.form.cleaned_data["from"], self.form.cleaned_data["to"]
        if begins and ends:
            refuse_disorder(begins, ends)
        return super().filter_queryset(queryset)


class TestResultFilter(filters.FilterSet):  # type: ignore[misc]
    runId = filters.UUIDFilter(field_name="test_run_id", help_text="The run whose results they are.")
    status = filters.ChoiceFilter(choices=TestResult.Status.choices)


class AlertFilter(filters.FilterSet):  # type: ignore[misc]
    firing = SwitchFilter(help_text="Those that fire now, or those that do not.")
    enabled = SwitchFilter(field_name="is_enabled")


class AlertFiringFilter(filters.FilterSet):  # type: ignore[misc]
    alertId = filters.UUIDFilter(field_name="alert_id")
    open = SwitchFilter(field_name="ended_at", lookup_expr="isnull", help_text="Those that are not over.")
