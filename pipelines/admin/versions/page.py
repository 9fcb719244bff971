"""What the pages of a pipeline and of its versions show around their forms."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse

from pipelines.admin.operating.starting import may_start
from pipelines.admin.versions.pictures import graph_of, version_picture
from pipelines.admin.versions.views import may_activate
from pipelines.models import PipelineDefinition, PipelineVersion

DRAWN = 5


def version_page(request: HttpRequest, version: PipelineVersion | None) -> dict[str, Any]:
    """The address that the editor asks, and of a stored version its picture and what can be done with it."""
    context: dict[str, Any] = {"check_url": reverse("admin:pipelines_pipelineversion_check")}
    if version is None:
        return context
    graph = graph_of(version.dag)
    return {
        **context,
        "version": version,
        "picture": version_picture(graph) if graph else None,
        "may_activate": may_activate(request) and not version.is_active,
        "may_add": request.user.has_perm("pipelines.add_pipelineversion"),
        "may_run": may_start(request),
        "has_others": version.pipeline.versions.exclude(pk=version.pk).exists(),
    }


def pipeline_page(request: HttpRequest, pipeline: PipelineDefinition) -> dict[str, Any]:
    """So many versions at a time, each with its picture: the active one, then the newest first. ``?drawn=`` pages."""
    if not request.user.has_perm("pipelines.view_pipelineversion"):
        return {"versions": [], "may_run": False}
    pages = Paginator(pipeline.versions.order_by("-is_active", "-version"), DRAWN)
    drawn = pages.get_page(request.GET.get("drawn"))
    graphs = [(version, graph_of(version.dag)) for version in drawn]
    return {
        "versions": [(version, version_picture(graph) if graph else None) for version, graph in graphs],
        "drawn": drawn,
        "pages": list(pages.get_elided_page_range(drawn.number)),
        "may_run": may_start(request) and bool(graphs),
    }
