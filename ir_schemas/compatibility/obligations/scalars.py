"""What keywords ask of numbers and strings, and of the sizes of all that has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ir_schemas.compatibility.obligations.binding import Obligation, only
from ir_schemas.shapes import ALWAYS_MATCHING, Bound, Node, Shape, exact
from ir_schemas.shapes.scalars import FORMATS

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover

NUMERIC = ("integer", "fraction")


@only(*NUMERIC)
def above(_: Prover, shape: Shape, target: Node) -> bool:
    return all(_is_above(shape.lower, bound) for bound in _bounds(target, "minimum", "exclusiveMinimum"))


@only(*NUMERIC)
def below(_: Prover, shape: Shape, target: Node) -> bool:
    return all(_is_below(shape.upper, bound) for bound in _bounds(target, "maximum", "exclusiveMaximum"))


def _bounds(target: Node, inclusive: str, exclusive: str) -> list[Bound | None]:
    found: list[Bound | None] = []
    for keyword, strict in ((inclusive, False), (exclusive, True)):
        value = target.keyword(keyword)
        if value is not None:
            number = exact(value)
            found.append(None if number is None else Bound(number, strict))
    return found


def _is_above(have: Bound | None, need: Bound | None) -> bool:
    if have is None or need is None:
        return False
    return have.value > need.value or (have.value == need.value and (have.strict or not need.strict))


def _is_below(have: Bound | None, need: Bound | None) -> bool:
    if have is None or need is None:
        return False
    return have.value < need.value or (have.value == need.value and (have.strict or not need.strict))


@only(*NUMERIC)
def multiple_of(_: Prover, shape: Shape, target: Node) -> bool:
    divisor = exact(target.keyword("multipleOf"))
    return divisor is not None and any((have / divisor).denominator == 1 for have in shape.divisors)


@only("string")
def pattern(_: Prover, shape: Shape, target: Node) -> bool:
    wanted = target.keyword("pattern")
    return wanted in ALWAYS_MATCHING or wanted in shape.keyword_values("pattern")


@only("string")
def format_(_: Prover, shape: Shape, target: Node) -> bool:
    name = target.keyword("format")
    return name not in FORMATS or name in shape.keyword_values("format")


def at_least(keyword: str, kind: str) -> Obligation:
    @only(kind)
    def check(_: Prover, shape: Shape, target: Node) -> bool:
        have = shape.at_least(keyword)
        if kind == "object":
            have = max(have, len(shape.required))
        return have >= int(target.keyword(keyword))

    return check


def at_most(keyword: str, kind: str) -> Obligation:
    @only(kind)
    def check(_: Prover, shape: Shape, target: Node) -> bool:
        have = shape.at_most(keyword)
        if kind == "object" and shape.closed:
            have = min(len(shape.declared), len(shape.declared) if have is None else have)
        return have is not None and have <= int(target.keyword(keyword))

    return check
