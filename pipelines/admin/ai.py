"""AI processes and prompts, what went through them, and what is retrieved for them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.admin_base import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline, linked
from pipelines.models import AIProcess, AIPrompt, Embedding, PromptData, PromptResult

WHY = "What went through a prompt is evidence, so nobody can change it here."


class PromptInline(ReadOnlyInline):
    model = AIPrompt
    fields = ("version", "is_active", "is_default", "ir_validation_mode", "created_at")
    readonly_fields = fields
    ordering = ("-version",)


@admin.register(AIProcess)
class AIProcessAdmin(BaseAdmin):
    list_display = ("key", "name", "description", "created_at")
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description")
    inlines = (PromptInline,)


@admin.register(AIPrompt)
class AIPromptAdmin(BaseAdmin):
    code_fields = ("content",)
    list_display = (
        "__str__",
        linked("process"),
        "version",
        "is_active",
        "is_default",
        "ir_validation_mode",
        "created_at",
    )
    list_select_related = ("process",)
    list_filter = ("is_active", "is_default", "process")
    search_fields = ("process__key", "content")
    autocomplete_fields = ("process",)
    fields = ("process", "version", "content", "is_active", "is_default", "ir_validation_mode", "created_at")
    readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("process")


class PromptResultInline(ReadOnlyInline):
    model = PromptResult
    fields = ("model", "provider", "quality_score", "tokens_in", "tokens_out", "total_cost_usd", "latency_ms")
    readonly_fields = fields


@admin.register(PromptData)
class PromptDataAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    code_fields = ("prompt",)
    list_display = ("created_at", linked("ai_prompt"), linked("step_run"), "pipeline_id", "section_id", "size_bytes")
    list_select_related = ("ai_prompt__process", "step_run")
    list_filter = ("ai_prompt__process", "created_at")
    search_fields = ("=id", "pipeline_id", "section_id", "prompt", "=step_run__id")
    date_hierarchy = "created_at"
    inlines = (PromptResultInline,)
    fieldsets = (
        (None, {"fields": ("ai_prompt", "step_run", "pipeline_id", "section_id")}),
        ("Input", {"fields": ("prompt", "context", "metadata")}),
        ("Record", {"fields": ("id", "created_at", "size_bytes", "content_hash", "pruned_at")}),
    )


@admin.register(PromptResult)
class PromptResultAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = (
        "created_at",
        "model",
        "provider",
        "quality_score",
        "tokens_in",
        "tokens_out",
        "total_cost_usd",
        "latency_ms",
        linked("prompt_data", "Input"),
    )
    list_select_related = ("prompt_data",)
    list_filter = ("provider", "model", "created_at")
    search_fields = ("=id", "=prompt_data__id", "model", "provider")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("prompt_data", "result", "quality_score", "metrics")}),
        (
            "Cost",
            {"fields": ("model", "provider", "tokens_in", "tokens_out", "total_cost_usd", "latency_ms")},
        ),
        ("Record", {"fields": ("id", "created_at", "size_bytes", "content_hash", "pruned_at")}),
    )


@admin.register(Embedding)
class EmbeddingAdmin(ReadOnlyAdmin):
    why_read_only = "A vector is computed from its text; store the text again to change it."
    list_display = ("ref_id", "namespace", "ref_type", "model", "native_dim", "content", "created_at")
    list_filter = ("namespace", "ref_type", "model")
    search_fields = ("namespace", "ref_type", "ref_id", "content")
    fields = (
        "namespace",
        "ref_type",
        "ref_id",
        "content",
        "model",
        "native_dim",
        "begins_with",
        "metadata",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("vector")

    @admin.display(description="Vector")
    def begins_with(self, obj: Embedding) -> str:
        numbers = ", ".join(f"{number:.4f}" for number in list(obj.vector)[:8])
        return f"{numbers}, … ({len(obj.vector):,} numbers)"
