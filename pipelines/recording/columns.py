"""The typed columns of a ``TestRun``, which readers filter and sum on, beside its JSON summary."""

from collections.abc import Mapping
from typing import Any

from monitoring.models import SCORES

LONGEST_GRADE = 10
LONGEST_MODEL, LONGEST_PROVIDER = 200, 80


def score_columns(judgement: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a judgement ``{scores: {html: 0..100 or null, ...}, overall, grade}``.

    Any document will do: what is absent, or no score and no grade, is left out.
    """
    scores = judgement.get("scores")
    found = {**(scores if isinstance(scores, dict) else {}), "overall": judgement.get("overall")}
    columns: dict[str, Any] = {f"score_{name}": found[name] for name in SCORES if is_score(found.get(name))}
    grade = judgement.get("grade")
    if isinstance(grade, str) and len(grade) <= LONGEST_GRADE:
        columns["grade"] = grade
    return columns


def model_columns(summary: Mapping[str, Any]) -> dict[str, str]:
    """The columns that say who answered, as a redacted summary has it."""
    return {
        "model": (summary.get("model") or "")[:LONGEST_MODEL],
        "provider": (summary.get("provider") or "")[:LONGEST_PROVIDER],
    }


def validation_columns(*, passed: bool | None, error_count: int) -> dict[str, Any]:
    """The columns of a validation; where none was made there is no count of errors either."""
    return {"validation_passed": passed, "error_count": None if passed is None else error_count}


def is_score(value: Any) -> bool:
    """Whether it is a number from 0 to 100; whoever wrote the document may have put anything there."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
