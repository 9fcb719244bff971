"""Agreement against published examples, the library, and slow definitions."""

import time
from itertools import permutations
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.agreement import (
    Judgements,
    biases,
    cohen_kappa,
    confusion,
    disputes,
    krippendorff_alpha,
    percent,
    separation,
)

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: 4 observers, 12 units, with gaps.
PUBLISHED = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
WORDS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.sampled_from("abc")),
    max_size=40,
    unique_by=lambda answer: answer[:2],
)
NUMBERS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(-50, 50)),
    max_size=40,
    unique_by=lambda answer: answer[:2],
)


def published(*, is_number: bool) -> Judgements:
    answers = [
        (unit, rater, int(given) if is_number else given)
        for rater, row in enumerate(PUBLISHED)
        for unit, given in enumerate(row)
        if given != "."
    ]
    return Judgements.of(answers, is_number=is_number)


def table(answers: list[tuple[int, int, Any]], code: Any) -> np.ndarray:
    cells = np.full((5, 7), np.nan)
    for item, rater, value in answers:
        cells[rater, item] = code(value)
    return cells


def test_alpha_is_the_published_one() -> None:
    assert krippendorff_alpha(published(is_number=False)) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(published(is_number=True)) == pytest.approx(0.849, abs=5e-4)


def test_kappa_is_the_published_one() -> None:
    """50 grant proposals, two readers: 20 times both yes, 15 both no, 5 and 10 apart; kappa 0.4."""
    cells = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    answers, item = [], 0
    for (first, second), count in cells.items():
        for _ in range(count):
            answers += [(item, "ann", first), (item, "bob", second)]
            item += 1
    judged = Judgements.of(answers)

    assert percent(judged) == pytest.approx(0.7)
    assert cohen_kappa(judged) == pytest.approx(0.4)
    assert confusion(judged).tolist() == [[15, 10], [5, 20]]
    assert judged.values == ("no", "yes")


@given(NUMBERS)
def test_alpha_of_numbers_is_the_librarys(answers: list[tuple[int, int, int]]) -> None:
    judged = Judgements.of(answers, is_number=True)
    if len(judged.values) < 2:
        assert krippendorff_alpha(judged) is None
    else:
        expected = krippendorff.alpha(table(answers, float), level_of_measurement="interval")
        assert krippendorff_alpha(judged) == pytest.approx(expected)


@given(WORDS)
def test_alpha_of_categories_is_the_librarys(answers: list[tuple[int, int, str]]) -> None:
    judged = Judgements.of(answers)
    if len(judged.values) >= 2:
        expected = krippendorff.alpha(table(answers, ord), level_of_measurement="nominal")
        assert krippendorff_alpha(judged) == pytest.approx(expected)


@given(WORDS)
def test_percent_and_confusion_count_pairs(answers: list[tuple[int, int, str]]) -> None:
    pairs = [
        (first[2], second[2])
        for first, second in permutations(answers, 2)
        if first[0] == second[0] and first[1] != second[1]
    ]
    judged = Judgements.of(answers)
    counted = confusion(judged)

    assert percent(judged) == (pytest.approx(sum(a == b for a, b in pairs) / len(pairs)) if pairs else None)
    both_ways = counted + counted.T if len(judged.raters) == 2 else counted
    for row, first in enumerate(judged.values):
        for column, second in enumerate(judged.values):
            assert both_ways[row, column] == sum(pair == (first, second) for pair in pairs)


@given(WORDS)
def test_kappa_is_at_most_one_and_only_for_two(answers: list[tuple[int, int, str]]) -> None:
    judged = Judgements.of(answers)
    kappa = cohen_kappa(judged)
    assert kappa is None or (len(judged.raters) == 2 and -1 - 1e-9 <= kappa <= 1 + 1e-9)


def test_a_reviewers_bias_is_what_sets_them_apart() -> None:
    answers = [
        (item, rater, "reject" if rater == "strict" and item < 4 else "accept")
        for item in range(8)
        for rater in ("ann", "bob", "strict")
    ]
    strict, *others = biases(Judgements.of(answers))

    assert (strict.rater, strict.answers, strict.agreement) == ("strict", 8, 0.5)
    assert strict.lean == {"accept": -0.5, "reject": 0.5}
    assert [other.agreement for other in others] == [0.75, 0.75]
    assert others[0].lean["accept"] == pytest.approx(0.25)


def test_a_reviewer_who_gives_higher_marks_is_told_by_how_much() -> None:
    answers = [(item, rater, item + (2 if rater == "kind" else 0)) for item in range(5) for rater in ("kind", "ann")]
    leans = {bias.rater: bias.lean[None] for bias in biases(Judgements.of(answers, is_number=True))}

    assert leans == {"kind": 2, "ann": -2}


def test_the_most_disputed_items_come_first() -> None:
    given_answers = {"calm": "aaa", "split": "abc", "odd": "aab"}
    answers = [(item, rater, value) for item, row in given_answers.items() for rater, value in enumerate(row)]

    assert [(item, round(spread, 3)) for item, spread in disputes(Judgements.of(answers), most=5)] == [
        ("split", 1.0),
        ("odd", 0.667),
    ]
    numbers = Judgements.of([("a", 1, 1), ("a", 2, 5), ("b", 1, 2), ("b", 2, 4), ("c", 1, 3)], is_number=True)
    assert disputes(numbers, most=1) == [("a", 8.0)]


def test_nothing_is_said_where_nobody_answered_twice() -> None:
    judged = Judgements.of([(1, "ann", "a"), (2, "bob", "b")])

    assert (percent(judged), cohen_kappa(judged), krippendorff_alpha(judged)) == (None, None, None)
    assert (biases(judged), disputes(judged, most=5)) == ([], [])


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=30), st.booleans())
def test_a_metrics_separation_is_its_definition(measured: list[tuple[int, bool]], higher: bool) -> None:
    values, rejected = [float(value) for value, _ in measured], [bad for _, bad in measured]
    found = separation(values, rejected, higher_is_better=higher)
    bad = [value if higher else -value for value, is_bad in measured if is_bad]
    good = [value if higher else -value for value, is_bad in measured if not is_bad]
    if not bad or not good:
        assert found is None
        return
    wins = sum(1.0 if b < g else 0.5 if b == g else 0.0 for b in bad for g in good)
    assert found.auc == pytest.approx(wins / len(bad) / len(good))
    assert found.threshold in values
    at = {t: sum(b < t for b in bad) / len(bad) - sum(g < t for g in good) / len(good) for t in [*bad, *good]}
    assert found.youden == pytest.approx(max(at.values()))
    assert found.youden == pytest.approx(at[found.threshold if higher else -found.threshold])


def test_a_hundred_thousand_answers_take_seconds() -> None:
    draw = np.random.default_rng(7)
    answers = [
        (item, int(rater), "abc"[int(draw.integers(3))])
        for item in range(50_000)
        for rater in draw.choice(20, 2, replace=False)
    ]
    began = time.perf_counter()
    judged = Judgements.of(answers)
    for measure in (percent, krippendorff_alpha, confusion, biases):
        measure(judged)
    disputes(judged, most=20)

    assert len(judged.items) == 50_000
    assert time.perf_counter() - began < 10
