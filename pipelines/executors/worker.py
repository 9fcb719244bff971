"""A worker: takes jobs from the queue, carries runs on, and sweeps up after others. See ``manage.py worker``."""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, LiteralString, TypeVar

from django.conf import settings
from django.db import connection
from procrastinate.connector import Notify
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import OperationalError

from pipelines import schedules, store
from pipelines.executors import duties
from pipelines.executors.distributed import Carrier, give_back

T = TypeVar("T")

logger = logging.getLogger("pipelines.worker")

POLL_SECONDS = 0.2
"""Wake-ups get lost where several jobs run at once, so the queue is also asked this often."""
MOST_FIRING = 4
"""Schedules whose pages one worker fetches at the same time."""
RESTART_PAUSE = 0.5
LONGEST_RESTART_PAUSE = 5.0
POOL_SECONDS = 3.0
"""How long a question of the queue waits for a connection before it counts as an outage."""
SETTLE_SECONDS = 5.0
"""What steps that were given back are allowed to settle in."""


class Worker:
    """1. Take a job. 2. Claim its step, and carry the run on. 3. Look after what is left behind, every so often.

    Comes back after any outage of the database. At SIGTERM no step is begun any more; what runs has ``grace`` seconds
    to end, and is then given back to the other workers.
    """

    def __init__(self, *, concurrency: int, queues: Sequence[str], grace: float) -> None:
        self._concurrency = concurrency
        self._queues = list(queues)
        self._grace = grace
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake_up = asyncio.Event()
        self._clock = _Clock()
        self._carrier = Carrier(self._stopping.is_set, frozenset(queues))

    def run(self) -> None:
        """Work until a signal says to stop."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stop())
        sweeping = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
        sweeping.start()
        logger.info("ready for work on %s, %d at a time", ", ".join(self._queues), self._concurrency)
        pause = RESTART_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                asyncio.run(self._work(wait=True))
            except Exception as error:  # noqa: BLE001 - whatever ends the queue's worker, it is begun again
                logger.warning("the queue cannot be worked on, trying again: %s", error)
            pause = (
                RESTART_PAUSE
                if time.monotonic() - began > LONGEST_RESTART_PAUSE
                else min(pause * 2, LONGEST_RESTART_PAUSE)
            )
            self._stopping.wait(pause)
        sweeping.join(SETTLE_SECONDS)

    def work_off(self) -> None:
        """Work until nothing is ready any more, also of what was left behind and of retries to come, and end."""
        while True:
            duties.look_once()
            asyncio.run(self._work(wait=False))
            if not store.has_ready_steps(self._queues):
                return
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Begin no step any more; see the class."""
        if not self._stopping.is_set():
            self._stopping.set()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake_up.set)
            threading.Thread(target=self._give_back_after_grace, name="grace", daemon=True).start()

    async def _work(self, *, wait: bool) -> None:
        carriers = ThreadPoolExecutor(self._concurrency, thread_name_prefix="carrier")
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(carriers)
        try:
            await self._work_on_queue(wait=wait)
        finally:
            self._loop = None
            _close_connections(carriers, self._concurrency)

    async def _work_on_queue(self, *, wait: bool) -> None:
        with app.replace_connector(_queue_connector(self._stopping.is_set)) as queue:
            async with queue.open_async():
                working = asyncio.create_task(
                    queue.run_worker_async(
                        queues=self._queues,
                        concurrency=self._concurrency,
                        wait=wait,
                        fetch_job_polling_interval=POLL_SECONDS,
                        abort_job_polling_interval=3600.0,
                        shutdown_graceful_timeout=self._grace + SETTLE_SECONDS,
                        delete_jobs="always",
                        additional_context={"carrier": self._carrier},
                        install_signal_handlers=False,
                    )
                )
                self._wake_up = asyncio.Event()
                if self._stopping.is_set():
                    self._wake_up.set()
                stopped = asyncio.create_task(self._wake_up.wait())
                await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                if not working.done():
                    working.cancel()
                try:
                    await working
                except asyncio.CancelledError:
                    logger.info("stopped")

    def _give_back_after_grace(self) -> None:
        time.sleep(self._grace)
        count = give_back()
        if count:
            logger.info("gave back %d steps that were not done", count)

    def _sweep(self) -> None:
        while not self._stopping.wait(settings.PIPELINE_SWEEP_MS / 1000):
            try:
                duties.look_once(fire=self._clock.look)
            except Exception:
                logger.exception("sweeping failed, trying again")
                connection.close()
        connection.close()


class _Clock:
    """Fires schedules in threads of their own, as the pages they fetch may be slow and the sweeper must not wait."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def look(self) -> None:
        """See to it that what is due is fired; those who look again while a page is fetched fire the others."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) < MOST_FIRING and schedules.is_any_due():
            thread = threading.Thread(target=self._fire, name="clock", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _fire(self) -> None:
        try:
            schedules.fire_due()
        except Exception:
            logger.exception("schedules could not be fired, trying again")
        finally:
            connection.close()


class _PatientConnector(PsycopgConnector):
    """Asks again while the database is away, unless the worker is ``stopping``.

    An error would end the queue's worker, which then takes no job before the last step that runs here has ended; and
    Procrastinate's listener would be gone without a word.
    """

    def __init__(self, stopping: Callable[[], bool], **pool: Any) -> None:
        super().__init__(**pool)
        self._stopping = stopping

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        await self._through_outages(partial(super().execute_query_async, query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        return await self._through_outages(partial(super().execute_query_one_async, query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        return await self._through_outages(partial(super().execute_query_all_async, query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        await self._through_outages(partial(super().listen_notify, on_notification, list(channels)))

    async def _through_outages(self, work: Callable[[], Awaitable[T]]) -> T:
        pause = RESTART_PAUSE
        while True:
            try:
                return await work()
            except ConnectorException as error:
                if self._stopping() or not isinstance(error.__cause__, OperationalError):
                    raise
                logger.warning("the database is away, so the queue is asked again: %s", str(error.__cause__).strip())
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RESTART_PAUSE)


def _queue_connector(stopping: Callable[[], bool]) -> PsycopgConnector:
    """The queue's own connections don't wait for the disk.

    A job that comes back after a crash of the server finds nothing to claim; one that stays taken is dropped later.
    """
    parameters = connector_params("default")
    options = f"{parameters.get('options', '')} -c synchronous_commit=off".strip()
    return _PatientConnector(stopping, timeout=POOL_SECONDS, kwargs={**parameters, "options": options})


def _close_connections(carriers: ThreadPoolExecutor, count: int) -> None:
    """Have each of the threads close its own connection: they meet, so that none of them does it twice."""
    meeting = threading.Barrier(count)

    def close() -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(SETTLE_SECONDS)
        connection.close()

    for future in [carriers.submit(close) for _ in range(count)]:
        future.result()
