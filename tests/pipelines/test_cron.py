"""Times that cron expressions name, also where clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.problems import InvalidInput
from pipelines import cron

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]
EXPRESSIONS = [
    "* * * * *",
    "*/15 * * * *",
    "30 2 * * *",
    "0 0 1 * *",
    "0 9 * * mon-fri",
    "59 23 29 2 *",
    "0 0,12 * * 7",
]
MOMENTS = st.integers(0, 4_000 * 86_400).map(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def clock(zone: str, times: list[datetime]) -> list[str]:
    return [time.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M") for time in times]


@settings(max_examples=40)
@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS)
def test_times_go_forward_and_the_latest_is_the_last_of_them(expression: str, zone: str, moment: datetime) -> None:
    following = cron.next_slots(expression, zone, moment, 5)
    latest = cron.latest_slot(expression, zone, moment)

    assert all(one < other for one, other in pairwise([moment, *following]))
    assert latest <= moment
    assert cron.next_slots(expression, zone, latest) == following[:1]
    assert cron.latest_slot(expression, zone, following[0]) == following[0]
    assert cron.count_slots(expression, zone, following[0], following[3]) == 3


@given(st.text(max_size=120) | st.text("0123456789*/,-#LlRrHh@adiny ", max_size=40))
def test_whatever_is_typed_is_refused_or_has_times(expression: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        times = cron.next_slots(expression, "UTC", moment, 2)
    except InvalidInput:
        return
    assert moment < times[0] < times[1]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("* * * * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("61 * * * *", "'61' is no minute"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 32 * *", "'32' is no day of the month"),
        ("0 0 * foo *", "'foo' is no month"),
        ("0 0 * * 9", "'9' is no day of the week"),
        ("R * * * *", "'R' is no minute"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("0 0 30 2 *", "never comes"),
        ("٣ * * * *", "is no minute"),
        ("0 " * 60, "at most 100 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(expression: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cron.check(expression, "UTC")

    assert said in refusal.value.message
    assert refusal.value.errors[0]["path"] == "/cron"


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Olympus", "/etc/passwd", "../UTC", "a" * 300, "\0", "CEST+2"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cron.check("* * * * *", zone)

    assert refusal.value.errors[0]["path"] == "/timezone"


def test_a_night_time_counts_once_where_clocks_are_put_back() -> None:
    evening = datetime(2026, 10, 24, 20, tzinfo=UTC)
    assert clock("Europe/Berlin", cron.next_slots("30 2 * * *", "Europe/Berlin", evening, 2)) == [
        "10-25 02:30",
        "10-26 02:30",
    ]
    night = cron.next_slots("*/30 * * * *", "Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC), 6)
    assert {other - one for one, other in pairwise(night)} == {timedelta(minutes=30)}


def test_a_time_that_the_clock_leaves_out_counts_after_the_gap() -> None:
    evening = datetime(2026, 3, 28, 20, tzinfo=UTC)
    assert clock("Europe/Berlin", cron.next_slots("30 2 * * *", "Europe/Berlin", evening, 2)) == [
        "03-29 03:00",
        "03-30 02:30",
    ]


def test_a_long_absence_is_counted_up_to_a_limit() -> None:
    first, now = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)

    assert cron.count_slots("* * * * *", "UTC", first, now) == cron.MAX_COUNTED
