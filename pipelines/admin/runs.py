"""Runs and their steps. A run has a page of its own; everything here is a record and read-only."""

import uuid
from functools import partial
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from config.admin_base import ReadOnlyAdmin, badge, duration_text, is_list, linked, row_url, rows_link
from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.models import TestRun
from pipelines.admin.module_preview import preview_response
from pipelines.admin.operating.access import may_operate
from pipelines.admin.operating.again import rerun_page
from pipelines.admin.operating.decision import decide_page
from pipelines.admin.operating.runs import cancel_page
from pipelines.admin.run_page import OUTPUT_MODELS, Viewer, load_run_page, load_tallies, page_etag
from pipelines.models import PipelineRun, PromptData, StepLog, StepOutputLink, StepRun
from pipelines.models.runs import STATUS_COLOURS
from pipelines.packaging import modules_zip
from pipelines.spans import last_span

# What a step run leaves, and how each list of it is called; all of them are searched by the id of a step run.
STEP_RECORDS: tuple[tuple[Any, str], ...] = (
    (IRArtifact, "IR"),
    (PromptData, "what a model was asked"),
    (MetricResult, "metrics"),
    (StepOutputLink, "outputs"),
    (StepLog, "log"),
    (TestRun, "audit log"),
)
RUN_RELATIONS = ("pipeline", "pipeline_version__pipeline", "design_split", "started_by", "rerun_of")


