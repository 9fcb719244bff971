"""A step's entry in the audit log: what ran, what validation said, and each quality check by name.

Bodies stay where they are; the log holds their sizes and hashes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config.canonical import content_hash
from ir_schemas.artifacts import Verdict
from monitoring.models import TestResult, TestRun
from monitoring.recording import Check, record_test_run
from pipelines.models import PipelineRun, StepRun
from pipelines.steps.contract import Output, StepResult, ValidationResultOutput

Status = TestResult.Status

VALIDATION_STATUS = {
    "valid": Status.PASSED,
    "invalid": Status.FAILED,
    "skipped": Status.SKIPPED,
    "error": Status.FAILED,
}
CHECK_STATUS = {
    "passed": Status.PASSED,
    "warning": Status.WARNING,
    "failed": Status.FAILED,
    "not_applicable": Status.SKIPPED,
}


def record_step(
    run: PipelineRun,
    step_run: StepRun,
    *,
    result: StepResult | None,
    verdict: Verdict | None,
    error: Mapping[str, Any] | None,
    duration_ms: float,
    started_at: datetime,
    completed_at: datetime,
) -> TestRun:
    """Mirror one settled attempt. The caller holds the transaction."""
    outputs = result.outputs if result else ()
    quality = [output for output in outputs if isinstance(output, ValidationResultOutput)]
    checks = [_prompt_io(step_run, result, duration_ms), _ir_validation(verdict)]
    if quality:
        checks = [*map(_quality_check, quality), checks[1]]
    return record_test_run(
        type=TestRun.Type.QUALITY if quality else TestRun.Type.AI,
        status=_status(error, verdict),
        started_at=started_at,
        completed_at=completed_at,
        summary=_summary(run, step_run, result, verdict, error),
        checks=checks,
        step_run_id=step_run.pk,
        attempt=step_run.attempt,
        design_split_id=run.design_split_id,
        artifact_id=_artifact_id(quality),
        run_group_id=run.run_group_id,
    )


def _status(error: Mapping[str, Any] | None, verdict: Verdict | None) -> TestRun.Status:
    if error is not None:
        return TestRun.Status.ERROR
    return TestRun.Status.FAILED if verdict is not None and verdict.is_valid is False else TestRun.Status.PASSED


def _summary(
    run: PipelineRun,
    step_run: StepRun,
    result: StepResult | None,
    verdict: Verdict | None,
    error: Mapping[str, Any] | None,
) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "pipelineId": str(run.pipeline_id),
        "pipelineRunId": str(run.pk),
        "nodeKey": step_run.node_key,
        "mapIndex": step_run.map_index,
        "runGroupId": str(run.run_group_id),
    }
    if verdict is not None:
        schema = verdict.schema
        summary["validation"] = {
            "schemaId": str(schema.pk) if schema else None,
            "version": schema.version if schema else None,
            "passed": verdict.is_valid,
            "errorCount": verdict.error_count,
        }
    if result is not None:
        summary |= {key: result.ir[key] for key in ("scores", "grade", "recommendations") if key in result.ir}
        if result.usage is not None:
            summary["tokensIn"] = result.usage.tokens_in
            summary["tokensOut"] = result.usage.tokens_out
            summary["totalCostUsd"] = result.usage.total_cost_usd
    if error is not None:
        summary["error"] = dict(error)
    return summary


def _prompt_io(step_run: StepRun, result: StepResult | None, duration_ms: float) -> Check:
    details: dict[str, Any] = {"paramsSha256": content_hash(step_run.params)}
    if result is not None:
        details["irSha256"] = content_hash(result.ir)
    return Check("Prompt IO", Status.PASSED if result else Status.FAILED, details, duration_ms)


def _ir_validation(verdict: Verdict | None) -> Check:
    if verdict is None:
        return Check("IR Validation", Status.SKIPPED, {"reason": "the step handed over no IR"})
    details = {
        "mode": verdict.mode,
        "outcome": verdict.outcome.value,
        "errorCount": verdict.error_count,
        "engine": verdict.engine,
        "engineVersion": verdict.engine_version,
    }
    return Check("IR Validation", VALIDATION_STATUS[verdict.outcome], details, verdict.duration_ms)


def _quality_check(output: ValidationResultOutput) -> Check:
    return Check(output.validator, CHECK_STATUS[output.status], {"message": output.message, **output.details})


def _artifact_id(quality: Sequence[Output]) -> Any:
    ids = {output.artifact_id for output in quality if isinstance(output, ValidationResultOutput)}
    return ids.pop() if len(ids) == 1 else None
