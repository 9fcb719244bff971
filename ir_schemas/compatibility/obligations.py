"""What each keyword of the right-hand schema asks of every document of a shape.

Each function answers True only for a proof. Keywords that bind another kind of document ask nothing of the shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ir_schemas.shapes import (
    ALWAYS_MATCHING,
    NOTHING,
    Bound,
    Node,
    Shape,
    exact,
    in_place,
    inline,
    matches,
    narrow,
    negation,
)
from ir_schemas.shapes.scalars import FORMATS
from ir_schemas.shapes.shape import kinds_of_type

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover

Obligation: TypeAlias = Callable[["Prover", Shape, Node], bool]

NUMERIC = ("integer", "fraction")
UNMODELLED = frozenset({"$dynamicRef", "$recursiveRef"})


def _only(*kinds: str) -> Callable[[Obligation], Obligation]:
    """The obligation binds documents of these kinds alone."""

    def decorate(obligation: Obligation) -> Obligation:
        def bound(prover: Prover, shape: Shape, target: Node) -> bool:
            return shape.kind not in kinds or obligation(prover, shape, target)

        return bound

    return decorate


def _type(_: Prover, shape: Shape, target: Node) -> bool:
    return shape.kind in kinds_of_type(target.keyword("type"))


def _listing(_: Prover, __: Shape, ___: Node) -> bool:
    # A shape of few documents is checked document by document before; one of many is taken to exceed a list.
    return False


# Numbers


@_only(*NUMERIC)
def _above(_: Prover, shape: Shape, target: Node) -> bool:
    return all(_is_above(shape.lower, bound) for bound in _bounds(target, "minimum", "exclusiveMinimum"))


@_only(*NUMERIC)
def _below(_: Prover, shape: Shape, target: Node) -> bool:
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


@_only(*NUMERIC)
def _multiple_of(_: Prover, shape: Shape, target: Node) -> bool:
    divisor = exact(target.keyword("multipleOf"))
    return divisor is not None and any((have / divisor).denominator == 1 for have in shape.divisors)


# Strings


@_only("string")
def _pattern(_: Prover, shape: Shape, target: Node) -> bool:
    pattern = target.keyword("pattern")
    return pattern in ALWAYS_MATCHING or pattern in shape.keyword_values("pattern")


@_only("string")
def _format(_: Prover, shape: Shape, target: Node) -> bool:
    name = target.keyword("format")
    return name not in FORMATS or name in shape.keyword_values("format")


def _at_least(keyword: str, kind: str) -> Obligation:
    @_only(kind)
    def check(_: Prover, shape: Shape, target: Node) -> bool:
        have = shape.at_least(keyword)
        if kind == "object":
            have = max(have, len(shape.required))
        return have >= int(target.keyword(keyword))

    return check


def _at_most(keyword: str, kind: str) -> Obligation:
    @_only(kind)
    def check(_: Prover, shape: Shape, target: Node) -> bool:
        have = shape.at_most(keyword)
        if kind == "object" and shape.closed:
            have = min(len(shape.declared), len(shape.declared) if have is None else have)
        return have is not None and have <= int(target.keyword(keyword))

    return check


# Arrays


def _has_item(shape: Shape, index: int) -> bool:
    most = shape.at_most("maxItems")
    return most is None or index < most


def _item_within(prover: Prover, shape: Shape, index: int, node: Node) -> bool:
    if not _has_item(shape, index):
        return True
    with prover.below(str(index) if index < shape.prefix_length else "*"):
        return prover.contained(shape.item(index), node)


@_only("array")
def _prefix_items(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(_item_within(prover, shape, index, node) for index, node in enumerate(target.listed("prefixItems")))


@_only("array")
def _items(prover: Prover, shape: Shape, target: Node) -> bool:
    node = target.single("items")
    return node is None or _items_from(prover, shape, len(target.listed("prefixItems")), node)


def _items_from(prover: Prover, shape: Shape, start: int, node: Node) -> bool:
    """Whether the items from `start` on are within `node`; past the prefix all are alike."""
    return all(_item_within(prover, shape, index, node) for index in range(start, max(start, shape.prefix_length) + 1))


@_only("array")
def _unique_items(_: Prover, shape: Shape, target: Node) -> bool:
    return target.keyword("uniqueItems") is not True or shape.unique or not _has_item(shape, 1)


@_only("array")
def _contains(prover: Prover, shape: Shape, target: Node) -> bool:
    node = target.at("contains")
    least = target.keyword("minContains")
    most = target.keyword("maxContains")
    enough = _has_at_least(prover, shape, node, 1 if least is None else int(least))
    return enough and (most is None or _has_at_most(prover, shape, node, int(most)))


def _has_at_least(prover: Prover, shape: Shape, node: Node, count: int) -> bool:
    if count == 0:
        return True
    with prover.below("*"):
        for part in shape.parts:
            least = part.keyword("minContains")
            have = part.single("contains")
            if have is not None and int(1 if least is None else least) >= count and prover.contained((have,), node):
                return True
    return shape.at_least("minItems") >= count and _items_from(prover, shape, 0, node)


def _has_at_most(prover: Prover, shape: Shape, node: Node, count: int) -> bool:
    if not _has_item(shape, count):
        return True
    with prover.below("*"):
        for part in shape.parts:
            most = part.keyword("maxContains")
            have = part.single("contains")
            if have is not None and most is not None and int(most) <= count and prover.contained((node,), have):
                return True
        return all(prover.impossible((*shape.item(index), node)) for index in range(shape.prefix_length + 1))


@_only("array")
def _unevaluated_items(prover: Prover, shape: Shape, target: Node) -> bool:
    start = 0
    for node in _evaluators_that_hold(prover, shape, target):
        if node.keyword("items") is not None or (node != target and node.keyword("unevaluatedItems") is not None):
            return True
        start = max(start, len(node.listed("prefixItems")))
    return _items_from(prover, shape, start, target.at("unevaluatedItems"))


# Objects


def _member_within(prover: Prover, shape: Shape, name: str, node: Node) -> bool:
    with prover.below(name):
        return prover.contained(shape.member(name), node)


@_only("object")
def _properties(prover: Prover, shape: Shape, target: Node) -> bool:
    members = target.named("properties")
    discriminators_first = sorted(members, key=lambda name: members[name].keyword("const") is None)
    return all(_member_within(prover, shape, name, members[name]) for name in discriminators_first)


@_only("object")
def _pattern_properties(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(
        _matching_within(prover, shape, pattern, node) for pattern, node in target.named("patternProperties").items()
    )


def _matching_within(prover: Prover, shape: Shape, pattern: str, node: Node) -> bool:
    named = (name for name in shape.declared if matches(pattern, name))
    if not all(_member_within(prover, shape, name, node) for name in named):
        return False
    with prover.below("*"):
        if pattern in shape.patterns:
            return prover.contained(shape.matching_member(pattern), node)
        others = [shape.matching_member(other) for other in sorted(shape.patterns)]
        return all(prover.contained(member, node) for member in (*others, shape.rest))


@_only("object")
def _additional_properties(prover: Prover, shape: Shape, target: Node) -> bool:
    return _others_within(prover, shape, [target], target.at("additionalProperties"))


@_only("object")
def _unevaluated_properties(prover: Prover, shape: Shape, target: Node) -> bool:
    speakers = _evaluators_that_hold(prover, shape, target)
    for node in speakers:
        if node.keyword("additionalProperties") is not None:
            return True
        if node != target and node.keyword("unevaluatedProperties") is not None:
            return True
    return _others_within(prover, shape, speakers, target.at("unevaluatedProperties"))


def _others_within(prover: Prover, shape: Shape, speakers: list[Node], node: Node) -> bool:
    """Whether every member that none of the speakers' `properties` and `patternProperties` names is within `node`."""
    patterns = {pattern for speaker in speakers for pattern in speaker.keyword("patternProperties") or {}}
    if patterns & ALWAYS_MATCHING:
        return True
    named = {name for speaker in speakers for name in speaker.keyword("properties") or {}}
    unnamed = [name for name in shape.declared if name not in named]
    others = [name for name in unnamed if not any(matches(pattern, name) for pattern in patterns)]
    if not all(_member_within(prover, shape, name, node) for name in others):
        return False
    with prover.below("*"):
        matching = [shape.matching_member(pattern) for pattern in sorted(shape.patterns - patterns)]
        return all(prover.contained(member, node) for member in (*matching, shape.rest))


