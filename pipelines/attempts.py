"""The attempts that this process has under way, and the thread that looks after them.

Several times a second it writes what the steps have said, and asks whether the attempts are still ours: one that was
cancelled or taken back is told so. It renews their leases; a process that dies renews nothing, and when a lease has run
out others may take the step back.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.models import uuid7
from config.outages import OUTAGE
from config.texts import storable
from pipelines import store
from pipelines.claims import Claim

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
MAX_LINES = 1_000
MAX_LINE = 2_000


class Attempt:
    """One step under way, as the step sees it: a ``Reporter``."""

    def __init__(self, claim: Claim, *, timeout_ms: int | None) -> None:
        self.claim = claim
        self.give_up_at = None if timeout_ms is None else time.monotonic() + timeout_ms / 1000
        self.released = False
        self._gone = threading.Event()
        self._lock = threading.Lock()
        self._when_gone: list[Callable[[], None]] = []
        self._lines: list[dict[str, Any]] = []
        self._line_count = 0
        self._progress: tuple[int, int] | None = None

    def log(self, message: str) -> None:
        """Keep a line for the run's page; past ``MAX_LINES`` an attempt's lines are dropped."""
        with self._lock:
            self._line_count += 1
            if self._line_count > MAX_LINES:
                return
            text = f"{str(message)[:MAX_LINE]}" if self._line_count < MAX_LINES else "More lines were not kept."
            self._lines.append(
                {
                    "id": uuid7(),
                    "created_at": timezone.now(),
                    "step_run_id": self.claim.step_run_id,
                    "attempt": self.claim.attempt,
                    "message": storable(text),
                }
            )

    def progress(self, done: int, total: int) -> None:
        with self._lock:
            self._progress = (max(0, int(done)), max(0, int(total)))

    def cancelled(self) -> bool:
        return self._gone.is_set()

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back, once and from any thread, when the attempt is no longer ours."""
        with self._lock:
            self._when_gone.append(callback)
            gone = self._gone.is_set()
        if gone:
            callback()

    def let_go(self) -> None:
        """The attempt is no longer ours: its step is to stop, and nobody waits for it any more."""
        with self._lock:
            first = not self._gone.is_set()
            self._gone.set()
            callbacks = list(self._when_gone) if first else []
        for callback in callbacks:
            callback()

    def unwritten_lines(self) -> list[dict[str, Any]]:
        """What was said and is not known to be written, as rows of ``StepLog``; it may have been all the same."""
        with self._lock:
            return list(self._lines)

    def unwritten_progress(self) -> tuple[int, int] | None:
        """``(done, total)`` where it is not known to be written."""
        with self._lock:
            return self._progress

    def wrote(self, lines: Sequence[Mapping[str, Any]], progress: tuple[int, int] | None) -> None:
        """These are written: the first of the lines that were not, and the progress unless it has changed since."""
        with self._lock:
            del self._lines[: len(lines)]
            if self._progress == progress:
                self._progress = None


class _Keeper:
    """Looks after the attempts while there are any; its thread ends when there have been none for a while."""

    def __init__(self) -> None:
        self._attempts: dict[uuid.UUID, Attempt] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._never = threading.Event()
        self._renewed_at = 0.0

    def add(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts[attempt.claim.token] = attempt
            if self._thread is None:
                self._renewed_at = time.monotonic()
                self._thread = threading.Thread(target=self._run, name="attempts", daemon=True)
                self._thread.start()

    def remove(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts.pop(attempt.claim.token, None)

    def all(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.values())

    def _run(self) -> None:
        while not self._never.wait(min(TICK_SECONDS, settings.PIPELINE_LEASE_MS / 4000)):
            with self._lock:
                attempts = list(self._attempts.values())
                if not attempts:
                    self._thread = None
                    return
            try:
                self._look_after(attempts)
            except OUTAGE as outage:
                logger.warning("%d steps under way could not be looked after, trying again: %s", len(attempts), outage)
            except Exception:
                # Should the thread end, no lease would be renewed in this process any more.
                logger.exception("%d steps under way could not be looked after, trying again", len(attempts))
            finally:
                connection.close()

    def _look_after(self, attempts: Sequence[Attempt]) -> None:
        claims = [attempt.claim for attempt in attempts]
        if time.monotonic() - self._renewed_at >= settings.PIPELINE_LEASE_MS / 4000:
            store.renew(claims, settings.PIPELINE_LEASE_MS)
            self._renewed_at = time.monotonic()
        held = store.still_held(claims)
        for attempt in attempts:
            if attempt.claim.token not in held and attempt in self.all():
                attempt.let_go()
        said = [(attempt, attempt.unwritten_lines(), attempt.unwritten_progress()) for attempt in attempts]
        store.write_lines([line for _, lines, _ in said for line in lines])
        for attempt, lines, progress in said:
            if progress is not None:
                store.write_progress(attempt.claim, *progress)
            attempt.wrote(lines, progress)


_keeper = _Keeper()


def under_way() -> list[Attempt]:
    """What this process works on now."""
    return _keeper.all()


@contextmanager
def held(claim: Claim, *, timeout_ms: int | None) -> Iterator[Attempt]:
    """Keep the lease of one attempt alive while the block lasts."""
    attempt = Attempt(claim, timeout_ms=timeout_ms)
    _keeper.add(attempt)
    try:
        yield attempt
    finally:
        _keeper.remove(attempt)
