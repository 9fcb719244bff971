"""Gates: what is shown of them, and what they are made of."""

from typing import Any

from rest_framework import serializers

from feedback.models import ActivationGate, GroundTruthSet
from pipelines.models import AIProcess, PipelineDefinition
from pipelines.review.gating import save_gate


class ActivationGateSerializer(serializers.ModelSerializer[ActivationGate]):
    """Asks that a version is not worse than the active one on a frozen set before it is made active."""

    pipeline = serializers.SlugRelatedField(slug_field="key", queryset=PipelineDefinition.objects.all())
    process = serializers.SlugRelatedField(
        slug_field="key",
        queryset=AIProcess.objects.all(),
        required=False,
        allow_null=True,
        default=None,
        help_text="Guard this process's prompts, as the pipeline asks them. Null: the pipeline's own versions.",
    )
    set = serializers.SlugRelatedField(source="truth_set", slug_field="key", queryset=GroundTruthSet.objects.all())
    minimumItems = serializers.IntegerField(
        source="minimum_items",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="Answers compared, at least.",
    )
    whenUnclear = serializers.ChoiceField(
        source="when_unclear",
        choices=ActivationGate.Unclear.choices,
        required=False,
        help_text="What a metric whose change may be chance does: `allow` or `refuse` the version.",
    )
    createdBy = serializers.CharField(source="created_by.username", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = ActivationGate
        fields = (
            "id",
            "pipeline",
            "process",
            "set",
            "minimumItems",
            "whenUnclear",
            "enabled",
            "createdBy",
            "createdAt",
        )
        validators: tuple[Any, ...] = ()  # the service refuses a second one, for every door

    def create(self, validated_data: dict[str, Any]) -> ActivationGate:
        return save_gate(ActivationGate(**validated_data))

    def update(self, instance: ActivationGate, validated_data: dict[str, Any]) -> ActivationGate:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return save_gate(instance)
