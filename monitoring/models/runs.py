"""The audit log of AI and quality runs, and what is summed of it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from pgvector.django import VectorField

from config.models import Record
from monitoring.histogram import BUCKETS

SCORES = ("overall", "html", "accessibility", "performance", "hubspot", "seo", "tailwind")


def _subject(model: str) -> Any:
    """What a run is about. Readers find runs by it through indexes that carry more columns than the key alone."""
    return models.ForeignKey(
        model, on_delete=models.SET_NULL, null=True, blank=True, db_index=False, related_name="test_runs"
    )


class TestRun(Record):
    """One AI or quality run, as auditors read it. ``summary`` is small; the bodies are in the prompt tables."""

    __test__ = False

    class Type(models.TextChoices):
        AI = "ai", "AI"
        QUALITY = "quality", "Quality"

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        ERROR = "error", "Error"

    class Source(models.TextChoices):
        ENGINE = "engine", "Engine"
        API = "api", "API"
        OTLP = "otlp", "OpenTelemetry"

    type = models.CharField(max_length=8, choices=Type)
    status = models.CharField(max_length=8, choices=Status)
    design_split = _subject("pipelines.DesignSplit")
    artifact = models.ForeignKey(
        "pipelines.GeneratedArtifact", on_delete=models.SET_NULL, null=True, blank=True, related_name="test_runs"
    )
    module = models.ForeignKey(
        "pipelines.ModuleTemplate", on_delete=models.SET_NULL, null=True, blank=True, related_name="test_runs"
    )
    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="test_runs"
    )
    attempt = models.PositiveSmallIntegerField(null=True, blank=True)
    run_group_id = models.UUIDField(null=True, blank=True, db_index=True)
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    summary = models.JSONField(default=dict, blank=True)

    # What readers filter and sum on, beside the JSON. Unknown is null, never 0.
    prompt = _subject("pipelines.AIPrompt")
    process = _subject("pipelines.AIProcess")
    pipeline = _subject("pipelines.PipelineDefinition")
    model = models.CharField(max_length=200, blank=True, default="", db_default="")
    provider = models.CharField(max_length=80, blank=True, default="", db_default="")
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    tokens_cached = models.PositiveIntegerField(null=True, blank=True, help_text="Of tokens in, those read from cache.")
    tokens_reasoning = models.PositiveIntegerField(null=True, blank=True, help_text="Of tokens out, those not shown.")
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    validation_passed = models.BooleanField(null=True, blank=True)
    error_count = models.PositiveIntegerField(null=True, blank=True, help_text="Of the validation; null if none was.")
    grade = models.CharField(max_length=10, blank=True, default="", db_default="")
    score_overall = models.FloatField(null=True, blank=True)
    score_html = models.FloatField(null=True, blank=True)
    score_accessibility = models.FloatField(null=True, blank=True)
    score_performance = models.FloatField(null=True, blank=True)
    score_hubspot = models.FloatField(null=True, blank=True)
    score_seo = models.FloatField(null=True, blank=True)
    score_tailwind = models.FloatField(null=True, blank=True)

    # Where the row comes from, and the sender's own name for it.
    source = models.CharField(max_length=8, choices=Source, default=Source.ENGINE, db_default=Source.ENGINE.value)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    idempotency_key = models.CharField(max_length=200, blank=True, default="", db_default="")
    payload_hash = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta(Record.Meta):
        db_table = "test_run"
        permissions = [("record_testrun", "Can record runs that other software made")]
        indexes = [
            models.Index(fields=["type", "-id"], name="test_run_by_type"),
            # Readers page by when a run began, and by its key among equals.
            models.Index(fields=["started_at", "id"], name="test_run_began"),
            models.Index(fields=["type", "started_at", "id"], name="test_run_type_began"),
            models.Index(fields=["design_split", "started_at", "id"], name="test_run_design_began"),
            models.Index(fields=["prompt", "started_at", "id"], name="test_run_prompt_began"),
            models.Index(fields=["pipeline", "started_at", "id"], name="test_run_pipeline_began"),
            models.Index(fields=["model", "started_at", "id"], name="test_run_model_began", condition=~Q(model="")),
            models.Index(fields=["grade", "started_at", "id"], name="test_run_grade_began", condition=~Q(grade="")),
            # What did not pass is rare, and is what people look for.
            models.Index(
                fields=["status", "started_at", "id"], name="test_run_not_passed", condition=~Q(status="passed")
            ),
            models.Index(
                fields=["prompt", "started_at", "id"],
                name="test_run_prompt_not_passed",
                condition=~Q(status="passed"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["step_run", "attempt"],
                condition=Q(step_run__isnull=False, attempt__isnull=False),
                name="one_test_run_per_attempt",
            ),
            models.CheckConstraint(name="test_run_type_known", condition=Q(type__in=["ai", "quality"])),
            models.CheckConstraint(
                name="test_run_status_known", condition=Q(status__in=["running", "passed", "failed", "error"])
            ),
            models.CheckConstraint(
                name="test_run_completed_after_start",
                condition=Q(completed_at__isnull=True) | Q(completed_at__gte=F("started_at")),
            ),
            models.UniqueConstraint(
                fields=["recorded_by", "source", "type", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="test_run_recorded_once",
            ),
            models.CheckConstraint(
                name="test_run_cost_not_negative", condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0)
            ),
            models.CheckConstraint(
                name="test_run_latency_not_negative", condition=Q(latency_ms__isnull=True) | Q(latency_ms__gte=0)
            ),
            models.CheckConstraint(name="test_run_source_known", condition=Q(source__in=["engine", "api", "otlp"])),
            models.CheckConstraint(
                name="test_run_scores_0_to_100",
                condition=Q(**{f"score_{name}__range": (0, 100) for name in SCORES}),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.status} {self.id}"


class TestResult(Record):
    """One check of a run: "IR Validation", "Prompt IO", "Safety/Policy", or a quality check by name."""

    __test__ = False

    class Status(models.TextChoices):
        PASSED = "passed", "Passed"
        WARNING = "warning", "Warning"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    test_run = models.ForeignKey(TestRun, on_delete=models.CASCADE, db_index=False, related_name="results")
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=8, choices=Status)
    duration_ms = models.FloatField(null=True, blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta(Record.Meta):
        db_table = "test_result"
        indexes = [
            models.Index(fields=["status", "-id"], name="test_result_not_passed", condition=~Q(status="passed")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["test_run", "name"], name="check_once_per_test_run"),
            models.CheckConstraint(
                name="test_result_status_known", condition=Q(status__in=["passed", "warning", "failed", "skipped"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


class RunRollup(models.Model):
    """Sums of the test runs that began in an hour or a day (UTC), as ``monitoring.rollups`` folds them.

    A slice says what its rows are told apart by beside the type; what it leaves out is null or empty. ``score_…`` is
    the sum of the ``scored_…`` runs that have the score; ``latencies`` counts by the buckets of ``histogram``.
    """

    class Grain(models.TextChoices):
        HOUR = "hour", "Hour"
        DAY = "day", "Day"

    class Slice(models.TextChoices):
        ALL = "all", "All"
        PROMPT = "prompt", "By prompt"
        MODEL = "model", "By model"
        PROMPT_MODEL = "prompt_model", "By prompt and model"

    grain = models.CharField(max_length=4, choices=Grain)
    slice = models.CharField(max_length=12, choices=Slice)
    period = models.DateTimeField(help_text="When the hour or the day begins.")
    type = models.CharField(max_length=8, choices=TestRun.Type)
    # What is gone from the runs is gone from here with their next fold, so the database need not check.
    prompt = models.ForeignKey(
        "pipelines.AIPrompt",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
    )
    model = models.CharField(max_length=200, blank=True)
    runs = models.PositiveIntegerField()
    running = models.PositiveIntegerField()
    passed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    errored = models.PositiveIntegerField()
    validated = models.PositiveIntegerField(help_text="Runs whose IR was checked.")
    valid = models.PositiveIntegerField()
    metered = models.PositiveIntegerField(help_text="Runs that said how many tokens went in.")
    tokens_in = models.PositiveBigIntegerField()
    tokens_out = models.PositiveBigIntegerField()
    tokens_cached = models.PositiveBigIntegerField()
    tokens_reasoning = models.PositiveBigIntegerField()
    priced = models.PositiveIntegerField()
    unpriced = models.PositiveIntegerField(help_text="Runs that name a model and have no cost.")
    cost_usd = models.DecimalField(max_digits=28, decimal_places=8)
    timed = models.PositiveIntegerField()
    latency_ms = models.FloatField()
    latencies = VectorField(dimensions=BUCKETS, null=True)
    scored_overall = models.PositiveIntegerField()
    score_overall = models.FloatField()
    scored_html = models.PositiveIntegerField()
    score_html = models.FloatField()
    scored_accessibility = models.PositiveIntegerField()
    score_accessibility = models.FloatField()
    scored_performance = models.PositiveIntegerField()
    score_performance = models.FloatField()
    scored_hubspot = models.PositiveIntegerField()
    score_hubspot = models.FloatField()
    scored_seo = models.PositiveIntegerField()
    score_seo = models.FloatField()
    scored_tailwind = models.PositiveIntegerField()
    score_tailwind = models.FloatField()

    class Meta:
        ordering = ("-period", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "slice", "period", "type", "prompt", "model"],
                name="one_rollup_per_cell",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.grain} {self.period:%Y-%m-%d %H:%M}"


class RollupMark(models.Model):
    """An hour (UTC) in which test runs were written since its last fold. Only triggers write it, a row a statement."""

    period = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.period:%Y-%m-%d %H:%M}"
