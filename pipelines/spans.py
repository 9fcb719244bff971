"""When the attempts of a step run ran, as its row tells. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.dateparse import parse_datetime

from pipelines.models import StepRun


class Span(NamedTuple):
    """One attempt; ``ended`` is None while it runs."""

    attempt: int
    began: datetime
    ended: datetime | None

    def milliseconds(self) -> int | None:
        """How long it ran, None while it does."""
        return round((self.ended - self.began).total_seconds() * 1000) if self.ended else None


def past_spans(step_run: StepRun) -> Iterator[Span]:
    """The attempts that were to be repeated, as far as their times are known."""
    past = step_run.past_attempts
    for each in past if isinstance(past, list) else []:
        began, ended = (parse_datetime(str(each.get(name) or "")) for name in ("startedAt", "endedAt"))
        if began and ended:
            yield Span(each.get("attempt", 0), began, ended)


def last_span(step_run: StepRun) -> Span | None:
    """The latest attempt; None where there was none.

    A step run that waits to be tried again, or was cancelled then, still has the start of its last attempt.
    """
    if step_run.started_at is None:
        return None
    for span in past_spans(step_run):
        if span.attempt == step_run.attempt:
            return span
    return Span(step_run.attempt, step_run.started_at, step_run.finished_at)


def last_failure(step_run: StepRun) -> dict[str, Any]:
    """Why the last attempt is to be repeated, as ``{code, message}``; empty where it is not."""
    past = step_run.past_attempts
    last = past[-1] if isinstance(past, list) and past and step_run.status == StepRun.Status.READY else {}
    error = last.get("error") if last.get("attempt") == step_run.attempt else None
    return error if isinstance(error, dict) else {}
