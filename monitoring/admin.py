"""The audit log, and what is switched on."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path

from config.admin_base import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline, badge, duration_text, linked
from monitoring.figures_page import STEP, figures_page
from monitoring.models import SCORES, FeatureFlag, RollupMark, RunRollup, TestResult, TestRun

WHY = "The audit log says what happened when it happened, so nobody can change it here."
TOKENS = ("tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning")
SCORE_FIELDS = tuple(f"score_{name}" for name in SCORES if name != "overall")
RUN_COLOURS = {"running": "info", "passed": "success", "failed": "danger", "error": "danger"}
RESULT_COLOURS = {"passed": "success", "warning": "warning", "failed": "danger", "skipped": "default"}


class TestResultInline(ReadOnlyInline):
    model = TestResult
    fields = ("name", badge("status", RESULT_COLOURS), "duration_ms")
    readonly_fields = fields
    ordering = ("id",)


@admin.register(TestRun)
class TestRunAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = (
        "started_at",
        "type",
        badge("status", RUN_COLOURS),
        "duration",
        linked("step_run"),
        linked("design_split", "Design"),
        "artifact_id",
    )
    list_select_related = ("step_run", "design_split")
    list_filter = ("type", "status", "source", "started_at")
    search_fields = ("=id", "=run_group_id", "=step_run__id", "=design_split__id", "design_split__name")
    date_hierarchy = "started_at"
    inlines = (TestResultInline,)
    fieldsets = (
        (None, {"fields": ("type", "status", "started_at", "completed_at", "summary")}),
        (
            "About",
            {"fields": ("pipeline", "step_run", "attempt", "design_split", "artifact", "module", "run_group_id")},
        ),
        ("Prompt", {"fields": ("process", "prompt", "provider", "model")}),
        ("Cost", {"fields": (TOKENS, ("cost_usd", "latency_ms"))}),
        ("Verdict", {"fields": (("validation_passed", "error_count"), ("grade", "score_overall"), SCORE_FIELDS)}),
        ("Record", {"fields": ("source", "recorded_by", "idempotency_key", "id", "created_at")}),
    )

    def get_urls(self) -> list[URLPattern]:
        page = path("figures", self.admin_site.admin_view(figures_page), name="monitoring_figures")
        return [page, *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == f"{STEP}__exact" or bool(super().lookup_allowed(lookup, value, request))

    @admin.display(description="Took")
    def duration(self, obj: TestRun) -> str:
        return duration_text(obj.completed_at - obj.started_at if obj.completed_at else None)


@admin.register(TestResult)
class TestResultAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = ("created_at", "name", badge("status", RESULT_COLOURS), "duration_ms", linked("test_run"))
    list_select_related = ("test_run",)
    list_filter = ("status", "test_run__type", "created_at")
    search_fields = ("name", "=test_run__id", "=test_run__run_group_id")
    date_hierarchy = "created_at"
    fields = ("test_run", "name", "status", "duration_ms", "details", "id", "created_at")


@admin.register(RunRollup)
class RunRollupAdmin(ReadOnlyAdmin):
    why_read_only = "Rollups are computed from the test runs, which are the truth."
    list_display = (
        "period",
        "grain",
        "slice",
        "type",
        linked("prompt"),
        "model",
        "runs",
        "passed",
        "failed",
        "errored",
        "cost_usd",
        "unpriced",
    )
    list_select_related = ("prompt__process",)
    list_filter = ("grain", "slice", "type", "period")
    search_fields = ("model",)
    exclude = ("latencies",)


@admin.register(RollupMark)
class RollupMarkAdmin(ReadOnlyAdmin):
    why_read_only = "A mark says that the rollups of this hour are out of date. Folding takes it away."
    list_display = ("period",)
    list_filter = ("period",)
    search_fields = ("=period",)


@admin.register(FeatureFlag)
class FeatureFlagAdmin(BaseAdmin):
    """Each flag has at most one row; deleting it gives the environment's default back."""

    list_display = ("key", "meaning", "value", "reason", "updated_at", linked("updated_by"))
    list_select_related = ("updated_by",)
    search_fields = ("key", "reason")
    fields = ("key", "value", "reason", "updated_at", "updated_by")
    readonly_fields = ("updated_at", "updated_by")

    @admin.display(description="Meaning")
    def meaning(self, obj: FeatureFlag) -> str:
        return obj.get_key_display()

    def save_model(self, request: HttpRequest, obj: FeatureFlag, form: Any, change: bool) -> None:
        obj.updated_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
