"""The port through which ready steps reach those who run them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """A step run that may start, in ``delay_ms`` milliseconds. ``handler`` says who has its code.

    ``made_now`` is one whose row this transaction has made, so that nobody can have passed it on before.
    """

    step_run_id: uuid.UUID
    handler: str
    priority: int
    delay_ms: int = 0
    made_now: bool = False


class Dispatcher(Protocol):
    """Called inside the transaction that makes the steps ready: it is undone with it, and seen only when it commits."""

    def enqueue(self, steps: Iterable[ReadyStep]) -> None: ...


def dispatcher_of(executor: str) -> Dispatcher | None:
    """How ``inline`` or ``distributed`` passes steps on; None where whoever starts a run carries it itself."""
    if executor != "distributed":
        return None
    from pipelines.executors.queue import QueueDispatcher

    return QueueDispatcher()
