"""Waiting for what another thread, process or server does."""

import time
from collections.abc import Callable

from django.db import connection

PATIENCE = 20.0  # seconds


def until(
    true: Callable[[], object],
    *,
    patience: float = PATIENCE,
    every: float = 0.005,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Ask again until it is so, ``every`` so many seconds. Fails when it is not after ``patience``."""
    give_up_at = time.monotonic() + patience
    while not true():
        assert time.monotonic() < give_up_at, f"it is not so after {patience} s"
        meanwhile()
        time.sleep(every)


def waiting_for_locks() -> int:
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        # Within a transaction the first answer would be every answer.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])
