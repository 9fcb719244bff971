"""The vectoriser that needs no model and no network: words and parts of words, hashed into a fixed width.

Signed feature hashing (Weinberger et al. 2009) over words, word pairs and the character n-grams of each word (as in
fastText), damped by 1 + ln(count) and normalised to length 1. It is lexical: texts are near when they share words or
parts of words, not when they mean the same. The same text gives the same vector in every process, for as long as
the model keeps its name.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from metrics.text import word_tokens

MODEL: Final = "hashing-v1"
DIMENSIONS: Final = 1536
MAX_CHARACTERS: Final = 100_000

_WORD_WEIGHT: Final = 1.0
_PAIR_WEIGHT: Final = 0.5
_PART_WEIGHT: Final = 0.25
_PART_LENGTHS: Final = (3, 4, 5)
_LONGEST_WORD: Final = 40


def vectorise(text: str) -> NDArray[np.float32]:
    """The vector of a text, shape ``(1536,)``, of length 1; all zeros for a text without words.

    Only the first 100,000 characters count.
    """
    words = [word[:_LONGEST_WORD] for word in word_tokens(text[:MAX_CHARACTERS])]
    vector = np.zeros(DIMENSIONS, dtype=np.float64)
    for features, weight in (
        (words, _WORD_WEIGHT),
        ([f"{first} {second}" for first, second in pairwise(words)], _PAIR_WEIGHT),
        ([part for word in words for part in _parts(word)], _PART_WEIGHT),
    ):
        for feature, count in Counter(features).items():
            position, sign = _place(feature)
            vector[position] += sign * weight * (1 + math.log(count))
    length = np.linalg.norm(vector)
    return (vector / length if length else vector).astype(np.float32)


def pad(vector: Sequence[float] | NDArray[np.floating], width: int = DIMENSIONS) -> NDArray[np.float32]:
    """A narrower vector with zeros behind it, which leaves cosine, L2 and inner product within one model as they were.

    Raises ``ValueError`` for a vector that is wider than ``width`` or not flat.
    """
    values = np.asarray(vector, dtype=np.float32)
    if values.ndim != 1 or len(values) > width:
        raise ValueError(f"a vector of shape {values.shape} does not fit into {width} dimensions")
    return np.pad(values, (0, width - len(values)))


def _parts(word: str) -> Iterator[str]:
    """The character n-grams of a word in brackets, so that its beginning and end differ from its middle."""
    bracketed = f"<{word}>"
    for length in _PART_LENGTHS:
        for start in range(len(bracketed) - length + 1):
            yield bracketed[start : start + length]


def _place(feature: str) -> tuple[int, int]:
    """The dimension a feature falls on, and its sign: what collides cancels out on average."""
    number = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return (number >> 1) % DIMENSIONS, 1 if number & 1 else -1
