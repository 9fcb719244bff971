"""What the categories of a validation hand over: rules, findings, engines and one verdict each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Category = Literal["html", "accessibility", "performance", "hubspot", "seo", "tailwind"]
Severity = Literal["error", "warning", "info"]

CATEGORIES: tuple[Category, ...] = ("html", "accessibility", "performance", "hubspot", "seo", "tailwind")
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

MAX_PLACE = 500
MAX_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault at one place. ``fatal`` faults leave nothing of their category's score."""

    rule: str
    category: Category
    severity: Severity
    place: str
    message: str
    remedy: str
    fatal: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "category": self.category,
            "severity": self.severity,
            "place": shorten(self.place, MAX_PLACE),
            "message": shorten(self.message, MAX_TEXT),
            "remedy": shorten(self.remedy, MAX_TEXT),
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A thing that can be wrong. ``remedy`` is a plain sentence that also reads well as a recommendation."""

    key: str
    category: Category
    severity: Severity
    remedy: str
    fatal: bool = False

    def at(self, place: str, message: str) -> Finding:
        return Finding(self.key, self.category, self.severity, place, message, self.remedy, self.fatal)


@dataclass(frozen=True, slots=True)
class Engine:
    """Who judged: a library or tool by name and version; ``note`` says what it could not see."""

    name: str
    version: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One category's outcome. ``score`` is None where the category does not apply to the subject."""

    category: Category
    score: float | None
    findings: tuple[Finding, ...]
    engine: Engine

    def as_engine_json(self) -> dict[str, str]:
        entry = {"category": self.category, "name": self.engine.name, "version": self.engine.version}
        return entry | ({"note": self.engine.note} if self.engine.note else {})


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters, the last of them an ellipsis where something was cut off."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Errors before warnings before notes; within a severity the order in which they were found."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