def _evaluators_that_hold(prover: Prover, shape: Shape, target: Node) -> list[Node]:
    """The schemas within `target` that provably apply to every document of the shape, `target` among them."""
    found = [target]
    for node in found:
        found.extend(
            other for other in in_place(prover.pool, node) if other not in found and _holds(prover, shape, node, other)
        )
    return found


def _holds(prover: Prover, shape: Shape, node: Node, other: Node) -> bool:
    if other in node.listed("allOf") or other == prover.pool.resolve(node):
        return True
    # `then` and `else` count only with their condition, a `dependentSchemas` only with its member.
    conditional = (
        other in (node.single("then"), node.single("else")) or other in node.named("dependentSchemas").values()
    )
    return not conditional and prover.within(shape, other)


@_only("object")
def _required(_: Prover, shape: Shape, target: Node) -> bool:
    return set(target.keyword("required")) <= shape.required


@_only("object")
def _property_names(prover: Prover, shape: Shape, target: Node) -> bool:
    node = target.at("propertyNames")
    for name in shape.declared:
        if not prover.pool.accepts((node,), name) and not _member_within(prover, shape, name, NOTHING):
            return False
    with prover.below("*"):
        any_name = (*shape.name_nodes, inline({"type": "string"}))
        for pattern in sorted(shape.patterns):
            if not prover.contained((*any_name, inline({"pattern": pattern})), node):
                return False
        return prover.impossible(shape.rest) or prover.contained(any_name, node)


