"""Likeness of texts, as bags and as sequences of word tokens."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from rapidfuzz.distance import LCSseq

# Chinese and Japanese are written without spaces, so there each character is a token of its own.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def word_tokens(text: str) -> list[str]:
    """The words of a text in order, case folded, without punctuation."""
    return _WORD.findall(text.casefold())


def bag_f1(source: Iterable[Hashable], other: Iterable[Hashable]) -> float:
    """F1 of two multisets: 1 for equal ones (two empty ones too), 0 where they share nothing."""
    wanted, found = Counter(source), Counter(other)
    total = wanted.total() + found.total()
    return 2 * (wanted & found).total() / total if total else 1.0


def rouge_l_f1(source: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """F1 of the longest common subsequence (ROUGE-L; Lin 2004), 0..1; two empty sequences are alike.

    O(len(source) * len(other) / 64) time: callers bound the lengths.
    """
    total = len(source) + len(other)
    return 2 * LCSseq.similarity(source, other) / total if total else 1.0
