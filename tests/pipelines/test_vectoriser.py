import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.embeddings.vectoriser import DIMENSIONS, MODEL, pad, vectorise

LEFT, RIGHT = (st.text(letters, min_size=3, max_size=9) for letters in ("abcdefghijklm", "nopqrstuvwxyz"))
floats = st.floats(-10, 10, width=32)


@given(st.text())
def test_a_vector_has_length_1_or_is_zero(text: str) -> None:
    vector = vectorise(text)
    assert (vector.shape, vector.dtype) == ((DIMENSIONS,), np.float32)
    length = float(np.linalg.norm(vector))
    assert length == 0 if not any(map(str.isalnum, text)) and "_" not in text else length == pytest.approx(1, abs=1e-5)


@given(st.lists(LEFT, min_size=4, max_size=20, unique=True), st.lists(RIGHT, min_size=4, max_size=20, unique=True))
def test_a_text_is_nearer_to_its_own_beginning_than_to_other_words(words: list[str], others: list[str]) -> None:
    text = vectorise(" ".join(words))
    assert text @ vectorise(" ".join(words[:-1])) > text @ vectorise(" ".join(others))


def test_texts_that_share_words_or_parts_of_words_are_near() -> None:
    guideline = vectorise("Every image needs an alternative text")
    assert guideline @ vectorise("images need alternative texts") > 0.3
    assert abs(guideline @ vectorise("Choose a monthly plan")) < 0.15


def test_case_and_punctuation_do_not_matter() -> None:
    assert np.array_equal(vectorise("Opening hours: 9–17"), vectorise("opening HOURS 9 17"))


def test_the_model_keeps_its_vectors_for_as_long_as_its_name() -> None:
    digest = hashlib.sha256(np.round(vectorise("A bicycle workshop, open daily"), 4).tobytes()).hexdigest()
    assert (MODEL, digest[:16]) == ("hashing-v1", "dbb80d6f002f4e15")


def test_a_long_text_counts_up_to_its_bound() -> None:
    assert np.array_equal(vectorise("word " * 20_000), vectorise("word " * 20_000 + "other " * 500_000))


@given(arrays(np.float32, 8, elements=floats), arrays(np.float32, 8, elements=floats))
def test_padding_keeps_products_and_distances(a: np.ndarray, b: np.ndarray) -> None:
    wide_a, wide_b = pad(a), pad(b)
    assert len(wide_a) == DIMENSIONS
    assert wide_a @ wide_b == pytest.approx(a @ b, rel=1e-5, abs=1e-4)
    assert np.linalg.norm(wide_a - wide_b) == pytest.approx(np.linalg.norm(a - b), rel=1e-5)


@pytest.mark.parametrize("vector", [[0.0] * 1537, [[1.0]]])
def test_what_does_not_fit_is_refused(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pad(vector)