@admin.register(PipelineRun)
class PipelineRunAdmin(ReadOnlyAdmin):
    why_read_only = "A run is a record of what happened. Start another on the page of its pipeline."
    list_display = (
        "started",
        linked("pipeline_version", "Version"),
        badge("status", STATUS_COLOURS),
        "took",
        linked("design_split", "Design"),
        linked("started_by"),
        "reason",
    )
    list_select_related = ("pipeline_version__pipeline", "design_split", "started_by")
    list_filter = ("status", "pipeline", "created_at")
    search_fields = ("=id", "=run_group_id", "pipeline__key", "design_split__name", "idempotency_key")
    date_hierarchy = "created_at"

    @admin.display(description="Started", ordering="id")
    def started(self, obj: PipelineRun) -> Any:
        return obj.created_at

    @admin.display(description="Took")
    def took(self, obj: PipelineRun) -> str:
        return duration_text(obj.finished_at - obj.created_at if obj.finished_at else None)

    @admin.display(description="Reason")
    def reason(self, obj: PipelineRun) -> str:
        if obj.waits_for_pool:
            return f"Waits for pool {obj.waits_for_pool}"
        return str(obj.error.get("message", ""))[:120] if isinstance(obj.error, dict) else ""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:pk>/live/", wrap(self.live_view), name="pipelines_pipelinerun_live"),
            path("<uuid:pk>/cancel/", wrap(partial(cancel_page, self)), name="pipelines_pipelinerun_cancel"),
            path("<uuid:pk>/rerun/", wrap(partial(rerun_page, self)), name="pipelines_pipelinerun_rerun"),
            path("<uuid:pk>/modules.zip", wrap(self.modules_zip_view), name="pipelines_pipelinerun_modules_zip"),
            path(
                "<uuid:pk>/preview/<uuid:artifact_pk>",
                wrap(self.preview_view),
                name="pipelines_pipelinerun_module_preview",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The run page, in place of a form that could not be sent anyway."""
        run = self.get_object(request, unquote(object_id))
        if run is None:
            return cast(HttpResponse, self._get_obj_does_not_exist_redirect(request, self.opts, object_id))
        if request.method != "GET" or not self.has_view_permission(request, run):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **self._page_context(request, run),
            "opts": self.opts,
            "object": run,
            "title": f"Run of {run.pipeline_version}",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/pipelines/pipelinerun/page.html", context)

    def live_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """What the run page shows, without what stands around it; 304 while nothing has changed."""
        run = self.get_object(request, str(pk))
        if run is None:
            raise Http404("There is no such run.")
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        tallies = load_tallies(run)
        etag = page_etag(run, tallies, request.user, timezone.now())
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == etag:
            return HttpResponseNotModified(headers=headers)
        context = {"page": load_run_page(run, tallies, _viewer(request)), "etag": etag}
        return TemplateResponse(request, "admin/pipelines/pipelinerun/content.html", context, headers=headers)

    def _page_context(self, request: HttpRequest, run: PipelineRun) -> dict[str, Any]:
        tallies = load_tallies(run)
        etag = page_etag(run, tallies, request.user, timezone.now())
        return {"page": load_run_page(run, tallies, _viewer(request)), "etag": etag}

    def get_queryset(self, request: HttpRequest) -> Any:
        runs = super().get_queryset(request)
        if is_list(request):
            return runs.defer("dag", "inputs", "params", "pipeline_version__dag", "design_split__metrics")
        return runs.select_related(*RUN_RELATIONS)

    def modules_zip_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """The run's modules in the layout of HubSpot's CLI."""
        if not (self.has_view_permission(request) and request.user.has_perm("pipelines.view_generatedartifact")):
            raise PermissionDenied
        content = modules_zip(pk)
        if content is None:
            raise Http404("This run made no modules.")
        headers = {"Content-Disposition": f'attachment; filename="modules-{pk}.zip"'}
        return HttpResponse(content, content_type="application/zip", headers=headers)

    def preview_view(self, request: HttpRequest, pk: uuid.UUID, artifact_pk: uuid.UUID) -> HttpResponse:
        """One module of the run, rendered with its defaults, for the page's sandboxed frame."""
        if not (self.has_view_permission(request) and request.user.has_perm("ir_schemas.view_irartifact")):
            raise PermissionDenied
        artifacts = IRArtifact.objects.select_related("step_run__pipeline_run__design_split")
        artifact = artifacts.filter(pk=artifact_pk, step_run__pipeline_run=pk).first()
        if artifact is None:
            raise Http404("This run has no such artifact.")
        return preview_response(artifact.ir_json, artifact.step_run.pipeline_run.design_split)


def _viewer(request: HttpRequest) -> Viewer:
    return Viewer(may_operate(request), may_read_log=request.user.has_perm("pipelines.view_steplog"))


@admin.register(StepRun)
class StepRunAdmin(ReadOnlyAdmin):
    why_read_only = "A step run is a record of what happened; only the engine writes it."
    list_display = (
        "__str__",
        badge("status", STATUS_COLOURS),
        "attempt",
        "took",
        linked("step_version"),
        linked("pipeline_run"),
        "started_at",
        "reason",
    )
    list_select_related = ("step_version__step", "pipeline_run__pipeline_version__pipeline")
    list_filter = ("status", "step_version__step", "created_at")
    search_fields = ("=id", "=pipeline_run__id", "node_key", "reason")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("pipeline_run", "node_key", "map_index", "step_version", "status", "reason", "error")}),
        ("What it left", {"fields": ("left",)}),
        ("Attempts", {"fields": ("attempt", "lost_count", "past_attempts", "reused_from")}),
        ("Approval", {"fields": ("decided_by", "decided_at", "decision_comment")}),
        (
            "Times",
            {"fields": ("created_at", "started_at", "finished_at", "not_before", "deadline", "lease_expires_at")},
        ),
        ("Input", {"fields": ("params",)}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        steps = super().get_queryset(request)
        unseen = (
            "params",
            *(f"pipeline_run__{name}" for name in ("dag", "inputs", "params", "error")),
        )
        return steps.defer(*unseen, "pipeline_run__pipeline_version__dag") if is_list(request) else steps

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view(partial(decide_page, self))
        return [path("<uuid:pk>/decide/", door, name="pipelines_steprun_decide"), *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in {"pipeline_run__id__exact", "node_key__exact"} or super().lookup_allowed(
            lookup, value, request
        )

    @admin.display(description="Records")
    def left(self, obj: StepRun) -> Any:
        """The lists of the rows that it wrote, of each kind of which it wrote any."""
        links = [
            (rows_link(model, text, q=obj.pk),)
            for model, text in STEP_RECORDS
            if model._base_manager.filter(step_run=obj.pk).exists()
        ]
        return format_html_join(", ", "{}", links) or "–"

    @admin.display(description="Took")
    def took(self, obj: StepRun) -> str:
        span = last_span(obj) if obj.finished_at else None
        return duration_text(span.ended - span.began if span and span.ended else None)


@admin.register(StepLog)
class StepLogAdmin(ReadOnlyAdmin):
    why_read_only = "A line that a step wrote while it ran; only the engine writes it."
    list_display = ("created_at", linked("step_run"), "attempt", "message")
    list_select_related = ("step_run",)
    list_filter = ("created_at",)
    search_fields = ("message", "=step_run__id", "=step_run__pipeline_run__id")
    date_hierarchy = "created_at"
    fields = ("step_run", "attempt", "message", "id", "created_at")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "step_run__id__exact" or super().lookup_allowed(lookup, value, request)


@admin.register(StepOutputLink)
class StepOutputLinkAdmin(ReadOnlyAdmin):
    why_read_only = "A link says which step run wrote which row; only the engine writes it."
    list_display = ("created_at", linked("step_run"), "target_type", "target")
    list_select_related = ("step_run",)
    list_filter = ("target_type", "created_at")
    search_fields = ("=target_id", "=step_run__id", "=step_run__pipeline_run__id")
    date_hierarchy = "created_at"
    fields = ("step_run", "target_type", "target", "id", "created_at")

    @admin.display(description="Target")
    def target(self, obj: StepOutputLink) -> Any:
        model = OUTPUT_MODELS.get(obj.target_type)
        url = row_url(model, obj.target_id) if model else ""
        return format_html('<a class="text-link" href="{}">{}</a>', url, obj.target_id) if url else obj.target_id
