"""Reads of runs for commands, screens and the API."""

import uuid
from collections import defaultdict
from typing import Any

from django.db.models import F, Prefetch, QuerySet

from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from pipelines.models import PipelineRun, StepOutputLink, StepRun
from pipelines.outputs import output_dir
from pipelines.spans import last_span

MILLISECOND = 1000


def run_report(run: PipelineRun, *, limit: int | None = None) -> dict[str, Any]:
    """A run and its steps as one JSON object, in six queries whatever its size.

    ``{runId, status, durationMs, error, steps: [{nodeKey, mapIndex, status, isValid, errorCount, metrics: {key:
    {value, passed}}, outputs: [{targetType, targetId}], durationMs, attempt, error, reason}], outputDir}``; the steps
    come in the order of the DAG, with ``limit`` so many of the first that were made.
    """
    order = {node["key"]: index for index, node in enumerate(run.dag.get("nodes", []))}
    rows = with_records(StepRun.objects.filter(pipeline_run=run).order_by("id"))
    steps = [step_report(step_run) for step_run in rows[:limit]]
    steps.sort(key=lambda step: (order.get(step["nodeKey"], len(order)), step["mapIndex"] or 0))
    return {
        "runId": str(run.pk),
        "status": run.status,
        "durationMs": _milliseconds(run.created_at, run.finished_at),
        "error": run.error,
        "steps": steps,
        "outputDir": output_dir(run.pk),
    }


def with_records(rows: QuerySet[StepRun]) -> QuerySet[StepRun]:
    """The step runs with ``artifacts_now`` and ``results_now`` of the last attempt, and ``links``."""
    artifacts = IRArtifact.objects.defer("ir_json").filter(attempt=F("step_run__attempt")).select_related("schema")
    results = (
        MetricResult.objects.filter(attempt=F("step_run__attempt")).select_related("metric").order_by("metric__key")
    )
    return rows.select_related("step_version__step", "decided_by").prefetch_related(
        Prefetch("ir_artifacts", artifacts, to_attr="artifacts_now"),
        Prefetch("metric_results", results, to_attr="results_now"),
        Prefetch("output_links", StepOutputLink.objects.order_by("id"), to_attr="links"),
    )


def step_report(step_run: Any) -> dict[str, Any]:
    """One step run of ``with_records`` as JSON."""
    artifact = next(iter(step_run.artifacts_now), None)
    span = last_span(step_run) if step_run.finished_at else None
    return {
        "stepRunId": str(step_run.pk),
        "nodeKey": step_run.node_key,
        "mapIndex": step_run.map_index,
        "status": step_run.status,
        "attempt": step_run.attempt,
        "durationMs": span.milliseconds() if span else None,
        "artifactId": str(artifact.pk) if artifact else None,
        "isValid": artifact.is_valid if artifact else None,
        "errorCount": artifact.error_count if artifact else None,
        "metrics": {
            result.metric.key: {"value": result.value, "passed": result.passed} for result in step_run.results_now
        },
        "outputs": [{"targetType": link.target_type, "targetId": str(link.target_id)} for link in step_run.links],
        "error": step_run.error,
        "reason": f"It waits for pool {step_run.waits_for_pool}." if step_run.waits_for_pool else step_run.reason,
        "reasonCode": "waits_for_pool" if step_run.waits_for_pool else step_run.reason_code,
        "reusedFrom": str(step_run.reused_from_id) if step_run.reused_from_id else None,
        "decidedBy": step_run.decided_by.username if step_run.decided_by else None,
        "decidedAt": step_run.decided_at.isoformat() if step_run.decided_at else None,
        "decisionComment": step_run.decision_comment,
    }


def output_ids(run_id: uuid.UUID) -> dict[str, list[uuid.UUID]]:
    """The ids of everything a run made, by output type."""
    ids: dict[str, list[uuid.UUID]] = defaultdict(list)
    links = StepOutputLink.objects.filter(step_run__pipeline_run=run_id).order_by("id")
    for target_type, target_id in links.values_list("target_type", "target_id"):
        ids[target_type].append(target_id)
    return ids


def _milliseconds(start: Any, end: Any) -> int | None:
    return round((end - start).total_seconds() * MILLISECOND) if start and end else None
