"""Pipelines and their versions; a DAG is passed on untouched."""

from typing import Any

from rest_framework import serializers

from config.only_known import OnlyKnown
from pipelines.gates import MOST_REASON
from pipelines.models import PipelineDefinition, PipelineVersion
from pipelines.models.definitions import ValidationMode


class PipelineVersionSerializer(serializers.ModelSerializer[PipelineVersion]):
    isActive = serializers.BooleanField(source="is_active", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = PipelineVersion
        fields: tuple[str, ...] = ("id", "version", "isActive", "notes", "createdAt", "dag")
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


class PipelineVersionRowSerializer(PipelineVersionSerializer):
    """A version in a list, without its DAG."""

    createdBy = serializers.CharField(source="created_by.username", read_only=True, default=None, allow_null=True)

    class Meta(PipelineVersionSerializer.Meta):
        fields: tuple[str, ...] = ("id", "version", "isActive", "notes", "createdBy", "createdAt")
        read_only_fields = fields


class PipelineVersionDetailSerializer(PipelineVersionRowSerializer):
    class Meta(PipelineVersionRowSerializer.Meta):
        fields = (*PipelineVersionRowSerializer.Meta.fields, "dag")
        read_only_fields = fields


class DagSerializer(OnlyKnown, serializers.Serializer[Any]):
    """A DAG to be checked."""

    dag = serializers.JSONField(help_text="Nodes, edges and groups.")


class NewVersionSerializer(DagSerializer):
    """The next version of a pipeline."""

    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")


class DagFaultSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON Pointer into the DAG.")
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class DagVerdictSerializer(serializers.Serializer[Any]):
    """What was found; at most 100 faults."""

    valid = serializers.BooleanField()
    faults = DagFaultSerializer(many=True)


class ActivateVersionSerializer(OnlyKnown, serializers.Serializer[Any]):
    """What is said when a version is made active."""

    overrideReason = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MOST_REASON,
        help_text="Why it is made active although a gate refuses it. Needs `feedback.override_gate`.",
    )
