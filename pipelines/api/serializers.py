"""What the API shows of the conductor's tables, in camelCase; JSON that is stored is passed on untouched."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pipelines.models import (
    DesignSplit,
    GeneratedArtifact,
    ModuleTemplate,
    PipelineDefinition,
    PipelineRun,
    PipelineVersion,
    SplitAsset,
    ValidationResult,
)
from pipelines.models.definitions import ValidationMode
from pipelines.models.runs import OutputType, StepStatus
from pipelines.selectors import run_report


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


class DesignSplitSerializer(serializers.ModelSerializer[DesignSplit]):
    designUploadId = serializers.UUIDField(source="design_upload_id", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    updatedAt = serializers.DateTimeField(source="updated_at", read_only=True)

    class Meta:
        model = DesignSplit
        fields = ("id", "designUploadId", "status", "metrics", "name", "kind", "createdAt", "updatedAt")
        read_only_fields = fields


class SplitAssetSerializer(serializers.ModelSerializer[SplitAsset]):
    splitId = serializers.UUIDField(source="split_id", read_only=True)
    storageUrl = serializers.CharField(source="storage_url", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    projectId = serializers.UUIDField(source="project_id", read_only=True, allow_null=True)

    class Meta:
        model = SplitAsset
        fields = ("id", "splitId", "kind", "storageUrl", "meta", "order", "createdAt", "projectId")
        read_only_fields = fields


class ModuleTemplateSerializer(serializers.ModelSerializer[ModuleTemplate]):
    htmlContent = serializers.CharField(source="html_content", read_only=True)
    cssContent = serializers.CharField(source="css_content", read_only=True)
    jsContent = serializers.CharField(source="js_content", read_only=True)
    usageCount = serializers.IntegerField(source="usage_count", read_only=True)
    rating = serializers.FloatField(read_only=True, allow_null=True, help_text="0 to 5.")

    class Meta:
        model = ModuleTemplate
        fields = (
            "id",
            "name",
            "description",
            "category",
            "complexity",
            "htmlContent",
            "cssContent",
            "jsContent",
            "tags",
            "version",
            "usageCount",
            "rating",
        )
        read_only_fields = fields


class GeneratedArtifactSerializer(serializers.ModelSerializer[GeneratedArtifact]):
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)
    moduleId = serializers.UUIDField(source="module_id", read_only=True, allow_null=True)
    contentUrl = serializers.CharField(source="content_url", read_only=True)

    class Meta:
        model = GeneratedArtifact
        fields = ("id", "designSplitId", "moduleId", "type", "contentUrl", "content", "meta", "status")
        read_only_fields = fields


class ValidationResultSerializer(serializers.ModelSerializer[ValidationResult]):
    artifactId = serializers.UUIDField(source="artifact_id", read_only=True, allow_null=True)
    designSplitId = serializers.UUIDField(source="design_split_id", read_only=True, allow_null=True)

    class Meta:
        model = ValidationResult
        fields = ("id", "artifactId", "designSplitId", "validator", "status", "message", "details")
        read_only_fields = fields


class PipelineVersionSerializer(serializers.ModelSerializer[PipelineVersion]):
    isActive = serializers.BooleanField(source="is_active", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = PipelineVersion
        fields = ("id", "version", "isActive", "notes", "createdAt", "dag")
        read_only_fields = fields


class PipelineSerializer(serializers.ModelSerializer[PipelineDefinition]):
    """A pipeline; the viewset annotates `activeVersion`, null where none is active."""

    irValidationMode = serializers.ChoiceField(
        source="ir_validation_mode",
        choices=ValidationMode.choices,
        read_only=True,
        allow_blank=True,
        help_text="Empty where the installation's mode holds.",
    )
    activeVersion = serializers.IntegerField(source="active_version", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = PipelineDefinition
        fields: tuple[str, ...] = (
            "id",
            "key",
            "name",
            "description",
            "irValidationMode",
            "activeVersion",
            "createdAt",
        )
        read_only_fields = fields


class PipelineDetailSerializer(PipelineSerializer):
    versions = PipelineVersionSerializer(many=True, read_only=True)

    class Meta(PipelineSerializer.Meta):
        fields = (*PipelineSerializer.Meta.fields, "versions")
        read_only_fields = fields


class PipelineRunSerializer(serializers.ModelSerializer[PipelineRun]):
    pipeline = serializers.SlugRelatedField[PipelineRun](slug_field="key", read_only=True)
    version = serializers.IntegerField(source="pipeline_version.version", read_only=True)
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


class MetricValueSerializer(serializers.Serializer[dict[str, Any]]):
    value = serializers.FloatField(allow_null=True)
    passed = serializers.BooleanField(allow_null=True)


class StepOutputSerializer(serializers.Serializer[dict[str, Any]]):
    targetType = serializers.ChoiceField(choices=OutputType.choices)
    targetId = serializers.UUIDField()


class StepReportSerializer(serializers.Serializer[dict[str, Any]]):
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


class PipelineRunDetailSerializer(PipelineRunSerializer):
    steps = serializers.SerializerMethodField(help_text="In the order of the DAG.")

    class Meta(PipelineRunSerializer.Meta):
        fields = (*PipelineRunSerializer.Meta.fields, "steps")
        read_only_fields = fields

    @extend_schema_field(StepReportSerializer(many=True))
    def get_steps(self, run: PipelineRun) -> Any:
        return StepReportSerializer(run_report(run)["steps"], many=True).data
