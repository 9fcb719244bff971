"""The pages of one version, and what its editor asks for while somebody types."""

import json
import uuid
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse

from config.problems import DomainError, InvalidInput, PayloadTooLarge, problem
from ir_schemas.admin.side_by_side import side_by_side
from pipelines.admin.activating import gates_shown, refusal
from pipelines.admin.versions.checking import DAG_TEXT, as_json, dag_problems
from pipelines.admin.versions.forms import CompareForm
from pipelines.admin.versions.pictures import compared, graph_of, version_picture
from pipelines.dag import Graph
from pipelines.definitions import activate_version
from pipelines.gates import verdicts_on_version
from pipelines.models import PipelineVersion

MOST_BYTES = 2 * DAG_TEXT.max_bytes
MOST_VERSIONS = 200


def check(admin: Any, request: HttpRequest) -> HttpResponse:
    """``{dag}``, a text, to ``{problems, picture}``; the picture is HTML, empty for a text with problems."""
    if not (admin.has_add_permission(request) or admin.has_view_permission(request)):
        raise PermissionDenied
    if request.method != "POST":
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Send the text with POST.")
    try:
        graph, problems = dag_problems(_text(request))
    except DomainError as error:
        return problem(error.status, error.code, error.message)
    return JsonResponse({"problems": as_json(problems), "picture": _preview(graph) if graph else ""})


def compare_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The version beside another of its pipeline."""
    version = _version(admin, request, pk)
    others = list(_others(version)[:MOST_VERSIONS])
    first = {"against": str(others[0].pk)} if others else {}
    form = CompareForm(others, {**first, **request.GET.dict()}) if others else None
    context: dict[str, Any] = {"form": form}
    if form is not None and form.is_valid():
        context["comparison"] = comparison(_others(version).get(pk=form.cleaned_data["against"]), version)
    return _show(admin, request, version, "compare", title=f"{version}: compare", **context)


def activate_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Confirm that new runs are to take the version."""
    version = _version(admin, request, pk)
    if not may_activate(request):
        raise PermissionDenied
    refused = ""
    if request.method == "POST":
        refused = refusal(request, partial(activate_version, version))
        if not refused:
            admin.log_change(request, version, "Made active.")
            messages.success(request, f"New runs of {version.pipeline} now take version {version.version}.")
            return redirect(reverse("admin:pipelines_pipelineversion_change", args=[version.pk]))
    before = _others(version).filter(is_active=True).first()
    context = {
        **gates_shown(request, lambda: verdicts_on_version(version, before)),
        "refused": refused,
        "before": before,
        "comparison": before and comparison(before, version),
    }
    return _show(admin, request, version, "activate", title=f"Make {version} active", **context)


def may_activate(request: HttpRequest) -> bool:
    """Whether the user may choose the version that new runs take."""
    return bool(request.user.has_perm("pipelines.change_pipelineversion"))


def comparison(old: PipelineVersion, new: PipelineVersion) -> dict[str, Any]:
    """All that the template shows of the way from ``old`` to ``new``."""
    before, after = graph_of(old.dag), graph_of(new.dag)
    pictures = compared(before, after) if before and after else {}
    return {"old": old, "new": new, "rows": side_by_side(old.dag, new.dag), **pictures}


def _preview(graph: Graph) -> str:
    context = {"picture": version_picture(graph), "label": "The nodes of this text"}
    return render_to_string("irline/dag.html", context)


def _text(request: HttpRequest) -> str:
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise PayloadTooLarge("The text is too large to be checked while typing. It is checked when it is saved.")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("Send a JSON object with the text `dag`.") from error
    text = body.get("dag") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise InvalidInput("Send a JSON object with the text `dag`.")
    return text


def _version(admin: Any, request: HttpRequest, pk: uuid.UUID) -> PipelineVersion:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    version: PipelineVersion | None = admin.get_object(request, str(pk))
    if version is None:
        raise Http404("There is no such version.")
    return version


def _others(version: PipelineVersion) -> Any:
    """The pipeline's other versions: the active one, then the newest first."""
    versions = PipelineVersion.objects.filter(pipeline=version.pipeline_id).exclude(pk=version.pk)
    return versions.select_related("pipeline").order_by("-is_active", "-version")


def _show(admin: Any, request: HttpRequest, version: PipelineVersion, name: str, **context: Any) -> HttpResponse:
    known = {**admin.admin_site.each_context(request), "opts": admin.opts, "version": version}
    return TemplateResponse(request, f"admin/pipelines/pipelineversion/{name}.html", {**known, **context})


PAGES = {"compare": compare_page, "activate": activate_page}
