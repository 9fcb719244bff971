"""Tell branches of a union apart by their constant members, at the cost of a dictionary look-up."""

from __future__ import annotations

from typing import TypeAlias

from config.canonical import canonical_json
from ir_schemas.shapes.nodes import Node, NodePool
from ir_schemas.shapes.shape import Shape

Constants: TypeAlias = dict[str, frozenset[bytes]]


def constants(pool: NodePool, node: Node) -> Constants:
    """The members that a schema itself limits to listed values, by name, with those values in canonical form."""
    found: Constants = {}
    for name, member in pool.follow(node).named("properties").items():
        schema = pool.follow(member).schema
        if isinstance(schema, dict) and "const" in schema:
            found[name] = frozenset({canonical_json(schema["const"])})
        elif isinstance(schema, dict) and isinstance(schema.get("enum"), list):
            found[name] = frozenset(canonical_json(value) for value in schema["enum"])
    return found


class Discriminator:
    """Remembers the constants of the schemas of one pool."""

    def __init__(self, pool: NodePool) -> None:
        self._pool = pool
        self._constants: dict[Node, Constants] = {}
        self._fixed: dict[Shape, Constants] = {}

    def apart(self, shape: Shape, node: Node) -> bool:
        """Whether a member that every object of the shape has must take other values under `node`."""
        wanted = self._of(node)
        if shape.kind != "object" or not wanted:
            return False
        fixed = self._of_shape(shape)
        return any(name in fixed and fixed[name].isdisjoint(values) for name, values in wanted.items())

    def _of(self, node: Node) -> Constants:
        if node not in self._constants:
            self._constants[node] = constants(self._pool, node)
        return self._constants[node]

    def _of_shape(self, shape: Shape) -> Constants:
        if shape not in self._fixed:
            fixed: Constants = {}
            for part in shape.parts:
                fixed |= {name: values for name, values in self._of(part).items() if name in shape.required}
            self._fixed[shape] = fixed
        return self._fixed[shape]