def _when_present(prover: Prover, shape: Shape, name: str) -> list[Shape]:
    """The shape's documents that have a member of that name."""
    if name in shape.required:
        return [shape]
    with prover.below(name):
        if prover.impossible(shape.member(name)):
            return []
    return narrow(shape, inline({"required": [name]}))


@_only("object")
def _dependent_required(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(
        set(needs) <= narrowed.required or prover.empty(narrowed)
        for name, needs in target.keyword("dependentRequired").items()
        for narrowed in _when_present(prover, shape, name)
    )


@_only("object")
def _dependent_schemas(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(
        prover.within(narrowed, node)
        for name, node in target.named("dependentSchemas").items()
        for narrowed in _when_present(prover, shape, name)
    )


# Combinations


def _ref(prover: Prover, shape: Shape, target: Node) -> bool:
    node = prover.pool.resolve(target)
    return node is not None and prover.within(shape, node)


def _all_of(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(prover.within(shape, node) for node in target.listed("allOf"))


def _any_of(prover: Prover, shape: Shape, target: Node) -> bool:
    return any(prover.within(shape, node) for node in target.listed("anyOf"))


def _one_of(prover: Prover, shape: Shape, target: Node) -> bool:
    branches = target.listed("oneOf")
    return any(
        prover.within(shape, branch)
        and all(prover.disjoint(shape, other) for place, other in enumerate(branches) if place != index)
        for index, branch in enumerate(branches)
    )


def _not(prover: Prover, shape: Shape, target: Node) -> bool:
    return prover.disjoint(shape, target.at("not"))


def _if(prover: Prover, shape: Shape, target: Node) -> bool:
    condition, then, otherwise = target.at("if"), target.single("then"), target.single("else")
    if then is not None and not all(prover.within(narrowed, then) for narrowed in narrow(shape, condition)):
        return False
    if otherwise is None or prover.within(shape, condition):
        return True
    return all(prover.within(narrowed, otherwise) for narrowed in narrow(shape, negation(condition)))


OBLIGATIONS: dict[str, Obligation] = {
    "$ref": _ref,
    "additionalProperties": _additional_properties,
    "allOf": _all_of,
    "anyOf": _any_of,
    "const": _listing,
    "contains": _contains,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "enum": _listing,
    "exclusiveMaximum": _below,
    "exclusiveMinimum": _above,
    "format": _format,
    "if": _if,
    "items": _items,
    "maxItems": _at_most("maxItems", "array"),
    "maxLength": _at_most("maxLength", "string"),
    "maxProperties": _at_most("maxProperties", "object"),
    "maximum": _below,
    "minItems": _at_least("minItems", "array"),
    "minLength": _at_least("minLength", "string"),
    "minProperties": _at_least("minProperties", "object"),
    "minimum": _above,
    "multipleOf": _multiple_of,
    "not": _not,
    "oneOf": _one_of,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "prefixItems": _prefix_items,
    "properties": _properties,
    "propertyNames": _property_names,
    "required": _required,
    "type": _type,
    "unevaluatedItems": _unevaluated_items,
    "unevaluatedProperties": _unevaluated_properties,
    "uniqueItems": _unique_items,
}
