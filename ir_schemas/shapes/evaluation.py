"""Which schemas speak of the same instance as a given one: what `unevaluatedProperties` looks through."""

from __future__ import annotations

from collections.abc import Iterator

from ir_schemas.shapes.nodes import Node, NodePool

SAME_INSTANCE = ("allOf", "anyOf", "oneOf")
CONDITIONAL = ("if", "then", "else")


def evaluators(pool: NodePool, node: Node) -> list[Node]:
    """The node and every schema below it that applies to the same instance, for certain or under a condition."""
    found: dict[Node, None] = {}
    stack = [node]
    while stack:
        current = stack.pop()
        if current in found or not isinstance(current.schema, dict):
            continue
        found[current] = None
        stack.extend(in_place(pool, current))
    return list(found)


def in_place(pool: NodePool, node: Node) -> Iterator[Node]:
    """The schemas that a schema applies directly to its own instance, for certain or perhaps; not those negated."""
    target = pool.resolve(node)
    if target is not None:
        yield target
    for keyword in SAME_INSTANCE:
        yield from node.listed(keyword)
    for keyword in CONDITIONAL:
        branch = node.single(keyword)
        if branch is not None:
            yield branch
    yield from node.named("dependentSchemas").values()
