"""An AI run that other software made, as rows."""

import uuid
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from config.models import uuid7, weight_of
from ir_schemas import active
from ir_schemas.artifacts import Mode, Verdict, check_ir
from monitoring import redacting
from monitoring.models import TestRun
from pipelines.ai.prices import cost_of, price_among
from pipelines.ai.providers import Counts
from pipelines.recording import results
from pipelines.recording.columns import model_columns, validation_columns
from pipelines.recording.items import Known, models_of, moments
from pipelines.recording.results import Redacted

Item = Mapping[str, Any]

FIGURES = {
    "tokensIn": "tokens_in",
    "tokensOut": "tokens_out",
    "tokensCached": "tokens_cached",
    "tokensReasoning": "tokens_reasoning",
}


def judge(item: Item, known: Known, mode: Mode) -> Verdict | None:
    """What the schema in force says of the result; None where no prompt or process is named or there is no result.

    The prompt's own mode goes before ``mode``, its schema before its process's.
    """
    prompt = known.prompt(item)
    process = item.get("processId")
    mode = (prompt.ir_validation_mode if prompt else "") or mode
    if mode == "off" or not (prompt or process) or item.get("result") is None:
        return None
    if prompt:
        contract = active.of_prompt(prompt.id, prompt.process_id)
    else:
        contract = active.in_force(process_id=uuid.UUID(process))
    return check_ir(item["result"], contract, mode=mode)


def entry(item: Item, known: Known, verdict: Verdict | None, *, payload_hash: str, logged: bool) -> dict[str, Any]:
    """The rows of one run as ``pipelines_record`` takes them. Raises ``ItemInvalid`` for impossible moments."""
    started, completed, latency_ms = moments(item)
    listed = _listed_cost(item, known, completed.date()) if logged and item.get("costUsd") is None else None
    if listed is not None:
        item = {**item, "costUsd": f"{listed:f}"}
    key = redacting.sender_key(item["idempotencyKey"])
    identity = {"idempotency_key": key, "payload_hash": payload_hash}
    data = {"id": uuid7(), **_prompt_data(item), **identity}
    rows: dict[str, Any] = {
        "key": key,
        "promptData": data,
        "promptResult": {"id": uuid7(), "prompt_data_id": data["id"], **_prompt_result(item, latency_ms)},
    }
    if not logged:
        return rows
    redacted = Redacted()
    prompt = known.prompt(item)
    told = _summary(item, prompt, latency_ms)
    summary = redacted.document(told) | {
        **({} if listed is None else {"costFrom": "prices"}),
        "promptDataId": str(data["id"]),
        "promptResultId": str(rows["promptResult"]["id"]),
    }
    if verdict is not None:
        summary["validation"] = results.validation_summary(verdict)
    rows["testRun"] = {
        "id": uuid7(),
        "status": _status(item, verdict),
        "started_at": started,
        "completed_at": completed,
        "summary": summary,
        "design_split_id": item.get("designSplitId"),
        "run_group_id": item.get("runGroupId"),
        "prompt_id": item.get("promptId"),
        "process_id": told["processId"],
        "pipeline_id": known.pipeline_id(item),
        **model_columns(summary),
        "cost_usd": item.get("costUsd"),
        "latency_ms": latency_ms,
        **{column: _whole(item.get(name)) for name, column in FIGURES.items()},
        **(validation_columns(passed=verdict.is_valid, error_count=verdict.error_count) if verdict else {}),
        **identity,
    }
    rows["testResults"] = [{"id": uuid7(), **one} for one in _results(item, verdict, latency_ms, redacted)]
    return rows


def _listed_cost(item: Item, known: Known, day: date) -> Decimal | None:
    """What the table of prices says that the run cost; None where it or the tokens are not known."""
    price = price_among(known.prices.get(item.get("provider") or "", ()), models=models_of(item), on=day)
    return cost_of(Counts(**{column: _whole(item.get(name)) for name, column in FIGURES.items()}), price)


def _prompt_data(item: Item) -> dict[str, Any]:
    body = {"prompt": item.get("prompt") or "", "context": item.get("context") or {}}
    return {
        **body,
        "ai_prompt_id": item.get("promptId"),
        "pipeline_id": item.get("pipelineId") or "",
        "section_id": item.get("sectionId") or "",
        "metadata": item.get("metadata") or {},
        **weight_of(body),
    }


def _prompt_result(item: Item, latency_ms: float | None) -> dict[str, Any]:
    return {
        "result": item.get("result"),
        "quality_score": item.get("qualityScore"),
        "metrics": item.get("metrics") or {},
        "total_cost_usd": item.get("costUsd"),
        "latency_ms": latency_ms,
        "model": item.get("model") or "",
        "provider": item.get("provider") or "",
        **weight_of(item.get("result")),
        **{column: _whole(item.get(name)) for name, column in FIGURES.items()},
    }


def _whole(count: float | None) -> int | None:
    """JSON writes a whole number as 5.0 too, which PostgreSQL takes for none."""
    return None if count is None else int(count)


def _summary(item: Item, prompt: Any, latency_ms: float | None) -> dict[str, Any]:
    summary = {
        "pipelineId": item.get("pipelineId"),
        "processId": str(prompt.process_id) if prompt else item.get("processId"),
        "promptId": item.get("promptId"),
        "promptVersion": prompt.version if prompt else None,
        "provider": item.get("provider"),
        "model": item.get("model"),
        **{name: item.get(name) for name in FIGURES},
        "totalCostUsd": item.get("costUsd"),
        "latencyMs": latency_ms,
        "contextReferences": item.get("contextReferences") or [],
        "runGroupId": item.get("runGroupId"),
    }
    return summary | ({"error": item["error"]} if item.get("error") else {})


def _status(item: Item, verdict: Verdict | None) -> TestRun.Status:
    if item.get("error") or (verdict is not None and verdict.blocks):
        return TestRun.Status.ERROR
    if verdict is not None and verdict.is_valid is False:
        return TestRun.Status.FAILED
    return TestRun.Status(item.get("status") or TestRun.Status.PASSED)


def _results(item: Item, verdict: Verdict | None, latency_ms: float | None, redacted: Redacted) -> list[dict[str, Any]]:
    has_result = item.get("result") is not None
    details = redacted.body("prompt", item.get("prompt") or "")
    if item.get("context"):
        details |= redacted.body("context", item["context"])
    if has_result:
        details |= redacted.body("result", item["result"])
    why_not = "no schema was asked for it" if has_result else "there is no result"
    untold = not (has_result or item.get("prompt") or item.get("context") or item.get("error"))
    return [
        results.prompt_io(details, answered=None if untold else has_result, duration_ms=latency_ms),
        results.ir_validation(verdict, redacted, why_not=why_not),
        results.safety(redacted, refused=bool(item.get("refused")), policies=item.get("policyChecks") or ()),
    ]
