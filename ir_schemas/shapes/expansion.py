"""Take schemas apart into shapes: alternatives, each a plain conjunction for one kind of document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ir_schemas.shapes.nodes import Node, NodePool, negation
from ir_schemas.shapes.shape import Shape, kind_of, kinds_of_type

MAX_ALTERNATIVES = 128
MAX_EXCLUSIVE = 32

Choice: TypeAlias = list[tuple[Node, ...]]


@dataclass(frozen=True)
class _Partial:
    """An alternative half taken apart: what is settled, what still is to be, and which choices are open."""

    parts: tuple[Node, ...]
    pending: tuple[Node, ...]
    choices: tuple[Choice, ...] = ()


def expand(pool: NodePool, nodes: tuple[Node, ...], kind: str) -> list[Shape]:
    """Shapes that together hold every document of `kind` that is valid under all `nodes`."""
    known = pool.expansions.get((nodes, kind))
    if known is None:
        known = pool.expansions[nodes, kind] = _expand(pool, _Partial((), nodes), kind)
    return known


def narrow(shape: Shape, *nodes: Node) -> list[Shape]:
    """Shapes that together hold every document of `shape` that is valid under `nodes` too."""
    return _expand(shape.pool, _Partial(shape.parts, nodes), shape.kind)


def _expand(pool: NodePool, start: _Partial, kind: str) -> list[Shape]:
    stack = [start]
    shapes: list[Shape] = []
    while stack:
        settled = _settle(pool, stack.pop(), kind)
        if settled is None:
            continue
        if not settled.choices:
            shapes.append(Shape(pool, kind, settled.parts))
            continue
        choice, *others = settled.choices
        if len(stack) + len(shapes) + len(choice) > MAX_ALTERNATIVES:
            # To leave a choice open admits more documents, which is allowed; to enumerate it would explode.
            stack.append(_Partial(settled.parts, (), tuple(others)))
            continue
        stack.extend(_Partial(settled.parts, branch, tuple(others)) for branch in reversed(choice))
    return shapes


def _settle(pool: NodePool, partial: _Partial, kind: str) -> _Partial | None:
    """Work off what is pending; None where nothing can satisfy it."""
    parts = list(partial.parts)
    known = set(parts)
    choices = list(partial.choices)
    pending = list(partial.pending)
    while pending:
        node = pending.pop()
        if node in known or (node.schema is True and not node.operands):
            continue
        if not _admits(node, kind):
            return None
        if node.is_any:
            choices.append([(operand,) for operand in node.operands])
            continue
        known.add(node)
        parts.append(node)
        if node.is_negation:
            continue
        pending.extend(_certain(pool, node))
        choices.extend(_choices(pool, node, kind))
        if kind == "object" and not pending:
            pending.extend(node for node in _triggered(pool, parts) if node not in known)
    return _Partial(tuple(parts), (), tuple(choices))


def _admits(node: Node, kind: str) -> bool:
    schema = node.schema
    if isinstance(schema, bool):
        return schema
    if kind not in kinds_of_type(schema.get("type")):
        return False
    if "const" in schema and kind_of(schema["const"]) != kind:
        return False
    listing = schema.get("enum")
    return listing is None or any(kind_of(value) == kind for value in listing)


def _certain(pool: NodePool, node: Node) -> list[Node]:
    target = pool.resolve(node)
    return node.listed("allOf") + ([target] if target is not None else [])


def _choices(pool: NodePool, node: Node, kind: str) -> list[Choice]:
    found: list[Choice] = []
    if branches := node.listed("anyOf"):
        found.append([(branch,) for branch in branches])
    if branches := node.listed("oneOf"):
        # What admits nothing of this kind is neither chosen nor need be denied.
        possible = [branch for branch in branches if _admits(pool.follow(branch), kind)]
        found.append([_exclusive(possible, index) for index in range(len(possible))])
    condition = node.single("if")
    if condition is not None:
        then, otherwise = node.single("then"), node.single("else")
        if then is not None or otherwise is not None:
            found.append([_both(condition, then), _both(negation(condition), otherwise)])
    return found


def _exclusive(branches: list[Node], index: int) -> tuple[Node, ...]:
    if len(branches) > MAX_EXCLUSIVE:
        return (branches[index],)
    return (branches[index], *(negation(other) for place, other in enumerate(branches) if place != index))


def _both(first: Node, second: Node | None) -> tuple[Node, ...]:
    return (first,) if second is None else (first, second)


def _triggered(pool: NodePool, parts: list[Node]) -> list[Node]:
    """The `dependentSchemas` whose member is required."""
    if not any("dependentSchemas" in part.schema for part in parts if isinstance(part.schema, dict)):
        return []
    required = Shape(pool, "object", tuple(parts)).required
    return [node for part in parts for name, node in part.named("dependentSchemas").items() if name in required]
