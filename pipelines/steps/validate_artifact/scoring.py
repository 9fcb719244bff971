"""From findings to scores, a grade and the few actions that would help most."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
MAX_SENTENCE = 500
MIN_GAIN = 0.05


@dataclass
class Action:
    """One thing to do; ``points`` is what it adds to the overall score."""

    remedy: str
    points: float = 0.0
    places: int = 0
    categories: list[Category] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        places = "1 place" if self.places == 1 else f"{self.places} places"
        categories = " and ".join(dict.fromkeys(self.categories))
        suffix = f" ({categories}, {places}, about {self.points:.1f} points)"
        return shorten(self.remedy, MAX_SENTENCE - len(suffix) - 1).rstrip(".") + suffix + "."


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
    """The remedies that would raise the overall score most, best first, each with its gain.

    A remedy that mends rules of several categories stands once, with all that it gains.
    """
    total = sum(WEIGHTS[verdict.category] for verdict in verdicts if verdict.score is not None)
    actions: dict[str, Action] = {}
    for verdict in verdicts:
        for finding, count, gain in _gains(verdict):
            action = actions.setdefault(finding.remedy, Action(finding.remedy))
            action.points += gain * WEIGHTS[verdict.category] / total
            action.places = max(action.places, count)
            action.categories.append(verdict.category)
    best = sorted(actions.values(), key=lambda action: -action.points)
    return [action.sentence for action in best[:MAX_RECOMMENDATIONS] if action.points >= MIN_GAIN]


def _gains(verdict: Verdict) -> Iterator[tuple[Finding, int, float]]:
    """Per broken rule: its first finding, how often it was broken, and what mending it adds to the category."""
    if verdict.score is None:
        return
    by_rule: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, broken in by_rule.items():
        without = score_of(other for other in verdict.findings if other.rule != rule)
        yield broken[0], len(broken), without - verdict.score
