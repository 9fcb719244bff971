"""The child's side: takes a call, runs the function, and says what came of it, until the pipe is closed.

Messages to the child: ``("call", path, fields)`` and ``("stop",)``. From the child: ``("log", text)``,
``("progress", done, total)``, and one of ``("done", StepResult)``, ``("refused", code, message, prompted)``,
``("crashed", type name, first line, traceback)``.
"""

import asyncio
import importlib
import inspect
import resource
import signal
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from pipelines.steps.contract import StepContext, StepError


def serve(pipe: Connection, memory_mb: int | None) -> None:
    """Serve calls until the parent closes the pipe. ``memory_mb`` bounds the address space."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if memory_mb is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        if message[0] == "call":
            pipe.send(_answer(message[1], message[2], pipe))


def _answer(path: str, fields: Mapping[str, Any], pipe: Connection) -> tuple[Any, ...]:
    try:
        module, _, name = path.rpartition(".")
        function = getattr(importlib.import_module(module), name)
        result = function(StepContext(**fields, reporter=_PipeReporter(pipe)))
        return ("done", asyncio.run(result) if inspect.iscoroutine(result) else result)
    except StepError as refusal:
        return ("refused", refusal.code, refusal.message, refusal.prompted)
    except Exception as crash:  # noqa: BLE001 - it is told to the parent, which words it
        lines = str(crash).strip().splitlines()
        return ("crashed", type(crash).__name__, lines[0][:300] if lines else "", traceback.format_exc()[-20_000:])


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
