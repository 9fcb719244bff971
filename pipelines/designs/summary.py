"""The small latest summary of a design, for the views that know only ``DesignSplit``."""

from statistics import fmean
from typing import Any

from metrics.models import MetricResult
from pipelines.artifacts import accepted_artifacts
from pipelines.models import DesignSplit, PipelineRun
from pipelines.models.runs import RunStatus
from pipelines.steps.validate_artifact.scoring import grade_of


def refresh_design(run: PipelineRun, ended: str) -> None:
    """Write how the run ended into its design, where it has one. The caller holds the transaction."""
    if run.design_split_id is None:
        return
    status = DesignSplit.Status.COMPLETED if ended == RunStatus.COMPLETED else DesignSplit.Status.FAILED
    summary = {"runId": str(run.pk), "status": ended, **_measured(run)}
    DesignSplit.objects.filter(pk=run.design_split_id).update(status=status, metrics=summary)


def _measured(run: PipelineRun) -> dict[str, Any]:
    """``{metrics: {key: mean}, quality: {scores, overall, grade}}``; what was not measured is absent."""
    values: dict[str, list[float]] = {}
    results = MetricResult.objects.filter(step_run__pipeline_run=run, value__isnull=False)
    for key, value in results.values_list("metric__key", "value"):
        values.setdefault(key, []).append(float(value or 0))
    summary: dict[str, Any] = {"metrics": {key: round(fmean(found), 6) for key, found in sorted(values.items())}}
    quality = _quality(run)
    return summary | ({"quality": quality} if quality else {})


def _quality(run: PipelineRun) -> dict[str, Any] | None:
    """Mean scores over every artifact that was validated."""
    judged = accepted_artifacts(run.pk).filter(ir_json__has_keys=["scores", "overall", "grade"])
    scores: dict[str, list[float]] = {}
    overall: list[float] = []
    for found, total in judged.values_list("ir_json__scores", "ir_json__overall"):
        for name, score in found.items():
            scores.setdefault(name, []).extend([] if score is None else [score])
        overall.extend([] if total is None else [total])
    if not overall:
        return None
    mean = round(fmean(overall), 1)
    means = {name: round(fmean(values), 1) if values else None for name, values in scores.items()}
    return {"scores": means, "overall": mean, "grade": grade_of(mean)}
