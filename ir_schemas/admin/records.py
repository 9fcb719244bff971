"""What the registry keeps beside its versions: required levels, who did what, and the IRs that were checked."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.admin_base import BaseAdmin, ReadOnlyAdmin, badge, is_list, linked
from ir_schemas.models import OUTCOME_COLOURS, IRArtifact, SchemaEvent, SchemaLine

ACTION_COLOURS = {"created": "info", "updated": "info", "activated": "success", "retired": "default"}


@admin.register(SchemaLine)
class SchemaLineAdmin(BaseAdmin):
    list_display = (
        "__str__",
        "compatibility",
        linked("step_version"),
        linked("prompt"),
        linked("process", "AI process"),
    )
    list_select_related = ("step_version__step", "prompt__process", "process")
    list_filter = ("compatibility",)
    search_fields = ("step_version__step__key", "prompt__process__key", "process__key")
    autocomplete_fields = ("step_version", "prompt", "process")
    fields = ("step_version", "prompt", "process", "compatibility")


@admin.register(SchemaEvent)
class SchemaEventAdmin(ReadOnlyAdmin):
    why_read_only = "Who did what to a schema is evidence, so nobody can change it here."
    list_display = (
        "created_at",
        badge("action", ACTION_COLOURS),
        linked("schema", "Step schema"),
        linked("schema_definition", "Prompt or process schema"),
        linked("actor"),
        "reason",
    )
    list_select_related = ("schema__step_version__step", "schema_definition", "actor")
    list_filter = ("action", "actor", "created_at")
    search_fields = ("reason", "schema__step_version__step__key", "schema_definition__name", "actor__username")
    date_hierarchy = "created_at"
    fields = ("action", "schema", "schema_definition", "actor", "reason", "details", "id", "created_at")


@admin.register(IRArtifact)
class IRArtifactAdmin(ReadOnlyAdmin):
    why_read_only = "An IR and its verdict are evidence of what a step handed over, so nobody can change them here."
    list_display = (
        "created_at",
        linked("step_run"),
        badge("outcome", OUTCOME_COLOURS),
        "error_count",
        linked("schema", "Step schema"),
        "validation_mode",
        "size_bytes",
    )
    list_display_links = ("created_at",)
    list_select_related = ("step_run", "schema__step_version__step")
    list_filter = ("outcome", "validation_mode", "step_run__step_version__step", "created_at")
    search_fields = ("=id", "=step_run__id", "=step_run__pipeline_run__id", "step_run__node_key", "content_hash")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("step_run", "attempt", "outcome", "error_count", "validation_errors")}),
        ("Intermediate representation", {"fields": ("ir_json",)}),
        (
            "Checked by",
            {"fields": ("schema", "schema_definition", "validation_mode", "engine", "engine_version")},
        ),
        ("Record", {"fields": ("id", "created_at", "size_bytes", "content_hash", "pruned_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("schema__schema", "schema__source", *_bodies(request))


def _bodies(request: HttpRequest) -> tuple[str, ...]:
    """A list does not read the documents; a row's own page does."""
    return ("ir_json", "validation_errors") if is_list(request) else ()
