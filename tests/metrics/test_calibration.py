"""How well a judge agrees with people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.agreement import Judgements, cohen_kappa, percent
from metrics.calibration import calibrate

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)


@given(PAIRS)
def test_the_figures_are_those_of_two_reviewers(pairs: list[tuple[bool, bool]]) -> None:
    """As the report on reviewers has them, where the judge is the second of them."""
    found = calibrate(pairs)
    answers = [(n, who, str(said)) for n, pair in enumerate(pairs) for who, said in enumerate(pair)]
    judged = Judgements.of(answers)

    assert (found.items, found.agreed) == (len(pairs), sum(one == other for one, other in pairs))
    assert found.percent == pytest.approx(percent(judged))
    assert found.kappa == pytest.approx(cohen_kappa(judged))
    assert found.table == tuple(
        tuple(pairs.count((person, judge)) for judge in (False, True)) for person in (False, True)
    )


@given(PAIRS.filter(bool))
def test_the_intervals_hold_the_figures(pairs: list[tuple[bool, bool]]) -> None:
    found = calibrate(pairs)

    assert found.percent_interval is not None
    low, high = found.percent_interval
    assert 0 <= low <= (found.percent or 0) + 1e-12
    assert (found.percent or 0) - 1e-12 <= high <= 1
    if found.kappa_interval is not None:
        assert -1 <= found.kappa_interval[0] <= found.kappa_interval[1] <= 1
    assert calibrate(pairs[::-1]) == found


def test_more_items_make_the_intervals_narrower() -> None:
    few = calibrate([(True, True), (False, False), (True, False), (False, True), (True, True)] * 4)
    many = calibrate([(True, True), (False, False), (True, False), (False, True), (True, True)] * 40)

    assert few.kappa == pytest.approx(many.kappa)
    assert few.kappa_interval is not None
    assert many.kappa_interval is not None
    assert many.kappa_interval[1] - many.kappa_interval[0] < few.kappa_interval[1] - few.kappa_interval[0]
    assert many.percent_interval == pytest.approx((0.5308, 0.6654), abs=1e-4), "Wilson's of 120 of 200"


def test_without_items_and_with_one_answer_nothing_is_claimed() -> None:
    nothing = calibrate([])
    assert (nothing.percent, nothing.percent_interval, nothing.kappa, nothing.kappa_interval) == (None,) * 4
    same = calibrate([(True, True)] * 20)
    assert (same.percent, same.kappa, same.kappa_interval) == (1, None, None)
