"""Folding changes no figure, however a window cuts what is folded."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.figures import Figures, Report, report
from monitoring.models import RollupMark, TestRun
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


MADE = TestRun.objects.filter(type=AI, model="made")
MIDNIGHT = BEGAN.replace(hour=0, minute=0)
MOMENTS = st.sampled_from([MIDNIGHT + timedelta(minutes=each) for each in (0, 30, 60, 1430, 1440, 1470, 2880)])
STEPS: dict[str, Callable[[datetime], Any]] = {
    "write": lambda at: MADE.create(
        type=AI, model="made", status="passed", started_at=at, latency_ms=5, cost_usd=Decimal("0.1")
    ),
    "move": lambda at: MADE.filter(started_at__gt=at).update(started_at=at),
    "fail": lambda at: MADE.filter(started_at__lt=at).update(status="failed", cost_usd=None),
    "delete": lambda at: MADE.filter(started_at__gte=at).delete(),
    "mark": lambda at: RollupMark.objects.create(period=at.replace(minute=0)),
    "fold": lambda _: fold_marked(1),
}
WEIGHTED = ("write", "write", "write", "fold", "fold", "move", "fail", "delete", "mark")


@given(st.lists(st.tuples(st.sampled_from(WEIGHTED), MOMENTS), max_size=15), MOMENTS, st.sampled_from([30, 1440, 4000]))
@settings(max_examples=25)
def test_figures_are_those_of_the_runs_whatever_was_done_and_folded(
    done: list[tuple[str, datetime]], start: datetime, minutes: int
) -> None:
    window = Window(start, start + timedelta(minutes=minutes))
    with transaction.atomic():
        for step, at in done:
            STEPS[step](at)
        runs = list(MADE.filter(started_at__gte=window.start, started_at__lt=window.stop))
        found = {by: report(window, by=by, kind=AI, model="made") for by in ("hour", "day")}
        transaction.set_rollback(True)

    for each in found.values():
        assert summed(each.total) == (
            len(runs),
            sum(run.status == "passed" for run in runs),
            costs(runs),
            5 * len(runs),
        )
    for day, figures in found["day"].groups.items():
        of_day = [run for run in runs if f"{run.started_at:%Y-%m-%d}" == day[:10]]
        assert (figures.count("runs"), figures.cost_usd) == (len(of_day), costs(of_day))


def summed(figures: Figures) -> tuple[Any, ...]:
    return figures.count("runs"), figures.count("passed"), figures.cost_usd, figures.sums["latency_ms"] or 0


def costs(runs: list[TestRun]) -> Any:
    known = [run.cost_usd for run in runs if run.cost_usd is not None]
    return sum(known) if known else None


def rounded(found: Report) -> dict[str, dict[str, Any]]:
    """Without the last digits of sums of floats, which depend on the order they were added in."""
    groups = {**found.groups, "total": found.total}
    return {key: {name: round(value or 0, 6) for name, value in each.sums.items()} for key, each in groups.items()}
