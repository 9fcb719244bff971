"""Holding on to what this process works on: one thread renews the leases of every step that is under way.

A process that dies renews nothing; a minute later others may take its steps back.
"""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from pipelines import store

logger = logging.getLogger(__name__)

LEASE_MS = 60_000
RENEW_SECONDS = 15.0


class _Renewer:
    """Renews while anything is held; its thread ends when nothing has been for a while."""

    def __init__(self) -> None:
        self._tokens: set[uuid.UUID] = set()
        self._lock = threading.Lock()
        self._never = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, token: uuid.UUID) -> None:
        with self._lock:
            self._tokens.add(token)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def remove(self, token: uuid.UUID) -> None:
        with self._lock:
            self._tokens.discard(token)

    def _run(self) -> None:
        while not self._never.wait(RENEW_SECONDS):
            with self._lock:
                tokens = set(self._tokens)
                if not tokens:
                    self._thread = None
                    return
            try:
                store.renew(tokens, LEASE_MS)
            except DatabaseError:
                logger.warning("the leases of %d steps could not be renewed; trying again", len(tokens))
            finally:
                connection.close()


_renewer = _Renewer()


@contextmanager
def held(token: uuid.UUID) -> Iterator[None]:
    """Keep the lease of one attempt alive while the block lasts."""
    _renewer.add(token)
    try:
        yield
    finally:
        _renewer.remove(token)
