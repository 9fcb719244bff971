"""Filters of lists: an unknown name or an empty value is refused, as ignoring it would answer with everything."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, DjangoFilterBackend, Filter
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from config.problems import InvalidInput

SHOWN = 60
SWITCH = {"true": True, "false": False}


@extend_schema_field({"type": "string", "pattern": r"^[^\u0000]+$"})
class TextFilter(CharFilter):  # type: ignore[misc]
    """Equal text."""


def switch_parameter(request: Request, name: str) -> bool:
    """What a parameter that is true or false, and false where it is missing, says. Raises ``InvalidInput``."""
    given = request.query_params.get(name, "false")
    if given not in SWITCH:
        raise InvalidInput(f"{name} is true or false.")
    return SWITCH[given]


class _SwitchField(forms.Field):
    def clean(self, value: str | None) -> bool | None:
        if value in (None, ""):
            return None
        if value not in SWITCH:
            raise ValidationError("Give true or false.", code="invalid")
        return SWITCH[value]


@extend_schema_field({"type": "boolean"})
class SwitchFilter(Filter):  # type: ignore[misc]
    """True or false, and no other spelling: django-filter's own takes what it does not know for no filter at all."""

    field_class = _SwitchField


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """django-filter's, for lists only. Raises ``InvalidInput`` for a parameter that is unknown or empty."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if view.detail:
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        refuse_strange_parameters(request, [*(filterset.filters if filterset else ()), *_paging(view)])
        narrowed: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return narrowed


def refuse_strange_parameters(request: Request, known: list[str]) -> None:
    """Raises ``InvalidInput`` for a parameter that is not known, or empty."""
    _refuse_empty(request)
    _refuse_unknown(request, known)


def _paging(view: Any) -> list[str]:
    return [parameter["name"] for parameter in view.paginator.get_schema_operation_parameters(view)]


def _refuse_empty(request: Request) -> None:
    for name, value in request.query_params.items():
        if not str(value).strip():
            raise InvalidInput(f"The parameter {name[:SHOWN]!r} is empty. Give it a value, or leave it out.")


def _refuse_unknown(request: Request, known: list[str]) -> None:
    unknown = sorted(set(request.query_params) - set(known))
    if not unknown:
        return
    names = ", ".join(sorted(known))
    errors = [
        {"path": name[:SHOWN], "code": "unknown-parameter", "message": f"This list has the parameters {names}."}
        for name in unknown[:SHOWN]
    ]
    raise InvalidInput(f"There is no parameter {unknown[0][:SHOWN]!r} here. Use {names}.", errors=errors)
