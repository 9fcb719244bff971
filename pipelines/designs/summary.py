"""The small latest summary of a design, for the views that know only ``DesignSplit``."""

from statistics import mean
from typing import Any

from django.db.models import F

from metrics.models import MetricResult
from pipelines.artifacts import accepted_artifacts
from pipelines.models import DesignSplit, PipelineRun
from pipelines.models.runs import RunStatus, StepStatus
from pipelines.recording.columns import is_score


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
    accepted = {"step_run__status": StepStatus.COMPLETED, "attempt": F("step_run__attempt")}
    results = MetricResult.objects.filter(step_run__pipeline_run=run, value__isnull=False, **accepted)
    for key, value in results.values_list("metric__key", "value"):
        values.setdefault(key, []).append(float(value or 0))
    summary: dict[str, Any] = {"metrics": {key: round(mean(found), 6) for key, found in sorted(values.items())}}
    quality = _quality(run)
    return summary | ({"quality": quality} if quality else {})


def _quality(run: PipelineRun) -> dict[str, Any] | None:
    """Mean scores over every artifact that was validated; what is no score there is left out."""
    # The step's package loads a parser of HTML, which every command would wait for.
    from pipelines.steps.validate_artifact.scoring import grade_of

    judged = accepted_artifacts(run.pk).filter(ir_json__has_keys=["scores", "overall", "grade"])
    scores: dict[str, list[float]] = {}
    overall: list[float] = []
    for found, total in judged.values_list("ir_json__scores", "ir_json__overall"):
        for name, score in found.items() if isinstance(found, dict) else ():
            scores.setdefault(name, []).extend([score] if is_score(score) else [])
        overall.extend([total] if is_score(total) else [])
    if not overall:
        return None
    of_all = round(mean(overall), 1)
    means = {name: round(mean(values), 1) if values else None for name, values in scores.items()}
    return {"scores": means, "overall": of_all, "grade": grade_of(of_all)}
