"""What each metric key measures: pure functions from the evidence of one step to a measurement.

An evaluator that does not apply to a step gives no value and says why; a missing value is never 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, Protocol

from metrics.boxes import UNIT_SQUARE, Box, max_pair_iou, union_area
from metrics.markup import VisibleContent, visible_content
from metrics.text import bag_f1, rouge_l_f1

MAX_BOXES = 1_000
MAX_HTML_CHARACTERS = 2_000_000
MAX_SEQUENCE_TOKENS = 20_000
MAX_LISTED_FORMS = 20


class ProviderUsage(Protocol):
    """What a provider charged: tokens, and US dollars as a decimal string or ``Decimal``. Unknown is None."""

    @property
    def tokens_in(self) -> int | None: ...

    @property
    def tokens_out(self) -> int | None: ...

    @property
    def total_cost_usd(self) -> str | Decimal | None: ...


@dataclass(frozen=True, slots=True)
class ValidationCounts:
    """How many artifacts were checked against a schema, and how many of those passed."""

    valid: int
    validated: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one step run. ``latency_ms`` is the time of the step's body in milliseconds."""

    ir: Mapping[str, Any]
    usage: ProviderUsage | None = None
    latency_ms: float | None = None
    validation: ValidationCounts | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value in its metric's unit (``Decimal`` for money), or None with ``reason`` or ``error`` in ``details``.

    ``details`` is JSON data.
    """

    value: float | Decimal | None
    details: dict[str, Any] = field(default_factory=dict)


Evaluator = Callable[[Evidence], Measurement]


class NotApplicableError(Exception):
    """The evidence holds nothing this metric could be computed from; the message says what is missing."""


def evaluate(key: str, evidence: Evidence) -> Measurement:
    """Measure ``key``. Never raises: what cannot be measured is None, with the reason or the error in ``details``."""
    evaluator = EVALUATORS.get(key)
    if evaluator is None:
        return Measurement(None, {"reason": f"irline has no evaluator for the metric {key!r}"})
    try:
        measurement = evaluator(evidence)
        if measurement.value is not None and not isfinite(measurement.value):
            raise ValueError(f"the value is {measurement.value}")
    except NotApplicableError as reason:
        return Measurement(None, {"reason": str(reason)})
    except Exception as error:  # noqa: BLE001 - a metric that fails must not fail the step it measures
        return Measurement(None, {"error": f"{type(error).__name__}: {error}"[:500]})
    return measurement


def split_coverage(evidence: Evidence) -> Measurement:
    """Share of the design that at least one part covers, 0..1."""
    boxes = _part_boxes(evidence)
    return Measurement(_ratio(union_area(boxes)), {"boxes": len(boxes)})


def overlap_ratio(evidence: Evidence) -> Measurement:
    """Share of the parts' summed area that lies over other parts, 0..1; 0 for a single box."""
    boxes = _part_boxes(evidence)
    total = sum(box.area for box in boxes)
    if total <= 0:
        raise NotApplicableError("the split has no part with an area")
    return Measurement(
        _ratio(1 - union_area(boxes) / total), {"boxes": len(boxes), "maxPairIou": round(max_pair_iou(boxes), 6)}
    )


def faithfulness_v1(evidence: Evidence) -> Measurement:
    """How much of what the source shows the rendered module shows too, 0..1.

    0.5 token F1 + 0.2 ROUGE-L F1 + 0.1 F1 of each of images, links and headings; the weights are renormalised over
    the kinds the source has. Forms are left out of both and listed.
    """
    source = _visible(evidence, "sourceHtml")
    rendered = _visible(evidence, "renderedHtml")
    forms = {"source": source.forms[:MAX_LISTED_FORMS], "rendered": rendered.forms[:MAX_LISTED_FORMS]}
    weights = {name: weight for name, (weight, has) in _KINDS.items() if has(source)}
    if not weights:
        empty_too = not any(has(rendered) for _, has in _KINDS.values())
        return Measurement(1.0 if empty_too else 0.0, {"scores": {}, "forms": forms})
    scores = {name: _score_kind(name, source, rendered) for name in weights}
    value = sum(weight * scores[name] for name, weight in weights.items()) / sum(weights.values())
    details: dict[str, Any] = {"scores": {name: round(score, 6) for name, score in scores.items()}, "forms": forms}
    if max(len(source.tokens), len(rendered.tokens)) > MAX_SEQUENCE_TOKENS:
        details["note"] = f"ROUGE-L is taken over the first {MAX_SEQUENCE_TOKENS} words"
    return Measurement(_ratio(value), details)


_KINDS: Mapping[str, tuple[float, Callable[[VisibleContent], bool]]] = {
    "tokens": (0.5, lambda content: bool(content.tokens)),
    "rougeL": (0.2, lambda content: bool(content.tokens)),
    "images": (0.1, lambda content: bool(content.images)),
    "links": (0.1, lambda content: bool(content.links)),
    "headings": (0.1, lambda content: bool(content.headings)),
}


def _score_kind(kind: str, source: VisibleContent, rendered: VisibleContent) -> float:
    if kind == "rougeL":
        return rouge_l_f1(source.tokens[:MAX_SEQUENCE_TOKENS], rendered.tokens[:MAX_SEQUENCE_TOKENS])
    return bag_f1(getattr(source, kind), getattr(rendered, kind))


