"""Measuring one step run by a profile."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from metrics.evaluators import Evidence, Measurement, evaluate
from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem, MetricResult


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of a profile, measured."""

    item: MetricProfileItem
    measurement: Measurement
    passed: bool | None


def profile_by_reference(reference: str) -> MetricProfile | None:
    """A profile by its key or its id."""
    try:
        condition = {"id": uuid.UUID(reference)}
    except ValueError:
        return MetricProfile.objects.filter(key=reference).first()
    return MetricProfile.objects.filter(**condition).first()


def measure(profile: MetricProfile, evidence: Evidence) -> list[Measured]:
    """Evaluate every metric of the profile, in the order of their keys. Writes nothing."""
    items = profile.items.select_related("metric").order_by("metric__key")
    measured = []
    for item in items:
        measurement = evaluate(item.metric.key, evidence)
        measured.append(Measured(item, measurement, verdict(item, measurement)))
    return measured


def verdict(item: MetricProfileItem, measurement: Measurement) -> bool | None:
    """Whether the value stands on the good side of the threshold; None without a value or a threshold."""
    if measurement.value is None or item.threshold is None:
        return None
    value = float(measurement.value)
    if item.metric.direction == MetricDefinition.Direction.HIGHER:
        return value >= item.threshold
    return value <= item.threshold


def record_results(*, step_run_id: uuid.UUID, attempt: int, measured: Sequence[Measured]) -> list[MetricResult]:
    """Write one ``MetricResult`` for each. The caller holds the transaction."""
    return MetricResult.objects.bulk_create(
        MetricResult(
            step_run_id=step_run_id,
            attempt=attempt,
            metric_id=one.item.metric_id,
            profile_id=one.item.profile_id,
            value=None if one.measurement.value is None else float(one.measurement.value),
            passed=one.passed,
            details=one.measurement.details,
        )
        for one in measured
    )
