"""How far an output is from its ground truth, and where that is kept."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F

from feedback.models import EvaluationItem
from metrics.documents import COMPARATORS, comparisons
from metrics.models import MetricDefinition, MetricResult
from monitoring.models import TestResult, TestRun
from pipelines.artifacts import accepted_artifacts
from pipelines.models import StepRun
from pipelines.review.evaluating.inputs import index_of
from pipelines.review.evaluating.sides import Side

CHECK = "Ground truth"


def score_items(items: Sequence[EvaluationItem], side: Side, run_id: uuid.UUID, set_key: str) -> None:
    """Compare what the run gave with the items' answers. A missing output scores as an empty one.

    Each output that there is gets a ``MetricResult`` a score, and a ``TestResult`` beside those of its step. The caller
    holds the transaction.
    """
    outputs = {
        (node, index): (step_run_id, ir)
        for node, index, step_run_id, ir in accepted_artifacts(run_id)
        .filter(step_run__node_key__in={item.ground_truth.scope for item in items})
        .values_list("step_run__node_key", "step_run__map_index", "step_run_id", "ir_json")
    }
    there: dict[uuid.UUID, EvaluationItem] = {}
    for item in items:
        place = (item.ground_truth.scope, index_of(item.ground_truth))
        step_run_id, ir = outputs.get(place, (None, None))
        setattr(item, side.scores, comparisons(ir, item.ground_truth.data))
        setattr(item, f"{side.step_run}_id", step_run_id)
        if step_run_id is not None:
            there[step_run_id] = item
    EvaluationItem.objects.bulk_update(items, [side.scores, side.step_run])
    _keep(there, side, set_key)


def _keep(there: Mapping[uuid.UUID, EvaluationItem], side: Side, set_key: str) -> None:
    metrics = _metrics()
    attempts = dict(StepRun.objects.filter(pk__in=there).values_list("pk", "attempt"))
    MetricResult.objects.bulk_create(
        MetricResult(
            step_run_id=step_run_id,
            attempt=attempts[step_run_id],
            metric=metrics[key],
            value=score,
            details={"groundTruthId": str(item.ground_truth_id), "setKey": set_key},
        )
        for step_run_id, item in there.items()
        for key, score in getattr(item, side.scores).items()
    )
    entries = TestRun.objects.filter(step_run__in=there, attempt=F("step_run__attempt"))
    found = [(entry, there[entry.step_run_id]) for entry in entries if entry.step_run_id is not None]
    TestResult.objects.bulk_create(_check(entry, item, getattr(item, side.scores), set_key) for entry, item in found)


def _check(entry: TestRun, item: EvaluationItem, scores: Mapping[str, float], set_key: str) -> TestResult:
    told: dict[str, Any] = {"groundTruthId": str(item.ground_truth_id), "setKey": set_key, "scores": scores}
    status = TestResult.Status.PASSED if scores["truth_json_exact"] == 1 else TestResult.Status.WARNING
    return TestResult(test_run=entry, name=CHECK, status=status, details=told)


def _metrics() -> dict[str, MetricDefinition]:
    """The metrics that scores against ground truth are kept under, made where they are not there yet."""
    there = {metric.key: metric for metric in MetricDefinition.objects.filter(key__in=COMPARATORS)}
    for key in COMPARATORS.keys() - there.keys():
        there[key], _ = MetricDefinition.objects.get_or_create(
            key=key,
            defaults={
                "name": key.replace("_", " ").capitalize(),
                "description": (COMPARATORS[key].__doc__ or "").strip(),
                "direction": MetricDefinition.Direction.HIGHER,
                "target": 1.0,
            },
        )
    return there
