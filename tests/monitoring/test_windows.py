"""Windows of time, read from texts and bounded."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.problems import InvalidInput
from monitoring.windows import Span, WindowTooLong, moment, window

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
SPAN = Span(usual=timedelta(days=30), most=timedelta(days=90))


def day(month: int, of_month: int) -> datetime:
    return datetime(2026, month, of_month, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-10", day(3, 10)),
        ("2026-03-10T15:30:00Z", NOW),
        ("2026-03-10T15:30", NOW),
        ("2026-03-10T17:30:00+02:00", NOW),
        ("0001-01-01T00:00:00+14:00", datetime(2000, 1, 1, tzinfo=UTC)),
        ("9999-12-31", datetime(2200, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", datetime(2200, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_text_is_a_moment(text: str, expected: datetime) -> None:
    assert moment(text) == expected


def test_a_date_that_ends_a_window_belongs_to_it() -> None:
    assert moment("2026-03-10", ends=True) == day(3, 11)
    assert moment("2026-03-10T15:30:00Z", ends=True) == NOW
    assert moment("9999-12-31", ends=True) == datetime(2200, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-13-01T00:00:00Z", "12", "2026-03-10T25:00:00Z"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert moment(text).tzinfo is not None


def test_what_is_left_out_is_filled_in() -> None:
    usual = window(None, None, span=SPAN, now=NOW)

    assert (usual.start, usual.stop) == (day(2, 9), day(3, 11))
    assert window(None, day(3, 1), span=SPAN, now=NOW).start == day(1, 30)
    assert window(day(3, 1), None, span=SPAN, now=NOW).stop == day(3, 11)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Give an earlier `from` or a later `to`"):
        window(day(3, 2), day(3, 2), span=SPAN, now=NOW)


def test_a_window_that_is_too_long_is_refused() -> None:
    with pytest.raises(WindowTooLong, match="more than 90 days"):
        window(day(1, 1), day(4, 2), span=SPAN, now=NOW)
