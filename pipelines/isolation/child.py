"""The child's side: takes a call, runs the function, and says what came of it, until the pipe is closed.

Messages to the child: ``("call", path, fields)`` and ``("stop",)``. From the child: ``("log", text)``,
``("progress", done, total)``, and one of ``("done", StepResult)``, ``("refused", code, message, prompted)``,
``("crashed", type name, first line, traceback)``, ``("unsendable", type name, first line)``.
"""

import asyncio
import fcntl
import importlib
import inspect
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from pipelines.steps.contract import StepContext, StepError


def serve(pipe: Connection, parent: Connection, memory_mb: int | None) -> None:
    """Serve calls until the parent closes the pipe. ``memory_mb`` bounds the address space.

    Nothing is ever said over ``parent``: it breaks when the parent ends.
    """
    os.dup2(2, 1)  # What a command writes to standard output may be a program's to read, and is not the step's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with(parent)
    if memory_mb is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        if message[0] == "call":
            _send(pipe, _answer(message[1], message[2], pipe))


def _end_with(parent: Connection) -> None:
    """Have the kernel kill this process when the other end is closed: nobody could stop it then, whatever it does.

    Linux lets the signal be chosen that a pipe gives. A thread that watches would take address space from the step, and
    could do nothing while code of the step never lets the interpreter go.
    """
    if sys.platform == "linux":
        fcntl.fcntl(parent, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(parent, fcntl.F_SETFL, fcntl.fcntl(parent, fcntl.F_GETFL) | os.O_ASYNC)
    if parent.poll():
        sys.exit()


def _send(pipe: Connection, answer: tuple[Any, ...]) -> None:
    """Send the answer, or say why it can't be: it is pickled whole before anything of it is sent."""
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as fault:  # noqa: BLE001 - it is told to the parent, which words it
        pipe.send(("unsendable", type(fault).__name__, _first_line(fault)))


def _answer(path: str, fields: Mapping[str, Any], pipe: Connection) -> tuple[Any, ...]:
    try:
        module, _, name = path.rpartition(".")
        function = getattr(importlib.import_module(module), name)
        result = function(StepContext(**fields, reporter=_PipeReporter(pipe)))
        return ("done", asyncio.run(result) if inspect.iscoroutine(result) else result)
    except StepError as refusal:
        return ("refused", refusal.code, refusal.message, refusal.prompted)
    except (Exception, SystemExit) as crash:  # noqa: BLE001 - it is told to the parent, which words it
        return ("crashed", type(crash).__name__, _first_line(crash), traceback.format_exc()[-20_000:])


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else ""


class _PipeReporter:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._stopped = False

    def log(self, message: str) -> None:
        self._pipe.send(("log", str(message)[:2_000]))

    def progress(self, done: int, total: int) -> None:
        self._pipe.send(("progress", done, total))

    def cancelled(self) -> bool:
        while not self._stopped and self._pipe.poll():
            self._stopped = self._pipe.recv()[0] == "stop"
        return self._stopped
