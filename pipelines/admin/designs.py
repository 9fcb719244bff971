"""Designs, their parts, the modules made of them, and what validators said."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from config.admin_base import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline, badge, linked, opens, rows_link
from pipelines.admin.pictures import is_picture, picture_response
from pipelines.models import (
    DesignSplit,
    GeneratedArtifact,
    ModuleTemplate,
    PipelineRun,
    SplitAsset,
    StepOutputLink,
    ValidationResult,
)

DESIGN_COLOURS = {"pending": "default", "processing": "info", "completed": "success", "failed": "danger"}
ARTIFACT_COLOURS = {"generated": "info", "validated": "success", "rejected": "danger"}
VALIDATION_COLOURS = {"passed": "success", "warning": "warning", "failed": "danger", "not_applicable": "default"}
WHY = "A step of a run wrote this row; a new run writes new ones. So nobody can change it here."


def made_by(target: str, pk: Any) -> Any:
    """A link to the step run that wrote the row; None where no run did."""
    links = StepOutputLink.objects.select_related("step_run").filter(target_type=target, target_id=pk)
    link = links.first()
    if link is None:
        return None
    url = reverse("admin:pipelines_pipelinerun_change", args=[link.step_run.pipeline_run_id])
    text = f"{link.step_run} of run {link.step_run.pipeline_run_id}"
    return format_html('<a class="text-link" href="{}#step-{}">{}</a>', url, link.step_run_id, text)


class SplitAssetInline(ReadOnlyInline):
    model = SplitAsset
    fields = (opens("kind"), "order", "storage_url")
    readonly_fields = fields
    ordering = ("order", "id")


@admin.register(DesignSplit)
class DesignSplitAdmin(ReadOnlyAdmin):
    why_read_only = "A design is taken in when a run starts, and kept as it came. So nobody can change it here."
    list_display = ("name", "kind", badge("status", DESIGN_COLOURS), "runs", "created_at")
    list_filter = ("kind", "status", "created_at")
    search_fields = ("name", "=id", "=design_upload_id", "sha256")
    date_hierarchy = "created_at"
    inlines = (SplitAssetInline,)
    fieldsets = (
        (None, {"fields": ("name", "kind", "status", "metrics", "runs")}),
        ("Source", {"fields": ("base_url", "entry", "bundle_name", "sha256")}),
        ("Record", {"fields": ("id", "design_upload_id", "created_at", "updated_at")}),
    )

    @admin.display(description="Runs")
    def runs(self, obj: DesignSplit) -> Any:
        return rows_link(PipelineRun, "Runs", design_split__id__exact=obj.pk)

    @admin.display(description="Bundle")
    def bundle_name(self, obj: DesignSplit) -> str:
        return obj.bundle.name or ""


@admin.register(SplitAsset)
class SplitAssetAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = ("__str__", "kind", "order", linked("split", "Design"), "storage_url", "created_at")
    list_select_related = ("split",)
    list_filter = ("kind", "created_at")
    search_fields = ("kind", "storage_url", "split__name", "=split__id")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("split", "kind", "order", "picture", "storage_url", "meta")}),
        ("Record", {"fields": ("made_by", "project_id", "id", "created_at")}),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.picture_view)
        return [path("<uuid:pk>/picture", view, name="pipelines_splitasset_picture"), *super().get_urls()]

    def picture_view(self, request: HttpRequest, pk: Any) -> FileResponse:
        """The asset's picture, to those who may view the asset."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asset = SplitAsset.objects.filter(pk=pk).first()
        if asset is None or not is_picture(asset.storage_url):
            raise Http404("There is no picture of this part.")
        return picture_response(asset.storage_url)

    @admin.display(description="Picture")
    def picture(self, obj: SplitAsset) -> Any:
        if not is_picture(obj.storage_url):
            return None
        url = reverse("admin:pipelines_splitasset_picture", args=[obj.pk])
        return format_html('<img class="asset-picture" src="{}" alt="{}">', url, f"Picture of {obj}")

    @admin.display(description="Made by")
    def made_by(self, obj: SplitAsset) -> Any:
        return made_by("SplitAsset", obj.pk)


@admin.register(ModuleTemplate)
class ModuleTemplateAdmin(BaseAdmin):
    code_fields = ("html_content", "css_content", "js_content")
    list_display = ("name", "category", "complexity", "version", "usage_count", "rating", "created_at")
    list_filter = ("category", "complexity", "created_at")
    search_fields = ("name", "description", "=id")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("name", "description", "category", "complexity", "tags", "version", "rating")}),
        ("Source", {"fields": ("html_content", "css_content", "js_content")}),
        ("Record", {"fields": ("usage_count", "made_by", "id", "created_at")}),
    )
    readonly_fields = ("usage_count", "made_by", "id", "created_at")

    @admin.display(description="Made by")
    def made_by(self, obj: ModuleTemplate) -> Any:
        return made_by("ModuleTemplate", obj.pk)


class ValidationResultInline(ReadOnlyInline):
    model = ValidationResult
    fields = (opens("validator"), badge("status", VALIDATION_COLOURS), "message")
    readonly_fields = fields
    ordering = ("validator",)


@admin.register(GeneratedArtifact)
class GeneratedArtifactAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    code_fields = ("content",)
    list_display = (
        "__str__",
        badge("status", ARTIFACT_COLOURS),
        linked("design_split", "Design"),
        linked("module"),
        "content_url",
        "created_at",
    )
    list_select_related = ("design_split", "module")
    list_filter = ("status", "type", "created_at")
    search_fields = ("type", "content_url", "module__name", "design_split__name", "=id", "=design_split__id")
    date_hierarchy = "created_at"
    inlines = (ValidationResultInline,)
    fieldsets = (
        (None, {"fields": ("type", "status", "design_split", "module", "content_url", "meta", "content")}),
        ("Record", {"fields": ("made_by", "id", "created_at")}),
    )

    @admin.display(description="Made by")
    def made_by(self, obj: GeneratedArtifact) -> Any:
        return made_by("GeneratedArtifact", obj.pk)


@admin.register(ValidationResult)
class ValidationResultAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = (
        "created_at",
        "validator",
        badge("status", VALIDATION_COLOURS),
        "message",
        linked("artifact"),
        linked("design_split", "Design"),
    )
    list_select_related = ("artifact", "design_split")
    list_filter = ("status", "validator", "created_at")
    search_fields = ("validator", "message", "=artifact__id", "design_split__name")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("validator", "status", "message", "details", "artifact", "design_split")}),
        ("Record", {"fields": ("made_by", "id", "created_at")}),
    )

    @admin.display(description="Made by")
    def made_by(self, obj: ValidationResult) -> Any:
        return made_by("ValidationResult", obj.pk)
