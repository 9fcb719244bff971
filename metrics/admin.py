"""What is measured, by which profile, and what came out."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from config.admin_base import BaseAdmin, ReadOnlyAdmin, linked, number_text
from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem, MetricResult, MetricResultRow


@admin.register(MetricDefinition)
class MetricDefinitionAdmin(BaseAdmin):
    list_display = ("key", "name", "unit", "target", "direction", "aggregation", "scope")
    list_filter = ("direction", "scope", "aggregation")
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description", "unit", "target", "direction", "aggregation", "scope")


class ProfileItemInline(TabularInline):  # type: ignore[misc]
    model = MetricProfileItem
    fields = ("metric", "threshold", "weight")
    autocomplete_fields = ("metric",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("metric", "profile")


@admin.register(MetricProfile)
class MetricProfileAdmin(BaseAdmin):
    list_display = ("key", "name", "description")
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description")
    inlines = (ProfileItemInline,)


@admin.register(MetricProfileItem)
class MetricProfileItemAdmin(BaseAdmin):
    list_display = ("id", linked("profile"), linked("metric"), "threshold", "weight")
    list_select_related = ("profile", "metric")
    list_filter = ("profile",)
    search_fields = ("profile__key", "metric__key")
    autocomplete_fields = ("profile", "metric")
    fields = ("profile", "metric", "threshold", "weight")


class MeasuredMixin:
    """A column with the value rounded; a row's page shows it whole."""

    @admin.display(description="Value", ordering="value")
    def measured(self, obj: MetricResult | MetricResultRow) -> str:
        return number_text(obj.value)


@admin.register(MetricResult)
class MetricResultAdmin(MeasuredMixin, ReadOnlyAdmin):
    why_read_only = "A measured value belongs to the attempt it was measured on, so nobody can change it here."
    list_display = (
        "created_at",
        linked("metric"),
        "measured",
        "passed",
        linked("step_run"),
        "attempt",
        linked("profile"),
    )
    list_select_related = ("metric", "step_run", "profile")
    list_filter = ("passed", "metric", "profile", "created_at")
    search_fields = ("=step_run__id", "=step_run__pipeline_run__id", "metric__key", "step_run__node_key")
    date_hierarchy = "created_at"
    fields = ("metric", "value", "passed", "profile", "step_run", "attempt", "details", "id", "created_at")


@admin.register(MetricResultRow)
class MetricResultRowAdmin(MeasuredMixin, ReadOnlyAdmin):
    why_read_only = "These rows are a view that joins results with their metrics and runs; there is nothing to change."
    list_display = (
        "created_at",
        "metric_key",
        "measured",
        "unit",
        "passed",
        "threshold",
        "pipeline_key",
        "node_key",
        "map_index",
        "step",
        "profile_key",
    )
    list_filter = ("passed", "metric_key", "pipeline_key", "profile_key")
    search_fields = ("metric_key", "pipeline_key", "node_key", "step_key", "=pipeline_run_id", "=design_split_id")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("metric_key", "value", "unit", "passed", "direction", "target", "details")}),
        ("Profile", {"fields": ("profile_key", "threshold", "weight")}),
        ("Step", {"fields": ("step", "node_key", "map_index", "attempt", "step_run_id")}),
        ("Run", {"fields": ("pipeline_key", "pipeline_version", "pipeline_run_id", "run_group_id", "design_split_id")}),
        ("Record", {"fields": ("id", "created_at")}),
    )

    @admin.display(description="Step", ordering="step_key")
    def step(self, obj: MetricResultRow) -> str:
        return f"{obj.step_key}@{obj.step_version}"
