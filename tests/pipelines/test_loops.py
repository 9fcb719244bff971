"""Loops in threads of their own: one for all who want it, also at once."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.loops import LoopThread

MANY = 8


async def where() -> int:
    return id(asyncio.get_running_loop())


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as can be, so that they meet in every line."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_those_who_want_a_loop_at_once_share_one(restless: None) -> None:
    for _ in range(20):
        thread, together = LoopThread("tested"), threading.Barrier(MANY)

        def ask(_: int, thread: LoopThread = thread, together: threading.Barrier = together) -> int:
            together.wait()
            return thread.submit(where()).result(timeout=10)

        with ThreadPoolExecutor(MANY) as threads:
            assert len(set(threads.map(ask, range(MANY)))) == 1
