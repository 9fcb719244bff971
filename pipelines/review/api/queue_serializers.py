"""What queues and their questions are made of, and how far the work in one is."""

from typing import Any

from rest_framework import serializers

from feedback.models import ReviewQuestion, ReviewQueue
from feedback.models.queues import MOST_OPEN_ITEMS, MOST_QUESTIONS, MOST_REVIEWERS
from feedback.queues import OPTIONS_WANTED
from metrics.models import MetricDefinition
from pipelines.models import AIProcess, PipelineDefinition, StepDefinition


def _named(rows: Any, what: str) -> Any:
    return serializers.SlugRelatedField(
        slug_field="key", queryset=rows, required=False, allow_null=True, help_text=f"Key. Null: any {what}."
    )


class ReviewQuestionChangeSerializer(serializers.ModelSerializer[ReviewQuestion]):
    """Of a question that somebody has answered key and kind are fixed: `review-question-answered`."""

    helpText = serializers.CharField(source="help_text", required=False, allow_blank=True, max_length=500)
    options = serializers.ListField(child=serializers.CharField(), required=False, help_text=OPTIONS_WANTED)
    minimum = serializers.FloatField(required=False, allow_null=True, help_text="Of a number.")
    maximum = serializers.FloatField(required=False, allow_null=True, help_text="Of a number.")
    isRequired = serializers.BooleanField(source="is_required", required=False)
    order = serializers.IntegerField(required=False, min_value=0, max_value=32_767)

    class Meta:
        model = ReviewQuestion
        fields: tuple[str, ...] = (
            "key",
            "label",
            "helpText",
            "kind",
            "options",
            "minimum",
            "maximum",
            "isRequired",
            "order",
        )


class NewReviewQuestionSerializer(ReviewQuestionChangeSerializer):
    queueId = serializers.PrimaryKeyRelatedField(source="queue", queryset=ReviewQueue.objects.all())

    class Meta(ReviewQuestionChangeSerializer.Meta):
        fields = ("queueId", *ReviewQuestionChangeSerializer.Meta.fields)


class ReviewQueueChangeSerializer(serializers.ModelSerializer[ReviewQueue]):
    reviewersPerItem = serializers.IntegerField(
        source="reviewers_per_item", required=False, min_value=1, max_value=MOST_REVIEWERS
    )
    reservationMinutes = serializers.IntegerField(
        source="reservation_minutes", required=False, min_value=1, max_value=1440
    )
    isActive = serializers.BooleanField(source="is_active", required=False)
    pipeline = _named(PipelineDefinition.objects.all(), "pipeline")
    step = _named(StepDefinition.objects.all(), "step")
    process = _named(AIProcess.objects.all(), "process; for prompt results only")
    onlyInvalid = serializers.BooleanField(source="only_invalid", required=False)
    metric = _named(MetricDefinition.objects.all(), "value")
    metricLimit = serializers.FloatField(
        source="metric_limit", required=False, allow_null=True, help_text="Null: the metric's own target."
    )
    sharePercent = serializers.IntegerField(source="share_percent", required=False, min_value=1, max_value=100)
    mostOpen = serializers.IntegerField(source="most_open", required=False, min_value=1, max_value=MOST_OPEN_ITEMS)

    class Meta:
        model = ReviewQueue
        fields: tuple[str, ...] = (
            "key",
            "name",
            "instructions",
            "rubric",
            "kind",
            "reviewersPerItem",
            "reservationMinutes",
            "adjudication",
            "isActive",
            "pipeline",
            "step",
            "process",
            "onlyInvalid",
            "metric",
            "metricLimit",
            "sharePercent",
            "mostOpen",
        )


class NewReviewQueueSerializer(ReviewQueueChangeSerializer):
    questions = ReviewQuestionChangeSerializer(many=True, required=False, max_length=MOST_QUESTIONS)  # type: ignore[call-arg]

    class Meta(ReviewQueueChangeSerializer.Meta):
        fields = (*ReviewQueueChangeSerializer.Meta.fields, "questions")


class ReviewProgressSerializer(serializers.Serializer[Any]):
    """Items by their state, and what is yours."""

    open = serializers.IntegerField(help_text="That take answers.")
    disputed = serializers.IntegerField(help_text="That wait for an adjudicator.")
    done = serializers.IntegerField()
    withdrawn = serializers.IntegerField()
    answered = serializers.IntegerField(help_text="That you answered.")
    held = serializers.IntegerField(help_text="That you hold now.")
