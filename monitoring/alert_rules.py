"""When an alert fires. Pure: what was seen goes in, whether it fires comes out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """A reading from fewer than ``at_least`` runs, or without a value, is no data."""

    comparison: Literal["above", "below"]
    threshold: float
    at_least: int = 1
    no_data: Literal["ok", "fire", "keep"] = "ok"


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure over a window: its value, and of how many runs. ``counted`` is None where none is an answer too."""

    value: float | None
    counted: int | None = None


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


def fires(rule: Rule, reading: Reading, *, firing: bool) -> bool:
    """Whether the rule fires now, having been ``firing`` or not. A value on the threshold is well."""
    if reading.value is None or not is_data(rule, reading):
        return firing if rule.no_data == "keep" else rule.no_data == "fire"
    return reading.value > rule.threshold if rule.comparison == "above" else reading.value < rule.threshold


def episodes(rule: Rule, readings: Iterable[tuple[datetime, Reading]]) -> list[Episode]:
    """When the rule would have fired, had it looked at these moments, in the order of time."""
    found: list[Episode] = []
    firing = False
    for moment, reading in readings:
        now = fires(rule, reading, firing=firing)
        if now and not firing:
            found.append(Episode(moment, None, reading))
        elif firing and not now:
            last = found.pop()
            found.append(Episode(last.began, moment, last.first))
        firing = now
    return found
