"""Numbers and strings worth trying: inside a shape and just around every limit that some schema names."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from fractions import Fraction

from rstr import Rstr

from ir_schemas.shapes.nodes import Json, Node
from ir_schemas.shapes.shape import Shape, exact

LONGEST_TEXT = 2_000
STRINGS_PER_PATTERN = 4
PLAIN_STRINGS = ("text", "", "a", "0", " ", "A-1", "é")
PLAIN_NUMBERS = (
    Fraction(0),
    Fraction(1),
    Fraction(-1),
    Fraction(1, 2),
    Fraction(-3, 2),
    Fraction(1000),
    Fraction(1, 3),
)
NUMBER_KEYWORDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
OFFSETS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-1, 2))
FORMATS = {
    "date": "2024-02-29",
    "date-time": "2024-02-29T12:30:00Z",
    "duration": "P1DT2H",
    "email": "someone@example.org",
    "hostname": "example.org",
    "idn-email": "someone@example.org",
    "idn-hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "iri": "https://example.org/a",
    "iri-reference": "/a/b",
    "json-pointer": "/a/0",
    "regex": "^a+$",
    "relative-json-pointer": "1/a",
    "time": "12:30:00Z",
    "uri": "https://example.org/a",
    "uri-reference": "/a/b",
    "uri-template": "https://example.org/{id}",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
}
_REPETITION = re.compile(r"\{(\d+)")


def numbers(shape: Shape, hints: list[Node]) -> Iterator[Json]:
    """Numbers near the limits of the shape and of the hints, multiples as the shape wants them; not all are valid."""
    named = [value for node in (*shape.parts, *hints) for value in _named_numbers(node)]
    points = dict.fromkeys(
        [*PLAIN_NUMBERS[:2], *_ends(shape), *PLAIN_NUMBERS, *(value + offset for value in named for offset in OFFSETS)]
    )
    for divisor in shape.divisors:
        points = dict.fromkeys(
            multiple * divisor
            for point in points
            for multiple in {math.ceil(point / divisor), math.floor(point / divisor)}
        )
    if shape.kind == "fraction" and len(_ends(shape)) == 2:
        low, high = _ends(shape)
        points[(low + high) / 2] = None
        points[low + (high - low) / 3] = None
    yield from (as_json(point) for point in points)


def _ends(shape: Shape) -> list[Fraction]:
    return [bound.value for bound in (shape.lower, shape.upper) if bound is not None]


def _named_numbers(node: Node) -> list[Fraction]:
    listing = node.keyword("enum") or []
    values = [*(node.keyword(keyword) for keyword in NUMBER_KEYWORDS), node.keyword("const"), *listing]
    return [number for value in values if (number := exact(value)) is not None]


def as_json(number: Fraction) -> Json:
    """The number as `json` would read it: an int where it is whole, else a float."""
    return number.numerator if number.denominator == 1 else float(number)


def strings(shape: Shape, hints: list[Node], seed: int = 0) -> Iterator[str]:
    """Strings that meet the shape's patterns and formats, of every length that matters; not all are valid."""
    texts = [FORMATS[name] for name in shape.keyword_values("format") if name in FORMATS]
    texts += [text for pattern in shape.keyword_values("pattern") for text in from_pattern(pattern, seed)]
    texts += [value for node in hints for value in _named_strings(node)]
    texts += PLAIN_STRINGS
    texts += [text for node in hints if isinstance(node.keyword("pattern"), str)
              for text in from_pattern(node.keyword("pattern"), seed)]  # fmt: skip
    yield from texts
    for length in _lengths(shape, hints):
        yield "x" * length
        yield from (_of_length(text, length) for text in texts[:8] if text)


def _named_strings(node: Node) -> list[str]:
    listing = node.keyword("enum") or []
    values = [node.keyword("const"), *listing, FORMATS.get(node.keyword("format"))]
    return [value for value in values if isinstance(value, str)]


def _lengths(shape: Shape, hints: list[Node]) -> list[int]:
    nodes = (*shape.parts, *hints)
    limits = [int(node.keyword(key)) for node in nodes for key in ("minLength", "maxLength") if node.keyword(key)]
    around = {limit + step for limit in limits for step in (0, -1, 1)}
    return sorted(length for length in around if 0 <= length <= LONGEST_TEXT)


def _of_length(text: str, length: int) -> str:
    return (text * (length // len(text) + 1))[:length]


def from_pattern(pattern: str, seed: int = 0) -> list[str]:
    """A few strings that a regular expression probably matches; none where Python can't read it or they'd be huge."""
    if math.prod(int(count) for count in _REPETITION.findall(pattern)) > LONGEST_TEXT:
        return []
    generator = Rstr(random.Random(seed))  # noqa: S311
    try:
        found = [generator.xeger(pattern) for _ in range(STRINGS_PER_PATTERN)]
    except (re.error, LookupError, ValueError, RecursionError, OverflowError):
        return []
    shortest = min(found, key=len)
    return [shortest, *(text for text in found if text != shortest and len(text) <= LONGEST_TEXT)]
