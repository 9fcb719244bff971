"""The parent's side: children that wait for calls, and the end of one that does not come back."""

import atexit
import contextlib
import logging
import multiprocessing
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from pipelines.attempts import Attempt
from pipelines.isolation import child
from pipelines.steps.contract import Isolation, StepContext, StepError, StepResult

logger = logging.getLogger(__name__)

EXIT_SECONDS = 1.0
"""What a child that has closed its pipe has to end in, so that it can be said how it did."""
GIVEN_BACK_SECONDS = 3.0
"""The most grace of a step that a worker gives back as it stops: it must be settled before the worker is gone."""

# A fork server starts children quickly, and none of them inherits this process's threads or connections.
_starting = multiprocessing.get_context("forkserver")


class StepProcessDied(Exception):
    """The child ended without an answer: it ran out of memory, or its code ended the process."""


class StepCrashed(Exception):
    """The step raised; ``kind`` and the message are its exception's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    pipe: Connection
    alive: Connection
    serving: Attempt | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, attempt: Attempt) -> None:
        """Ask the step to stop, if the child still works for this attempt."""
        with self.lock:
            if self.serving is attempt:
                with contextlib.suppress(OSError):
                    self.pipe.send(("stop",))

    def serve(self, attempt: Attempt | None) -> None:
        with self.lock:
            self.serving = attempt

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.alive.close()


TOLD = (
    "params", "inputs", "upstream", "item", "map_index", "design", "give_up_at", "idempotency_key", "validation_mode",
)  # fmt: skip


class _Children:
    """Children that wait for a call, by how they are bounded."""

    def __init__(self) -> None:
        self._idle: dict[Isolation, list[_Child]] = defaultdict(list)
        self._lock = threading.Lock()

    def take(self, isolation: Isolation) -> _Child:
        with self._lock:
            while self._idle[isolation]:
                found = self._idle[isolation].pop()
                if found.process.is_alive():
                    return found
                found.end()
            ours, theirs = _starting.Pipe()
            end_of_us, alive = _starting.Pipe(duplex=False)
            arguments = (theirs, end_of_us, isolation.memory_mb)
            process = _starting.Process(target=child.serve, args=arguments, daemon=True)
            process.start()
        theirs.close()
        end_of_us.close()
        return _Child(process, ours, alive)

    def give_back(self, one: _Child, isolation: Isolation) -> None:
        with self._lock:
            self._idle[isolation].append(one)

    def end_all(self) -> None:
        with self._lock:
            for idle in self._idle.values():
                while idle:
                    idle.pop().end()


_children = _Children()
atexit.register(_children.end_all)


def call(
    path: str, context: StepContext, attempt: Attempt, isolation: Isolation, *, stopped: Callable[[Attempt], Exception]
) -> StepResult:
    """Run the function in a child. A child past its time, or whose attempt is gone, is killed."""
    fields = _fields(context)
    one = _children.take(isolation)
    one.serve(attempt)
    attempt.when_gone(lambda: one.tell(attempt))
    try:
        one.pipe.send(("call", path, fields))
        answer = _wait(one, attempt, isolation)
    except (EOFError, OSError) as error:
        one.process.join(EXIT_SECONDS)
        one.end()
        if attempt.cancelled():
            raise stopped(attempt) from None
        raise StepProcessDied(_how_it_died(one.process.exitcode, isolation)) from error
    except BaseException:
        one.end()
        raise
    if answer is None:
        one.end()
        raise stopped(attempt)
    one.serve(None)
    _children.give_back(one, isolation)
    return _result(answer)


def _fields(context: StepContext) -> dict[str, Any]:
    """What the child is told; what the parent would read when it is asked for is read now."""
    told = {name: getattr(context, name) for name in TOLD}
    return told | {"sources": dict(context.sources), "prompt_modes": dict(context.prompt_modes)}


def _wait(one: _Child, attempt: Attempt, isolation: Isolation) -> tuple[Any, ...] | None:
    """The child's answer; None when it must be killed. One that was told to stop has ``grace_ms`` to come back."""
    kill_at: float | None = None
    while True:
        if attempt.cancelled() and kill_at is None:
            kill_at = time.monotonic() + _grace_seconds(attempt, isolation)
        ends = [moment for moment in (attempt.give_up_at, kill_at) if moment is not None]
        left = max(0.0, min(ends) - time.monotonic()) if ends else 3600.0
        if not one.pipe.poll(min(left, 0.5) if kill_at is None else left):
            if ends and time.monotonic() >= min(ends):
                return None
            continue
        message = one.pipe.recv()
        if message[0] == "log":
            attempt.log(message[1])
        elif message[0] == "progress":
            attempt.progress(message[1], message[2])
        else:
            return tuple(message)


def _grace_seconds(attempt: Attempt, isolation: Isolation) -> float:
    grace = isolation.grace_ms / 1000
    return min(grace, GIVEN_BACK_SECONDS) if attempt.released else grace


def _result(answer: tuple[Any, ...]) -> StepResult:
    if answer[0] == "done":
        result: StepResult = answer[1]
        return result
    if answer[0] == "refused":
        raise StepError(answer[1], answer[2], prompted=answer[3])
    if answer[0] == "unsendable":
        fault = (
            f"What a step in a process of its own hands over is pickled, and this can't be ({': '.join(answer[1:])})."
        )
        raise StepError("result-invalid", fault)
    logger.error("a step crashed in its process:\n%s", answer[3])
    raise StepCrashed(answer[1], answer[2])


def _how_it_died(exit_code: int | None, isolation: Isolation) -> str:
    limit = "" if isolation.memory_mb is None else f" Its memory is limited to {isolation.memory_mb:,} MB."
    return f"{_ending(exit_code)} before it handed anything over.{limit}"


def _ending(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"ended with exit status {exit_code}"
    return f"was ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
