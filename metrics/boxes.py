"""Areas of axis-parallel boxes, and the matching of predicted boxes to true ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """A box by its left upper corner and its size, all in one unit: pixels, or fractions of the design."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def from_bounds(cls, bounds: Mapping[str, Any]) -> "Box":
        """The box in an IR's ``{"x", "y", "width", "height"}``.

        Raises ``KeyError`` for a missing side and ``ValueError`` for one that is not a finite number.
        """
        x, y, width, height = (float(bounds[side]) for side in ("x", "y", "width", "height"))
        if not all(map(isfinite, (x, y, width, height))):
            raise ValueError(f"a box needs finite numbers, not {dict(bounds)!r}")
        return cls(x, y, width, height)

    @property
    def right(self) -> float:
        return self.x + max(0.0, self.width)

    @property
    def bottom(self) -> float:
        return self.y + max(0.0, self.height)

    @property
    def area(self) -> float:
        return (self.right - self.x) * (self.bottom - self.y)

    def clip(self, frame: "Box") -> "Box":
        """The part of this box inside ``frame``; a box outside it becomes one of no area."""
        left, top = max(self.x, frame.x), max(self.y, frame.y)
        return Box(
            left, top, max(0.0, min(self.right, frame.right) - left), max(0.0, min(self.bottom, frame.bottom) - top)
        )


UNIT_SQUARE = Box(0.0, 0.0, 1.0, 1.0)


def union_area(boxes: Sequence[Box]) -> float:
    """The area that at least one box covers, by a sweep line from left to right; O(n²) in compiled code."""
    solid = [box for box in boxes if box.area > 0]
    if not solid:
        return 0.0
    edges = np.unique([edge for box in solid for edge in (box.y, box.bottom)])
    spans = np.diff(edges)
    depth = np.zeros(len(spans), dtype=np.int64)
    events = sorted([(box.x, 1, box) for box in solid] + [(box.right, -1, box) for box in solid], key=lambda e: e[0])
    area, swept_to = 0.0, events[0][0]
    for x, change, box in events:
        area += (x - swept_to) * float(spans[depth > 0].sum())
        swept_to = x
        low, high = np.searchsorted(edges, (box.y, box.bottom))
        depth[low:high] += change
    return area


def iou_matrix(first: Sequence[Box], second: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of every pair, shape ``(len(first), len(second))``; 0 where both have no area."""
    a, b = _corners(first)[:, None, :], _corners(second)[None, :, :]
    overlap = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0.0, None).prod(axis=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    union = areas - overlap
    overlaps: NDArray[np.float64] = np.divide(overlap, union, out=np.zeros_like(union), where=union > 0)
    return overlaps


def _corners(boxes: Sequence[Box]) -> NDArray[np.float64]:
    return np.array([(box.x, box.y, box.right, box.bottom) for box in boxes], dtype=np.float64).reshape(-1, 4)


def max_pair_iou(boxes: Sequence[Box]) -> float:
    """The largest IoU of two different boxes of the list; 0 for fewer than two."""
    if len(boxes) < 2:
        return 0.0
    return float(np.triu(iou_matrix(boxes, boxes), k=1).max())


@dataclass(frozen=True, slots=True)
class KindedBox:
    """A box and what it is said to hold (``hero``, ``footer``)."""

    kind: str
    box: Box


@dataclass(frozen=True, slots=True)
class BoxMatch:
    """How well predicted boxes fit the true ones. ``pairs`` are indexes ``(predicted, truth)``.

    ``mean_iou`` and ``kind_accuracy`` are taken over the pairs and are None when there is none.
    """

    precision: float
    recall: float
    f1: float
    mean_iou: float | None
    kind_accuracy: float | None
    pairs: tuple[tuple[int, int], ...]


def match_boxes(predicted: Sequence[KindedBox], truth: Sequence[KindedBox], iou: float) -> BoxMatch:
    """Pair predicted boxes with true ones, one to one, where they overlap by at least ``iou`` (above 0, up to 1).

    Of all such pairings the one with the most pairs counts, and among those the one with the highest sum of IoU
    (``scipy.optimize.linear_sum_assignment``). Nothing predicted where nothing is true is a perfect answer.
    Raises ``ValueError`` for a threshold outside 0..1.
    """
    # Imported where it is used, as it takes most of a second and few processes come here.
    from scipy.optimize import linear_sum_assignment

    if not 0 < iou <= 1:
        raise ValueError(f"an IoU threshold lies above 0 and up to 1, not at {iou}")
    if not predicted and not truth:
        return BoxMatch(1.0, 1.0, 1.0, None, None, ())
    overlaps = iou_matrix([item.box for item in predicted], [item.box for item in truth])
    # One more pair must outweigh any gain in overlap, hence the bonus.
    bonus = min(overlaps.shape) + 1
    rows, columns = linear_sum_assignment(np.where(overlaps >= iou, overlaps + bonus, 0.0), maximize=True)
    pairs = tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlaps[i, j] >= iou)
    return _score(predicted, truth, overlaps, pairs)


def _score(
    predicted: Sequence[KindedBox],
    truth: Sequence[KindedBox],
    overlaps: NDArray[np.float64],
    pairs: tuple[tuple[int, int], ...],
) -> BoxMatch:
    hits = len(pairs)
    return BoxMatch(
        precision=hits / len(predicted) if predicted else 0.0,
        recall=hits / len(truth) if truth else 0.0,
        f1=2 * hits / (len(predicted) + len(truth)),
        mean_iou=sum(float(overlaps[i, j]) for i, j in pairs) / hits if hits else None,
        kind_accuracy=sum(predicted[i].kind == truth[j].kind for i, j in pairs) / hits if hits else None,
        pairs=pairs,
    )
