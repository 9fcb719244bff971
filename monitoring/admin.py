"""The audit log, and what is switched on."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Exists
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from config import features
from config.admin_base import (
    BaseAdmin,
    GatedAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    badge,
    chip,
    dollars_text,
    duration_text,
    linked,
    milliseconds_text,
    number_text,
    opens,
)
from monitoring.alert_page import preview_page, shown
from monitoring.alerts import open_firings
from monitoring.figures_page import STEP, figures_page
from monitoring.flag_page import flag_page, flag_rows
from monitoring.models import (
    SCORES,
    Alert,
    AlertFiring,
    FeatureFlag,
    FlagRule,
    RollupMark,
    RunRollup,
    TestResult,
    TestRun,
)

WHY = "The audit log says what happened when it happened, so nobody can change it here."
TOKENS = ("tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning")
SCORE_FIELDS = tuple(f"score_{name}" for name in SCORES if name != "overall")
RUN_COLOURS = {"running": "info", "passed": "success", "failed": "danger", "error": "danger"}
RESULT_COLOURS = {"passed": "success", "warning": "warning", "failed": "danger", "skipped": "default"}


@admin.display(description="Took", ordering="duration_ms")
def result_took(result: TestResult) -> str:
    return milliseconds_text(result.duration_ms)


class TestResultInline(ReadOnlyInline):
    model = TestResult
    fields = (opens("name"), badge("status", RESULT_COLOURS), result_took)
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
        ("Cost", {"fields": (TOKENS, ("cost", "latency"))}),
        ("Verdict", {"fields": (("validation_passed", "error_count"), ("grade", "score_overall"), SCORE_FIELDS)}),
        ("Record", {"fields": ("source", "recorded_by", "idempotency_key", "id", "created_at")}),
    )

    def get_urls(self) -> list[URLPattern]:
        page = path("figures", self.admin_site.admin_view(figures_page), name="monitoring_figures")
        return [page, *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == f"{STEP}__exact" or bool(super().lookup_allowed(lookup, value, request))

    @admin.display(description="Cost (USD)")
    def cost(self, obj: TestRun) -> str:
        return dollars_text(obj.cost_usd) if obj.model or obj.cost_usd is not None else "–"

    @admin.display(description="Latency")
    def latency(self, obj: TestRun) -> str:
        return milliseconds_text(obj.latency_ms)

    @admin.display(description="Took")
    def duration(self, obj: TestRun) -> str:
        return duration_text(obj.completed_at - obj.started_at if obj.completed_at else None)


@admin.register(TestResult)
class TestResultAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = ("created_at", "name", badge("status", RESULT_COLOURS), result_took, linked("test_run"))
    list_select_related = ("test_run",)
    list_filter = ("status", "test_run__type", "created_at")
    search_fields = ("name", "=test_run__id", "=test_run__run_group_id")
    date_hierarchy = "created_at"
    fields = ("test_run", "name", "status", result_took, "details", "id", "created_at")


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
        "cost",
        "unpriced",
    )
    list_select_related = ("prompt__process",)
    list_filter = ("grain", "slice", "type", "period")
    search_fields = ("model",)
    exclude = ("latencies",)

    @admin.display(description="Cost (USD)", ordering="cost_usd")
    def cost(self, obj: RunRollup) -> str:
        if obj.priced:
            return dollars_text(obj.cost_usd)
        return dollars_text(None) if obj.unpriced else "–"


@admin.register(RollupMark)
class RollupMarkAdmin(ReadOnlyAdmin):
    why_read_only = "A mark says that the rollups of this hour are out of date. Folding takes it away."
    list_display = ("period",)
    list_filter = ("period",)
    search_fields = ("=period",)


@admin.register(Alert)
class AlertAdmin(GatedAdmin, BaseAdmin):
    """Each alert with when it would have fired; the last look's state stands in the list."""

    feature = features.MONITORING
    list_display = ("name", "state", "severity", "watched", "rule", "seen", "checked_at")
    list_select_related = ("metric", "prompt__process", "pipeline")
    list_filter = ("is_enabled", "severity", "watches")
    search_fields = ("name", "measure", "model", "metric__key")
    autocomplete_fields = ("metric", "prompt", "pipeline")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", ("severity", "is_enabled"))}),
        ("What it watches", {"fields": (("watches", "measure"), "metric", ("prompt", "model"), "pipeline")}),
        (
            "When it fires",
            {"fields": (("comparison", "threshold", "window_hours"), ("hold_minutes", "at_least", "no_data"))},
        ),
    )
    change_form_outer_after_template = "admin/monitoring/alert_form.html"

    def get_urls(self) -> list[URLPattern]:
        page = path("preview", self.admin_site.admin_view(preview_page), name="monitoring_alert_preview")
        return [page, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(is_firing=Exists(open_firings()))

    def save_model(self, request: HttpRequest, obj: Alert, form: Any, change: bool) -> None:
        """What a rule has been broken for counts from its change on."""
        obj.broken_since = None
        super().save_model(request, obj, form, change)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        saved = kwargs.get("obj")
        preview = {"preview": shown(saved)} if saved is not None else {}
        return super().render_change_form(request, {**context, **preview}, *args, **kwargs)

    @admin.display(description="State")
    def state(self, obj: Any) -> str:
        if not obj.is_enabled:
            return chip("off", "default")
        if obj.is_firing:
            return chip("fires", "danger")
        if obj.broken_since:
            return chip("waits", "warning")
        return chip("ok", "success") if obj.checked_at else chip("not looked at yet", "default")

    @admin.display(description="Watches")
    def watched(self, obj: Alert) -> str:
        narrowed = [f"{each}" for each in (obj.metric and obj.metric.key, obj.prompt, obj.model, obj.pipeline) if each]
        return " of ".join([obj.get_watches_display(), *narrowed])

    @admin.display(description="Fires when")
    def rule(self, obj: Alert) -> str:
        lasts = f" for {obj.hold_minutes} min" if obj.hold_minutes else ""
        return f"{obj.measure} {obj.comparison} {number_text(obj.threshold)} over {obj.window_hours} h{lasts}"

    @admin.display(description="Seen last")
    def seen(self, obj: Alert) -> str:
        return number_text(obj.value)


@admin.register(AlertFiring)
class AlertFiringAdmin(GatedAdmin, ReadOnlyAdmin):
    feature = features.MONITORING
    why_read_only = "When an alert fired is kept as it was seen."
    list_display = ("began_at", linked("alert"), "ended_at", "lasted", "why", "told_began", "told_ended")
    list_select_related = ("alert",)
    list_filter = ("alert", ("ended_at", admin.EmptyFieldListFilter), "began_at")
    search_fields = ("alert__name", "why")
    date_hierarchy = "began_at"
    fields = ("alert", "began_at", "ended_at", "value", "why", "told_began", "told_ended", "id")

    @admin.display(description="Lasted")
    def lasted(self, obj: AlertFiring) -> str:
        return duration_text(obj.ended_at - obj.began_at) if obj.ended_at else "fires still"


@admin.register(FeatureFlag)
class FeatureFlagAdmin(ReadOnlyAdmin):
    """Every flag has a page of its own, where it is set; these rows are the values that were set live."""

    why_read_only = "These are the values set live. A flag is set on its own page, with a reason."
    list_before_template = "admin/monitoring/flags.html"
    list_display = ("key", "meaning", "value", "reason", "updated_at", linked("updated_by"))
    list_select_related = ("updated_by",)
    search_fields = ("key", "reason")
    fields = ("key", "value", "reason", "updated_at", "updated_by")

    def get_urls(self) -> list[URLPattern]:
        page = path("flag/<slug:key>", self.admin_site.admin_view(flag_page), name="monitoring_flag")
        return [page, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return cast(HttpResponse, super().changelist_view(request, {"flags": flag_rows(), **(extra_context or {})}))

    @admin.display(description="Meaning")
    def meaning(self, obj: FeatureFlag) -> str:
        return obj.get_key_display()


@admin.register(FlagRule)
class FlagRuleAdmin(ReadOnlyAdmin):
    why_read_only = "Rules are made and removed on the page of their flag."
    list_display = ("key", "position", "who", "value", "reason", "created_at", linked("created_by"))
    list_select_related = ("created_by",)
    list_filter = ("key", "who", "value")
    search_fields = ("reason", "user__username", "group__name", "pipeline__key")
