"""A judgement that other software made of a design, an artifact or a module, as rows."""

from collections.abc import Mapping
from typing import Any

from config.models import uuid7
from monitoring import redacting
from monitoring.models import TestResult, TestRun
from pipelines.recording import results
from pipelines.recording.columns import score_columns
from pipelines.recording.items import ItemInvalid, Known, moments
from pipelines.recording.results import Redacted

Item = Mapping[str, Any]
LONGEST_NAME = 120


def judgement(item: Item) -> dict[str, Any]:
    """``{scores, overall, grade}`` with what was left out made up from the rest; empty where nothing was scored."""
    # The step's package loads a parser of HTML, which every command would wait for.
    from pipelines.steps.validate_artifact.scoring import grade_of, overall_score

    scores = item.get("scores") or {}
    overall = item.get("overall")
    overall = overall_score(scores) if overall is None else overall
    if overall is None and not scores:
        return {}
    return {"scores": scores, "overall": overall, "grade": item.get("grade") or grade_of(overall)}


def entry(item: Item, known: Known, *, payload_hash: str) -> dict[str, Any]:
    """The rows of one run as ``pipelines_record`` takes them.

    Raises ``ItemInvalid`` for impossible moments and for two checks of one name.
    """
    started, completed, latency_ms = moments(item)
    checks = item.get("checks") or []
    judged = judgement(item)
    redacted = Redacted()
    names = [redacted.text(check["name"], LONGEST_NAME) for check in checks]
    _refuse_twins(names)
    key = redacting.sender_key(item["idempotencyKey"])
    told = {
        "pipelineId": item.get("pipelineId"),
        "runGroupId": item.get("runGroupId"),
        **judged,
        "recommendations": item.get("recommendations") or [],
    }
    summary = redacted.document(told)
    found = [_check(check, name, redacted) for check, name in zip(checks, names, strict=True)]
    rows: dict[str, Any] = {
        "key": key,
        "testRun": {
            "id": uuid7(),
            "status": _status(item, checks),
            "started_at": started,
            "completed_at": completed,
            "summary": summary,
            "design_split_id": item.get("designSplitId"),
            "artifact_id": item.get("artifactId"),
            "module_id": item.get("moduleId"),
            "run_group_id": item.get("runGroupId"),
            "pipeline_id": known.pipeline_id(item),
            "latency_ms": latency_ms,
            "idempotency_key": key,
            "payload_hash": payload_hash,
            **score_columns(summary),
        },
        "testResults": [{"id": uuid7(), **one} for one in (*found, results.safety(redacted))],
    }
    if item.get("designSplitId") and judged:
        rows["design"] = {"id": item["designSplitId"], "quality": judged}
    return rows


def _check(check: Item, name: str, redacted: Redacted) -> dict[str, Any]:
    details = dict(check.get("details") or {})
    if check.get("message"):
        details["message"] = check["message"]
    status = TestResult.Status(check["status"])
    return results.result(name, status, redacted.document(details), check.get("durationMs"))


def _status(item: Item, checks: list[Item]) -> TestRun.Status:
    if item.get("status"):
        return TestRun.Status(item["status"])
    failed = any(check["status"] == TestResult.Status.FAILED for check in checks)
    return TestRun.Status.FAILED if failed else TestRun.Status.PASSED


def _refuse_twins(names: list[str]) -> None:
    seen = {"Safety/Policy"}
    for index, name in enumerate(names):
        if name in seen:
            message = "Another check has this name already."
            raise ItemInvalid(
                message, errors=[{"path": f"/checks/{index}/name", "code": "not-unique", "message": message}]
            )
        seen.add(name)
