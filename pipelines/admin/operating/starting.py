"""The page that starts a run of a pipeline."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from config.problems import DomainError
from pipelines import starting
from pipelines.admin.operating.access import may_operate, require_operator, run_url, show, why_no_run
from pipelines.admin.operating.forms import StartForm
from pipelines.admin.versions.pictures import graph_of, version_picture
from pipelines.executors import carry_on
from pipelines.models import PipelineDefinition, PipelineRun, PipelineVersion

MOST_VERSIONS = 200


def may_start(request: HttpRequest) -> bool:
    """Whether the user may start runs of a version that they choose."""
    return may_operate(request) and bool(request.user.has_perm("pipelines.view_pipelineversion"))


def start_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Start the active version or another; ``?version=<id>`` chooses it."""
    user = require_operator(request)
    if not (admin.has_view_permission(request) and may_start(request)):
        raise PermissionDenied
    pipeline: PipelineDefinition | None = admin.get_object(request, str(pk))
    if pipeline is None:
        raise Http404("There is no such pipeline.")
    versions = {str(each.pk): each for each in _versions(pipeline)}
    chosen = versions.get(request.GET.get("version", "")) or next(iter(versions.values()), None)
    form = StartForm(versions.values(), request.POST or None, initial={"version": chosen and str(chosen.pk)})
    if request.method == "POST" and form.is_valid():
        chosen = versions[form.cleaned_data["version"]]
        run = _start(form, chosen, user)
        if run is not None:
            _tell(admin, request, run)
            return redirect(run_url(run))
    title = f"Run {pipeline}"
    refused = why_no_run(request, pipeline)
    context = {"pipeline": pipeline, "form": form, "version": chosen, "refused": refused, **_plan(chosen)}
    return show(admin, request, "start", title=title, **context)


def _versions(pipeline: PipelineDefinition) -> list[PipelineVersion]:
    """The active version, then the newest first."""
    return list(pipeline.versions.select_related("pipeline").order_by("-is_active", "-version")[:MOST_VERSIONS])


def _start(form: StartForm, version: PipelineVersion, user: User) -> PipelineRun | None:
    given = form.cleaned_data
    try:
        run = starting.start(
            version=version,
            source=given["source"] or None,
            inputs=given["inputs"],
            params=given["params"],
            started_by=user,
            idempotency_key=form.key,
        )
    except DomainError as error:
        form.refuse(error)
        return None
    carry_on(run.pk)
    return run


def _tell(admin: Any, request: HttpRequest, run: PipelineRun) -> None:
    if run.is_replay:
        messages.info(request, "This run had been started already; no second one was.")
        return
    admin.log_addition(request, run, "Started.")
    messages.success(request, "The run has started. This page follows it.")


def _plan(version: PipelineVersion | None) -> dict[str, Any]:
    """The picture of what will run, and the nodes that will wait for a person."""
    graph = graph_of(version.dag) if version else None
    if graph is None:
        return {}
    return {"picture": version_picture(graph), "waits_at": [node.key for node in graph.nodes if node.approval]}
