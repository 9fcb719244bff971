"""Calling a step's function: here, in a thread that can be left behind, on an event loop, or in a child process.

A thread can't be killed, so one past its time is abandoned: it goes on to its end, and nobody waits for what it says.
A coroutine is cancelled. A child process is killed.
"""

import inspect
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextvars import Context
from dataclasses import replace
from typing import Any

from django.db import connections

from pipelines.attempts import Attempt
from pipelines.isolation import parent
from pipelines.loops import LoopThread
from pipelines.steps.contract import AnyStepFunction, StepContext, StepResult, isolation_of

_loop = LoopThread("async steps")
STUCK_SECONDS = 1.0
"""A loop that takes longer to answer is held up by a step that blocks it."""


class Abandoned(Exception):
    """Nobody waits for this attempt any more: it was cancelled, taken back, or given back by a worker that stops."""


class TimedOut(Exception):
    """The attempt's time was up before the step came back."""


def call(function: AnyStepFunction, path: str, context: StepContext, attempt: Attempt, *, guarded: bool) -> StepResult:
    """What the step hands over. Raises what it raises, ``TimedOut`` or ``Abandoned``.

    ``path`` is where a child process imports the function from. ``guarded`` runs also a step without a timeout so that
    it can be abandoned; without, it runs in this thread.
    """
    isolation = isolation_of(function)
    if isolation is not None:
        return parent.call(path, context, attempt, isolation, stopped=_stopped)
    if inspect.iscoroutinefunction(function):
        # What is read when it is asked for is read now: Django reads nothing where a loop runs.
        return _on_loop(function(replace(context, sources=dict(context.sources))), attempt)
    if guarded or attempt.give_up_at is not None:
        return _in_thread(function, context, attempt)
    return function(context)  # type: ignore[return-value]


def seconds_left(attempt: Attempt) -> float | None:
    """Until the attempt's time is up; None where it has no timeout."""
    return None if attempt.give_up_at is None else max(0.0, attempt.give_up_at - time.monotonic())


def _stopped(attempt: Attempt) -> Exception:
    return Abandoned() if attempt.cancelled() else TimedOut()


def _in_thread(function: AnyStepFunction, context: StepContext, attempt: Attempt) -> StepResult:
    answers: queue.SimpleQueue[tuple[StepResult | None, BaseException | None]] = queue.SimpleQueue()

    def body() -> None:
        try:
            answer: tuple[StepResult | None, BaseException | None] = (function(context), None)  # type: ignore[assignment]
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the answer is waited for
            answer = (None, error)
        try:
            connections.close_all()
        finally:
            answers.put(answer)

    attempt.when_gone(lambda: answers.put((None, Abandoned())))
    _threads.hand(body)
    try:
        result, error = answers.get(timeout=seconds_left(attempt))
    except queue.Empty:
        attempt.let_go()
        raise TimedOut from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


class _Threads:
    """Threads in which steps are called, taken again: one that was left behind comes back when its step does."""

    MOST_IDLE = 32

    def __init__(self) -> None:
        self._idle: list[queue.SimpleQueue[Callable[[], None]]] = []

    def hand(self, body: Callable[[], None]) -> None:
        """Have a thread call ``body``, in a context of its own."""
        try:
            bodies = self._idle.pop()
        except IndexError:
            bodies = queue.SimpleQueue()
            threading.Thread(target=self._serve, args=(bodies,), name="step", daemon=True).start()
        bodies.put(body)

    def _serve(self, bodies: "queue.SimpleQueue[Callable[[], None]]") -> None:
        while True:
            Context().run(bodies.get())
            if len(self._idle) >= self.MOST_IDLE:
                return
            self._idle.append(bodies)


_threads = _Threads()


def _on_loop(coroutine: Coroutine[Any, Any, StepResult], attempt: Attempt) -> StepResult:
    future: Future[StepResult] = _loop.submit(_contained(coroutine))
    attempt.when_gone(lambda: _cancel(future))
    try:
        return future.result(timeout=seconds_left(attempt))
    except TimeoutError:
        if future.done():
            raise
        attempt.let_go()
        _loop.leave_if_stuck(STUCK_SECONDS)
        raise TimedOut from None
    except CancelledError:
        if not attempt.cancelled():
            raise RuntimeError("its coroutine was cancelled, and not by the engine") from None
        _loop.leave_if_stuck(STUCK_SECONDS)
        raise Abandoned from None


async def _contained(coroutine: Coroutine[Any, Any, StepResult]) -> StepResult:
    try:
        return await coroutine
    except (SystemExit, KeyboardInterrupt) as end:
        # It would end the loop, which all asynchronous steps share.
        raise RuntimeError(f"it raised {type(end).__name__}") from end


def _cancel(future: "Future[StepResult]") -> None:
    future.cancel()
