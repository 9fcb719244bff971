"""When an alert fires, as a pure rule."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitoring.alert_rules import Reading, Rule, episodes, fires

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
values = st.floats(-100, 100)
rules = st.builds(
    Rule,
    st.sampled_from(["above", "below"]),
    values,
    st.integers(0, 5),
    st.sampled_from(["ok", "fire", "keep"]),
)
readings = st.builds(Reading, st.none() | values, st.none() | st.integers(0, 10))


@given(rules, readings, st.booleans())
def test_a_rule_fires_on_the_wrong_side_and_never_on_the_threshold(rule: Rule, seen: Reading, firing: bool) -> None:
    fired = fires(rule, seen, firing=firing)

    if seen.value is None or (seen.counted is not None and seen.counted < rule.at_least):
        assert fired == {"ok": False, "fire": True, "keep": firing}[rule.no_data]
    elif rule.comparison == "above":
        assert fired == (seen.value > rule.threshold)
    else:
        assert fired == (seen.value < rule.threshold)


@given(rules, st.lists(readings, max_size=40))
def test_episodes_hold_exactly_the_moments_at_which_it_fires(rule: Rule, seen: list[Reading]) -> None:
    moments = [(START + place * HOUR, reading) for place, reading in enumerate(seen)]
    fired, firing = [], False
    for moment, reading in moments:
        firing = fires(rule, reading, firing=firing)
        fired += [moment] if firing else []

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

    assert fires(dead_man, Reading(0), firing=False)
    assert not fires(dead_man, Reading(None, 0), firing=False)
