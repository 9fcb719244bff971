"""A clock that stops work whose length depends on what a person put into a schema."""

from __future__ import annotations

import time


class OutOfTimeError(Exception):
    """The time allowed has passed; nothing was decided."""


class Deadline:
    """Counts down `seconds` from its making, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def check(self) -> None:
        """Raises OutOfTimeError once the time is up."""
        if time.monotonic() > self._end:
            raise OutOfTimeError

    def share(self, fraction: float) -> Deadline:
        """A deadline for a part of the work: that fraction of what is left."""
        return Deadline(self.left * fraction)
