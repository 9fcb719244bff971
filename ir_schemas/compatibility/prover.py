"""Prove that every document valid under one schema is valid under another.

The left side is taken apart into shapes, which admit at least what the schema admits. The right side is read keyword by
keyword, each an obligation that every document of the shape must meet. A schema that meets itself again through `$ref`
is assumed to hold for the smaller documents below (a fixpoint over pairs of places; sound by induction on the size of
the document, so an assumption counts only further down in the document than where it was made).

`contained` returns True for a proof and False for "no proof found", which says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ir_schemas.compatibility.deadline import Deadline
from ir_schemas.compatibility.obligations import OBLIGATIONS, UNMODELLED
from ir_schemas.compatibility.splitting import splits
from ir_schemas.shapes import KINDS, NOTHING, Discriminator, Node, NodePool, Shape, expand, narrow

Claim: TypeAlias = tuple[frozenset[Node], Node]

MAX_SPLITS = 3
MAX_NEGATIONS = 2


@dataclass(frozen=True)
class Obstacle:
    """The obligation at which the first attempt at a proof ended."""

    path: tuple[str, ...]
    keyword: str


class Prover:
    """One attempt after another over one pool of documents; proofs are kept, so ask it again."""

    def __init__(self, pool: NodePool, deadline: Deadline) -> None:
        self.pool = pool
        self.obstacle: Obstacle | None = None
        self._deadline = deadline
        self._discriminator = Discriminator(pool)
        self._depth = 0
        self._path: list[str] = []
        self._splits = 0
        self._negations = 0
        self._open: dict[Claim, int] = {}
        self._proved: dict[Claim, int] = {}
        self._trail: list[tuple[Claim, int | None]] = []
        self._failed: set[Claim] = set()
        self._not_empty: set[Shape] = set()

    def contained(self, nodes: tuple[Node, ...], target: Node) -> bool:
        """Whether every document valid under all `nodes` is proved valid under `target`.

        Raises OutOfTimeError.
        """
        self._deadline.check()
        nodes, target = tuple(self.pool.follow(node) for node in nodes), self.pool.follow(target)
        if target in nodes:
            return True
        key = (frozenset(nodes), target)
        if key in self._open:
            return self._depth > self._open[key]
        if self._proved.get(key, self._depth + 1) <= self._depth:
            return True
        if key in self._failed:
            return False
        return self._attempt(key, nodes, target)

    def _attempt(self, key: Claim, nodes: tuple[Node, ...], target: Node) -> bool:
        before = len(self._trail)
        self._open[key] = self._depth
        try:
            holds = all(self.within(shape, target) for kind in KINDS for shape in expand(self.pool, nodes, kind))
        finally:
            del self._open[key]
        if holds:
            self._trail.append((key, self._proved.get(key)))
            self._proved[key] = self._depth
            return True
        # What was proved on the way may rest on the assumption that has just failed.
        while len(self._trail) > before:
            self._take_back(*self._trail.pop())
        self._failed.add(key)
        return False

    def _take_back(self, claim: Claim, earlier: int | None) -> None:
        if earlier is None:
            del self._proved[claim]
        else:
            self._proved[claim] = earlier

    def impossible(self, nodes: tuple[Node, ...]) -> bool:
        """Whether it is proved that no document satisfies all `nodes`."""
        return NOTHING in nodes or self.contained(nodes, NOTHING)

    def within(self, shape: Shape, target: Node) -> bool:
        """Whether every document of the shape is proved valid under `target`."""
        self._deadline.check()
        if target.schema is False:
            return self.empty(shape)
        return self._meets(shape, target) or self.empty(shape) or self._meets_in_parts(shape, target)

    def _meets(self, shape: Shape, target: Node) -> bool:
        if target in shape.parts:
            return True
        if target.is_any:
            return any(self.within(shape, operand) for operand in target.operands)
        if target.is_negation:
            return self.disjoint(shape, target.operands[0])
        if not isinstance(target.schema, dict):
            return target.schema
        if self._discriminator.apart(shape, target):
            return False
        if shape.values is not None:
            return all(self.pool.accepts((target,), value) for value in shape.values)
        return all(self._meets_keyword(shape, target, keyword) for keyword in _cheapest_first(target.schema))

    def _meets_keyword(self, shape: Shape, target: Node, keyword: str) -> bool:
        obligation = OBLIGATIONS.get(keyword)
        met = keyword not in UNMODELLED if obligation is None else obligation(self, shape, target)
        if not met and self.obstacle is None:
            self.obstacle = Obstacle(tuple(self._path), keyword)
        return met

    def _meets_in_parts(self, shape: Shape, target: Node) -> bool:
        """Try again on pieces of the shape, which may each meet another branch of the target."""
        if self._splits >= MAX_SPLITS:
            return False
        self._splits += 1
        try:
            return any(
                all(self.within(piece, target) for extra in pieces for piece in narrow(shape, extra))
                for pieces in splits(self.pool, shape, target)
            )
        finally:
            self._splits -= 1

    def disjoint(self, shape: Shape, node: Node) -> bool:
        """Whether it is proved that no document of the shape is valid under `node`."""
        return self._discriminator.apart(shape, node) or all(self.empty(narrowed) for narrowed in narrow(shape, node))

    def empty(self, shape: Shape) -> bool:
        """Whether it is proved that the shape has no document."""
        self._deadline.check()
        if shape.values is not None:
            return not shape.values
        if shape in self._not_empty:
            return False
        if self._contradicts(shape) or self._denies_itself(shape):
            return True
        self._not_empty.add(shape)
        return False

    def _contradicts(self, shape: Shape) -> bool:
        if shape.kind in ("integer", "fraction"):
            return _no_number_between(shape)
        if shape.kind == "string":
            return _over(shape.at_least("minLength"), shape.at_most("maxLength"))
        if shape.kind == "array":
            return self._impossible_array(shape)
        return shape.kind == "object" and self._impossible_object(shape)

    def _impossible_array(self, shape: Shape) -> bool:
        least = shape.at_least("minItems")
        if _over(least, shape.at_most("maxItems")):
            return True
        with self.below("*"):
            return any(self.impossible(shape.item(index)) for index in range(min(least, shape.prefix_length + 1)))

    def _impossible_object(self, shape: Shape) -> bool:
        least = max(shape.at_least("minProperties"), len(shape.required))
        if _over(least, shape.at_most("maxProperties")):
            return True
        if shape.closed and least > len(shape.declared):
            return True
        with self.below("*"):
            return any(self.impossible(shape.member(name)) for name in sorted(shape.required))

    def _denies_itself(self, shape: Shape) -> bool:
        """Whether the shape lies within something that one of its parts negates."""
        denied = [part.operands[0] for part in shape.parts if part.is_negation]
        denied += [node for part in shape.parts if (node := part.single("not")) is not None]
        if not denied or self._negations >= MAX_NEGATIONS:
            return False
        self._negations += 1
        try:
            return any(self._meets(shape, node) for node in denied)
        finally:
            self._negations -= 1

    @contextmanager
    def below(self, step: str) -> Iterator[None]:
        """Reason about a part of the document: a member, an item or a name."""
        self._depth += 1
        self._path.append(step)
        try:
            yield
        finally:
            self._path.pop()
            self._depth -= 1


def _over(least: int, most: int | None) -> bool:
    return most is not None and least > most


def _no_number_between(shape: Shape) -> bool:
    if shape.kind == "fraction" and any(divisor.denominator == 1 for divisor in shape.divisors):
        return True
    low, high = shape.lower, shape.upper
    if low is None or high is None:
        return False
    strict = low.strict or high.strict
    # A fraction can't be a whole number, so a range of one whole number holds none.
    lone_integer = shape.kind == "fraction" and low.value == high.value and low.value.denominator == 1
    return low.value > high.value or (low.value == high.value and strict) or lone_integer


def _cheapest_first(schema: dict[str, object]) -> list[str]:
    """Keywords whose obligations are quick to refute before those that descend or branch."""
    return sorted(schema, key=lambda keyword: (keyword in _BRANCHING, keyword in _DESCENDING))


_DESCENDING = frozenset(
    {"$ref", "additionalProperties", "contains", "items", "patternProperties", "prefixItems", "properties"}
)
_BRANCHING = frozenset({"anyOf", "if", "not", "oneOf", "unevaluatedItems", "unevaluatedProperties"})
