"""What runs by the clock."""

from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html_join

from config.admin_base import BaseAdmin, linked, rows_link
from config.problems import InvalidInput
from pipelines import cron
from pipelines.models import PipelineRun, PipelineSchedule
from pipelines.schedules import next_times, save_schedule

MAX_ERROR = 120


class PipelineScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any] | None:
        """Faults of the expression and the time zone stand beside their fields; the service looks at the rest."""
        given = super().clean() or {}
        if "cron" in given and "timezone" in given:
            try:
                cron.check(given["cron"], given["timezone"])
            except InvalidInput as refusal:
                for fault in refusal.errors:
                    text = ValidationError(f"{fault['message']} {fault['hint']}")
                    self.add_error(fault["path"].removeprefix("/"), text)
        return given


@admin.register(PipelineSchedule)
class PipelineScheduleAdmin(BaseAdmin):
    form = PipelineScheduleForm
    list_display = ("name", linked("pipeline"), "cron", "timezone", "enabled", "next_run_at", "last_slot", "went")
    list_select_related = ("pipeline",)
    list_filter = ("enabled", "pipeline")
    search_fields = ("name", "pipeline__key", "source_url")
    ordering = ("name",)
    autocomplete_fields = ("pipeline", "pipeline_version")
    fieldsets = (
        (None, {"fields": ("name", "pipeline", "pipeline_version", "enabled")}),
        ("When", {"fields": ("cron", "timezone", "next_five")}),
        ("With what", {"fields": ("source_url", "inputs", "params", "priority")}),
        ("The last time", {"fields": ("last_slot", "last_run", "last_missed", "last_error", "runs")}),
        ("Made", {"fields": ("created_by", "created_at")}),
    )
    readonly_fields = (
        "next_five", "last_slot", "last_run", "last_missed", "last_error", "runs", "created_by", "created_at",
    )  # fmt: skip

    @admin.display(description="Went")
    def went(self, obj: PipelineSchedule) -> str:
        return str(obj.last_error.get("message", ""))[:MAX_ERROR] if obj.last_error else ""

    @admin.display(description="Next five times")
    def next_five(self, obj: PipelineSchedule) -> Any:
        """By the schedule's own clock."""
        times = next_times(obj) if obj.cron else []
        shown = ((f"{time.astimezone(ZoneInfo(obj.timezone)):%a %Y-%m-%d %H:%M %Z}",) for time in times)
        return format_html_join("", "<div>{}</div>", shown) or None

    @admin.display(description="Runs")
    def runs(self, obj: PipelineSchedule) -> Any:
        return rows_link(PipelineRun, "Runs of this schedule", q=obj.pk) if obj.cron else None

    def save_model(self, request: HttpRequest, obj: PipelineSchedule, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = cast(User, request.user)
        save_schedule(obj)
