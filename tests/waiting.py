"""Waiting for what another thread, process or server does."""

import time
from collections.abc import Callable

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
