"""Windows of time that figures are asked for: read from two texts, bounded, in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils.dateparse import parse_date, parse_datetime

from config.problems import InvalidInput

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class WindowTooLong(InvalidInput):
    code = "window-too-long"


@dataclass(frozen=True, slots=True)
class Span:
    """How long a window is when no beginning is given, and at most."""

    usual: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` to before ``stop``, both timezone-aware."""

    start: datetime
    stop: datetime


def moment(text: str, *, ends: bool = False) -> datetime:
    """A date, or a date with a time (UTC unless it says otherwise). A date that ``ends`` a window belongs to it whole.

    Moments outside the years 2000 to 2199 are drawn in, as nothing ran then. Raises ``ValueError`` for another text.
    """
    day = parse_date(text)
    if day is not None:
        return _drawn_in(_midnight(day) + timedelta(days=1 if ends and day < date.max else 0))
    exact = parse_datetime(text)
    if exact is None:
        raise ValueError("not a date")
    return _drawn_in(exact if exact.tzinfo else exact.replace(tzinfo=UTC))


def window(start: datetime | None, stop: datetime | None, *, span: Span, now: datetime) -> Window:
    """The window asked for. Without ``stop`` it holds today whole, without ``start`` it has its usual length in days.

    Raises ``InvalidInput`` where it ends before it begins, ``WindowTooLong`` where it is longer than ``span.most``.
    """
    stop = stop or _midnight(now.date()) + timedelta(days=1)
    start = start or stop - span.usual
    refuse_disorder(start, stop)
    if stop - start > span.most:
        raise _refused(WindowTooLong, f"The window has more than {span.most.days} days. Give a later `from`.")
    return Window(start, stop)


def refuse_disorder(start: datetime, stop: datetime) -> None:
    """Raises ``InvalidInput`` for a window that ends before it begins, or as it does."""
    if start >= stop:
        begins, ends = (each.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") for each in (start, stop))
        message = f"Nothing can begin from {begins} on and before {ends} UTC. Give an earlier `from` or a later `to`."
        raise _refused(InvalidInput, message)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _drawn_in(moment: datetime) -> datetime:
    return min(max(moment, EARLIEST), LATEST)


def _refused(kind: type[InvalidInput], message: str) -> InvalidInput:
    return kind(message, errors=[{"path": "/from", "code": kind.code, "message": message}])
