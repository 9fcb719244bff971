"""How far a judge agrees with reviewers on the outputs that both have judged."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from feedback.accepted import accepted_answers
from feedback.models import Judge, Judgement, ReviewAnswer, ReviewItem, ReviewQueue
from metrics.calibration import Calibration, calibrate

MOST_JUDGEMENTS = 2_000


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item that people and the judge judged differently."""

    item: ReviewItem
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Report:
    """``without_score`` judgements have none and are compared with nothing; ``without_answer`` have no accepted answer.

    ``is_cut`` says that only the latest ``MOST_JUDGEMENTS`` judgements were read. ``disagreements`` come with the
    largest distance from ``pass_from`` first.
    """

    calibration: Calibration
    without_score: int
    without_answer: int
    is_cut: bool
    disagreements: list[Disagreement]


def calibration_report(judge: Judge) -> Report:
    """Of each output the judge's latest score, and the accepted answer of the latest item that asked for it."""
    rows = judge.judgements.exclude(outcome=Judgement.Outcome.FAILED).order_by("-pk")
    latest: dict[Any, Judgement] = {}
    read = list(rows.defer("reason", "error")[: MOST_JUDGEMENTS + 1])
    for judgement in read[:MOST_JUDGEMENTS]:
        latest.setdefault((judgement.kind, judgement.target_id), judgement)
    scored = {target: judgement for target, judgement in latest.items() if judgement.score is not None}
    people = _people(judge, scored)
    pairs = [(passed, bool(scored[target].passed)) for target, (_, passed) in people.items()]
    apart = [
        Disagreement(item, scored[target])
        for target, (item, passed) in people.items()
        if passed != scored[target].passed
    ]
    return Report(
        calibration=calibrate(pairs),
        without_score=len(latest) - len(scored),
        without_answer=len(scored) - len(people),
        is_cut=len(read) > MOST_JUDGEMENTS,
        disagreements=sorted(apart, key=lambda each: -abs((each.judgement.score or 0) - judge.pass_from)),
    )


def refresh_calibration(judge: Judge) -> Report:
    """Work the report out and keep its figures with the judge, for where its scores are shown."""
    report = calibration_report(judge)
    judge.calibration = as_json(report)
    judge.calibrated_at = timezone.now()
    judge.save(update_fields=["calibration", "calibrated_at"])
    return report


def as_json(report: Report) -> dict[str, Any]:
    """The figures in the API's names."""
    found = asdict(report.calibration)
    return {
        "items": found["items"],
        "agreed": found["agreed"],
        "percent": found["percent"],
        "percentInterval": found["percent_interval"],
        "kappa": found["kappa"],
        "kappaInterval": found["kappa_interval"],
        "confusion": found["table"],
        "withoutScore": report.without_score,
        "withoutAnswer": report.without_answer,
    }


def in_words(calibration: dict[str, Any] | None) -> str:
    """One sentence for where a score is shown."""
    if calibration is None:
        return "not calibrated against reviewers"
    if not calibration["items"]:
        return "no item yet that reviewers judged too"
    low, high = calibration["percentInterval"]
    text = f"agrees with reviewers on {calibration['percent']:.0%} of {calibration['items']} ({low:.0%} to {high:.0%})"
    if calibration["kappa"] is None:
        return f"{text}, kappa not defined"
    text += f", kappa {hundredths(calibration['kappa'])}"
    interval = calibration["kappaInterval"]
    return text if interval is None else f"{text} ({hundredths(interval[0])} to {hundredths(interval[1])})"


def hundredths(figure: float) -> str:
    """``0.40``, and never ``-0.00``."""
    return f"{round(figure, 2) + 0:.2f}"


def _people(judge: Judge, scored: dict[Any, Judgement]) -> dict[Any, tuple[ReviewItem, bool]]:
    """What people said of the outputs, by kind and key: the item, and whether it passes."""
    by_queue: dict[ReviewQueue, list[ReviewItem]] = defaultdict(list)
    targets = {target_id for _, target_id in scored}
    items = ReviewItem.objects.filter(target_id__in=targets, state=ReviewItem.State.DONE).order_by("pk")
    for item in items.select_related("queue"):
        by_queue[item.queue].append(item)
    found: dict[Any, tuple[ReviewItem, bool]] = {}
    for queue, asked in by_queue.items():
        for item, answer in accepted_answers(queue, asked).items():
            passed = _passed(judge, answer)
            if (item.kind, item.target_id) in scored and passed is not None:
                found[item.kind, item.target_id] = (item, passed)
    return found


def _passed(judge: Judge, answer: ReviewAnswer) -> bool | None:
    """By the verdict, or the answer to the judge's question; None where that was not asked or not answered."""
    if not judge.question_key:
        return answer.verdict == ReviewAnswer.Verdict.ACCEPT
    return {"pass": True, "fail": False}.get(str(answer.answers.get(judge.question_key)))
