"""What an evaluation comes to: the means of each side, and by paired statistics whether one is better. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feedback.models import Evaluation, EvaluationItem
from metrics.documents import COMPARATORS
from metrics.paired import Comparison, compare_scores

Scores = Mapping[str, float]
Outcome = Evaluation.Outcome


def report_of(items: Sequence[EvaluationItem], *, has_baseline: bool) -> dict[str, Any]:
    """The report of items that are all scored. ``metrics`` and what is named for the baseline need one.

    ``{answers, withoutOutput, means, baselineWithoutOutput, baselineMeans, changed, metrics}``; of each metric
    ``{outcome, items, improved, worsened, meanChange, interval, p}``.
    """
    told: dict[str, Any] = {
        "answers": len(items),
        "withoutOutput": sum(item.step_run_id is None for item in items),
        "means": _means(pair_of(item)[1] for item in items),
    }
    if not has_baseline:
        return told
    pairs = [pair_of(item) for item in items]
    return {
        **told,
        "baselineWithoutOutput": sum(item.baseline_step_run_id is None for item in items),
        "baselineMeans": _means(old for old, _ in pairs),
        "changed": sum(change_of(*pair) != 0 for pair in pairs),
        "metrics": {key: _told(found) for key, found in _compared(pairs).items()},
    }


def pair_of(item: EvaluationItem) -> tuple[Scores, Scores]:
    """The scores of the baseline and of what is evaluated; none where they are not known."""
    return item.baseline_scores or {}, item.scores or {}


def changes_of(old: Scores, new: Scores) -> dict[str, float]:
    """By metric, those that changed."""
    return {key: new[key] - old[key] for key in COMPARATORS if key in old and key in new and new[key] != old[key]}


def in_order(by_metric: Mapping[str, Any]) -> dict[str, Any]:
    """What was stored as JSON, which has no order, in the metrics' order."""
    return {key: by_metric[key] for key in COMPARATORS if key in by_metric}


def change_of(old: Scores, new: Scores) -> float:
    """The change that lost most, else that won most; 0 where nothing changed."""
    changes = changes_of(old, new).values()
    return min(changes) if any(each < 0 for each in changes) else max(changes, default=0.0)


def outcome_of(report: Mapping[str, Any]) -> Outcome:
    """In one word: worse where any metric is, else better where any is, and the same where nothing changed."""
    found = {metric["outcome"] for metric in report["metrics"].values()}
    for outcome in (Outcome.WORSE, Outcome.BETTER, Outcome.UNCLEAR):
        if outcome in found:
            return outcome
    return Outcome.EQUAL


def _means(scored: Iterable[Scores]) -> dict[str, float]:
    """The mean of each metric over the answers it applies to."""
    found: dict[str, list[float]] = defaultdict(list)
    for scores in scored:
        for key, score in scores.items():
            found[key].append(score)
    return {key: sum(found[key]) / len(found[key]) for key in COMPARATORS if key in found}


def _compared(pairs: Sequence[tuple[Scores, Scores]]) -> dict[str, Comparison]:
    found = {}
    for key in COMPARATORS:
        both = [(old[key], new[key]) for old, new in pairs if key in old and key in new]
        if both:
            found[key] = compare_scores([old for old, _ in both], [new for _, new in both])
    return found


def _told(found: Comparison) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "items": found.items,
        "improved": found.improved,
        "worsened": found.worsened,
        "meanChange": found.mean_change,
        "interval": [found.low, found.high],
        "p": found.p,
    }
