"""Schedules: what is shown of them, and what they are made of."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.only_known import OnlyKnown
from pipelines import schedules
from pipelines.api.serializers.runs import NO_ADDRESS, PARAMS_HELP, ErrorField, ParamsField
from pipelines.models import PipelineDefinition, PipelineSchedule, PipelineVersion

MAX_VERSION = 2_147_483_647


class PipelineScheduleSerializer(OnlyKnown, serializers.ModelSerializer[PipelineSchedule]):
    """A schedule; its runs carry its id as `runGroupId`."""

    pipeline = serializers.SlugRelatedField(slug_field="key", queryset=PipelineDefinition.objects.all())
    version = serializers.IntegerField(
        source="pipeline_version.version",
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_VERSION,
        help_text="Null: the version that is active when the time comes.",
    )
    sourceUrl = serializers.RegexField(
        r"^https?://\S+$",
        source="source_url",
        required=False,
        allow_blank=True,
        max_length=2000,
        error_messages={"invalid": NO_ADDRESS},
        help_text="The page or picture to work on, fetched each time.",
    )
    inputs = serializers.DictField(required=False)
    params = ParamsField(required=False, help_text=PARAMS_HELP)
    priority = serializers.IntegerField(required=False, min_value=-1000, max_value=1000)
    nextRunAt = serializers.DateTimeField(source="next_run_at", read_only=True, allow_null=True)
    lastSlot = serializers.DateTimeField(
        source="last_slot", read_only=True, allow_null=True, help_text="The time that last came."
    )
    lastRunId = serializers.UUIDField(source="last_run_id", read_only=True, allow_null=True)
    lastMissed = serializers.IntegerField(
        source="last_missed", read_only=True, help_text="Times before it that passed while nobody looked."
    )
    lastError = ErrorField(source="last_error", read_only=True, help_text="Why no run was started.")
    createdBy = serializers.CharField(source="created_by.username", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = PipelineSchedule
        fields: tuple[str, ...] = (
            "id",
            "name",
            "pipeline",
            "version",
            "cron",
            "timezone",
            "sourceUrl",
            "inputs",
            "params",
            "priority",
            "enabled",
            "nextRunAt",
            "lastSlot",
            "lastRunId",
            "lastMissed",
            "lastError",
            "createdBy",
            "createdAt",
        )

    def create(self, validated_data: dict[str, Any]) -> PipelineSchedule:
        return self._save(PipelineSchedule(), validated_data)

    def update(self, instance: PipelineSchedule, validated_data: dict[str, Any]) -> PipelineSchedule:
        return self._save(instance, validated_data)

    def _save(self, schedule: PipelineSchedule, given: dict[str, Any]) -> PipelineSchedule:
        version = given.pop("pipeline_version", None)
        for name, value in given.items():
            setattr(schedule, name, value)
        if version is not None:
            schedule.pipeline_version = self._version(schedule, version["version"])
        return schedules.save_schedule(schedule)

    def _version(self, schedule: PipelineSchedule, number: int | None) -> PipelineVersion | None:
        if number is None:
            return None
        version = schedule.pipeline.versions.select_related("pipeline").filter(version=number).first()
        if version is None:
            raise serializers.ValidationError({"version": f"{schedule.pipeline} has no version {number}."})
        return version


class PipelineScheduleDetailSerializer(PipelineScheduleSerializer):
    nextTimes = serializers.SerializerMethodField(help_text="The next five times, in UTC; none while it is off.")

    class Meta(PipelineScheduleSerializer.Meta):
        fields = (*PipelineScheduleSerializer.Meta.fields, "nextTimes")

    @extend_schema_field(serializers.ListField(child=serializers.DateTimeField()))
    def get_nextTimes(self, schedule: PipelineSchedule) -> Any:  # noqa: N802 - named after its field
        return schedules.next_times(schedule)
