"""Asking a provider until it answers: again after a failure that may pass, and never past the step's time."""

import random
import threading
import time
from dataclasses import dataclass

from pipelines.ai.providers import Answer, Provider, ProviderError, Question
from pipelines.steps.contract import Reporter

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LOOKS = 0.25
"""Seconds between two looks at whether anybody still waits."""

_never = threading.Event()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take, how often a failing provider is tried again, and when all must be over.

    ``until`` is in seconds of the monotonic clock, None for never.
    """

    answer_seconds: float
    retries: int
    until: float | None = None

    def seconds(self) -> float:
        """What the next answer may take. Raises ``ProviderError`` where no time is left."""
        left = self.answer_seconds if self.until is None else min(self.answer_seconds, self.until - time.monotonic())
        if left <= 0:
            raise ProviderError("provider-timeout", "The step's time is over. Raise timeoutMs, or ask for less.")
        return left

    def allows(self, wait: float) -> bool:
        return self.until is None or time.monotonic() + wait < self.until


def ask(provider: Provider, question: Question, patience: Patience, reporter: Reporter) -> Answer:
    """The answer. Raises the ``ProviderError`` of the last try."""
    for tries in range(1, patience.retries + 2):
        try:
            return provider.ask(question, seconds=patience.seconds())
        except ProviderError as error:
            wait = _wait(error, tries, patience)
            if wait is None:
                raise
            reporter.log(f"{error.message} Asking again in {wait:.1f} s.")
            if not _pause(wait, reporter):
                raise
    raise AssertionError("the last try returns or raises")


def _wait(error: ProviderError, tries: int, patience: Patience) -> float | None:
    """Seconds until the next try; None where there is none."""
    if not error.transient or tries > patience.retries:
        return None
    backoff = min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
    spread = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing
    wait = max(spread, error.retry_after or 0.0)
    return wait if patience.allows(wait) else None


def _pause(seconds: float, reporter: Reporter) -> bool:
    """Wait; false where nobody waits for the step any more."""
    ends = time.monotonic() + seconds
    while not reporter.cancelled():
        left = ends - time.monotonic()
        if left <= 0:
            return True
        _never.wait(min(left, LOOKS))
    return False
