"""The one task of the queue."""

import uuid

from procrastinate import JobContext
from procrastinate.contrib.django import app

from pipelines.executors.queue import TASK


@app.task(name=TASK, pass_context=True)
def carry_step(context: JobContext, step_run_id: str) -> None:
    """Hand the step to the worker's ``Carrier``."""
    context.additional_context["carrier"].carry(uuid.UUID(step_run_id))
