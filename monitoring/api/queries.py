"""The parameters of the endpoints that add up."""

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from config.clock import database_now
from config.filters import refuse_strange_parameters
from monitoring.api.filters import MOMENT, NO_MOMENT
from monitoring.api.serializers import GROUPINGS, INTERVALS
from monitoring.windows import Span, Window, moment, window

SPANS = {
    "hour": Span(usual=timedelta(days=2), most=timedelta(days=14)),
    "day": Span(usual=timedelta(days=30), most=timedelta(days=366)),
    "week": Span(usual=timedelta(weeks=13), most=timedelta(days=731)),
}


@extend_schema_field(MOMENT)
class MomentField(serializers.Field[datetime, str, str, Any]):
    """A date or a date with a time; a date that ``ends`` a window belongs to it whole."""

    def __init__(self, *, ends: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ends = ends

    def to_internal_value(self, data: str) -> datetime:
        try:
            return moment(data, ends=self.ends)
        except ValueError as error:
            raise serializers.ValidationError(NO_MOMENT) from error


@extend_schema_field({"type": "string", "pattern": r"^[^\u0000]+$"})
class ModelField(serializers.CharField):
    """A model's name, whole."""


class WindowQuery(serializers.Serializer[dict[str, Any]]):
    to = MomentField(ends=True, required=False, help_text="Runs that began before; a date includes its day.")
    promptId = serializers.UUIDField(required=False)
    model = ModelField(required=False, trim_whitespace=False)

    def get_fields(self) -> dict[str, "serializers.Field[Any, Any, Any, Any]"]:
        """With ``from``, which is no name that a class can declare."""
        begins = MomentField(required=False, help_text="Runs that began then or later.")
        return {"from": begins, **super().get_fields()}


class TrendsQuery(WindowQuery):
    interval = serializers.ChoiceField(choices=INTERVALS, default="day")


class AIMetricsQuery(WindowQuery):
    groupBy = serializers.ChoiceField(choices=GROUPINGS, default="prompt")


def read_query(kind: type[WindowQuery], request: Request) -> dict[str, Any]:
    """The checked parameters. Raises ``InvalidInput`` for one that is unknown or empty, and DRF's for a wrong value."""
    query = kind(data=request.query_params)
    refuse_strange_parameters(request, list(query.fields))
    query.is_valid(raise_exception=True)
    checked: dict[str, Any] = query.validated_data
    return checked


def window_of(query: dict[str, Any], span: Span) -> Window:
    """The window asked for. Raises what ``windows.window`` raises."""
    return window(query.get("from"), query.get("to"), span=span, now=database_now())
