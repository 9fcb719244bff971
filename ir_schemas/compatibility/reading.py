"""The writer-closed reading: documents carry only the properties that the writer's schema declares.

Under JSON Schema's own reading an object may carry any property that no schema forbids, so a property that a new schema
adds could already be there with another meaning. Programs that write a document from a schema don't do that.
"""

from __future__ import annotations

from typing import Any

from ir_schemas.shapes import Json, Node, NodePool, Schema, evaluators

DECLARING = ("properties", "patternProperties")
DECIDING = ("additionalProperties", "unevaluatedProperties")
CHILD_KEYWORDS = ("additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties")
CHILD_MAPS = ("patternProperties", "properties")
SAME_KEYWORDS = ("then", "else")
SAME_LISTS = ("allOf", "anyOf", "oneOf")
SAME_MAPS = ("dependentSchemas",)
DEFINITIONS = ("$defs", "definitions")


def close(schema: Schema) -> Schema:
    """The schema with `unevaluatedProperties: false` wherever an object declares properties and leaves others open.

    An object that declares none is a free map and stays one; so does what says `additionalProperties` itself. What
    stands under `not`, `if` and `contains` is left alone: those are conditions, and to narrow one can widen the whole.
    """
    return _Closer(schema).close()


class _Closer:
    def __init__(self, schema: Schema) -> None:
        self._pool = NodePool({"writer": schema})

    def close(self) -> Schema:
        return self._instance(self._pool.root("writer"))

    def _instance(self, node: Node) -> Schema:
        """A schema at a place where a new value of the document begins: closed if it declares properties."""
        schema = self._below(node)
        if isinstance(schema, dict) and self._declares(node):
            schema.setdefault("unevaluatedProperties", False)
        return schema

    def _declares(self, node: Node) -> bool:
        speakers = evaluators(self._pool, node)
        declares = any(speaker.keyword(keyword) for speaker in speakers for keyword in DECLARING)
        return declares and not any(node.keyword(keyword) is not None for keyword in DECIDING)

    def _below(self, node: Node) -> Schema:
        """The schema with the places below it closed, itself as it is."""
        if not isinstance(node.schema, dict):
            return node.schema
        closed: dict[str, Any] = dict(node.schema)
        for keyword in closed:
            closed[keyword] = self._keyword(node, keyword)
        return closed

    def _keyword(self, node: Node, keyword: str) -> Json:
        value = node.keyword(keyword)
        if keyword in CHILD_KEYWORDS:
            return self._instance(node.at(keyword))
        if keyword == "prefixItems":
            return [self._instance(child) for child in node.listed(keyword)]
        if keyword in CHILD_MAPS:
            return {name: self._instance(child) for name, child in node.named(keyword).items()}
        if keyword in SAME_KEYWORDS:
            return self._below(node.at(keyword))
        if keyword in SAME_LISTS:
            return [self._below(child) for child in node.listed(keyword)]
        if keyword in (*SAME_MAPS, *DEFINITIONS):
            return {name: self._below(child) for name, child in node.named(keyword).items()}
        return value
