"""What the API shows of the audit log, in camelCase; JSON that is stored is passed on untouched."""

from typing import Any

from rest_framework import serializers

from config.rows import RowSerializer
from monitoring.models import Alert, AlertFiring, TestResult, TestRun

INTERVALS = ("hour", "day", "week")
GROUPINGS = ("prompt", "model", "day")


class ScoresSerializer(RowSerializer[TestRun]):
    """From 0 to 100; null where there is none."""

    overall = serializers.FloatField(source="score_overall", allow_null=True)
    html = serializers.FloatField(source="score_html", allow_null=True)
    accessibility = serializers.FloatField(source="score_accessibility", allow_null=True)
    performance = serializers.FloatField(source="score_performance", allow_null=True)
    hubspot = serializers.FloatField(source="score_hubspot", allow_null=True)
    seo = serializers.FloatField(source="score_seo", allow_null=True)
    tailwind = serializers.FloatField(source="score_tailwind", allow_null=True)

    class Meta:
        model = TestRun
        fields = ("overall", "html", "accessibility", "performance", "hubspot", "seo", "tailwind")


class TestRunSerializer(RowSerializer[TestRun]):
    """An AI or quality run."""

    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)
    artifactId = serializers.UUIDField(source="artifact_id", read_only=True, allow_null=True)
    moduleId = serializers.UUIDField(source="module_id", read_only=True, allow_null=True)
    stepRunId = serializers.UUIDField(source="step_run_id", read_only=True, allow_null=True)
    runGroupId = serializers.UUIDField(source="run_group_id", read_only=True, allow_null=True)
    pipelineId = serializers.UUIDField(source="pipeline_id", read_only=True, allow_null=True)
    processId = serializers.UUIDField(source="process_id", read_only=True, allow_null=True)
    promptId = serializers.UUIDField(source="prompt_id", read_only=True, allow_null=True)
    tokensIn = serializers.IntegerField(source="tokens_in", read_only=True, allow_null=True)
    tokensOut = serializers.IntegerField(source="tokens_out", read_only=True, allow_null=True)
    tokensCached = serializers.IntegerField(source="tokens_cached", read_only=True, allow_null=True)
    tokensReasoning = serializers.IntegerField(source="tokens_reasoning", read_only=True, allow_null=True)
    costUsd = serializers.DecimalField(
        source="cost_usd",
        max_digits=16,
        decimal_places=8,
        read_only=True,
        allow_null=True,
        help_text="Null where the price is unknown.",
    )
    latencyMs = serializers.FloatField(source="latency_ms", read_only=True, allow_null=True)
    validationPassed = serializers.BooleanField(source="validation_passed", read_only=True, allow_null=True)
    errorCount = serializers.IntegerField(source="error_count", read_only=True, allow_null=True)
    scores = ScoresSerializer(source="*", read_only=True)
    startedAt = serializers.DateTimeField(source="started_at", read_only=True)
    completedAt = serializers.DateTimeField(source="completed_at", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True, help_text="When it was recorded.")

    class Meta:
        model = TestRun
        fields: tuple[str, ...] = (
            "id",
            "type",
            "status",
            "designSplitId",
            "artifactId",
            "moduleId",
            "stepRunId",
            "attempt",
            "runGroupId",
            "pipelineId",
            "processId",
            "promptId",
            "model",
            "provider",
            "tokensIn",
            "tokensOut",
            "tokensCached",
            "tokensReasoning",
            "costUsd",
            "latencyMs",
            "validationPassed",
            "errorCount",
            "grade",
            "scores",
            "summary",
            "source",
            "startedAt",
            "completedAt",
            "createdAt",
        )
        read_only_fields = fields


