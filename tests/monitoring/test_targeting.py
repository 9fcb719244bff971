"""Who gets which value, as a pure function."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from monitoring.targeting import Rule, Subject, bucket, choose, fits

UNITS = st.text(min_size=1, max_size=20)
KEYS = st.sampled_from(["IR_VALIDATION_MODE", "MONITORING_API_ENABLED"])
PERCENTAGES = st.integers(0, 10_000).map(lambda hundredths: f"{hundredths / 100:.2f}")
IDS = st.sampled_from(["1", "2", "3"])
RULES = st.lists(
    st.one_of(
        st.builds(Rule, st.integers(1, 99), st.sampled_from(["user", "group", "pipeline", "prompt"]), IDS, IDS),
        st.builds(Rule, st.integers(1, 99), st.just("percentage"), PERCENTAGES, IDS),
    ),
    max_size=8,
    unique_by=lambda rule: rule.position,
)
SUBJECTS = st.builds(Subject, IDS | st.just(""), st.frozensets(IDS), IDS | st.just(""), IDS | st.just(""), UNITS)


@given(KEYS, UNITS, PERCENTAGES, PERCENTAGES)
def test_who_is_within_a_percentage_is_within_every_larger_one(key: str, unit: str, one: str, other: str) -> None:
    smaller, larger = sorted((one, other), key=float)
    within = [fits(key, Rule(1, "percentage", each, "on"), Subject(unit=unit)) for each in (smaller, larger)]

    assert within in ([False, False], [False, True], [True, True])


@given(KEYS, UNITS)
def test_nobody_is_within_none_and_everybody_within_all(key: str, unit: str) -> None:
    assert not fits(key, Rule(1, "percentage", "0.00", "on"), Subject(unit=unit))
    assert fits(key, Rule(1, "percentage", "100.00", "on"), Subject(unit=unit))
    assert not fits(key, Rule(1, "percentage", "100.00", "on"), Subject())


@given(KEYS, RULES, SUBJECTS, st.randoms())
def test_the_lowest_rule_that_fits_decides_however_they_are_listed(
    key: str, rules: list[Rule], subject: Subject, random: Random
) -> None:
    chosen = choose(key, rules, subject)
    shuffled = random.sample(rules, len(rules))

    fitting = [rule for rule in rules if fits(key, rule, subject)]
    assert chosen == min(fitting, key=lambda rule: rule.position, default=None) == choose(key, shuffled, subject)


@given(KEYS, RULES)
def test_nothing_is_for_a_subject_that_nobody_knows(key: str, rules: list[Rule]) -> None:
    assert choose(key, rules, Subject()) is None


def test_lots_are_the_same_for_ever_and_apart_for_each_flag() -> None:
    assert bucket("MONITORING_API_ENABLED", "user:7") == 9168
    assert bucket("IR_VALIDATION_MODE", "user:7") != 9168


def test_a_percentage_takes_its_share() -> None:
    rule = Rule(1, "percentage", "12.50", "on")
    taken = sum(fits("MONITORING_API_ENABLED", rule, Subject(unit=f"user:{number}")) for number in range(20_000))

    assert 0.115 < taken / 20_000 < 0.135


def test_whom_a_rule_is_for_is_said_in_words() -> None:
    assert Rule(1, "percentage", "25.00", "on").whom == "25 % of users and runs"
    assert Rule(1, "percentage", "0.50", "on").whom == "0.5 % of users and runs"
    assert Rule(1, "user", "7", "on", "ada").whom == "user ada"
