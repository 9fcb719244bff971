"""A step's entry in the audit log: what ran, what validation said, and each quality check by name.

Bodies stay where they are; the log holds their hashes, and of all text only what redaction leaves.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from config.canonical import content_hash, hash_of_canonical
from config.models import uuid7_text
from ir_schemas.artifacts import Verdict
from monitoring.models import TestResult, TestRun
from pipelines.claims import Claim
from pipelines.models import PipelineRun
from pipelines.recording import prompts, results
from pipelines.recording.columns import model_columns, score_columns, validation_columns
from pipelines.recording.results import Redacted
from pipelines.steps.contract import Output, Prompted, StepResult, ValidationResultOutput

Status = TestResult.Status

LONGEST_VALIDATOR = 120
CHECK_STATUS = {
    "passed": Status.PASSED,
    "warning": Status.WARNING,
    "failed": Status.FAILED,
    "not_applicable": Status.SKIPPED,
}


def test_run_rows(
    run: PipelineRun,
    claim: Claim,
    *,
    result: StepResult | None,
    prompted: Prompted | None,
    verdict: Verdict | None,
    error: Mapping[str, Any] | None,
    duration_ms: float | None,
    ir_text: bytes | None,
) -> dict[str, Any]:
    """The ``TestRun`` of one attempt, its ``TestResult``s and what it asked of models, by column.

    The database adds the times. ``ir_text`` is the canonical form of an IR that was judged; ``duration_ms`` is None
    where nobody knows it.
    """
    outputs = result.outputs if result else ()
    quality = [output for output in outputs if isinstance(output, ValidationResultOutput)]
    redacted = Redacted()
    summary = _summary(run, claim, verdict) | redacted.document(_told(result, prompted, error, duration_ms))
    checks = [results.ir_validation(verdict, redacted, why_not="the step handed over no IR")]
    if quality:
        checks += [_quality_check(output, redacted) for output in quality]
    else:
        checks.append(_prompt_io(claim, result, prompted, redacted, ir_text, duration_ms))
    checks.append(results.safety(redacted, refused=prompted is not None and prompted.refused))
    test_run_id = uuid7_text()
    test_run = {
        "id": test_run_id,
        "type": TestRun.Type.QUALITY if quality else TestRun.Type.AI,
        "status": _status(error, verdict),
        "summary": summary,
        "step_run_id": claim.step_run_id,
        "attempt": claim.attempt,
        "design_split_id": run.design_split_id,
        "artifact_id": _artifact_id(quality),
        "run_group_id": run.run_group_id,
        "pipeline_id": run.pipeline_id,
        "latency_ms": duration_ms,
        **_columns(result, prompted, verdict, summary),
    }
    return {
        "testRun": test_run,
        "testResults": [{"id": uuid7_text(), "test_run_id": test_run_id, **check} for check in checks],
        **({"prompts": prompts.rows(run, claim, prompted)} if prompted else {}),
    }


def failed_entry(test_run: Mapping[str, Any], error: Mapping[str, Any]) -> dict[str, Any]:
    """The ``TestRun`` of an attempt whose result was refused after all, with what it cost."""
    return {**test_run, "status": TestRun.Status.ERROR, "summary": {**test_run["summary"], "error": dict(error)}}


def _status(error: Mapping[str, Any] | None, verdict: Verdict | None) -> TestRun.Status:
    if error is not None:
        return TestRun.Status.ERROR
    return TestRun.Status.FAILED if verdict is not None and verdict.is_valid is False else TestRun.Status.PASSED


def _columns(
    result: StepResult | None, prompted: Prompted | None, verdict: Verdict | None, summary: Mapping[str, Any]
) -> dict[str, Any]:
    columns: dict[str, Any] = score_columns({**result.ir, "grade": summary.get("grade")}) if result else {}
    if verdict is not None:
        columns |= validation_columns(passed=verdict.is_valid, error_count=verdict.error_count)
    if prompted is not None:
        columns |= prompts.columns(prompted) | model_columns(summary)
    elif result is not None and result.usage is not None:
        usage = result.usage
        columns |= {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "cost_usd": usage.total_cost_usd}
    return columns


def _summary(run: PipelineRun, claim: Claim, verdict: Verdict | None) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "pipelineId": str(run.pipeline_id),
        "pipelineRunId": str(run.pk),
        "nodeKey": claim.item.node_key,
        "mapIndex": claim.item.map_index,
        "runGroupId": str(run.run_group_id),
    }
    return summary if verdict is None else summary | {"validation": results.validation_summary(verdict)}


def _told(
    result: StepResult | None, prompted: Prompted | None, error: Mapping[str, Any] | None, duration_ms: float | None
) -> dict[str, Any]:
    """What the step itself said, which may hold anything."""
    told: dict[str, Any] = prompts.summary(prompted, duration_ms) if prompted else {}
    if result is not None:
        told |= {key: result.ir[key] for key in ("scores", "grade", "recommendations") if key in result.ir}
        if result.usage is not None and prompted is None:
            told["tokensIn"] = result.usage.tokens_in
            told["tokensOut"] = result.usage.tokens_out
            told["totalCostUsd"] = result.usage.total_cost_usd
    if error is not None:
        told["error"] = dict(error)
    return told


def _prompt_io(
    claim: Claim,
    result: StepResult | None,
    prompted: Prompted | None,
    redacted: Redacted,
    ir_text: bytes | None,
    duration_ms: float | None,
) -> dict[str, Any]:
    details: dict[str, Any] = {"paramsSha256": content_hash(claim.params)}
    if prompted is not None:
        details |= prompts.prompt_io(prompted, redacted)
    if ir_text is not None:
        details["irSha256"] = hash_of_canonical(ir_text)
    return results.prompt_io(details, answered=result is not None, duration_ms=duration_ms)


def _quality_check(output: ValidationResultOutput, redacted: Redacted) -> dict[str, Any]:
    details = redacted.document({"message": output.message, **output.details})
    return results.result(redacted.text(output.validator, LONGEST_VALIDATOR), CHECK_STATUS[output.status], details)


def _artifact_id(quality: Sequence[Output]) -> Any:
    ids = {output.artifact_id for output in quality if isinstance(output, ValidationResultOutput)}
    return ids.pop() if len(ids) == 1 else None
