"""Filters of lists: an unknown name or an empty value is refused, as ignoring it would answer with everything."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from config.problems import InvalidInput

SHOWN = 60


@extend_schema_field({"type": "string", "pattern": r"^[^\u0000]+$"})
class TextFilter(CharFilter):  # type: ignore[misc]
    """Equal text."""


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
        if value == "":
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
