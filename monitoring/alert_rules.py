"""When an alert fires. Pure: what was seen goes in, whether it fires comes out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """A reading from fewer than ``at_least`` runs, or without a value, is no data.

    A breach fires once it has lasted for ``hold``.
    """

    comparison: Literal["above", "below"]
    threshold: float
    at_least: int = 1
    no_data: Literal["ok", "fire", "keep"] = "ok"
    hold: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure over a window: its value, and of how many runs. ``counted`` is None where none is an answer too."""

    value: float | None
    counted: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when the rule is broken without a break, None where it is not, and whether it fires."""

    since: datetime | None = None
    firing: bool = False


CALM = Standing()


@dataclass(frozen=True, slots=True)
class Episode:
    """A rule fired from ``began`` to before ``ended``; it fires still where that is None.

    ``first`` is the reading that began it.
    """

    began: datetime
    ended: datetime | None
    first: Reading


def is_data(rule: Rule, reading: Reading) -> bool:
    return reading.value is not None and (reading.counted is None or reading.counted >= rule.at_least)


def is_broken(rule: Rule, reading: Reading) -> bool | None:
    """Whether the rule is broken now; None where that stays as it was. A value on the threshold is well."""
    if reading.value is None or not is_data(rule, reading):
        return None if rule.no_data == "keep" else rule.no_data == "fire"
    return reading.value > rule.threshold if rule.comparison == "above" else reading.value < rule.threshold


def stands(rule: Rule, reading: Reading, at: datetime, before: Standing) -> Standing:
    """How the rule stands after this reading. One that fires does so until it is no longer broken."""
    broken = is_broken(rule, reading)
    if broken is None:
        return before
    if not broken:
        return CALM
    since = before.since or at
    return Standing(since, before.firing or at - since >= rule.hold)


def episodes(rule: Rule, readings: Iterable[tuple[datetime, Reading]]) -> list[Episode]:
    """When the rule would have fired, had it looked at these moments, in the order of time."""
    found: list[Episode] = []
    before = CALM
    for moment, reading in readings:
        now = stands(rule, reading, moment, before)
        if now.firing and not before.firing:
            found.append(Episode(moment, None, reading))
        elif before.firing and not now.firing:
            last = found.pop()
            found.append(Episode(last.began, moment, last.first))
        before = now
    return found
