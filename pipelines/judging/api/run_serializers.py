"""What a judge is asked to do over the API, and what came of it."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from feedback.models import Evaluation, GroundTruthSet, ReviewQueue
from pipelines.judging.api.serializers import JudgeCalibrationSerializer
from pipelines.review.evaluating.services import RELATIONS

MOST_OUTPUTS = 20
LEAST_USD, MOST_USD = Decimal("0.0001"), Decimal(100)
SOURCES = ("queue", "evaluation", "set")
OF_A_SET = ("pipeline", "version", "against")


class NewJudgeRunSerializer(serializers.Serializer[Any]):
    queue = serializers.SlugRelatedField(
        slug_field="key", queryset=ReviewQueue.objects.all(), required=False, help_text="By its key: its items."
    )
    waiting = serializers.BooleanField(default=False, help_text="Of a queue: also items without an accepted answer.")
    evaluation = serializers.PrimaryKeyRelatedField(
        queryset=Evaluation.objects.select_related(*RELATIONS),
        required=False,
        pk_field=serializers.UUIDField(),
        help_text="A completed one: the outputs of both its sides.",
    )
    set = serializers.SlugRelatedField(
        slug_field="key",
        queryset=GroundTruthSet.objects.all(),
        required=False,
        help_text="By its key: what `pipeline` gave on it, as far as that was evaluated.",
    )
    pipeline = serializers.CharField(required=False, max_length=80, help_text="With `set`: the key of a pipeline.")
    version = serializers.IntegerField(required=False, min_value=1, help_text="The active one if left out.")
    against = serializers.IntegerField(required=False, min_value=1, help_text="The version to compare with.")
    limit = serializers.IntegerField(
        default=MOST_OUTPUTS, min_value=1, max_value=MOST_OUTPUTS, help_text="At most so many outputs."
    )
    budgetUsd = serializers.DecimalField(
        max_digits=7,
        decimal_places=4,
        min_value=LEAST_USD,
        max_value=MOST_USD,
        help_text="No further output is judged once so many US dollars are spent, or where a cost is not known.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in SOURCES if name in attrs]
        if len(named) != 1:
            raise serializers.ValidationError("Name what is judged: a queue, an evaluation, or a set with a pipeline.")
        if named == ["set"] and "pipeline" not in attrs:
            raise serializers.ValidationError({"pipeline": "Name the pipeline whose outputs are judged."})
        for name in OF_A_SET:
            if name in attrs and named != ["set"]:
                raise serializers.ValidationError({name: "Only a set is judged by pipeline and version."})
        if attrs["waiting"] and named != ["queue"]:
            raise serializers.ValidationError({"waiting": "Only the items of a queue wait for answers."})
        return attrs


class JudgedSerializer(serializers.Serializer[Any]):
    scored = serializers.IntegerField()
    unusable = serializers.IntegerField(help_text="Answers that were no valid judgement: no score, not 0.")
    failed = serializers.IntegerField(help_text="Without an answer; they are asked again the next time.")
    withoutTruth = serializers.IntegerField(help_text="Not judged, as the judge compares and there is no ground truth.")
    gone = serializers.IntegerField(help_text="Not judged, as the output is no longer kept.")
    costUsd = serializers.DecimalField(max_digits=16, decimal_places=8, allow_null=True, help_text="Null: not known.")
    stopped = serializers.CharField(allow_blank=True, help_text="Why it ended before all was judged; empty if it was.")


class JudgedVersionSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    mean = serializers.FloatField(allow_null=True, help_text="Of the scores there are.")
    scores = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="By the ids of the set's answers."
    )
    withoutScore = serializers.IntegerField()
    missing = serializers.IntegerField(help_text="Answers without an output that was evaluated.")


class JudgedComparisonSerializer(serializers.Serializer[Any]):
    outcome = serializers.CharField(help_text="`better`, `worse`, `equal` or `unclear`.")
    items = serializers.IntegerField()
    improved = serializers.IntegerField()
    worsened = serializers.IntegerField()
    meanChange = serializers.FloatField()
    interval = serializers.ListField(
        child=serializers.FloatField(), help_text="Of the mean change, 95 %, by bootstrap."
    )
    p = serializers.FloatField()


class JudgedSetSerializer(serializers.Serializer[Any]):
    new = JudgedVersionSerializer()
    old = JudgedVersionSerializer(allow_null=True)
    compared = JudgedComparisonSerializer(allow_null=True)


class JudgeRunSerializer(serializers.Serializer[Any]):
    """What came of it; `set` where an evaluation or a set was judged."""

    judge = serializers.CharField(help_text="Its key.")
    metric = serializers.CharField(help_text="The metric that its scores are results of.")
    prompt = serializers.CharField()
    judged = JudgedSerializer()
    set = JudgedSetSerializer(required=False)
    calibration = JudgeCalibrationSerializer()
