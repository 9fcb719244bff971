"""Recording the model calls of an export."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.problems import DomainError
from monitoring.models import TestRun
from pipelines.otlp.model_calls import ai_run, spans
from pipelines.recording.services import MAX_ITEMS, Sender, record_ai_runs

MOST_REASONS, MOST_FAULTS = 5, 3


@dataclass(frozen=True, slots=True)
class Export:
    """What became of an export: how many of its spans were rejected, and why, in a sentence for each reason."""

    rejected: int
    why: str


def record_spans(*, request: ExportTraceServiceRequest, user_id: int) -> Export:
    """Record each span that is a call of a model as an AI run of the user; the others are accepted and left alone.

    A span that was recorded before changes nothing. What was not rejected is committed on return.
    """
    runs = [run for span, resource in spans(request) if (run := ai_run(span, resource))]
    sender = Sender(user_id, TestRun.Source.OTLP)
    reasons: Counter[str] = Counter()
    for begin in range(0, len(runs), MAX_ITEMS):
        batch = runs[begin : begin + MAX_ITEMS]
        for run, outcome in zip(batch, record_ai_runs(sent=batch, sender=sender), strict=True):
            if isinstance(outcome, DomainError):
                reasons[_reason(run, outcome)] += 1
    return Export(sum(reasons.values()), _told(reasons))


def _reason(run: Mapping[str, Any], refusal: DomainError) -> str:
    if "idempotencyKey" not in run:
        return "A trace id has 16 bytes and a span id 8, and neither is all 0."
    faults = [f"{fault.get('path', '')}: {fault['message']}" for fault in refusal.errors[:MOST_FAULTS]]
    return "; ".join(faults) or refusal.message


def _told(reasons: Counter[str]) -> str:
    told = [f"{number} rejected: {reason}" for reason, number in reasons.most_common(MOST_REASONS)]
    return " ".join([*told, *(["And others."] if len(reasons) > MOST_REASONS else [])])
