"""From an export request to AI runs: one for each span that is a call of a model.

Names are those of OpenTelemetry's conventions for generative AI, the current one first, then what it was called before.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipelines.otlp import content
from pipelines.otlp.attributes import Attributes, as_dict, count, first, text
from pipelines.otlp.content import Event

OPERATION = ("gen_ai.operation.name", "llm.request.type")
MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.response.model", "llm.request.model")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
TOKENS = {
    "tokensIn": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    "tokensOut": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    "tokensCached": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "tokensReasoning": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
}
COST = ("gen_ai.usage.cost", "gen_ai.usage.total_cost")
# Spans around calls of a model; they repeat its name and add up its tokens, which would then count twice.
AROUND = {"create_agent", "invoke_agent", "invoke_workflow", "execute_tool", "retrieval", "plan"}
# What irline itself would like to know, as attributes of the span or of its resource.
OURS = {
    "promptId": "irline.prompt_id",
    "processId": "irline.process_id",
    "designSplitId": "irline.design_split_id",
    "runGroupId": "irline.run_group_id",
    "pipelineId": "irline.pipeline_id",
    "sectionId": "irline.section_id",
}
REFUSALS = {"content_filter", "refusal", "safety"}
MOST_DIGITS = Decimal("1e8")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def spans(request: ExportTraceServiceRequest) -> Iterator[tuple[Span, dict[str, Any]]]:
    """Every span with the attributes of its resource."""
    for resource_spans in request.resource_spans:
        resource = as_dict(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            yield from ((span, resource) for span in scope_spans.spans)


def ai_run(span: Span, resource: Attributes) -> dict[str, Any] | None:
    """The span as ``recording/schemas/ai_run.json`` has it, or None where it is no call of a model.

    Not all of it need be valid: recording checks it, and says why not.
    """
    attributes = as_dict(span.attributes)
    model = text(first(attributes, *MODEL))
    if model is None or text(first(attributes, *OPERATION)) in AROUND:
        return None
    events = [Event(event.name, as_dict(event.attributes)) for event in span.events]
    reasons = content.finish_reasons(attributes, events)
    item = {
        "idempotencyKey": _key(span),
        "runGroupId": _run_group(span),
        "pipelineId": text(resource.get("service.name")),
        **{name: ours for name, key in OURS.items() if (ours := first({**resource, **attributes}, key))},
        "model": model,
        "provider": text(first(attributes, *PROVIDER)),
        **{name: count(first(attributes, *names)) for name, names in TOKENS.items()},
        "costUsd": _cost(first(attributes, *COST)),
        **_times(span),
        "prompt": content.sent(attributes, events),
        "result": content.answered(attributes, events),
        "refused": any(str(reason).lower() in REFUSALS for reason in reasons),
        "error": _error(span, attributes, events),
        "metadata": _metadata(span, attributes, reasons),
    }
    return {name: value for name, value in item.items() if value is not None and value is not False and value != ""}


def _key(span: Span) -> str:
    """Of both ids, so that a span that is sent again is known; empty, and so refused, where one is malformed."""
    right = len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id)
    return f"{span.trace_id.hex()}-{span.span_id.hex()}" if right else ""


def _run_group(span: Span) -> str | None:
    return str(uuid.UUID(bytes=span.trace_id)) if len(span.trace_id) == 16 else None


def _times(span: Span) -> dict[str, Any]:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    moments = {"startedAt": start, "completedAt": end}
    told = {name: _moment(nanoseconds) for name, nanoseconds in moments.items() if nanoseconds}
    return told | ({"latencyMs": (end - start) / 1e6} if 0 < start <= end else {})


def _moment(nanoseconds: int) -> str:
    return (EPOCH + timedelta(microseconds=nanoseconds // 1000)).isoformat()


def _cost(value: Any) -> str | None:
    """Dollars as a decimal text with 8 digits after the point; what is no amount is unknown."""
    try:
        amount = Decimal(str(value)) if isinstance(value, int | float | str) else Decimal("NaN")
    except ArithmeticError:
        return None
    return f"{amount:.8f}" if amount.is_finite() and 0 <= amount < MOST_DIGITS else None


def _error(span: Span, attributes: Attributes, events: Sequence[Event]) -> dict[str, Any] | None:
    if span.status.code != Status.STATUS_CODE_ERROR:
        return None
    raised: Attributes = next((event.attributes for event in reversed(events) if event.name == "exception"), {})
    code = text(first(attributes, "error.type")) or text(first(raised, "exception.type"))
    message = span.status.message or text(first(raised, "exception.message")) or code or "The span says no more."
    return {"code": code and code[:200], "message": message[:10_000]}


def _metadata(span: Span, attributes: Attributes, reasons: list[Any]) -> dict[str, Any]:
    """What stays of the span beside its figures and its content."""
    asked = {name.removeprefix("gen_ai.request."): attributes[name] for name in attributes if "gen_ai.request." in name}
    found: Mapping[str, Any] = {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "spanName": span.name,
        "operation": first(attributes, *OPERATION),
        "request": asked,
        "responseId": first(attributes, "gen_ai.response.id"),
        "conversationId": first(attributes, "gen_ai.conversation.id"),
        "finishReasons": reasons,
    }
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}
