"""Hands ready steps to workers through Procrastinate, whose jobs are rows of the same database.

A job carries ``{step_run_id}`` and nothing else: rows are the truth, and a job is only a reason to look at them. So a
job may come twice, or late, and one that is lost is made again by the sweeper. ``sql/jobs.sql`` writes them in the
transaction at hand; in a worker ``Task.defer`` would use the worker's own pool, and commit alone.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import connection, transaction

from pipelines.executors.dispatch import ReadyStep
from pipelines.store import as_json

TASK = "pipelines.carry_step"
CHANNEL = "procrastinate_queue_v1#"
ENQUEUE = "SELECT pipelines_enqueue(%s::jsonb, clock_timestamp())::text"
WAKE = """
    SELECT pg_notify(channel, %s) FROM set_config('synchronous_commit', 'off', true), unnest(%s::text[]) channel
"""
WAKE_UP = json.dumps({"type": "job_inserted", "job_id": 0})


class QueueDispatcher:
    """One job for each step, in the queue of its handler."""

    def job(self, step: ReadyStep) -> Mapping[str, Any]:
        job = {"id": step.step_run_id, "queue": step.handler, "priority": step.priority}
        return job | {"delayMs": step.delay_ms} if step.delay_ms else job

    def wake(self, queues: Collection[str]) -> None:
        """One wake-up a queue, after the transaction: a NOTIFY inside it would hold up every other commit."""
        transaction.on_commit(partial(_notify, queues))


def enqueue(steps: Sequence[ReadyStep]) -> None:
    """Give the steps jobs, but for those that have one waiting."""
    dispatcher = QueueDispatcher()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ENQUEUE, [as_json([dispatcher.job(step) for step in steps])])
            queues = json.loads(cursor.fetchone()[0])
        if queues:
            dispatcher.wake(queues)


def _notify(queues: Collection[str]) -> None:
    channels = [f"{CHANNEL}{queue}" for queue in sorted({*queues})]
    with connection.cursor() as cursor:
        cursor.execute(WAKE, [WAKE_UP, channels])
