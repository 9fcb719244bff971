"""What the API shows of judges, in camelCase."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feedback.models import Judge, Judgement
from pipelines.models import AIPrompt

Share = serializers.FloatField


class JudgeCalibrationSerializer(serializers.Serializer[Any]):
    """How far a judge agrees with the accepted answers of reviewers."""

    items = serializers.IntegerField(help_text="Outputs that both judged.")
    agreed = serializers.IntegerField()
    percent = Share(allow_null=True, help_text="The share of outputs judged alike, 0 to 1.")
    percentInterval = serializers.ListField(child=Share(), allow_null=True, help_text="95 %, Wilson's.")
    kappa = Share(allow_null=True, help_text="Cohen's; null where both gave all outputs the same answer.")
    kappaInterval = serializers.ListField(child=Share(), allow_null=True, help_text="95 %, by bootstrap.")
    confusion = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="Rows are the reviewers, columns the judge; fails first, then passes.",
    )
    withoutScore = serializers.IntegerField(help_text="Outputs whose judgement was not valid: no score, not 0.")
    withoutAnswer = serializers.IntegerField(help_text="Scored outputs without an accepted answer.")


class JudgeSerializer(serializers.ModelSerializer[Judge]):
    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    maxTokens = serializers.IntegerField(source="max_tokens", read_only=True)
    passFrom = serializers.FloatField(source="pass_from", read_only=True)
    questionKey = serializers.CharField(source="question_key", read_only=True)
    metricKey = serializers.CharField(source="metric_key", read_only=True, help_text="Its scores are this metric's.")
    calibration = serializers.SerializerMethodField()
    calibratedAt = serializers.DateTimeField(source="calibrated_at", read_only=True, allow_null=True)

    class Meta:
        model = Judge
        fields = (
            "id",
            "key",
            "name",
            "description",
            "promptId",
            "provider",
            "model",
            "temperature",
            "maxTokens",
            "compares",
            "passFrom",
            "questionKey",
            "metricKey",
            "calibration",
            "calibratedAt",
        )
        read_only_fields = fields

    @extend_schema_field(JudgeCalibrationSerializer(allow_null=True))
    def get_calibration(self, judge: Judge) -> Any:
        """As it was last worked out; null before."""
        return judge.calibration


class JudgeChangeSerializer(serializers.ModelSerializer[Judge]):
    promptId = serializers.PrimaryKeyRelatedField(
        source="prompt", queryset=AIPrompt.objects.all(), help_text="The version of a prompt that it asks."
    )
    temperature = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=2)
    maxTokens = serializers.IntegerField(source="max_tokens", required=False, min_value=1, max_value=100_000)
    passFrom = serializers.FloatField(source="pass_from", required=False, min_value=0, max_value=1)
    questionKey = serializers.CharField(source="question_key", required=False, allow_blank=True, max_length=80)

    class Meta:
        model = Judge
        fields = (
            "key",
            "name",
            "description",
            "promptId",
            "provider",
            "model",
            "temperature",
            "maxTokens",
            "compares",
            "passFrom",
            "questionKey",
        )


class JudgementSerializer(serializers.ModelSerializer[Judgement]):
    judgeId = serializers.UUIDField(source="judge_id", read_only=True)
    targetId = serializers.UUIDField(source="target_id", read_only=True)
    stepRunId = serializers.UUIDField(source="step_run_id", read_only=True, allow_null=True)
    groundTruthId = serializers.UUIDField(source="ground_truth_id", read_only=True, allow_null=True)
    promptDataId = serializers.UUIDField(source="prompt_data_id", read_only=True, allow_null=True)
    costUsd = serializers.DecimalField(
        source="cost_usd", max_digits=16, decimal_places=8, read_only=True, allow_null=True
    )
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Judgement
        fields = (
            "id",
            "judgeId",
            "kind",
            "targetId",
            "stepRunId",
            "groundTruthId",
            "outcome",
            "score",
            "passed",
            "reason",
            "error",
            "promptDataId",
            "calls",
            "costUsd",
            "createdAt",
        )
        read_only_fields = fields
