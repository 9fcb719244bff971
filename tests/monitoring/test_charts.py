"""Lines and bars of charts."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.charts import line, shares, top_of

values = st.lists(st.none() | st.floats(0, 1e9), min_size=1)


@given(values)
def test_a_line_stays_in_its_box_and_has_a_dot_for_each_value(each: list[float | None]) -> None:
    drawn = line("Line", "info", each, [str(value) for value in each], top=top_of(each))

    assert [dot.text for dot in drawn.dots] == [str(value) for value in each if value is not None]
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= 100 for dot in drawn.dots)


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    drawn = line("Line", "info", [0, 5, None, 10], ["a", "b", "c", "d"], top=10)

    assert drawn.path == "M0.0 100.0L33.33 50.0M100.0 0.0"


@given(st.floats(1e-9, 1e9))
def test_the_top_is_above_and_not_far(value: float) -> None:
    assert value <= top_of([None, value]) <= 10 * value


def test_without_values_the_top_is_one() -> None:
    assert top_of([None, 0]) == 1
    assert [top_of([value]) for value in (1, 3, 7.5, 80)] == [1, 5, 10, 100]


@given(values)
def test_shares_are_of_the_largest(each: list[float | None]) -> None:
    bars = shares(each)

    assert all(0 <= bar <= 100 for bar in bars)
    assert max(bars) in (0, 100)
