"""Paired statistics: published figures, and what must hold for any scores."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.paired import bootstrap_interval, compare_scores, mcnemar

SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)
OPPOSITE = {"better": "worse", "worse": "better", "equal": "equal", "unclear": "unclear"}


def test_mcnemar_is_the_exact_one() -> None:
    """2 to 10 of 12 items: twice the chance of at most 2 heads in 12 throws, 79/4096."""
    assert mcnemar(2, 10) == pytest.approx(2 * 79 / 4096)
    assert mcnemar(0, 0) == 1


def test_wilcoxon_is_the_published_one() -> None:
    """Wilcoxon's own example, Darwin's 15 pairs of plants: two-sided p 0.041 (exact)."""
    changes = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = compare_scores([0.0] * 15, [float(change) for change in changes])

    assert found.p == pytest.approx(0.041, abs=5e-4)
    assert (found.improved, found.worsened, found.mean_change) == (13, 2, pytest.approx(20.933, abs=1e-3))


def test_what_everyone_can_see_is_said() -> None:
    assert compare_scores([0.5] * 20, [0.9] * 20).outcome == "better"
    assert compare_scores([1.0] * 12, [0.0] * 12).outcome == "worse"
    assert compare_scores([0.5] * 20, [0.5] * 20).outcome == "equal"
    assert compare_scores([0.5, 0.5], [0.9, 0.9]).outcome == "unclear"
    assert compare_scores([0.2, 0.8] * 10, [0.8, 0.2] * 10).outcome == "unclear"


@settings(max_examples=25)
@given(SCORES)
def test_exchanging_the_versions_exchanges_the_outcome(pairs: list[tuple[float, float]]) -> None:
    old, new = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = compare_scores(old, new), compare_scores(new, old)

    assert back.outcome == OPPOSITE[there.outcome]
    assert (back.improved, back.worsened) == (there.worsened, there.improved)
    assert back.p == pytest.approx(there.p)
    assert there.low - 1e-9 <= there.mean_change <= there.high + 1e-9 or there.items < 5


def test_the_interval_is_the_same_at_every_call_and_narrows_with_the_items() -> None:
    few, many = [0.0, 1.0] * 5, [0.0, 1.0] * 500

    assert bootstrap_interval(few) == bootstrap_interval(few)
    low, high = bootstrap_interval(many)
    assert 0.4 < low < 0.5 < high < 0.6
    assert bootstrap_interval(few)[0] < low


@pytest.mark.parametrize(("old", "new"), [([], []), ([1.0], [1.0, 2.0])])
def test_scores_without_a_partner_are_refused(old: list[float], new: list[float]) -> None:
    with pytest.raises(ValueError, match="paired scores"):
        compare_scores(old, new)
