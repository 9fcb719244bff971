"""Evaluations: what starts one, and what is shown of it."""

from typing import Any

from rest_framework import serializers

from feedback.models import Evaluation, EvaluationItem
from pipelines.api.serializers.runs import ErrorField
from pipelines.api.serializers.schedules import MAX_VERSION
from pipelines.review.evaluating.services import progress


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """A version on a set of ground truth, perhaps beside a baseline; its runs carry its id as `runGroupId`."""

    set = serializers.CharField(source="truth_set.key", read_only=True, help_text="The set's key.")
    setWasFrozen = serializers.BooleanField(
        source="set_was_frozen", read_only=True, help_text="Whether the set was frozen when its answers were taken."
    )
    pipeline = serializers.CharField(source="version.pipeline.key", read_only=True)
    version = serializers.IntegerField(source="version.version", read_only=True)
    baselineVersion = serializers.IntegerField(
        source="baseline_version.version", read_only=True, allow_null=True, default=None
    )
    process = serializers.CharField(
        source="prompt.process.key", read_only=True, allow_null=True, default=None, help_text="Of the prompts."
    )
    promptVersion = serializers.IntegerField(source="prompt.version", read_only=True, allow_null=True, default=None)
    baselinePromptVersion = serializers.IntegerField(
        source="baseline_prompt.version", read_only=True, allow_null=True, default=None
    )
    outcome = serializers.CharField(
        read_only=True,
        help_text="`better`, `worse`, `equal` or `unclear`; empty without a baseline and before the end.",
    )
    error = ErrorField(read_only=True)
    startedBy = serializers.CharField(source="started_by.username", read_only=True, default=None, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    finishedAt = serializers.DateTimeField(source="finished_at", read_only=True, allow_null=True)

    class Meta:
        model = Evaluation
        fields: tuple[str, ...] = (
            "id",
            "set",
            "setWasFrozen",
            "pipeline",
            "version",
            "baselineVersion",
            "process",
            "promptVersion",
            "baselinePromptVersion",
            "status",
            "outcome",
            "error",
            "startedBy",
            "createdAt",
            "finishedAt",
        )
        read_only_fields = fields


class EvaluationDetailSerializer(EvaluationSerializer):
    runsScored = serializers.IntegerField(source="runs_scored", read_only=True)
    runs = serializers.IntegerField(source="run_count", read_only=True, help_text="One an input and side.")
    report = serializers.JSONField(
        read_only=True,
        allow_null=True,
        help_text="`{answers, withoutOutput, means, baselineWithoutOutput, baselineMeans, changed, metrics}`; of each "
        "metric `{outcome, items, improved, worsened, meanChange, interval, p}`. Null before the end.",
    )

    class Meta(EvaluationSerializer.Meta):
        fields = (*EvaluationSerializer.Meta.fields, "runsScored", "runs", "report")

    def to_representation(self, evaluation: Evaluation) -> dict[str, Any]:
        shown: Any = evaluation
        shown.runs_scored, shown.run_count = progress(evaluation)
        return super().to_representation(shown)


class EvaluationItemSerializer(serializers.ModelSerializer[EvaluationItem]):
    """An answer, and how near each side came to it: scores of 0 to 1 by metric, null until they are known."""

    groundTruthId = serializers.UUIDField(source="ground_truth_id", read_only=True)
    scope = serializers.CharField(source="ground_truth.scope", read_only=True)
    referenceId = serializers.CharField(source="ground_truth.reference_id", read_only=True)
    runId = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    stepRunId = serializers.UUIDField(
        source="step_run_id", read_only=True, allow_null=True, help_text="Null: there was no output."
    )
    scores = serializers.DictField(child=serializers.FloatField(), read_only=True, allow_null=True)
    baselineRunId = serializers.UUIDField(source="baseline_run_id", read_only=True, allow_null=True)
    baselineStepRunId = serializers.UUIDField(source="baseline_step_run_id", read_only=True, allow_null=True)
    baselineScores = serializers.DictField(
        source="baseline_scores", child=serializers.FloatField(), read_only=True, allow_null=True
    )
    change = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Of the metric that lost most, else of the one that won most."
    )

    class Meta:
        model = EvaluationItem
        fields = (
            "id",
            "groundTruthId",
            "scope",
            "referenceId",
            "runId",
            "stepRunId",
            "scores",
            "baselineRunId",
            "baselineStepRunId",
            "baselineScores",
            "change",
        )
        read_only_fields = fields


class NewEvaluationSerializer(serializers.Serializer[Any]):
    set = serializers.CharField(max_length=80, help_text="The set's key.")
    pipeline = serializers.CharField(max_length=80, help_text="The pipeline's key.")
    version = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_VERSION, help_text="Null: the active one."
    )
    prompt = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="`process@version`: the pipeline asks this prompt where it asks the process's active one.",
    )
    against = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_VERSION,
        help_text="Compare with this version of the pipeline; with `prompt`, with this version of the prompt.",
    )
