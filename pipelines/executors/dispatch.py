"""The port through which ready steps reach those who run them."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """A step run that may start, in ``delay_ms`` milliseconds. ``handler`` says who has its code."""

    step_run_id: uuid.UUID
    handler: str
    priority: int
    delay_ms: int = 0


class Dispatcher(Protocol):
    """Words the jobs that are written in the transaction that makes steps ready, and wakes workers when it is done."""

    def job(self, step: ReadyStep) -> Mapping[str, Any]:
        """As ``pipelines_carry_on`` takes it."""

    def wake(self, queues: Collection[str]) -> None:
        """Say that these queues got jobs, once the transaction has committed."""


def dispatcher_of(executor: str) -> Dispatcher | None:
    """How ``inline`` or ``distributed`` passes steps on; None where whoever starts a run carries it itself."""
    if executor != "distributed":
        return None
    from pipelines.executors.queue import QueueDispatcher

    return QueueDispatcher()
