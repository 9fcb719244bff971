"""Line charts as SVG paths, drawn on the server so that they need no script. Pure geometry, in a box of 100 by 100."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SIZE = 100.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A value at its place; ``text`` says what it is."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series: ``path`` is the SVG path through its dots, broken where a value is missing."""

    name: str
    colour: str
    path: str
    dots: Sequence[Dot]


def line(name: str, colour: str, values: Sequence[float | None], texts: Sequence[str], *, top: float) -> Line:
    """The series of ``values``, from 0 at the bottom to ``top``, each told by its text."""
    step = SIZE / max(1, len(values) - 1)
    dots = [
        None if value is None else Dot(round(place * step, 2), round(SIZE - SIZE * value / top, 2), text)
        for place, (value, text) in enumerate(zip(values, texts, strict=True))
    ]
    return Line(name, colour, _path(dots), [dot for dot in dots if dot is not None])


def top_of(values: Sequence[float | None]) -> float:
    """A round number that no value exceeds: 1, 2 or 5 times a power of ten; 1 where there is nothing above 0."""
    highest = max((value for value in values if value), default=1.0)
    scale = 1.0
    while scale < highest:
        scale *= 10
    while scale / 10 >= highest:
        scale /= 10
    return next(scale * part for part in (0.1, 0.2, 0.5, 1) if scale * part >= highest)


def shares(values: Sequence[Any]) -> list[float]:
    """Each value as a percentage of the largest, for bars; None counts as 0."""
    highest = max((float(value) for value in values if value), default=0.0)
    return [round(100 * float(value or 0) / highest, 1) if highest else 0.0 for value in values]


def _path(dots: Sequence[Dot | None]) -> str:
    pieces, drawing = [], False
    for dot in dots:
        if dot is not None:
            pieces.append(f"{'L' if drawing else 'M'}{dot.x} {dot.y}")
        drawing = dot is not None
    return "".join(pieces)
