"""From findings to scores, a grade and the few actions that would help most."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipelines.steps.validate_artifact.findings import Category, Finding, Severity, Verdict, shorten

# Shares of the overall score. A category that does not apply leaves; the others keep their proportions.
WEIGHTS: Mapping[Category, int] = {
    "html": 20,
    "accessibility": 25,
    "performance": 20,
    "hubspot": 25,
    "seo": 15,
    "tailwind": 10,
}

# Points that the first finding of a rule takes. Each further one takes half of the one before it, so that a fault
# repeated in every card costs at most twice as much as in one.
COSTS: Mapping[Severity, float] = {"error": 15.0, "warning": 5.0, "info": 1.0}

GRADES: tuple[tuple[float, str], ...] = ((90, "A"), (80, "B"), (70, "C"), (60, "D"))

MAX_RECOMMENDATIONS = 5
MIN_GAIN = 0.05


def score_of(findings: Iterable[Finding]) -> float:
    """100 less what each broken rule costs, not below 0; a fatal finding leaves 0."""
    counts: Counter[tuple[str, Severity]] = Counter()
    for finding in findings:
        if finding.fatal:
            return 0.0
        counts[finding.rule, finding.severity] += 1
    cost = sum(COSTS[severity] * (2 - 2.0 ** (1 - count)) for (_, severity), count in counts.items())
    return round(max(0.0, 100.0 - cost), 1)


def overall_score(scores: Mapping[Category, float | None]) -> float | None:
    """The weighted mean of the scores that apply; None where none does."""
    applying = {category: score for category, score in scores.items() if score is not None}
    if not applying:
        return None
    total = sum(WEIGHTS[category] for category in applying)
    return round(sum(WEIGHTS[category] * score for category, score in applying.items()) / total, 1)


def grade_of(score: float | None) -> str | None:
    if score is None:
        return None
    return next((grade for floor, grade in GRADES if score >= floor), "F")


def recommendations(verdicts: Sequence[Verdict]) -> list[str]:
    """The remedies that would raise the overall score most, best first, each with its gain."""
    total = sum(WEIGHTS[verdict.category] for verdict in verdicts if verdict.score is not None)
    advice: list[tuple[float, str]] = []
    for verdict in verdicts:
        for first, count, gain in _gains(verdict):
            points = gain * WEIGHTS[verdict.category] / total
            if points >= MIN_GAIN:
                advice.append((points, _sentence(first, count, points)))
    advice.sort(key=lambda item: -item[0])
    return [sentence for _, sentence in advice[:MAX_RECOMMENDATIONS]]


def _gains(verdict: Verdict) -> list[tuple[Finding, int, float]]:
    """Per broken rule: its first finding, how often it was broken, and what mending it adds to the category."""
    if verdict.score is None:
        return []
    by_rule: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    gains = []
    for rule, broken in by_rule.items():
        without = score_of(other for other in verdict.findings if other.rule != rule)
        gains.append((broken[0], len(broken), without - verdict.score))
    return gains


def _sentence(finding: Finding, count: int, points: float) -> str:
    places = "1 place" if count == 1 else f"{count} places"
    suffix = f" ({finding.category}, {places}, about {points:.1f} points)"
    return shorten(finding.remedy, 500 - len(suffix)).rstrip(".") + suffix + "."
