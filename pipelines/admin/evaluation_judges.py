"""What judges make of an evaluation, for its page."""

from typing import Any

from config.admin_base import row_link
from feedback.models import Evaluation, Judge
from feedback.models.evaluations import OUTCOME_COLOURS
from pipelines.admin.run_page.chips import Chip
from pipelines.judging.calibration import in_words
from pipelines.judging.sets import SetReport, VersionScores, evaluation_reports


def judges_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    """A row for each judge that has judged outputs of it; none before it is completed."""
    if evaluation.status != Evaluation.Status.COMPLETED:
        return []
    return [_row(judge, report) for judge, report in evaluation_reports(evaluation)]


def _row(judge: Judge, report: SetReport) -> dict[str, Any]:
    row: dict[str, Any] = {
        "judge": row_link(judge),
        "mean": _mean(report.new),
        "before": report.old and _mean(report.old),
        "calibration": in_words(judge.calibration),
    }
    one = report.compared
    if one is not None:
        row |= {
            "verdict": Chip(Evaluation.Outcome(one.outcome).label, OUTCOME_COLOURS[one.outcome]),
            "change": f"{one.mean_change:+.3f} ({one.low:+.3f} to {one.high:+.3f})",
            "moved": f"{one.improved} up, {one.worsened} down, of {one.items}",
        }
    return row


def _mean(side: VersionScores) -> str:
    """The mean of the scores there are, and how many there are not."""
    mean = "no score" if side.mean is None else f"{side.mean:.3f}"
    return f"{mean}, {side.without_score} without a score" if side.without_score and side.given else mean
