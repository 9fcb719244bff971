"""What the run page shows of an IR. Pure, and lenient: an IR that failed its validation is shown as far as it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GRADE_COLOURS = {"A": "success", "B": "success", "C": "warning", "D": "warning", "F": "danger"}
GRADE_FLOORS = ((80, "success"), (60, "warning"), (0, "danger"))
SCORES = ("html", "accessibility", "performance", "hubspot", "seo", "tailwind")
MAX_PARTS = 200
MAX_FIELDS = 200
MAX_FINDINGS = 20
MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of a split; ``box`` is its place as inline CSS in per cent of the page, empty where it has none."""

    key: str
    label: str
    kind: str
    box: str
    confidence: str


@dataclass(frozen=True, slots=True)
class SplitView:
    """``width`` and ``height`` are the page's, in CSS pixels."""

    width: int
    height: int
    bounds_source: str
    parts: list[PartView]


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of a module; ``depth`` is how many groups it lies in."""

    name: str
    label: str
    type: str
    depth: int
    repeats: bool


@dataclass(frozen=True, slots=True)
class ModuleView:
    name: str
    label: str
    kind: str
    fields: list[FieldView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScoreView:
    """``value`` is 0 to 100, None where the score does not apply."""

    name: str
    value: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class FindingView:
    severity: str
    rule: str
    place: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ScoresView:
    subject: str
    grade: str
    grade_colour: str
    overall: float | None
    scores: list[ScoreView]
    findings: list[FindingView]
    finding_count: int


def read_split(source: Any, parts: Any, bounds_source: Any) -> SplitView | None:
    """The view of a layout split from its IR's ``source``, ``parts`` and ``boundsSource``; None for another IR."""
    if not isinstance(parts, list) or not isinstance(source, Mapping):
        return None
    width, height = _number(source.get("width")), _number(source.get("height"))
    return SplitView(
        width=int(width or 0) or 1,
        height=int(height or 0) or 1,
        bounds_source=_text(bounds_source),
        parts=[_part(part, index) for index, part in enumerate(parts[:MAX_PARTS]) if isinstance(part, Mapping)],
    )


def read_module(module: Any, kind: Any) -> ModuleView | None:
    """The view of a HubSpot module from its IR's ``module`` (``name``, ``label``, ``fields``) and ``kind``."""
    if not isinstance(module, Mapping):
        return None
    fields: list[FieldView] = []
    _collect_fields(module.get("fields"), 0, fields)
    return ModuleView(_text(module.get("name")), _text(module.get("label")), _text(kind), fields)


def read_scores(ir: Mapping[str, Any]) -> ScoresView | None:
    """The view of an artifact's validation from its IR's ``scores``, ``grade`` and findings; None for another IR."""
    scores = ir.get("scores")
    if not isinstance(scores, Mapping):
        return None
    subject, grade, findings = ir.get("subject"), _text(ir.get("grade")), ir.get("findings")
    read = [_finding(finding) for finding in _items(findings) if isinstance(finding, Mapping)]
    return ScoresView(
        subject=_text(subject.get("name")) if isinstance(subject, Mapping) else "",
        grade=grade,
        grade_colour=GRADE_COLOURS.get(grade, "default"),
        overall=_number(ir.get("overall")),
        scores=[_score(name, scores[name]) for name in SCORES if name in scores],
        findings=read[:MAX_FINDINGS],
        finding_count=int(_number(ir.get("findingCount")) or len(read)),
    )


def _part(part: Mapping[str, Any], index: int) -> PartView:
    confidence = _number(part.get("confidence"))
    return PartView(
        key=_text(part.get("key")) or f"part {index + 1}",
        label=_text(part.get("label")),
        kind=_text(part.get("kind")),
        box=_box(part.get("bounds")),
        confidence="" if confidence is None else f"{confidence:.0%}",
    )


def _box(bounds: Any) -> str:
    if not isinstance(bounds, Mapping):
        return ""
    sides = [_number(bounds.get(name)) for name in ("x", "y", "width", "height")]
    if not all(side is not None and 0 <= side <= 1 for side in sides):
        return ""
    names = ("left", "top", "width", "height")
    return ";".join(f"{name}:{100 * (side or 0):.3f}%" for name, side in zip(names, sides, strict=True))


def _collect_fields(fields: Any, depth: int, found: list[FieldView]) -> None:
    for each in _items(fields) if depth <= MAX_DEPTH else []:
        if len(found) >= MAX_FIELDS or not isinstance(each, Mapping):
            continue
        repeats = isinstance(each.get("occurrence"), Mapping)
        found.append(
            FieldView(_text(each.get("name")), _text(each.get("label")), _text(each.get("type")), depth, repeats)
        )
        _collect_fields(each.get("children"), depth + 1, found)


def _score(name: str, value: Any) -> ScoreView:
    number = _number(value)
    colour = "default" if number is None else next((c for floor, c in GRADE_FLOORS if number >= floor), "danger")
    return ScoreView(name, number, colour)


def _finding(finding: Mapping[str, Any]) -> FindingView:
    return FindingView(*(_text(finding.get(key)) for key in ("severity", "rule", "place", "message", "remedy")))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        return None
    return float(value)
