"""The page that cancels a run."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from pipelines import engine
from pipelines.admin.operating.access import require_operator, run_url, show
from pipelines.admin.run_page import load_tallies, together
from pipelines.errors import RunFinished
from pipelines.models import PipelineRun
from pipelines.models.runs import FINISHED_STEP, RunStatus, StepStatus


def run_of(admin: Any, request: HttpRequest, pk: uuid.UUID) -> PipelineRun:
    """The run that a page is about. Raises ``Http404``."""
    run: PipelineRun | None = admin.get_object(request, str(pk))
    if run is None:
        raise Http404("There is no such run.")
    return run


def cancel_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End a run at once. One that has ended stays as it is."""
    require_operator(request)
    run = run_of(admin, request, pk)
    if request.method == "POST":
        _cancel(admin, request, run)
        return redirect(run_url(run))
    if run.is_finished:
        messages.info(request, f"The run has already ended as {run.status}; there is nothing to cancel.")
        return redirect(run_url(run))
    tallies = load_tallies(run)
    counts = together(tallies, tallies).counts
    running, done = counts.get(StepStatus.RUNNING, 0), sum(counts.get(status, 0) for status in FINISHED_STEP)
    context = {"run": run, "running": running, "done": done, "idle": sum(counts.values()) - running - done}
    return show(admin, request, "cancel", title=f"Cancel the run of {run.pipeline_version}", **context)


def _cancel(admin: Any, request: HttpRequest, run: PipelineRun) -> None:
    try:
        engine.cancel(run_id=run.pk)
    except RunFinished as error:
        is_done = PipelineRun.objects.filter(pk=run.pk, status=RunStatus.CANCELLED).exists()
        messages.info(request, "The run had been cancelled already." if is_done else error.message)
        return
    admin.log_change(request, run, "Cancelled.")
    messages.success(request, "The run is cancelled. What it had done so far is kept.")