class TestResultSerializer(RowSerializer[TestResult]):
    """A check of a run."""

    runId = serializers.UUIDField(source="test_run_id", read_only=True)
    durationMs = serializers.FloatField(source="duration_ms", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = TestResult
        fields = ("id", "runId", "name", "status", "durationMs", "details", "createdAt")
        read_only_fields = fields


class TestRunDetailSerializer(TestRunSerializer):
    """A run with its checks."""

    results = TestResultSerializer(many=True, read_only=True)

    class Meta(TestRunSerializer.Meta):
        fields = (*TestRunSerializer.Meta.fields, "results")
        read_only_fields = fields


class AlertSerializer(serializers.ModelSerializer[Alert]):
    metricKey = serializers.CharField(source="metric.key", read_only=True, allow_null=True, default=None)
    promptId = serializers.UUIDField(source="prompt_id", read_only=True, allow_null=True)
    pipelineId = serializers.UUIDField(source="pipeline_id", read_only=True, allow_null=True)
    windowHours = serializers.IntegerField(source="window_hours", read_only=True)
    holdMinutes = serializers.IntegerField(
        source="hold_minutes", read_only=True, help_text="How long it must be on the wrong side before it fires."
    )
    brokenSince = serializers.DateTimeField(
        source="broken_since", read_only=True, allow_null=True, help_text="On the wrong side since then."
    )
    atLeast = serializers.IntegerField(source="at_least", read_only=True, help_text="Fewer runs are no data.")
    noData = serializers.ChoiceField(source="no_data", choices=Alert.NoData.choices, read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    firing = serializers.BooleanField(read_only=True)
    checkedAt = serializers.DateTimeField(source="checked_at", read_only=True, allow_null=True)

    class Meta:
        model = Alert
        fields = (
            "id",
            "name",
            "severity",
            "enabled",
            "firing",
            "watches",
            "measure",
            "metricKey",
            "promptId",
            "model",
            "pipelineId",
            "comparison",
            "threshold",
            "windowHours",
            "holdMinutes",
            "atLeast",
            "noData",
            "value",
            "brokenSince",
            "checkedAt",
        )
        read_only_fields = fields


class AlertFiringSerializer(serializers.ModelSerializer[AlertFiring]):
    alertId = serializers.UUIDField(source="alert_id", read_only=True)
    beganAt = serializers.DateTimeField(source="began_at", read_only=True)
    endedAt = serializers.DateTimeField(
        source="ended_at", read_only=True, allow_null=True, help_text="Null where it fires still."
    )

    class Meta:
        model = AlertFiring
        fields = ("id", "alertId", "beganAt", "endedAt", "value", "why")
        read_only_fields = fields


class ValidationFiguresSerializer(serializers.Serializer[dict[str, Any]]):
    checked = serializers.IntegerField(help_text="Runs whose IR was checked.")
    passed = serializers.IntegerField()
    passRate = serializers.FloatField(allow_null=True, help_text="From 0 to 1; null where none was checked.")


class LatencyFiguresSerializer(serializers.Serializer[dict[str, Any]]):
    """In milliseconds. Percentiles are within 5 % of the run that has that rank."""

    timed = serializers.IntegerField(help_text="Runs whose latency is known.")
    mean = serializers.FloatField(allow_null=True)
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class FiguresSerializer(serializers.Serializer[dict[str, Any]]):
    runs = serializers.IntegerField()
    running = serializers.IntegerField()
    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    error = serializers.IntegerField()
    passRate = serializers.FloatField(
        allow_null=True, help_text="From 0 to 1, of the runs that ended; null where none did."
    )
    validation = ValidationFiguresSerializer()
    latencyMs = LatencyFiguresSerializer()


class ScoreFiguresSerializer(serializers.Serializer[dict[str, Any]]):
    scored = serializers.IntegerField(help_text="Runs that have this score.")
    mean = serializers.FloatField(allow_null=True, help_text="From 0 to 100.")


class ScoresFiguresSerializer(serializers.Serializer[dict[str, Any]]):
    overall = ScoreFiguresSerializer()
    html = ScoreFiguresSerializer()
    accessibility = ScoreFiguresSerializer()
    performance = ScoreFiguresSerializer()
    hubspot = ScoreFiguresSerializer()
    seo = ScoreFiguresSerializer()
    tailwind = ScoreFiguresSerializer()


class QualityFiguresSerializer(FiguresSerializer):
    scores = ScoresFiguresSerializer()


class WindowSerializer(serializers.Serializer[dict[str, Any]]):
    to = serializers.DateTimeField(help_text="When the window ends; not part of it.")

    def get_fields(self) -> dict[str, "serializers.Field[Any, Any, Any, Any]"]:
        """With ``from``, which is no name that a class can declare."""
        begins = serializers.DateTimeField(help_text="When the window begins.")
        return {"from": begins, **super().get_fields()}


class TrendPointSerializer(QualityFiguresSerializer):
    start = serializers.DateTimeField(help_text="When the hour, day or week (from Monday) begins, in UTC.")


class TrendsSerializer(WindowSerializer):
    """Every period of the window, also those without a run, in the order of time."""

    interval = serializers.ChoiceField(choices=INTERVALS)
    total = QualityFiguresSerializer()
    points = TrendPointSerializer(many=True)


class TokenFiguresSerializer(serializers.Serializer[dict[str, Any]]):
    """Sums; null where no run said how many there were."""

    input = serializers.IntegerField(allow_null=True)
    output = serializers.IntegerField(allow_null=True)
    cached = serializers.IntegerField(allow_null=True, help_text="Of the input.")
    reasoning = serializers.IntegerField(allow_null=True, help_text="Of the output.")


class AIFiguresSerializer(FiguresSerializer):
    tokens = TokenFiguresSerializer()
    costUsd = serializers.DecimalField(
        max_digits=28, decimal_places=8, allow_null=True, help_text="Of the priced runs; null where there is none."
    )
    priced = serializers.IntegerField(help_text="Runs whose cost is known.")
    unpriced = serializers.IntegerField(help_text="Runs that named a model and whose cost is unknown.")


class AIGroupSerializer(AIFiguresSerializer):
    key = serializers.CharField(
        allow_blank=True, help_text="The prompt's id, the model or the day; empty for runs without."
    )
    name = serializers.CharField(allow_blank=True, help_text="How people call it.")


class AIMetricsSerializer(WindowSerializer):
    """Prompts and models come with the most runs first, days in their order, also those without a run."""

    groupBy = serializers.ChoiceField(choices=GROUPINGS)
    total = AIFiguresSerializer()
    groups = AIGroupSerializer(many=True)
    leftOut = serializers.BooleanField(help_text="There are more groups than these 200; the total holds them too.")
