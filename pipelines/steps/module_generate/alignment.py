"""Which siblings are alike, where they repeat, and how lists of children line up."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from lxml import etree, html

MAX_PERIOD = 3
MAX_ALIGNED = 80
_SHAPE_DEPTH = 4
# Two blocks need a closer likeness to be called repeated than three or more.
_LIKE_IN_PAIR = 0.7
_LIKE_IN_RUN = 0.5

T = TypeVar("T")


class Likeness:
    """Compares elements by the tags below them, down to four levels, and by their class names. Remembers shapes."""

    def __init__(self) -> None:
        self._shape = cache(_shape)

    def of(self, one: html.HtmlElement, other: html.HtmlElement) -> float:
        """0..1; elements of different tags are not alike at all."""
        if one.tag != other.tag:
            return 0.0
        shape = _dice(self._shape(one), self._shape(other))
        classes = _dice(frozenset(one.get("class", "").split()), frozenset(other.get("class", "").split()))
        return 0.7 * shape + 0.3 * classes

    def period_at(self, elements: Sequence[html.HtmlElement], start: int) -> tuple[int, int]:
        """How many elements make up the block that repeats from ``start``, and how often it does; (1, 1) if none.

        The block that covers most wins, the shorter one among equals.
        """
        best = (1, 1)
        for period in range(1, MAX_PERIOD + 1):
            count = self._count_blocks(elements, start, period)
            if count >= 2 and count * period > best[0] * best[1]:
                best = (period, count)
        return best

    def _count_blocks(self, elements: Sequence[html.HtmlElement], start: int, period: int) -> int:
        first = elements[start : start + period]
        if len(first) < period or (period > 1 and self._is_uniform(first)):
            return 1
        count = 1
        while self._block_alike(first, elements[start + count * period : start + (count + 1) * period], _LIKE_IN_RUN):
            count += 1
        if count == 2 and not self._block_alike(first, elements[start + period : start + 2 * period], _LIKE_IN_PAIR):
            return 1
        return count

    def _is_uniform(self, block: Sequence[html.HtmlElement]) -> bool:
        return all(self.of(block[0], element) >= _LIKE_IN_RUN for element in block[1:])

    def _block_alike(
        self, first: Sequence[html.HtmlElement], block: Sequence[html.HtmlElement], threshold: float
    ) -> bool:
        return len(block) == len(first) and all(
            self.of(one, other) >= threshold for one, other in zip(first, block, strict=True)
        )


def align(one: Sequence[T], other: Sequence[T], score: Callable[[T, T], float]) -> list[tuple[int | None, int | None]]:
    """Pairs of indexes that line two sequences up in order with the greatest total score (Needleman and Wunsch 1970).

    What scores 0 is never paired; an index without a partner stands beside None.
    """
    rows, columns = len(one), len(other)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    scores = [[score(left, right) for right in other] for left in one]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            paired = best[row + 1][column + 1] + scores[row][column] if scores[row][column] else 0.0
            best[row][column] = max(paired, best[row + 1][column], best[row][column + 1])
    pairs: list[tuple[int | None, int | None]] = []
    row = column = 0
    while row < rows and column < columns:
        if scores[row][column] and best[row][column] == best[row + 1][column + 1] + scores[row][column]:
            pairs.append((row, column))
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            pairs.append((row, None))
            row += 1
        else:
            pairs.append((None, column))
            column += 1
    pairs += [(left, None) for left in range(row, rows)]
    pairs += [(None, right) for right in range(column, columns)]
    return pairs


def _shape(element: html.HtmlElement) -> frozenset[str]:
    """The paths of tags below an element."""
    paths = {str(element.tag)}
    level = [(element, str(element.tag))]
    for _ in range(_SHAPE_DEPTH):
        level = [
            (child, f"{path}/{child.tag}") for parent, path in level for child in parent.iterchildren(etree.Element)
        ]
        paths.update(path for _, path in level)
    return frozenset(paths)


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    total = len(one) + len(other)
    return 2 * len(one & other) / total if total else 1.0
