"""Runs and their steps: what is asked for, and what is shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.idempotency import MAX_KEY
from config.only_known import OnlyKnown
from pipelines.approvals import MAX_COMMENT
from pipelines.models import PipelineRun, StepLog, StepRun
from pipelines.models.runs import OutputType, StepStatus
from pipelines.selectors import run_report, step_report

MAX_STEPS = 1000
MAX_NODES = 2000
PARAMS_HELP = "Parameters by node key."
NO_ADDRESS = "Write an address that begins with http:// or https:// and has no spaces."


@extend_schema_field(
    {
        "type": ["object", "null"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "nodeKey": {"type": "string", "description": "The step that is to blame."},
            "mapIndex": {"type": ["integer", "null"]},
        },
    }
)
class ErrorField(serializers.JSONField):
    """Why a run or a step failed."""


class PipelineRunSerializer(serializers.ModelSerializer[PipelineRun]):
    pipeline = serializers.SlugRelatedField[PipelineRun](slug_field="key", read_only=True)
    version = serializers.IntegerField(source="pipeline_version.version", read_only=True)
    queued = serializers.SerializerMethodField(
        help_text="It has not begun, as its pool is full; its status is running all the same."
    )
    pool = serializers.CharField(
        read_only=True, help_text="The pool whose limit it shares with other runs; empty: none."
    )
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)
    runGroupId = serializers.UUIDField(source="run_group_id", read_only=True)
    rerunOf = serializers.UUIDField(source="rerun_of_id", read_only=True, allow_null=True)
    error = ErrorField(read_only=True)
    startedBy = serializers.SlugRelatedField[PipelineRun](
        source="started_by", slug_field="username", read_only=True, allow_null=True
    )
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    cancelRequestedAt = serializers.DateTimeField(source="cancel_requested_at", read_only=True, allow_null=True)
    finishedAt = serializers.DateTimeField(source="finished_at", read_only=True, allow_null=True)

    class Meta:
        model = PipelineRun
        fields: tuple[str, ...] = (
            "id",
            "pipeline",
            "version",
            "status",
            "queued",
            "pool",
            "designSplitId",
            "runGroupId",
            "rerunOf",
            "inputs",
            "params",
            "error",
            "startedBy",
            "createdAt",
            "cancelRequestedAt",
            "finishedAt",
        )
        read_only_fields = fields

    def get_queued(self, run: PipelineRun) -> bool:
        return bool(run.waits_for_pool)


class MetricValueSerializer(serializers.Serializer[dict[str, Any]]):
    value = serializers.FloatField(allow_null=True)
    passed = serializers.BooleanField(allow_null=True)


class StepOutputSerializer(serializers.Serializer[dict[str, Any]]):
    targetType = serializers.ChoiceField(choices=OutputType.choices)
    targetId = serializers.UUIDField()


class StepReportSerializer(serializers.Serializer[Any]):
    """A step run with its IR's validity, its metrics by key, and links to what it made."""

    stepRunId = serializers.UUIDField()
    nodeKey = serializers.CharField()
    mapIndex = serializers.IntegerField(allow_null=True, help_text="Which item of a forEach, from 0.")
    status = serializers.ChoiceField(choices=StepStatus.choices)
    attempt = serializers.IntegerField()
    durationMs = serializers.IntegerField(allow_null=True)
    artifactId = serializers.UUIDField(allow_null=True, help_text="The IR it handed over.")
    isValid = serializers.BooleanField(allow_null=True, help_text="Null where the IR was not checked.")
    errorCount = serializers.IntegerField(allow_null=True)
    metrics = serializers.DictField(child=MetricValueSerializer())
    outputs = StepOutputSerializer(many=True)
    error = ErrorField()
    reason = serializers.CharField(allow_blank=True, help_text="Why it was skipped, waits or did not run.")
    reasonCode = serializers.CharField(allow_blank=True)
    reusedFrom = serializers.UUIDField(allow_null=True, help_text="The step run whose result stands here.")
    decidedBy = serializers.CharField(allow_null=True, help_text="Who approved or declined it.")
    decidedAt = serializers.DateTimeField(allow_null=True)
    decisionComment = serializers.CharField(allow_blank=True)


