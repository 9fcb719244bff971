"""A shape: documents of one JSON kind, described by schemas that all hold at once.

The accessors answer questions about the conjunction (the tightest bound, what a member named so must satisfy). They
never claim more than the schemas say: a shape may admit documents that the schemas refuse, never the reverse. So a
proof about every document of a shape is a proof about every document of its schemas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from ir_schemas.shapes.evaluation import evaluators
from ir_schemas.shapes.nodes import NOTHING, Json, Node, NodePool, any_of, matches

KINDS = ("null", "boolean", "integer", "fraction", "string", "array", "object")
SMALL_RANGE = 16
ALWAYS_MATCHING = frozenset({"", ".*", "^", "$"})


def kind_of(value: Json) -> str:
    """The kind of a JSON value; numbers fall in `integer` (1.0 too) and `fraction`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float, Decimal)):
        return "integer" if value == int(value) else "fraction"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def kinds_of_type(value: Json) -> frozenset[str]:
    """The kinds that a `type` keyword admits; all of them where it is absent."""
    if value is None:
        return frozenset(KINDS)
    names = [value] if isinstance(value, str) else value
    kinds = {"integer", "fraction"} if "number" in names else set()
    return frozenset(kinds | (set(names) & set(KINDS)))


def exact(number: Json) -> Fraction | None:
    """A JSON number as written; None where it is none or not finite."""
    if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
        return None
    if isinstance(number, int):
        return Fraction(number)
    return Fraction(str(number)) if math.isfinite(number) else None


@dataclass(frozen=True)
class Bound:
    """One end of a numeric range; `strict` leaves the value itself out."""

    value: Fraction
    strict: bool = False


