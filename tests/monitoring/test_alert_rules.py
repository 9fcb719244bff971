"""When an alert fires, as a pure rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitoring.alert_rules import CALM, Reading, Rule, Standing, episodes, is_broken, stands

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
values = st.floats(-100, 100)
rules = st.builds(
    Rule,
    st.sampled_from(["above", "below"]),
    values,
    st.integers(0, 5),
    st.sampled_from(["ok", "fire", "keep"]),
    st.integers(0, 5).map(lambda hours: hours * HOUR),
)
readings = st.builds(Reading, st.none() | values, st.none() | st.integers(0, 10))


@given(rules, readings)
def test_a_rule_is_broken_on_the_wrong_side_and_never_on_the_threshold(rule: Rule, seen: Reading) -> None:
    broken = is_broken(rule, seen)

    if seen.value is None or (seen.counted is not None and seen.counted < rule.at_least):
        assert broken == {"ok": False, "fire": True, "keep": None}[rule.no_data]
    elif rule.comparison == "above":
        assert broken == (seen.value > rule.threshold)
    else:
        assert broken == (seen.value < rule.threshold)


def moments_of(seen: list[Reading]) -> list[tuple[datetime, Reading]]:
    return [(START + place * HOUR, reading) for place, reading in enumerate(seen)]


def standings(rule: Rule, seen: list[Reading]) -> list[Standing]:
    found = [CALM]
    for moment, reading in moments_of(seen):
        found.append(stands(rule, reading, moment, found[-1]))
    return found[1:]


@given(rules, st.lists(readings, max_size=40))
def test_it_fires_exactly_from_when_it_has_been_broken_for_so_long(rule: Rule, seen: list[Reading]) -> None:
    broken_for = None
    carried = False
    for (_, reading), found in zip(moments_of(seen), standings(rule, seen), strict=True):
        broken = is_broken(rule, reading)
        carried = carried if broken is None else broken
        broken_for = None if not carried else timedelta() if broken_for is None else broken_for + HOUR
        assert (found.since is not None) == carried
        if broken is not None:
            assert found.firing == (broken_for is not None and broken_for >= rule.hold)


@given(rules, st.lists(readings, max_size=40))
def test_whoever_waits_longer_fires_at_no_other_moments(rule: Rule, seen: list[Reading]) -> None:
    patient = replace(rule, hold=rule.hold + HOUR)

    for soon, late in zip(standings(rule, seen), standings(patient, seen), strict=True):
        assert soon.since == late.since
        assert soon.firing or not late.firing


@given(rules, st.lists(readings, max_size=40))
def test_episodes_hold_exactly_the_moments_at_which_it_fires(rule: Rule, seen: list[Reading]) -> None:
    moments = moments_of(seen)
    fired = [moment for (moment, _), found in zip(moments, standings(rule, seen), strict=True) if found.firing]

    found = episodes(rule, moments)

    within: list[Any] = [
        moment
        for moment, _ in moments
        if any(each.began <= moment and (each.ended is None or moment < each.ended) for each in found)
    ]
    assert within == fired
    assert all(each.ended is not None and each.ended < later.began for each, later in pairwise(found))
    assert all(each.first == dict(moments)[each.began] for each in found)


def test_zero_of_what_is_counted_is_data_and_a_share_of_nothing_is_none() -> None:
    dead_man = Rule("below", 1)

    assert is_broken(dead_man, Reading(0))
    assert not is_broken(dead_man, Reading(None, 0))
