"""What keywords ask of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ir_schemas.compatibility.obligations.binding import only
from ir_schemas.compatibility.obligations.speaking import speakers_that_hold
from ir_schemas.shapes import Node, Shape

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover


def _has_item(shape: Shape, index: int) -> bool:
    most = shape.at_most("maxItems")
    return most is None or index < most


def _item_within(prover: Prover, shape: Shape, index: int, node: Node) -> bool:
    if not _has_item(shape, index):
        return True
    with prover.below(str(index) if index < shape.prefix_length else "*"):
        return prover.contained(shape.item(index), node)


@only("array")
def prefix_items(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(_item_within(prover, shape, index, node) for index, node in enumerate(target.listed("prefixItems")))


@only("array")
def items(prover: Prover, shape: Shape, target: Node) -> bool:
    node = target.single("items")
    return node is None or _items_from(prover, shape, len(target.listed("prefixItems")), node)


def _items_from(prover: Prover, shape: Shape, start: int, node: Node) -> bool:
    """Whether the items from `start` on are within `node`; past the prefix all are alike."""
    return all(_item_within(prover, shape, index, node) for index in range(start, max(start, shape.prefix_length) + 1))


@only("array")
def unique_items(_: Prover, shape: Shape, target: Node) -> bool:
    return target.keyword("uniqueItems") is not True or shape.unique or not _has_item(shape, 1)


@only("array")
def contains(prover: Prover, shape: Shape, target: Node) -> bool:
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


@only("array")
def unevaluated_items(prover: Prover, shape: Shape, target: Node) -> bool:
    start = 0
    for node in speakers_that_hold(prover, shape, target):
        if node.keyword("items") is not None or (node != target and node.keyword("unevaluatedItems") is not None):
            return True
        start = max(start, len(node.listed("prefixItems")))
    return _items_from(prover, shape, start, target.at("unevaluatedItems"))
