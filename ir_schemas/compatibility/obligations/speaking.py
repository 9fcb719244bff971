"""Which schemas inside a target provably apply to every document of a shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ir_schemas.shapes import Node, Shape, in_place

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover


def speakers_that_hold(prover: Prover, shape: Shape, target: Node) -> list[Node]:
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
