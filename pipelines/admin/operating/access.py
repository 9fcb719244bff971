"""Who may operate runs, and whether runs may be started at all."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from pipelines.errors import LoggingDisabled
from pipelines.models import PipelineDefinition, PipelineRun
from pipelines.switches import require_logging

NEEDED = ("pipelines.operate_pipelinerun", "pipelines.view_pipelinerun")


def may_operate(request: HttpRequest) -> bool:
    """Whether the user may start, cancel, rerun and approve, and see what comes of it."""
    return bool(request.user.has_perms(NEEDED))


def require_operator(request: HttpRequest) -> User:
    """The user. Raises ``PermissionDenied`` for one who may not operate runs."""
    if not may_operate(request):
        raise PermissionDenied
    return cast(User, request.user)


def why_no_run(request: HttpRequest, pipeline: PipelineDefinition) -> str:
    """Why the user can start no run of the pipeline now, and the remedy; empty where they can."""
    try:
        require_logging(pipeline_id=pipeline.pk, user=cast(User, request.user))
    except LoggingDisabled as refusal:
        return refusal.message
    return ""


def run_url(run: PipelineRun) -> str:
    """The address of the run's page."""
    return reverse("admin:pipelines_pipelinerun_change", args=[run.pk])


def show(admin: Any, request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    """One of the pages, with what stands around every page of the admin."""
    known = {**admin.admin_site.each_context(request), "opts": admin.opts}
    return TemplateResponse(request, f"admin/pipelines/operating/{name}.html", {**known, **context})
