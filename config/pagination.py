"""Keyset pages over the UUIDv7 key, newest first.

DRF's CursorPagination steps by offset among equal values and never ends on ties past its limit; the key has no ties.
"""

import base64
import re
import uuid
from typing import Any

from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from config.problems import InvalidInput


class KeysetPagination(BasePagination):
    """``{"next": url or null, "results": [...]}``; ``?pageSize=`` (1 to 200, 50 when not given) and ``?cursor=``.

    A subclass may page by more than the key: ``ordering`` must end in the key, ``place`` and ``after`` agree with it.
    """

    default_size = 50
    max_size = 200
    ordering: tuple[str, ...] = ("-pk",)
    cursor_bytes = 16
    _request: Request
    _next: bytes | None

    def place(self, row: Any) -> bytes:
        """Where a row stands in the order, in ``cursor_bytes`` bytes."""
        return bytes(row.pk.bytes)

    def after(self, queryset: Any, place: bytes) -> Any:
        """The rows that come after a place."""
        return queryset.filter(pk__lt=uuid.UUID(bytes=place))

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page. Raises ``InvalidInput`` for a cursor or a size that is none."""
        size = self._size(request)
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            queryset = self.after(queryset, self._decode(cursor))
        rows = list(queryset.order_by(*self.ordering)[: size + 1])
        self._request = request
        self._next = self.place(rows[size - 1]) if len(rows) > size else None
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._next_url(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {"type": ["string", "null"], "format": "uri", "description": "Address of the next page."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("cursor", "Where the page begins, from `next`.", {"type": "string", "pattern": self._pattern()}),
            _parameter("pageSize", "Rows a page.", {"type": "integer", "minimum": 1, "maximum": self.max_size}),
        ]

    def _size(self, request: Request) -> int:
        asked = request.query_params.get("pageSize", str(self.default_size))
        if not re.fullmatch("[1-9][0-9]{0,3}", asked) or int(asked) > self.max_size:
            raise InvalidInput(f"pageSize must be a whole number from 1 to {self.max_size}.")
        return int(asked)

    def _next_url(self) -> str | None:
        if self._next is None:
            return None
        cursor = base64.urlsafe_b64encode(self._next).decode().rstrip("=")
        return replace_query_param(self._request.build_absolute_uri(), "cursor", cursor)

    def _pattern(self) -> str:
        return f"^[A-Za-z0-9_-]{{{-(-self.cursor_bytes * 4 // 3)}}}$"

    def _decode(self, cursor: str) -> bytes:
        if not re.fullmatch(self._pattern(), cursor):
            raise InvalidInput("This cursor is none of ours. Take it from `next` of the page before.")
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


class OldestFirst(KeysetPagination):
    """The other way round: for what is read in the order in which it was written."""

    ordering = ("pk",)

    def after(self, queryset: Any, place: bytes) -> Any:
        return queryset.filter(pk__gt=uuid.UUID(bytes=place))


def _parameter(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}