class PipelineRunDetailSerializer(PipelineRunSerializer):
    steps = serializers.SerializerMethodField(
        help_text=f"In the order of the DAG; the first {MAX_STEPS} where there are more. /api/step-runs pages them all."
    )
    stepCount = serializers.SerializerMethodField(help_text="How many steps there are so far.")
    priority = serializers.IntegerField(read_only=True)
    rerunFrom = serializers.ListField(
        source="rerun_from",
        child=serializers.CharField(),
        read_only=True,
        allow_null=True,
        help_text="The nodes that were named to run again.",
    )

    class Meta(PipelineRunSerializer.Meta):
        fields = (*PipelineRunSerializer.Meta.fields, "steps", "stepCount", "priority", "rerunFrom")
        read_only_fields = fields

    @extend_schema_field(StepReportSerializer(many=True))
    def get_steps(self, run: PipelineRun) -> Any:
        return StepReportSerializer(run_report(run, limit=MAX_STEPS)["steps"], many=True).data

    def get_stepCount(self, run: PipelineRun) -> int:  # noqa: N802 - named after its field
        return run.step_runs.count()


class StepRunSerializer(StepReportSerializer):
    """A step run by itself, with the run that it belongs to."""

    pipelineRunId = serializers.UUIDField()

    def to_representation(self, instance: StepRun) -> dict[str, Any]:
        return super().to_representation({**step_report(instance), "pipelineRunId": instance.pipeline_run_id})


class StepLogSerializer(serializers.ModelSerializer[StepLog]):
    """A line that a step wrote while it ran."""

    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = StepLog
        fields = ("id", "attempt", "message", "createdAt")
        read_only_fields = fields


class IRSerializer(serializers.Serializer[Any]):
    artifactId = serializers.UUIDField(source="pk")
    outcome = serializers.CharField()
    contentHash = serializers.CharField(source="content_hash", help_text="SHA-256 of the canonical form.")
    sizeBytes = serializers.IntegerField(source="size_bytes")
    ir = serializers.JSONField(source="ir_json", allow_null=True)


class ParamsField(serializers.DictField):
    """Parameters by node key, each node's an object."""

    child = serializers.DictField()


class StartSerializer(OnlyKnown, serializers.Serializer[Any]):
    """What a run starts with. Everything may be left out."""

    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2_147_483_647, help_text="A version; else the active one."
    )
    inputs = serializers.DictField(required=False, default=dict)
    params = ParamsField(required=False, default=dict, help_text=PARAMS_HELP)
    sourceUrl = serializers.RegexField(
        r"^https?://\S+$",
        required=False,
        max_length=2000,
        error_messages={"invalid": NO_ADDRESS},
        help_text="The address of the page or picture to work on; `inputs.source` then names it.",
    )
    priority = serializers.IntegerField(required=False, min_value=-1000, max_value=1000, default=0)
    runGroupId = serializers.UUIDField(required=False, help_text="Runs that belong together carry the same.")
    idempotencyKey = serializers.CharField(
        required=False,
        max_length=MAX_KEY,
        help_text="Or the header Idempotency-Key: repeated, it starts no second run.",
    )


class RerunSerializer(OnlyKnown, serializers.Serializer[Any]):
    """What is to run again. Empty: what failed or was cancelled, and all below it."""

    fromNodes = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        allow_empty=False,
        max_length=MAX_NODES,
        help_text="Nodes that run again, and all below them.",
    )
    params = ParamsField(required=False, default=dict, help_text=f"{PARAMS_HELP} They lie over the earlier run's.")
    runGroupId = serializers.UUIDField(required=False, help_text="Left out: the earlier run's.")
    idempotencyKey = serializers.CharField(required=False, max_length=MAX_KEY)


class DecisionSerializer(OnlyKnown, serializers.Serializer[Any]):
    """What is said when a step that waits is approved or declined."""

    comment = serializers.CharField(required=False, allow_blank=True, max_length=MAX_COMMENT, default="")
