"""Waiting for what another thread, process or server does."""

import time
from collections.abc import Callable

PATIENCE = 20.0  # seconds


def until(true: Callable[[], object]) -> None:
    """Ask again until it is so. Fails when it is not after ``PATIENCE``."""
    give_up_at = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up_at, f"it is not so after {PATIENCE} s"
        time.sleep(0.005)
