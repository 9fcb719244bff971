"""Rules that watch figures, and when they fired."""

import pghistory
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from config.models import Record

MOST_HOURS = 168
MOST_HOURS_OF_ROWS = 24
MOST_HOLD_MINUTES = 10_080
MOST_THRESHOLD = 1e12
RUN_MEASURES = {
    "runs": "runs",
    "failures": "runs that failed",
    "pass_rate": "% of runs that passed",
    "valid_rate": "% of IRs that fit their schema",
    "p50_ms": "ms, half of the runs within",
    "p95_ms": "ms, 95 % of the runs within",
    "p99_ms": "ms, 99 % of the runs within",
}
AI_MEASURES = {
    **RUN_MEASURES,
    "tokens": "tokens in and out",
    "cost_usd": "US$ of priced runs",
    "unpriced": "runs without a price",
}
QUALITY_MEASURES = {**RUN_MEASURES, "score": "of 100, mean overall score"}
RESULT_MEASURES = {"results": "results", "mean": "mean value", "passed": "% of verdicts that passed"}


class Watched(models.TextChoices):
    AI = "ai", "AI runs"
    QUALITY = "quality", "Quality runs"
    METRIC = "metric", "Results of a metric"


MEASURES = {Watched.AI: AI_MEASURES, Watched.QUALITY: QUALITY_MEASURES, Watched.METRIC: RESULT_MEASURES}


