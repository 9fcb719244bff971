"""Pages of test runs by when they began, as a run that is told of late belongs where it began."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from config.pagination import KeysetPagination
from monitoring.models import TestRun

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST = datetime.max.replace(tzinfo=UTC)


class BeganPagination(KeysetPagination):
    """The runs that began last first, by their key where they began together. A place is both, 8 and 16 bytes."""

    ordering = ("-started_at", "-pk")
    cursor_bytes = 24

    def place(self, row: TestRun) -> bytes:
        microseconds = (row.started_at - EPOCH) // MICROSECOND
        return microseconds.to_bytes(8, "big", signed=True) + row.pk.bytes

    def after(self, queryset: Any, place: bytes) -> Any:
        began, key = _moment(place[:8]), uuid.UUID(bytes=place[8:])
        return queryset.filter(started_at__lte=began).exclude(started_at=began, pk__gte=key)


def _moment(place: bytes) -> datetime:
    try:
        return EPOCH + int.from_bytes(place, "big", signed=True) * MICROSECOND
    except OverflowError:
        return LATEST
