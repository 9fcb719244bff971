"""What came of a judge's work, as the command prints it and the API answers."""

from typing import Any

from feedback.models import Judge
from pipelines.judging.calibration import Report, as_json
from pipelines.judging.sets import SetReport, VersionScores
from pipelines.judging.working import Worked


def told(judge: Judge, worked: Worked | None, found: SetReport | None, report: Report) -> dict[str, Any]:
    """Keys are camelCase; ``judged`` and ``set`` are there only where it judged, and judged versions on a set."""
    said: dict[str, Any] = {"judge": judge.key, "metric": judge.metric_key, "prompt": str(judge.prompt)}
    if worked is not None:
        said["judged"] = {
            "scored": worked.scored,
            "unusable": worked.unusable,
            "failed": worked.failed,
            "withoutTruth": worked.without_truth,
            "gone": worked.gone,
            "costUsd": None if worked.cost is None else f"{worked.cost:f}",
            "stopped": worked.stopped,
        }
    if found is not None:
        said["set"] = {"new": _side(found.new), "old": found.old and _side(found.old), "compared": _compared(found)}
    return said | {"calibration": as_json(report)}


def _side(side: VersionScores) -> dict[str, Any]:
    return {
        "version": side.name,
        "mean": side.mean,
        "scores": {str(key): score for key, score in side.scores.items()},
        "withoutScore": side.without_score,
        "missing": side.missing,
    }


def _compared(found: SetReport) -> dict[str, Any] | None:
    one = found.compared
    if one is None:
        return None
    return {
        "outcome": one.outcome,
        "items": one.items,
        "improved": one.improved,
        "worsened": one.worsened,
        "meanChange": one.mean_change,
        "interval": [one.low, one.high],
        "p": one.p,
    }