@pghistory.track(
    pghistory.InsertEvent("insert"),
    pghistory.UpdateEvent("update"),
    pghistory.DeleteEvent("delete"),
    exclude=["created_at", "checked_at", "value", "counted", "broken_since"],
)
class Alert(Record):
    """Fires while a figure over the last ``window_hours`` is on the wrong side of ``threshold``.

    ``checked_at``, ``value`` and ``counted`` are what the last look saw; ``value`` is null where nothing told. It is
    on the wrong side without a break since ``broken_since``, and fires after ``hold_minutes`` of that.
    """

    class Comparison(models.TextChoices):
        ABOVE = "above", "above"
        BELOW = "below", "below"

    class NoData(models.TextChoices):
        OK = "ok", "All is well"
        FIRE = "fire", "Fire"
        KEEP = "keep", "Stay as it is"

    class Severity(models.TextChoices):
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    name = models.CharField(max_length=120, unique=True)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    is_enabled = models.BooleanField("on", default=False, help_text="Only then is it looked at.")
    watches = models.CharField(max_length=8, choices=Watched, default=Watched.AI)
    measure = models.CharField(
        max_length=12,
        choices=[
            (key, f"{key}: {unit}") for key, unit in {**AI_MEASURES, **QUALITY_MEASURES, **RESULT_MEASURES}.items()
        ],
    )
    metric = models.ForeignKey(
        "metrics.MetricDefinition", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    prompt = models.ForeignKey(
        "pipelines.AIPrompt",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Only AI runs of this prompt.",
    )
    model = models.CharField(max_length=200, blank=True, help_text="Only AI runs of this model.")
    pipeline = models.ForeignKey(
        "pipelines.PipelineDefinition",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Only runs of this pipeline.",
    )
    comparison = models.CharField("fires when it is", max_length=5, choices=Comparison)
    threshold = models.FloatField(validators=[MinValueValidator(-MOST_THRESHOLD), MaxValueValidator(MOST_THRESHOLD)])
    window_hours = models.PositiveSmallIntegerField(
        "over the last hours",
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_HOURS)],
        help_text=f"1 to {MOST_HOURS}; of a metric's results, or one pipeline's runs, up to {MOST_HOURS_OF_ROWS}.",
    )
    hold_minutes = models.PositiveSmallIntegerField(
        "for so many minutes",
        default=0,
        db_default=0,
        validators=[MaxValueValidator(MOST_HOLD_MINUTES)],
        help_text="How long that must last before it fires; 0 is at once.",
    )
    at_least = models.PositiveIntegerField(
        "from so many on", default=1, help_text="Fewer runs, or results, than this in the window are no data."
    )
    no_data = models.CharField("without data", max_length=4, choices=NoData, default=NoData.OK)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    value = models.FloatField(null=True, blank=True, editable=False)
    counted = models.PositiveIntegerField(null=True, blank=True, editable=False)
    broken_since = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(Record.Meta):
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                name="alert_measure_fits",
                condition=Q(watches="ai", measure__in=list(AI_MEASURES), metric=None)
                | Q(watches="quality", measure__in=list(QUALITY_MEASURES), metric=None, prompt=None, model="")
                | Q(
                    watches="metric",
                    measure__in=list(RESULT_MEASURES),
                    metric__isnull=False,
                    prompt=None,
                    model="",
                    pipeline=None,
                ),
            ),
            models.CheckConstraint(
                name="alert_window_bounded",
                condition=Q(window_hours__range=(1, MOST_HOURS))
                & (~Q(watches="metric") & Q(pipeline=None) | Q(window_hours__lte=MOST_HOURS_OF_ROWS)),
            ),
            models.CheckConstraint(name="alert_hold_bounded", condition=Q(hold_minutes__lte=MOST_HOLD_MINUTES)),
            models.CheckConstraint(
                name="alert_threshold_finite", condition=Q(threshold__range=(-MOST_THRESHOLD, MOST_THRESHOLD))
            ),
            models.CheckConstraint(name="alert_comparison_known", condition=Q(comparison__in=["above", "below"])),
            models.CheckConstraint(name="alert_no_data_known", condition=Q(no_data__in=["ok", "fire", "keep"])),
            models.CheckConstraint(name="alert_severity_known", condition=Q(severity__in=["warning", "critical"])),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def unit(self) -> str:
        """What a value of the measure counts."""
        return MEASURES[Watched(self.watches)].get(self.measure, "")

    @property
    def is_read_from_rows(self) -> bool:
        """Whether no rollup tells what it watches apart."""
        return self.watches == Watched.METRIC or self.pipeline_id is not None

    def clean(self) -> None:
        """Say by field what the constraints would refuse."""
        found: dict[str, str] = {}
        watched = Watched(self.watches) if self.watches in Watched.values else None
        if watched and self.measure and self.measure not in MEASURES[watched]:
            found["measure"] = f"{watched.label} have: {', '.join(MEASURES[watched])}."
        if watched == Watched.METRIC and self.metric_id is None:
            found["metric"] = "Say which metric's results to watch."
        if watched != Watched.METRIC and self.metric_id is not None:
            found["metric"] = "Only results of a metric are watched by metric; leave it empty."
        if watched != Watched.AI:
            found |= {
                name: "Only AI runs have one; leave it empty." for name in ("prompt", "model") if getattr(self, name)
            }
        if watched == Watched.METRIC and self.pipeline_id is not None:
            found["pipeline"] = "Only runs have one; leave it empty."
        if self.is_read_from_rows and (self.window_hours or 0) > MOST_HOURS_OF_ROWS:
            what = "Results of a metric" if watched == Watched.METRIC else "Runs of one pipeline"
            found["window_hours"] = f"{what} are watched over {MOST_HOURS_OF_ROWS} hours at most."
        if found:
            raise ValidationError(found)


class AlertFiring(Record):
    """A time in which an alert fired; it fires still where ``ended_at`` is null. ``why`` says what was seen then."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, db_index=False, related_name="firings")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    value = models.FloatField(null=True, blank=True, help_text="At its beginning; null where there was no data.")
    why = models.CharField(max_length=300)
    told_began = models.BooleanField(default=False, help_text="The webhook has been told that it fires.")
    told_ended = models.BooleanField(default=False, help_text="The webhook has been told that it is over.")

    class Meta(Record.Meta):
        indexes = [
            models.Index(fields=["alert", "-id"], name="alert_firing_by_alert"),
            models.Index(
                fields=["-id"],
                name="alert_firing_untold",
                condition=Q(told_began=False) | Q(told_ended=False, ended_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["alert"], condition=Q(ended_at=None), name="one_open_firing_per_alert"),
            models.CheckConstraint(
                name="alert_firing_ends_after_it_began", condition=Q(ended_at=None) | Q(ended_at__gte=F("began_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.began_at:%Y-%m-%d %H:%M}"
