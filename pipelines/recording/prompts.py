"""What a step asked of models, as rows: a ``PromptData`` and a ``PromptResult`` for each question."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from config.models import uuid7, weight_of
from pipelines.claims import Claim
from pipelines.models import PipelineRun
from pipelines.recording.results import Redacted
from pipelines.steps.contract import ModelCall, Prompted, Usage

Number = TypeVar("Number", int, Decimal)


def rows(run: PipelineRun, claim: Claim, prompted: Prompted) -> list[dict[str, Any]]:
    """``{promptData, promptResult}`` by column for each call, in order; the database adds the times."""
    return [_call(run, claim, prompted, call, number) for number, call in enumerate(prompted.calls, 1)]


def total_usage(calls: Sequence[ModelCall]) -> Usage:
    """What the calls came to. A sum in which one figure is unknown is unknown."""

    def total(figure: Callable[[Usage], Number | None], nothing: Number) -> Number | None:
        known = [figure(call.usage) for call in calls]
        return sum((one for one in known if one is not None), nothing) if calls and None not in known else None

    cost = total(lambda usage: None if usage.total_cost_usd is None else Decimal(usage.total_cost_usd), Decimal())
    return Usage(
        tokens_in=total(lambda usage: usage.tokens_in, 0),
        tokens_out=total(lambda usage: usage.tokens_out, 0),
        total_cost_usd=None if cost is None else f"{cost:f}",
        tokens_cached=total(lambda usage: usage.tokens_cached, 0),
        tokens_reasoning=total(lambda usage: usage.tokens_reasoning, 0),
    )


def columns(prompted: Prompted) -> dict[str, Any]:
    """The columns of a ``TestRun`` that say which prompt it was, and what it took."""
    usage = total_usage(prompted.calls)
    return {
        "prompt_id": prompted.prompt_id,
        "process_id": prompted.process_id,
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "tokens_cached": usage.tokens_cached,
        "tokens_reasoning": usage.tokens_reasoning,
        "cost_usd": usage.total_cost_usd,
    }


def summary(prompted: Prompted, duration_ms: float | None) -> dict[str, Any]:
    """The part of a ``TestRun``'s summary that an AI run has, as runs of other software have it too."""
    usage = total_usage(prompted.calls)
    return {
        "processId": str(prompted.process_id),
        "promptId": str(prompted.prompt_id),
        "promptVersion": prompted.version,
        **_model(prompted),
        "calls": len(prompted.calls),
        "tokensIn": usage.tokens_in,
        "tokensOut": usage.tokens_out,
        "tokensCached": usage.tokens_cached,
        "tokensReasoning": usage.tokens_reasoning,
        "totalCostUsd": usage.total_cost_usd,
        "latencyMs": duration_ms,
        "contextReferences": [dict(reference) for reference in prompted.references],
    }


def prompt_io(prompted: Prompted, redacted: Redacted) -> dict[str, Any]:
    """The first question, what was retrieved for it and the last answer: hashes, sizes and redacted beginnings."""
    if not prompted.calls:
        return {}
    first, last = prompted.calls[0], prompted.calls[-1]
    details = redacted.body("prompt", first.prompt)
    if first.context:
        details |= redacted.body("context", dict(first.context))
    return details | (redacted.body("result", last.answer) if last.answer is not None else {})


def _model(prompted: Prompted) -> dict[str, str]:
    last = prompted.calls[-1] if prompted.calls else None
    return {"model": last.model if last else "", "provider": last.provider if last else ""}


def _call(run: PipelineRun, claim: Claim, prompted: Prompted, call: ModelCall, number: int) -> dict[str, Any]:
    body = {"prompt": call.prompt, "context": dict(call.context)}
    data = {
        "id": uuid7(),
        **body,
        "ai_prompt_id": prompted.prompt_id,
        "step_run_id": claim.step_run_id,
        "pipeline_id": str(run.pipeline_id),
        "section_id": claim.name,
        "metadata": {"attempt": claim.attempt, "call": number, "settings": dict(call.settings)},
        **weight_of(body),
    }
    result = {
        "id": uuid7(),
        "prompt_data_id": data["id"],
        "result": call.answer,
        "metrics": {} if call.error is None else {"error": dict(call.error)},
        "tokens_in": call.usage.tokens_in,
        "tokens_out": call.usage.tokens_out,
        "tokens_cached": call.usage.tokens_cached,
        "tokens_reasoning": call.usage.tokens_reasoning,
        "total_cost_usd": call.usage.total_cost_usd,
        "latency_ms": call.latency_ms,
        "model": call.model,
        "provider": call.provider,
        **weight_of(call.answer),
    }
    return {"promptData": data, "promptResult": result}
