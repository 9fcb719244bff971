"""Folding changes no figure, however a window cuts what is folded."""

from datetime import timedelta
from typing import Any

import pytest

from monitoring.figures import Report, report
from monitoring.models import RollupMark
from monitoring.rollups import fold_marked
from monitoring.windows import Window
from tests.factories import AIPromptFactory
from tests.monitoring.test_rollups import AI, BEGAN, MARCH, many_runs

pytestmark = pytest.mark.django_db

GROUPINGS = ("prompt", "model", "hour", "day", "week")
WINDOWS = {
    "month": MARCH,
    "ragged": Window(BEGAN, BEGAN + timedelta(days=5, minutes=7)),
    "within an hour": Window(BEGAN + timedelta(minutes=7), BEGAN + timedelta(minutes=31)),
    "whole hours": Window(BEGAN.replace(minute=0), BEGAN.replace(hour=13, minute=0)),
    "over midnight": Window(BEGAN.replace(hour=23), BEGAN + timedelta(days=1)),
}


@pytest.fixture(scope="module")
def before(shared: Any) -> dict[tuple[str, str], Report]:
    """What was reported of runs that are folded by now, but for an hour that is marked again."""
    with shared():
        many_runs(300, [AIPromptFactory()])
        reports = {(by, name): report(WINDOWS[name], by=by, kind=AI) for by in GROUPINGS for name in WINDOWS}
        fold_marked()
        RollupMark.objects.create(period=BEGAN.replace(hour=12, minute=0))
    return reports


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("window", WINDOWS)
def test_folding_changes_no_figure(by: Any, window: str, before: Any) -> None:
    after, unfolded = report(WINDOWS[window], by=by, kind=AI), before[by, window]

    assert rounded(after) == rounded(unfolded)
    assert after.groups.keys() == unfolded.groups.keys()
    assert after.total.latencies == unfolded.total.latencies


def rounded(found: Report) -> dict[str, dict[str, Any]]:
    """Without the last digits of sums of floats, which depend on the order they were added in."""
    groups = {**found.groups, "total": found.total}
    return {key: {name: round(value or 0, 6) for name, value in each.sums.items()} for key, each in groups.items()}
