"""The page on which a person lets a waiting step start, or declines it."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from config.problems import DomainError
from pipelines import engine
from pipelines.admin.operating.access import require_operator, run_url, show
from pipelines.admin.operating.forms import DecisionForm
from pipelines.definitions import readable_graph
from pipelines.executors import carry_on
from pipelines.models import StepRun
from pipelines.models.runs import StepStatus
from pipelines.scheduling import APPROVAL_DECLINED


def decide_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Approve or decline one step run; of two who do so at once the first counts."""
    user = require_operator(request)
    steps = StepRun.objects.select_related("step_version__step", "pipeline_run__pipeline_version__pipeline")
    step = steps.filter(pk=pk).first()
    if step is None:
        raise Http404("There is no such step run.")
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _decide(admin, request, step, form, user)
        return redirect(_place(step))
    if step.status != StepStatus.WAITING:
        messages.info(request, f"Step {step} is {step.get_status_display().lower()} and does not wait for approval.")
        return redirect(_place(step))
    graph = readable_graph(step.pipeline_run)
    node = graph.node(step.node_key) if graph else None
    return show(admin, request, "decide", title=f"Approve {step}?", step=step, node=node, form=form)


def _place(step: StepRun) -> str:
    return f"{run_url(step.pipeline_run)}#node-{step.node_key}"


def _decide(admin: Any, request: HttpRequest, step: StepRun, form: DecisionForm, user: User) -> None:
    is_approved = form.cleaned_data["decision"] == "approve"
    verdict = "approved" if is_approved else "declined"
    try:
        comment = form.cleaned_data["comment"]
        run = engine.approve(step_run_id=step.pk, user=user, approve=is_approved, comment=comment)
    except DomainError as error:
        is_done = _was_decided(step, user, is_approved=is_approved)
        messages.add_message(
            request,
            messages.INFO if is_done else messages.ERROR,
            f"You had {verdict} {step} already." if is_done else error.message,
        )
        return
    carry_on(run.pk)
    admin.log_change(request, step, f"{verdict.capitalize()}.")
    messages.success(request, f"Step {step} is {verdict}.")


def _was_decided(step: StepRun, user: User, *, is_approved: bool) -> bool:
    """Whether this user has decided so before: a second press of the same button."""
    step.refresh_from_db()
    return step.decided_by_id == user.pk and (step.reason_code == APPROVAL_DECLINED) != is_approved
