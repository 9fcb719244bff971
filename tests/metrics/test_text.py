from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.text import bag_f1, rouge_l_f1, word_tokens

words = st.lists(st.sampled_from(["one", "two", "three", "four", "five"]), max_size=12)


def lcs_length(a: list[str], b: list[str]) -> int:
    """The textbook table, as the oracle."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(words, words)
def test_rouge_l_is_twice_the_common_subsequence_over_both_lengths(a: list[str], b: list[str]) -> None:
    expected = 2 * lcs_length(a, b) / (len(a) + len(b)) if a or b else 1
    assert rouge_l_f1(a, b) == pytest.approx(expected)


@given(words, words, st.randoms())
def test_bag_f1_knows_no_order_and_is_symmetric(a: list[str], b: list[str], random: Random) -> None:
    assert bag_f1(random.sample(a, len(a)), b) == bag_f1(a, b) == bag_f1(b, a)
    assert rouge_l_f1(a, b) <= bag_f1(a, b) + 1e-12


@given(words)
def test_equal_texts_score_1(a: list[str]) -> None:
    assert bag_f1(a, a) == rouge_l_f1(a, a) == 1


def test_bag_f1_counts_repeats() -> None:
    assert bag_f1(["a", "a", "b"], ["a"]) == pytest.approx(0.5)


@given(st.text())
def test_word_tokens_have_no_space_or_punctuation(text: str) -> None:
    assert all(token.replace("_", "x").isalnum() or not token.isascii() for token in word_tokens(text))


def test_word_tokens_fold_case_and_split_unspaced_scripts() -> None:
    assert word_tokens("Don't STOP, Straße 12!") == ["don", "t", "stop", "strasse", "12"]
    assert word_tokens("自転車 repair") == ["自", "転", "車", "repair"]
