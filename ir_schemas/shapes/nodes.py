"""Schema nodes: places in one or two schema documents, their references and their validators.

Reasoning about schemas needs to speak of "the schema at this place of that document" and to conjoin such places freely.
A `Node` is such a place; a `NodePool` holds the documents, follows references and builds validators for conjunctions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote

from config.json_pointer import escape_token, unescape_token
from ir_schemas.validation.engines import RUST, Check

if TYPE_CHECKING:
    from ir_schemas.shapes.shape import Shape

Json: TypeAlias = Any
Schema: TypeAlias = dict[str, Any] | bool

SCHEMA_KEYWORDS = frozenset(
    {"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
     "unevaluatedItems", "unevaluatedProperties"}
)  # fmt: skip
SCHEMA_LIST_KEYWORDS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SCHEMA_MAP_KEYWORDS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
ANNOTATIONS = frozenset(
    {"$comment", "$defs", "default", "definitions", "deprecated", "description", "examples", "readOnly", "title",
     "writeOnly"}
)  # fmt: skip

MAX_HOPS = 20

_INLINE, _ANY, _NOT = "(inline)", "(any)", "(not)"


@dataclass(frozen=True, slots=True)
class Node:
    """A schema, known by where it stands.

    `home` names the document and `pointer` the place in it. Two further homes make nodes of nodes: `any_of` (at least
    one of `operands` holds) and `negation` (the one operand does not hold).
    """

    home: str
    pointer: str
    schema: Schema = field(compare=False)
    operands: tuple[Node, ...] = ()

    def __hash__(self) -> int:
        return hash((self.home, self.pointer))

    @property
    def is_any(self) -> bool:
        return self.home == _ANY

    @property
    def is_negation(self) -> bool:
        return self.home == _NOT

    def keyword(self, name: str) -> Json:
        """The value of a keyword, or None where the schema is a boolean or lacks it."""
        return self.schema.get(name) if isinstance(self.schema, dict) else None

    def at(self, *tokens: str | int) -> Node:
        """The subschema below this node; KeyError or IndexError where there is none."""
        schema: Any = self.schema
        for token in tokens:
            schema = schema[token]
        if self.home == _INLINE:
            return inline(schema)
        return Node(self.home, self.pointer + "".join("/" + escape_token(str(token)) for token in tokens), schema)

    def named(self, keyword: str) -> dict[str, Node]:
        """The subschemas of a keyword that maps names to schemas."""
        value = self.keyword(keyword)
        return {name: self.at(keyword, name) for name in value} if isinstance(value, dict) else {}

    def listed(self, keyword: str) -> list[Node]:
        """The subschemas of a keyword that lists schemas."""
        value = self.keyword(keyword)
        return [self.at(keyword, index) for index in range(len(value))] if isinstance(value, list) else []

    def single(self, keyword: str) -> Node | None:
        """The subschema of a keyword that holds one schema."""
        value = self.keyword(keyword)
        return self.at(keyword) if isinstance(value, (dict, bool)) else None


def inline(schema: Schema) -> Node:
    """A node of no document; it may hold no reference."""
    return Node(_INLINE, json.dumps(schema, sort_keys=True), schema)


def any_of(operands: tuple[Node, ...]) -> Node:
    return Node(_ANY, operands[0].pointer if operands else "", True, operands)


def negation(operand: Node) -> Node:
    return Node(_NOT, operand.pointer, True, (operand,))


NOTHING = inline(False)


def subschemas(schema: Json, pointer: str = "") -> Iterator[tuple[str, Json]]:
    """Every (pointer, schema) in a schema document, itself first, whatever the depth."""
    stack: list[tuple[str, Json]] = [(pointer, schema)]
    while stack:
        place, node = stack.pop()
        yield place, node
        if isinstance(node, dict):
            stack.extend(_children(place, node))


def _children(place: str, node: dict[str, Any]) -> Iterator[tuple[str, Json]]:
    for keyword, value in node.items():
        below = f"{place}/{escape_token(keyword)}"
        if keyword in SCHEMA_KEYWORDS:
            yield below, value
        elif keyword in SCHEMA_LIST_KEYWORDS and isinstance(value, list):
            yield from ((f"{below}/{index}", item) for index, item in enumerate(value))
        elif keyword in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
            yield from ((f"{below}/{escape_token(name)}", item) for name, item in value.items())


@lru_cache(maxsize=4096)
def _pattern_check(pattern: str) -> Check:
    return RUST.library({}).compile({"pattern": pattern})


def matches(pattern: str, text: str) -> bool:
    """Whether a JSON Schema `pattern` finds something in `text`, as the validator sees it."""
    return _pattern_check(pattern)(text)


class NodePool:
    """The documents that are reasoned about, by name, and what was worked out about them.

    Raises ValueError where a document is no valid Draft 2020-12 schema or has a reference to nowhere.
    """

    def __init__(self, documents: Mapping[str, Schema]) -> None:
        self._documents = dict(documents)
        self._library = RUST.library({_urn(name): schema for name, schema in documents.items()})
        self.expansions: dict[tuple[tuple[Node, ...], str], list[Shape]] = {}
        self._checks: dict[tuple[Node, ...], Check] = {}
        self._anchors = {name: _anchors(schema) for name, schema in documents.items()}
        self._rebased = {name for name, schema in documents.items() if _has_nested_id(schema)}

    def root(self, home: str) -> Node:
        return Node(home, "", self._documents[home])

    def resolve(self, node: Node) -> Node | None:
        """Where the node's `$ref` points; None where that lies outside of its document or can't be told."""
        reference = node.keyword("$ref")
        if not isinstance(reference, str) or node.home in self._rebased or node.home not in self._documents:
            return None
        root = self._documents[node.home]
        own_id = root.get("$id") if isinstance(root, dict) else None
        if isinstance(own_id, str) and reference.startswith(own_id):
            reference = reference[len(own_id) :] or "#"
        if not reference.startswith("#"):
            return None
        fragment = unquote(reference[1:])
        pointer = self._anchors[node.home].get(fragment, fragment)
        return self._at_pointer(node.home, pointer)

    def follow(self, node: Node) -> Node:
        """The node that this one merely refers to, or itself where it says anything of its own."""
        for _ in range(MAX_HOPS):
            if not isinstance(node.schema, dict) or not node.schema.keys() - ANNOTATIONS <= {"$ref"}:
                return node
            target = self.resolve(node)
            if target is None:
                return node
            node = target
        return node

    def _at_pointer(self, home: str, pointer: str) -> Node | None:
        if pointer and not pointer.startswith("/"):
            return None
        schema: Any = self._documents[home]
        for token in pointer.split("/")[1:]:
            schema = _step(schema, unescape_token(token))
        return Node(home, pointer, schema) if isinstance(schema, (dict, bool)) else None

    def accepts(self, nodes: tuple[Node, ...], value: Json) -> bool:
        """Whether a document is valid under every one of the nodes."""
        check = self._checks.get(nodes)
        if check is None:
            schema = {"allOf": [self.as_schema(node) for node in nodes]} if nodes else {}
            check = self._checks[nodes] = self._library.compile(schema)
        return check(value)

    def as_schema(self, node: Node) -> Schema:
        """A schema that says what the node says, by reference into the pool's documents."""
        if node.is_any:
            return {"anyOf": [self.as_schema(operand) for operand in node.operands]}
        if node.is_negation:
            return {"not": self.as_schema(node.operands[0])}
        if node.home == _INLINE:
            return node.schema
        return {"$ref": f"{_urn(node.home)}#{quote(node.pointer, safe='/~')}"}


def _urn(name: str) -> str:
    return f"urn:irline:{name}"


def _step(schema: Json, token: str) -> Json:
    if isinstance(schema, dict):
        return schema.get(token)
    if isinstance(schema, list) and re.fullmatch(r"0|[1-9][0-9]{0,9}", token) and int(token) < len(schema):
        return schema[int(token)]
    return None


def _anchors(document: Schema) -> dict[str, str]:
    found: dict[str, str] = {}
    for pointer, schema in subschemas(document):
        anchor = schema.get("$anchor") if isinstance(schema, dict) else None
        if isinstance(anchor, str):
            found[anchor] = pointer
    return found


def _has_nested_id(document: Schema) -> bool:
    """Whether some inner schema has its own base, so that `#` there means another place."""
    return any(pointer and isinstance(schema, dict) and "$id" in schema for pointer, schema in subschemas(document))
