"""Prompts, as they are shown."""

from rest_framework import serializers

from pipelines.models import AIPrompt
from pipelines.models.definitions import ValidationMode


class AIPromptSerializer(serializers.ModelSerializer[AIPrompt]):
    """One version of a process's prompt. Of several that are active the default is asked, else the latest."""

    process = serializers.CharField(source="process.key", read_only=True, help_text="The process's key.")
    isActive = serializers.BooleanField(source="is_active", read_only=True)
    isDefault = serializers.BooleanField(source="is_default", read_only=True)
    irValidationMode = serializers.ChoiceField(
        source="ir_validation_mode",
        choices=ValidationMode.choices,
        read_only=True,
        allow_blank=True,
        help_text="Empty where the pipeline's or the installation's mode holds.",
    )
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = AIPrompt
        fields: tuple[str, ...] = (
            "id",
            "process",
            "version",
            "isActive",
            "isDefault",
            "irValidationMode",
            "createdAt",
        )
        read_only_fields = fields


class AIPromptDetailSerializer(AIPromptSerializer):
    class Meta(AIPromptSerializer.Meta):
        fields = (*AIPromptSerializer.Meta.fields, "content")
        read_only_fields = fields