def editable_ratio(evidence: Evidence) -> Measurement:
    """Share of the module's words that an editor can change, because they come from fields; 0..1."""
    tokens = _section(evidence, "tokens")
    total, from_fields = int(tokens["total"]), int(tokens["fromFields"])
    if total <= 0:
        raise NotApplicableError("the rendered module has no words")
    return Measurement(_ratio(from_fields / total), {"total": total, "fromFields": from_fields})


def html_validity(evidence: Evidence) -> Measurement:
    """1 / (1 + errors per 100 elements); 1 means no error."""
    markup = _section(evidence, "markup")
    errors, elements = int(markup["errors"]), int(markup["elements"])
    if elements <= 0:
        raise NotApplicableError("the markup has no elements")
    return Measurement(1 / (1 + 100 * errors / elements), {"errors": errors, "elements": elements})


def latency_ms(evidence: Evidence) -> Measurement:
    """Time of the step's body in milliseconds, by a monotonic clock."""
    if evidence.latency_ms is None:
        raise NotApplicableError("the step was not timed")
    return Measurement(evidence.latency_ms)


def tokens_in(evidence: Evidence) -> Measurement:
    """Tokens the provider says it read."""
    return Measurement(_reported(_usage(evidence).tokens_in, "input tokens"))


def tokens_out(evidence: Evidence) -> Measurement:
    """Tokens the provider says it wrote."""
    return Measurement(_reported(_usage(evidence).tokens_out, "output tokens"))


def total_cost_usd(evidence: Evidence) -> Measurement:
    """What the call cost, in US dollars."""
    cost = _usage(evidence).total_cost_usd
    if cost is None:
        raise NotApplicableError("the cost of the call is not known")
    return Measurement(Decimal(cost))


def validation_pass_rate(evidence: Evidence) -> Measurement:
    """Valid artifacts over validated artifacts, 0..1."""
    counts = evidence.validation
    if counts is None or counts.validated <= 0:
        raise NotApplicableError("no artifact was validated")
    return Measurement(_ratio(counts.valid / counts.validated), {"valid": counts.valid, "validated": counts.validated})


def _quality(category: str) -> Evaluator:
    def quality_score(evidence: Evidence) -> Measurement:
        score = _section(evidence, "scores")[category]
        if score is None:
            raise NotApplicableError(f"the {category} score does not apply to this artifact")
        return Measurement(float(score))

    quality_score.__doc__ = f"The validator's {category} score, 0..100."
    return quality_score


def quality_overall(evidence: Evidence) -> Measurement:
    """The validator's weighted score over the categories that apply, 0..100."""
    if "overall" not in evidence.ir:
        raise NotApplicableError("the IR has no 'overall'")
    if evidence.ir["overall"] is None:
        raise NotApplicableError("no score applies to this artifact")
    return Measurement(float(evidence.ir["overall"]), {"grade": evidence.ir.get("grade")})


QUALITY_CATEGORIES = ("html", "accessibility", "performance", "hubspot", "seo", "tailwind")

EVALUATORS: Mapping[str, Evaluator] = {
    "split_coverage": split_coverage,
    "overlap_ratio": overlap_ratio,
    "faithfulness_v1": faithfulness_v1,
    "editable_ratio": editable_ratio,
    "html_validity": html_validity,
    "latency_ms": latency_ms,
    "tokens_in": tokens_in,
    "tokens_out": tokens_out,
    "total_cost_usd": total_cost_usd,
    "validation_pass_rate": validation_pass_rate,
    **{f"quality_{category}": _quality(category) for category in QUALITY_CATEGORIES},
    "quality_overall": quality_overall,
}


def _section(evidence: Evidence, name: str) -> Mapping[str, Any]:
    section = evidence.ir.get(name)
    if not isinstance(section, Mapping):
        raise NotApplicableError(f"the IR has no {name!r}")
    return section


def _part_boxes(evidence: Evidence) -> list[Box]:
    """The parts' boxes as fractions of the design, clipped to it."""
    parts = evidence.ir.get("parts")
    if not isinstance(parts, list):
        raise NotApplicableError("the IR has no 'parts'")
    if len(parts) > MAX_BOXES:
        raise NotApplicableError(f"the split has {len(parts)} parts; up to {MAX_BOXES} are measured")
    return [Box.from_bounds(part["bounds"]).clip(UNIT_SQUARE) for part in parts]


def _visible(evidence: Evidence, name: str) -> VisibleContent:
    html = evidence.ir.get(name)
    if not isinstance(html, str):
        raise NotApplicableError(f"the IR has no {name!r}")
    if len(html) > MAX_HTML_CHARACTERS:
        raise NotApplicableError(f"{name!r} has {len(html)} characters; up to {MAX_HTML_CHARACTERS} are compared")
    return visible_content(html)


def _usage(evidence: Evidence) -> ProviderUsage:
    if evidence.usage is None:
        raise NotApplicableError("the step called no provider")
    return evidence.usage


def _reported(value: int | None, what: str) -> int:
    if value is None:
        raise NotApplicableError(f"the provider did not report the {what}")
    return value


def _ratio(value: float) -> float:
    """``value`` in 0..1, without the last digits that sums of floats cannot be trusted with."""
    return min(1.0, max(0.0, round(value, 12)))
