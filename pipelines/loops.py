"""Event loops that other threads hand coroutines to."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, which begins when it is first wanted: one, however many want it at once.

    One that is found stuck is left behind with its thread, and another takes its place.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._beginning = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Have the loop run the coroutine; cancelling the future cancels it there."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running())

    def leave_if_stuck(self, seconds: float) -> None:
        """Begin another loop for what comes, where this one answers nothing for so long.

        A coroutine that blocks holds up all others of its loop, and nobody can end it; those stay with it.
        """
        loop, answered = self._loop, threading.Event()
        if loop is None:
            return
        loop.call_soon_threadsafe(answered.set)
        if answered.wait(seconds):
            return
        with self._beginning:
            if self._loop is loop:
                self._loop = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._beginning:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
            return self._loop
