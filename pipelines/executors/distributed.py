"""What a worker does with a job: it claims the step, and carries its run on as far as it can.

After settling a step the worker goes on itself with one that became ready, and enqueues only the others, so a chain
never goes back to the queue, however long it takes. Where nothing became ready, or several steps did, it takes a ready
step of the same run only for a while: a run with many steps must not keep a worker from the other runs.
"""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection

from pipelines import admission, store
from pipelines.attempts import under_way
from pipelines.claims import Claim
from pipelines.conductor import THE_ONLY_ONE, Conductor
from pipelines.lifecycle import claim_steps, execute_all
from pipelines.outages import through_outages
from pipelines.pace import MOST
from pipelines.scheduling import Item
from pipelines.unreadable import failed_where_unreadable

CARRY_SECONDS = 2.0
"""How long a worker stays with one run before it looks into the queue again, where the run isn't a chain."""
REMEMBERED_RUNS = 64
REMEMBERED_BYTES = 128_000_000
"""Of IRs as JSON, in all runs together: those of a run that others end stay until newer ones take their place."""


class Carrier:
    """Carries steps of the ``handlers``, or all, in the threads of one worker.

    Once ``stopping`` says so, no step is begun any more.
    """

    def __init__(self, stopping: Callable[[], bool] = lambda: False, handlers: Collection[str] | None = None) -> None:
        self._stopping = stopping
        self._handlers = handlers
        self._conductors: OrderedDict[uuid.UUID, Conductor] = OrderedDict()
        self._lock = threading.Lock()

    def carry(self, step_run_id: uuid.UUID) -> None:
        """Take the step of a job, if it is still to be had, and what follows from it."""
        found = through_outages("taking up a run", lambda _: self._take_up(step_run_id))
        if found is None or self._stopping():
            return
        conductor, item = found
        self._follow(conductor, claim_steps(conductor, [item]))

    def _follow(self, conductor: Conductor, claims: list[Claim]) -> None:
        until = time.monotonic() + CARRY_SECONDS
        while claims:
            more = THE_ONLY_ONE if time.monotonic() > until else MOST
            claims = execute_all(conductor, claims, guarded=True, claim_next=0 if self._stopping() else more).claims
        if conductor.finished:
            self._forget(conductor)
            admission.admit_waiting(conductor.run.pool)

    def _take_up(self, step_run_id: uuid.UUID) -> tuple[Conductor, Item] | None:
        """The conductor of the step's run, one for all threads, and the step's item; None where the run has ended."""
        with self._lock:
            found = store.take_up(step_run_id, self._conductors)
            if found is None:
                return None
            if found.run is not None:
                with failed_where_unreadable(found.run_id):
                    self._conductors[found.run_id] = Conductor.taken_up(
                        found.run, found.rows, executor="distributed", handlers=self._handlers
                    )
                if found.run_id not in self._conductors:
                    return None
            self._conductors.move_to_end(found.run_id)
            self._forget_oldest()
            return self._conductors[found.run_id], found.item

    @property
    def remembered_bytes(self) -> int:
        """How much of IRs is kept in memory, as JSON."""
        return sum(conductor.results.kept_bytes for conductor in self._conductors.values())

    def _forget_oldest(self) -> None:
        """Let go of runs until the rest is within the bounds, but not of the latest."""
        while len(self._conductors) > 1 and (
            len(self._conductors) > REMEMBERED_RUNS or self.remembered_bytes > REMEMBERED_BYTES
        ):
            self._conductors.popitem(last=False)

    def _forget(self, conductor: Conductor) -> None:
        with self._lock:
            self._conductors.pop(conductor.run.pk, None)


def give_back() -> int:
    """Give back what runs here still, so that other workers take it at once; how many steps that were."""
    attempts = under_way()
    for attempt in attempts:
        attempt.released = True
        attempt.let_go()
    return len(attempts)