@dataclass(frozen=True, eq=False)
class Shape:
    """Documents of one `kind` that satisfy every one of `parts`."""

    pool: NodePool
    kind: str
    parts: tuple[Node, ...]

    def keyword_values(self, name: str) -> list[Json]:
        return [value for part in self.parts if (value := part.keyword(name)) is not None]

    @cached_property
    def values(self) -> list[Json] | None:
        """All documents of the shape where they are few and known, else None."""
        candidates = self._candidates()
        if candidates is None:
            return None
        return [value for value in candidates if kind_of(value) == self.kind and self.pool.accepts(self.parts, value)]

    def _candidates(self) -> list[Json] | None:
        for part in self.parts:
            if isinstance(part.schema, dict) and "const" in part.schema:
                return [part.schema["const"]]
        listings: list[list[Json]] = self.keyword_values("enum")
        if listings:
            return min(listings, key=len)
        if self.kind == "null":
            return [None]
        if self.kind == "boolean":
            return [False, True]
        return self._small_integers() if self.kind == "integer" else None

    def _small_integers(self) -> list[Json] | None:
        if self.lower is None or self.upper is None or self.upper.value - self.lower.value > SMALL_RANGE:
            return None
        return list(range(int(self.lower.value), int(self.upper.value) + 1))

    # Numbers

    @cached_property
    def lower(self) -> Bound | None:
        bounds = [*self._bounds("minimum", strict=False), *self._bounds("exclusiveMinimum", strict=True)]
        if self.kind == "integer":
            bounds = [Bound(Fraction(math.floor(b.value) + 1 if b.strict else math.ceil(b.value))) for b in bounds]
        return max(bounds, key=lambda bound: (bound.value, bound.strict), default=None)

    @cached_property
    def upper(self) -> Bound | None:
        bounds = [*self._bounds("maximum", strict=False), *self._bounds("exclusiveMaximum", strict=True)]
        if self.kind == "integer":
            bounds = [Bound(Fraction(math.ceil(b.value) - 1 if b.strict else math.floor(b.value))) for b in bounds]
        return min(bounds, key=lambda bound: (bound.value, not bound.strict), default=None)

    def _bounds(self, keyword: str, *, strict: bool) -> list[Bound]:
        numbers = (exact(value) for value in self.keyword_values(keyword))
        return [Bound(number, strict) for number in numbers if number is not None]

    @cached_property
    def divisors(self) -> list[Fraction]:
        """What every number of the shape is a multiple of."""
        found = [number for value in self.keyword_values("multipleOf") if (number := exact(value)) is not None]
        return [*found, Fraction(1)] if self.kind == "integer" else found

    # Sizes

    def at_least(self, keyword: str) -> int:
        return max((int(value) for value in self.keyword_values(keyword)), default=0)

    def at_most(self, keyword: str) -> int | None:
        return min((int(value) for value in self.keyword_values(keyword)), default=None)

    # Arrays

    @cached_property
    def prefix_length(self) -> int:
        return max((len(value) for value in self.keyword_values("prefixItems")), default=0)

    @property
    def unique(self) -> bool:
        return any(value is True for value in self.keyword_values("uniqueItems"))

    def item(self, index: int) -> tuple[Node, ...]:
        """What the item at `index` must satisfy; any index past the prefix stands for the rest."""
        found = [node for part in self.parts if (node := _declared_item(part, index)) is not None]
        return tuple(found + self._unevaluated_item(index))

    def _unevaluated_item(self, index: int) -> list[Node]:
        found: list[Node] = []
        for part in self.parts:
            rest = part.single("unevaluatedItems")
            if rest is None:
                continue
            nodes = evaluators(self.pool, part)
            claimed = any(
                _declared_item(node, index) is not None or node.keyword("contains") is not None for node in nodes
            )
            if not claimed and not any(node != part and "unevaluatedItems" in _keys(node) for node in nodes):
                found.append(rest)
        return found

    # Objects

    @cached_property
    def required(self) -> frozenset[str]:
        """The names that every object of the shape has."""
        names = {name for value in self.keyword_values("required") for name in value}
        rules = [rule for value in self.keyword_values("dependentRequired") for rule in value.items()]
        grown = True
        while grown:
            added = {name for key, needs in rules if key in names for name in needs} - names
            names |= added
            grown = bool(added)
        return frozenset(names)

    @cached_property
    def declared(self) -> dict[str, None]:
        """The names that some schema here speaks of, in their order; all possible names where `closed`."""
        nodes = [node for part in self.parts for node in self._speakers(part)]
        names = [name for node in nodes for name in node.keyword("properties") or {}]
        return dict.fromkeys([*names, *sorted(self.required), *(self._listed_names or ())])

    def _speakers(self, part: Node) -> Iterable[Node]:
        return evaluators(self.pool, part) if "unevaluatedProperties" in _keys(part) else (part,)

    @cached_property
    def _listed_names(self) -> list[str] | None:
        """The names that an `enum` or `const` under `propertyNames` leaves."""
        for node in self.name_nodes:
            listing = node.keyword("enum")
            if isinstance(listing, list):
                return [name for name in listing if isinstance(name, str)]
            if isinstance(node.keyword("const"), str):
                return [node.keyword("const")]
        return None

    @cached_property
    def name_nodes(self) -> tuple[Node, ...]:
        return tuple(node for part in self.parts if (node := part.single("propertyNames")) is not None)

    @cached_property
    def patterns(self) -> frozenset[str]:
        if self._listed_names is not None:
            return frozenset()
        return frozenset(pattern for value in self.keyword_values("patternProperties") for pattern in value)

    @cached_property
    def closed(self) -> bool:
        """Whether only declared names can occur, as far as a look at the schemas tells."""
        return not self.patterns and NOTHING in self.rest

    def member(self, name: str) -> tuple[Node, ...]:
        """What the member called `name` must satisfy."""
        if any(not self.pool.accepts((node,), name) for node in self.name_nodes):
            return (NOTHING,)
        found = [node for part in self.parts for node in declared_member(part, name)]
        return tuple(found + self._unevaluated(lambda node: declared_member(node, name)))

    def matching_member(self, pattern: str) -> tuple[Node, ...]:
        """What an undeclared member must satisfy whose name matches `pattern`."""
        found: list[Node] = []
        for part in self.parts:
            patterns = part.named("patternProperties")
            if pattern in patterns:
                found.append(patterns[pattern])
            elif not patterns and (rest := part.single("additionalProperties")) is not None:
                found.append(rest)
        return tuple(found)

    @cached_property
    def rest(self) -> tuple[Node, ...]:
        """What a member must satisfy whose name is not declared and matches no pattern."""
        if self._listed_names is not None or self.patterns & ALWAYS_MATCHING:
            return (NOTHING,)
        found = [node for part in self.parts if (node := part.single("additionalProperties")) is not None]
        found += self._unevaluated(_undeclared_member)
        return tuple(NOTHING if node.schema is False else node for node in found)

    def _unevaluated(self, declared: Callable[[Node], list[Node]]) -> list[Node]:
        """What `unevaluatedProperties` asks of a member that `declared` finds the schemas of, in one evaluator.

        A member is spared where an evaluator that is known to hold speaks of it. One that may hold spares it too, but
        then its own schema for the member holds.
        """
        found: list[Node] = []
        for part in self.parts:
            rest = part.single("unevaluatedProperties")
            if rest is None:
                continue
            nodes = evaluators(self.pool, part)
            if any(node in self.parts and _claims(node, declared, part) for node in nodes):
                continue
            others = [member for node in nodes if node not in self.parts for member in declared(node)[:1]]
            found.append(any_of((rest, *others)) if others else rest)
        return found


def _claims(node: Node, declared: Callable[[Node], list[Node]], part: Node) -> bool:
    return bool(declared(node)) or (node != part and "unevaluatedProperties" in _keys(node))


def _keys(node: Node) -> Iterable[str]:
    schema: Any = node.schema
    return schema if isinstance(schema, dict) else ()


def _declared_item(node: Node, index: int) -> Node | None:
    prefix = node.keyword("prefixItems") or []
    return node.at("prefixItems", index) if index < len(prefix) else node.single("items")


def declared_member(node: Node, name: str) -> list[Node]:
    """The schemas that one schema object itself applies to the member called `name`."""
    found = [node.at("properties", name)] if name in (node.keyword("properties") or {}) else []
    patterns = node.keyword("patternProperties") or {}
    found += [node.at("patternProperties", pattern) for pattern in patterns if matches(pattern, name)]
    rest = node.single("additionalProperties")
    return found if found or rest is None else [rest]


def _undeclared_member(node: Node) -> list[Node]:
    rest = node.single("additionalProperties")
    return [*node.named("patternProperties").values(), *([rest] if rest is not None else [])]
