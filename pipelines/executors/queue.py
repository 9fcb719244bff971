"""Hands ready steps to workers through Procrastinate, whose jobs are rows of the same database.

A job carries ``{step_run_id}`` and nothing else: rows are the truth, and a job is only a reason to look at them. So a
job may come twice, or late, and one that is lost is made again by the sweeper.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import partial

from django.db import connection, transaction
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from config.clock import database_now
from pipelines.executors.dispatch import ReadyStep

TASK = "pipelines.carry_step"
CHANNEL = "procrastinate_queue_v1#"
WAKE = """
    SELECT pg_notify(channel, %s) FROM set_config('synchronous_commit', 'off', true), unnest(%s::text[]) channel
"""
WAKE_UP = json.dumps({"type": "job_inserted", "job_id": 0})


class QueueDispatcher:
    """Jobs in Django's own transaction: in a worker ``Task.defer`` would use the worker's pool, and commit alone."""

    def enqueue(self, steps: Iterable[ReadyStep]) -> None:
        """One job for each step, in the queue of its handler; workers are woken when the transaction has committed."""
        steps = list(steps)
        waiting = _waiting(steps)
        jobs = _jobs([step for step in steps if str(step.step_run_id) not in waiting])
        if jobs:
            JobManager(DjangoConnector()).batch_defer_jobs(jobs)
            transaction.on_commit(partial(wake_workers, {step.handler for step in steps}))


def wake_workers(queues: Collection[str]) -> None:
    """One wake-up a queue, after the transaction: a NOTIFY inside it would hold up every other commit."""
    channels = [f"{CHANNEL}{queue}" for queue in sorted(queues)]
    with connection.cursor() as cursor:
        cursor.execute(WAKE, [WAKE_UP, channels])


def _jobs(steps: Sequence[ReadyStep]) -> list[Job]:
    now = database_now() if any(step.delay_ms for step in steps) else None
    return [
        Job(
            id=None,
            queue=step.handler,
            priority=step.priority,
            lock=None,
            queueing_lock=str(step.step_run_id),
            task_name=TASK,
            task_kwargs={"step_run_id": str(step.step_run_id)},
            scheduled_at=now + timedelta(milliseconds=step.delay_ms) if now and step.delay_ms else None,
        )
        for step in steps
    ]


def _waiting(steps: Sequence[ReadyStep]) -> set[str]:
    """The steps that have a job waiting already; a second would be refused, and the transaction with it."""
    locks = [str(step.step_run_id) for step in steps if not step.made_now]
    if not locks:
        return set()
    jobs = ProcrastinateJob.objects.filter(status="todo", queueing_lock__in=locks)
    return set(jobs.values_list("queueing_lock", flat=True))
