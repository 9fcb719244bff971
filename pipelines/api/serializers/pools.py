"""Pools, as they are written and shown."""

from typing import Any

from rest_framework import serializers

from config.only_known import OnlyKnown
from pipelines import pools
from pipelines.models import ConcurrencyPool

MAX_LIMIT = 2_147_483_647


class PoolSerializer(OnlyKnown, serializers.ModelSerializer[ConcurrencyPool]):
    """A pool, with how much of it is taken; the viewset annotates that."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, help_text="How much may be under way at once: of steps, and of runs."
    )
    stepsTaken = serializers.IntegerField(
        source="steps_taken", read_only=True, default=0, help_text="The weights of its steps that run now."
    )
    runsTaken = serializers.IntegerField(
        source="runs_taken", read_only=True, default=0, help_text="The weights of its runs under way."
    )
    runsQueued = serializers.IntegerField(
        source="runs_queued", read_only=True, default=0, help_text="Runs that wait until they fit."
    )
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = ConcurrencyPool
        fields = ("id", "key", "limit", "description", "stepsTaken", "runsTaken", "runsQueued", "createdAt")

    def create(self, validated_data: dict[str, Any]) -> ConcurrencyPool:
        return pools.save_pool(ConcurrencyPool(**validated_data))

    def update(self, instance: ConcurrencyPool, validated_data: dict[str, Any]) -> ConcurrencyPool:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return pools.save_pool(instance)


class PoolChangeSerializer(PoolSerializer):
    """A pool that is there; its key stays, as DAGs name it."""

    class Meta(PoolSerializer.Meta):
        read_only_fields = ("key",)
