"""Ways to cut a shape in pieces, so that each piece may meet its own branch of an `anyOf`, `oneOf` or `if`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ir_schemas.shapes import KINDS, Json, Node, NodePool, Shape, evaluators, expand, inline

MAX_VALUES = 16
MAX_NAMES = 8

Pieces: TypeAlias = list[Node]
_KIND_SCHEMAS: dict[str, dict[str, Json]] = {
    "integer": {"type": "integer"},
    "fraction": {"type": "number", "not": {"type": "integer"}},
}


def splits(pool: NodePool, shape: Shape, target: Node) -> Iterator[Pieces]:
    """Each result is a list of schemas such that every document of the shape is valid under one of them."""
    speakers = [node for branch in _branches(target) for node in evaluators(pool, branch)]
    if not speakers:
        return
    if shape.kind == "object":
        yield from _by_member(shape, speakers)
    elif shape.kind in ("integer", "fraction"):
        yield from _by_threshold(speakers)
    elif shape.kind == "string":
        yield from _by_size(speakers, "minLength", "maxLength")
    elif shape.kind == "array":
        yield from _by_size(speakers, "minItems", "maxItems")


def _branches(target: Node) -> list[Node]:
    if target.is_any:
        return list(target.operands)
    condition = target.single("if")
    return [*target.listed("anyOf"), *target.listed("oneOf"), *([condition] if condition is not None else [])]


def _by_member(shape: Shape, speakers: list[Node]) -> Iterator[Pieces]:
    spoken_of = [
        name for node in speakers for name in (*(node.keyword("properties") or {}), *(node.keyword("required") or ()))
    ]
    for name in list(dict.fromkeys(spoken_of))[:MAX_NAMES]:
        present = _pieces_of_member(shape, name)
        if name not in shape.required:
            present = [*(present or [inline({"required": [name]})]), inline({"properties": {name: False}})]
        if len(present) > 1:
            yield present


def _pieces_of_member(shape: Shape, name: str) -> Pieces:
    """The member's few values, or else its kinds, each as a schema of the object; empty where there is but one."""
    member = shape.member(name)
    shapes = [piece for kind in KINDS for piece in expand(shape.pool, member, kind)]
    values = _all_values(shapes)
    if values is not None:
        return [_with_member(name, {"const": value}) for value in values] if len(values) <= MAX_VALUES else []
    kinds = list(dict.fromkeys(piece.kind for piece in shapes))
    return [_with_member(name, _KIND_SCHEMAS.get(kind, {"type": kind})) for kind in kinds] if len(kinds) > 1 else []


def _all_values(shapes: list[Shape]) -> list[Json] | None:
    found: list[Json] = []
    for shape in shapes:
        if shape.values is None:
            return None
        found += shape.values
    return found


def _with_member(name: str, schema: dict[str, Json]) -> Node:
    return inline({"required": [name], "properties": {name: schema}})


def _by_threshold(speakers: list[Node]) -> Iterator[Pieces]:
    for value in _numbers(speakers, "minimum", "exclusiveMaximum"):
        yield [inline({"exclusiveMaximum": value}), inline({"minimum": value})]
    for value in _numbers(speakers, "exclusiveMinimum", "maximum"):
        yield [inline({"maximum": value}), inline({"exclusiveMinimum": value})]


def _by_size(speakers: list[Node], least: str, most: str) -> Iterator[Pieces]:
    for value in _numbers(speakers, least):
        if value >= 1:
            yield [inline({most: value - 1}), inline({least: value})]
    for value in _numbers(speakers, most):
        yield [inline({most: value}), inline({least: value + 1})]


def _numbers(speakers: list[Node], *keywords: str) -> list[Json]:
    found = (node.keyword(keyword) for node in speakers for keyword in keywords)
    return list(dict.fromkeys(value for value in found if isinstance(value, (int, float))))[:MAX_NAMES]
