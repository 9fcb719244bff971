"""A run's time line: moments as per cent of its length, round marks below it, bars side by side where they overlap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush

MOST_TICKS = 5
ROUND = (1, 2, 5, 10, 15, 20, 30)
UNITS_MS = (1, 10, 100, 1_000, 60_000, 3_600_000, 24 * 3_600_000)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the scale: ``at`` is in per cent of its length."""

    at: float
    since_start: timedelta


@dataclass(frozen=True, slots=True)
class Scale:
    """Turns moments between two others into per cent."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """At least a millisecond, so that there is something to divide by."""
        return max(self.end - self.begin, timedelta(milliseconds=1))

    def at(self, moment: datetime) -> float:
        """Where the moment stands, from 0 to 100; what lies outside stands at the end that is nearer."""
        return round(100 * min(max((moment - self.begin) / self.length, 0.0), 1.0), 2)

    def ticks(self) -> list[Tick]:
        """Round times from the start on, at most ``MOST_TICKS`` after it."""
        step = timedelta(milliseconds=self._step_ms())
        count = self.length // step
        return [Tick(round(100 * (step * index / self.length), 2), step * index) for index in range(count + 1)]

    def _step_ms(self) -> int:
        length_ms = self.length / timedelta(milliseconds=1)
        steps = sorted({unit * number for unit in UNITS_MS for number in ROUND})
        rough = length_ms / MOST_TICKS
        return next((step for step in steps if step >= rough), int(rough) + 1)


def lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """A lane for each span, from 0, so that spans of one lane do not overlap; as few lanes as can be."""
    found = [0] * len(spans)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    used = 0
    for begin, end, index in _by_begin(spans):
        while busy and busy[0][0] <= begin:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane, used = used, used + 1
        found[index] = lane
        heappush(busy, (end, lane))
    return found


def _by_begin(spans: Sequence[tuple[float, float]]) -> Iterable[tuple[float, float, int]]:
    return sorted((begin, end, index) for index, (begin, end) in enumerate(spans))
