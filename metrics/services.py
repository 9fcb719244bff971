"""Measuring one step run by a profile."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.models import uuid7_text
from metrics.evaluators import Evidence, Measurement, evaluate
from metrics.models import MetricDefinition, MetricProfileItem


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of a profile, measured."""

    item: MetricProfileItem
    measurement: Measurement
    passed: bool | None

    @property
    def value(self) -> float | None:
        value = self.measurement.value
        return None if value is None else float(value)


def measure(items: Sequence[MetricProfileItem], evidence: Evidence) -> list[Measured]:
    """Evaluate every metric. Writes nothing."""
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


def result_rows(*, step_run_id: uuid.UUID, attempt: int, measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """One ``MetricResult`` for each, by column."""
    return [
        {
            "id": uuid7_text(),
            "step_run_id": step_run_id,
            "attempt": attempt,
            "metric_id": one.item.metric_id,
            "profile_id": one.item.profile_id,
            "value": one.value,
            "passed": one.passed,
            "details": one.measurement.details,
        }
        for one in measured
    ]
