"""The times that a cron expression names in a time zone. Pure; ``docs/runs.md`` has the rules.

Where clocks are put back, an expression of fixed hours counts the first of two equal times alone, and one whose hours
hold ``*`` goes on evenly. Where they are put forward, a time that is left out counts at the first moment after the gap.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from croniter import croniter

from config.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
MAX_LENGTH = 100
MAX_COUNTED = 1_000
NAMES = frozenset({*calendar.month_abbr, *calendar.day_abbr, "L"} - {""})
ALLOWED = re.compile(r"[0-9A-Za-z*/,#-]+")
MINUTE = timedelta(minutes=1)


def next_slots(expression: str, zone: str, after: datetime, count: int = 1) -> list[datetime]:
    """The first ``count`` times past ``after``, in UTC. Raises ``InvalidInput``, as ``check`` does."""
    check(expression, zone)
    return list(islice(_slots(expression, zone, after), count))


def latest_slot(expression: str, zone: str, until: datetime) -> datetime:
    """The last time up to ``until``, which may be one itself, in UTC. Raises ``InvalidInput``."""
    check(expression, zone)
    # croniter can look back too, but never returns for some expressions; so the last time is searched from before it.
    back = timedelta(hours=1)
    while next(_slots(expression, zone, until - back)) > until:
        back *= 2
    early, late = until - back, until
    while late - early > MINUTE / 2:
        middle = early + (late - early) / 2
        if next(_slots(expression, zone, middle)) <= until:
            early = middle
        else:
            late = middle
    return next(_slots(expression, zone, early))


def count_slots(expression: str, zone: str, first: datetime, before: datetime) -> int:
    """How many times there are from ``first`` on and before ``before``; counted up to ``MAX_COUNTED``."""
    slots = takewhile(lambda slot: slot < before, _slots(expression, zone, first - MINUTE))
    return sum(1 for _ in islice(slots, MAX_COUNTED))


def check(expression: str, zone: str) -> None:
    """Raises ``InvalidInput`` with the place of each fault: ``/cron`` or ``/timezone``."""
    faults = [fault for fault in (_cron_fault(expression), _zone_fault(zone)) if fault]
    if faults:
        raise InvalidInput(" ".join(fault["message"] for fault in faults), errors=faults)


def _slots(expression: str, zone: str, after: datetime) -> "Iterator[datetime]":
    times = croniter(expression, after.astimezone(ZoneInfo(zone)))
    last = after.astimezone(UTC)
    while True:
        slot: datetime = times.get_next(datetime)
        if _counts(expression, slot) and slot.astimezone(UTC) > last:
            last = slot.astimezone(UTC)
            yield last


def _counts(expression: str, slot: datetime) -> bool:
    return slot.fold == 0 or "*" in expression.split()[1]


def _cron_fault(expression: str) -> dict[str, str] | None:
    message = _what_is_wrong(expression)
    hint = 'Such as "30 2 * * mon-fri": at half past two, Monday to Friday.'
    return {"path": "/cron", "code": "bad-cron", "message": message, "hint": hint} if message else None


@lru_cache(maxsize=256)
def _what_is_wrong(expression: str) -> str:
    shown = repr(expression[:MAX_LENGTH])
    parts = expression.split(" ")
    if len(expression) > MAX_LENGTH:
        return f"A cron expression has at most {MAX_LENGTH} characters."
    if len(parts) != len(FIELDS):
        return f"{shown} has {len(expression.split())} fields; cron has 5, with one space between: {', '.join(FIELDS)}."
    for name, part in zip(FIELDS, parts, strict=True):
        if not ALLOWED.fullmatch(part) or not {word.capitalize() for word in re.findall("[A-Za-z]+", part)} <= NAMES:
            return f"{part!r} is no {name}."
    for index, (name, part) in enumerate(zip(FIELDS, parts, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[index] = part
        if not croniter.is_valid(" ".join(alone)):
            return f"{part!r} is no {name}."
    if not croniter.is_valid(expression):
        return f"{shown} cannot be read."
    return "" if _ever_comes(expression) else f"{shown} names a time that never comes."


def _ever_comes(expression: str) -> bool:
    try:
        croniter(expression, datetime(2024, 1, 1, tzinfo=UTC)).get_next(datetime)
    except ValueError:  # croniter's errors are
        return False
    return True


def _zone_fault(zone: str) -> dict[str, str] | None:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # for what is no name, a folder, and a name that is not known
        message = f"There is no time zone {zone[:64]!r}."
        return {
            "path": "/timezone",
            "code": "bad-timezone",
            "message": message,
            "hint": "Such as Europe/Berlin or UTC.",
        }
    return None
