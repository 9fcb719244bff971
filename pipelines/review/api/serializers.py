"""What the API takes and shows of review, in camelCase; stored JSON is passed on untouched."""

from typing import Any

from rest_framework import serializers

from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from feedback.services import MAX_COMMENTS, MOST_PRIORITY
from metrics.models import MetricResult
from pipelines.review.adjudication import AnswerSoFar
from pipelines.review.content import Content

MOST_ITEMS = 1_000  # at once


class ReviewQuestionSerializer(serializers.ModelSerializer[ReviewQuestion]):
    helpText = serializers.CharField(source="help_text", read_only=True)
    isRequired = serializers.BooleanField(source="is_required", read_only=True)
    schema = serializers.DictField(read_only=True, help_text="The JSON Schema of an answer.")

    class Meta:
        model = ReviewQuestion
        fields = (
            "id",
            "key",
            "label",
            "helpText",
            "kind",
            "options",
            "minimum",
            "maximum",
            "isRequired",
            "order",
            "schema",
        )
        read_only_fields = fields


class ReviewQueueSerializer(serializers.ModelSerializer[ReviewQueue]):
    reviewersPerItem = serializers.IntegerField(source="reviewers_per_item", read_only=True)
    reservationMinutes = serializers.IntegerField(source="reservation_minutes", read_only=True)
    isActive = serializers.BooleanField(source="is_active", read_only=True)
    questions = ReviewQuestionSerializer(many=True, read_only=True)
    pipeline = serializers.CharField(source="pipeline.key", read_only=True, allow_null=True, default=None)
    step = serializers.CharField(source="step.key", read_only=True, allow_null=True, default=None)
    process = serializers.CharField(source="process.key", read_only=True, allow_null=True, default=None)
    metric = serializers.CharField(source="metric.key", read_only=True, allow_null=True, default=None)
    onlyInvalid = serializers.BooleanField(source="only_invalid", read_only=True)
    metricLimit = serializers.FloatField(source="metric_limit", read_only=True, allow_null=True)
    sharePercent = serializers.IntegerField(source="share_percent", read_only=True)
    mostOpen = serializers.IntegerField(source="most_open", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = ReviewQueue
        fields = (
            "id",
            "key",
            "name",
            "instructions",
            "rubric",
            "kind",
            "reviewersPerItem",
            "reservationMinutes",
            "adjudication",
            "isActive",
            "questions",
            "pipeline",
            "step",
            "process",
            "onlyInvalid",
            "metric",
            "metricLimit",
            "sharePercent",
            "mostOpen",
            "createdAt",
        )
        read_only_fields = fields


class ReviewItemSerializer(serializers.ModelSerializer[ReviewItem]):
    queueId = serializers.UUIDField(source="queue_id", read_only=True)
    targetId = serializers.UUIDField(source="target_id", read_only=True)
    stepRunId = serializers.UUIDField(source="step_run_id", read_only=True, allow_null=True)
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)
    answersNeeded = serializers.IntegerField(source="answers_needed", read_only=True)
    freeSlots = serializers.IntegerField(source="free_slots", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = ReviewItem
        fields: tuple[str, ...] = (
            "id",
            "queueId",
            "kind",
            "targetId",
            "stepRunId",
            "designSplitId",
            "title",
            "priority",
            "state",
            "answersNeeded",
            "freeSlots",
            "createdAt",
        )
        read_only_fields = fields


class ReviewAssignmentSerializer(serializers.ModelSerializer[ReviewAssignment]):
    item = ReviewItemSerializer(read_only=True)
    isAdjudication = serializers.BooleanField(
        source="is_adjudication", read_only=True, help_text="You decide what others disagree on."
    )
    claimedAt = serializers.DateTimeField(source="claimed_at", read_only=True)
    reservedUntil = serializers.DateTimeField(source="reserved_until", read_only=True, allow_null=True)

    class Meta:
        model = ReviewAssignment
        fields: tuple[str, ...] = ("id", "item", "isAdjudication", "state", "claimedAt", "reservedUntil")
        read_only_fields = fields


class ReviewHolderSerializer(serializers.ModelSerializer[ReviewAssignment]):
    """Whose turn at an item it is or was."""

    reviewer = serializers.CharField(source="reviewer.username", read_only=True)
    isAdjudication = serializers.BooleanField(source="is_adjudication", read_only=True)
    claimedAt = serializers.DateTimeField(source="claimed_at", read_only=True)
    reservedUntil = serializers.DateTimeField(source="reserved_until", read_only=True, allow_null=True)

    class Meta:
        model = ReviewAssignment
        fields = ("id", "reviewer", "slot", "isAdjudication", "state", "claimedAt", "reservedUntil", "note")
        read_only_fields = fields


class ReviewMetricSerializer(serializers.ModelSerializer[MetricResult]):
    key = serializers.CharField(source="metric.key", read_only=True)

    class Meta:
        model = MetricResult
        fields = ("key", "value", "passed")
        read_only_fields = fields


class ReviewRemarkSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(allow_blank=True, trim_whitespace=False, help_text="A JSON Pointer into the output.")
    comment = serializers.CharField()


class ReviewAnswerSerializer(serializers.ModelSerializer[ReviewAnswer]):
    correctedUnder = serializers.UUIDField(
        source="corrected_under",
        read_only=True,
        allow_null=True,
        help_text="The schema version that it is valid under.",
    )
    remarks = ReviewRemarkSerializer(many=True, read_only=True)
    durationMs = serializers.IntegerField(source="duration_ms", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = ReviewAnswer
        fields: tuple[str, ...] = (
            "id",
            "verdict",
            "answers",
            "correction",
            "correctedUnder",
            "comments",
            "remarks",
            "durationMs",
            "createdAt",
        )
        read_only_fields = fields


class ReviewAnswerRowSerializer(ReviewAnswerSerializer):
    """An answer, and whose it is."""

    itemId = serializers.UUIDField(source="assignment.item_id", read_only=True)
    queueId = serializers.UUIDField(source="assignment.item.queue_id", read_only=True)
    reviewer = serializers.CharField(source="assignment.reviewer.username", read_only=True)
    isAdjudication = serializers.BooleanField(source="assignment.is_adjudication", read_only=True)
    reviewFeedbackId = serializers.UUIDField(
        source="feedback.pk", read_only=True, allow_null=True, default=None, help_text="What is curated."
    )

    class Meta(ReviewAnswerSerializer.Meta):
        fields = (
            *ReviewAnswerSerializer.Meta.fields,
            "itemId",
            "queueId",
            "reviewer",
            "isAdjudication",
            "reviewFeedbackId",
        )
        read_only_fields = fields


class ReviewItemDetailSerializer(ReviewItemSerializer):
    acceptedAnswer = ReviewAnswerSerializer(
        source="accepted_answer",
        read_only=True,
        allow_null=True,
        help_text="The adjudicator's, else that of reviewers who agree; null while there is none.",
    )

    class Meta(ReviewItemSerializer.Meta):
        fields = (*ReviewItemSerializer.Meta.fields, "acceptedAnswer")
        read_only_fields = fields


class ReviewAnswerSoFarSerializer(serializers.Serializer[AnswerSoFar]):
    """What one of the reviewers answered, without their name."""

    reviewer = serializers.CharField(source="name", help_text="A, B and so on.")
    verdict = serializers.CharField(source="given.verdict")
    answers = serializers.DictField(source="given.answers")
    correction = serializers.JSONField(source="given.correction", allow_null=True)
    comments = serializers.CharField(source="given.comments")
    remarks = ReviewRemarkSerializer(source="given.remarks", many=True)


class ReviewContentSerializer(serializers.Serializer[Content]):
    """What a reviewer judges, and what it was made of."""

    output = serializers.JSONField(source="document", allow_null=True, help_text="Null where it is no longer kept.")
    faults = serializers.ListField(child=serializers.DictField(), help_text="How it breaks its schema; the first 50.")
    faultCount = serializers.IntegerField(source="fault_count")
    schemaId = serializers.UUIDField(
        source="contract.schema_id", allow_null=True, default=None, help_text="What a correction must fit."
    )
    input = serializers.JSONField(
        source="given.value",
        allow_null=True,
        help_text="What the step worked on: its item of a forEach, else `upstream`. Null where there is neither.",
    )
    inputIsTooLarge = serializers.BooleanField(
        source="given.is_too_large", help_text="Some of what it worked on is left out, as it is more than 1 MB."
    )
    runInputs = serializers.DictField(source="given.inputs", help_text="What the run began with.")
    upstream = serializers.DictField(
        source="given.upstream",
        help_text="What the steps before it gave, by node; a list of one that ran forEach. Without the one that it has "
        "an item of.",
    )
    params = serializers.JSONField(source="given.params")
    prompt = serializers.CharField(source="prompt_data.prompt", allow_null=True, default=None)
    context = serializers.JSONField(  # type: ignore[assignment]
        source="prompt_data.context", allow_null=True, default=None
    )
    metrics = ReviewMetricSerializer(many=True)


class ReviewAssignmentDetailSerializer(ReviewAssignmentSerializer):
    draft = serializers.DictField(read_only=True)
    content = ReviewContentSerializer(read_only=True)
    answersSoFar = ReviewAnswerSoFarSerializer(
        source="answers_so_far", many=True, read_only=True, help_text="For an adjudicator: what the others answered."
    )
    answer = ReviewAnswerSerializer(source="given_answer", read_only=True, allow_null=True)

    class Meta(ReviewAssignmentSerializer.Meta):
        fields = (*ReviewAssignmentSerializer.Meta.fields, "draft", "content", "answersSoFar", "answer")
        read_only_fields = fields


class ReviewClaimSerializer(serializers.Serializer[Any]):
    besides = serializers.UUIDField(
        required=False, allow_null=True, help_text="An assignment that does not count as held: fetch the next ahead."
    )


class ReviewDraftSerializer(serializers.Serializer[Any]):
    draft = serializers.DictField(help_text="Whatever the screen wants to find again.")


class ReviewGivenSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=ReviewAnswer.Verdict.choices)
    answers = serializers.DictField(required=False, default=dict, help_text="By the questions' keys.")
    correction = serializers.JSONField(
        required=False, allow_null=True, default=None, help_text="With `correct`: the whole output as it should be."
    )
    comments = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_COMMENTS)
    remarks = ReviewRemarkSerializer(many=True, required=False, default=list)
    tookMs = serializers.IntegerField(required=False, min_value=0, max_value=86_400_000, help_text="Looked at so long.")


class ReviewCorrectionSerializer(serializers.Serializer[Any]):
    correction = serializers.JSONField(allow_null=True, help_text="The whole output as it should be.")


class ReviewFaultSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON Pointer into the body.")
    message = serializers.CharField()


class ReviewCorrectionVerdictSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField(help_text="Whether it would be taken now.")
    faults = ReviewFaultSerializer(many=True)


class ReviewSkipSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class ReviewFilledSerializer(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    whyNone = serializers.CharField(
        source="why_none", help_text="Why none was added, as a sentence; empty where some were."
    )


class ReviewItemsSerializer(serializers.Serializer[Any]):
    itemIds = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_ITEMS)


class ReviewItemsChangedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many there were to change.")


class ReviewItemChangeSerializer(serializers.Serializer[Any]):
    priority = serializers.IntegerField(
        min_value=-MOST_PRIORITY, max_value=MOST_PRIORITY, help_text="The highest is handed out first; 0 at first."
    )
