"""The subset of JSON Schema that structured-output APIs enforce, and the way back from it.

The subset is what the larger providers have in common: objects are closed and all their members required, an optional
member is one that may be null, unions are `anyOf`, and there are no limits on numbers, lengths or counts (those go into
the description, where a model reads them). The document that comes back is given to `restore`, then validated against
the schema itself: the subset makes valid answers likely, the schema decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ir_schemas.exporting.losses import Losses, check_exportable, implied_types, unique_name
from ir_schemas.shapes import Json, Node, NodePool, Schema, declared_member, evaluators, kind_of

WRAPPER = "value"
LIMITING = (
    "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minItems", "maxItems", "uniqueItems",
)  # fmt: skip
DROPPED = (
    "contains", "dependentRequired", "dependentSchemas", "if", "maxProperties", "minProperties", "not",
    "patternProperties", "propertyNames", "unevaluatedItems",
)  # fmt: skip
NULL = {"type": "null"}
_TYPE_OF_KIND = {"fraction": "number"}


@dataclass(frozen=True)
class StrictSubset:
    """A schema to send to a model. `wrapped` says that the document comes as the one member `value` of an object."""

    original: Schema
    schema: dict[str, Any]
    losses: list[str]
    wrapped: bool

    def restore(self, document: Json) -> Json:
        """The model's answer as a document of the original schema: unwrapped, without nulls that mean "left out"."""
        if self.wrapped and isinstance(document, dict) and WRAPPER in document:
            document = document[WRAPPER]
        pool = NodePool({"schema": self.original})
        return _without_fillers(pool, (pool.root("schema"),), document)


def to_strict_subset(schema: Schema) -> StrictSubset:
    """The nearest schema in the strict subset, with a sentence for all that is not in it.

    Raises ExportError for a schema too large and SchemaFault for one that is not valid.
    """
    check_exportable(schema)
    return _Converter(schema).convert(schema)


class _Converter:
    def __init__(self, schema: Schema) -> None:
        self._pool = NodePool({"schema": schema})
        self._losses = Losses()
        self._names: dict[Node, str] = {}
        self._taken: set[str] = set()
        self._waiting: list[Node] = []

    def convert(self, original: Schema) -> StrictSubset:
        root = self._pool.root("schema")
        converted = self._schema(self._pool.follow(root))
        wrapped = converted.get("type") != "object"
        if wrapped:
            self._losses.note("", f"The document must be an object, so it comes as the member `{WRAPPER}` of one")
            converted = _closed({WRAPPER: converted})
        definitions = {}
        while self._waiting:
            node = self._waiting.pop(0)
            definitions[self._names[node]] = self._schema(node)
        if definitions:
            converted["$defs"] = definitions
            self._note_recursion(definitions)
        return StrictSubset(original, converted, self._losses.sentences(), wrapped)

    def _note_recursion(self, definitions: dict[str, Any]) -> None:
        uses = {name: {other for other in definitions if f'"#/$defs/{other}"' in json.dumps(schema)}
                for name, schema in definitions.items()}  # fmt: skip
        places = {name: node.pointer for node, name in self._names.items()}
        for name in definitions:
            reached, stack = set[str](), list(uses[name])
            while stack:
                other = stack.pop()
                if other not in reached:
                    reached.add(other)
                    stack += uses[other]
            if name in reached:
                self._losses.note(places[name], "It contains itself, which some providers refuse")

    def _schema(self, node: Node) -> dict[str, Any]:
        if not isinstance(node.schema, dict) or not node.schema:
            return self._anything(node)
        if "$ref" in node.schema:
            return self._reference(node)
        self._note_dropped(node)
        if node.keyword("allOf"):
            return self._merged(node)
        return self._described(node, self._bare(node))

    def _bare(self, node: Node) -> dict[str, Any]:
        assert isinstance(node.schema, dict)  # noqa: S101
        for keyword in ("anyOf", "oneOf"):
            if branches := node.listed(keyword):
                return self._union(node, keyword, branches)
        if "const" in node.schema or "enum" in node.schema:
            return self._listed(node, node.schema.get("enum", [node.schema.get("const")]))
        types = node.schema.get("type") or implied_types(node, self._losses)
        names = [types] if isinstance(types, str) else types
        if not names:
            return self._anything(node)
        options = [self._typed(name, node) for name in names]
        return options[0] if len(options) == 1 else _any_of(options)

    def _listed(self, node: Node, values: list[Json]) -> dict[str, Any]:
        plain = [value for value in values if not isinstance(value, (dict, list))]
        types = list(dict.fromkeys(_TYPE_OF_KIND.get(kind_of(value), kind_of(value)) for value in plain))
        options = [{"type": types[0] if len(types) == 1 else types, "enum": plain}] if plain else []
        if len(plain) < len(values):
            self._losses.note(node.pointer, "Listed objects and lists are asked for by their members' values")
            options += [self._like(node, value) for value in values if isinstance(value, (dict, list))]
        return options[0] if len(options) == 1 else _any_of(options)

    def _like(self, node: Node, value: Json) -> dict[str, Any]:
        """A schema for an object or list that is given as a value."""
        if isinstance(value, dict):
            return _closed({name: self._like(node, member) for name, member in value.items()})
        if isinstance(value, list):
            items = [self._like(node, item) for item in value] or [self._anything(node)]
            return {"type": "array", "items": items[0] if len(items) == 1 else _any_of(items)}
        return self._listed(node, [value])

    def _typed(self, name: str, node: Node) -> dict[str, Any]:
        if name == "object":
            return self._object(node)
        return self._array(node) if name == "array" else {"type": name}

    def _object(self, node: Node) -> dict[str, Any]:
        members = node.named("properties")
        required = set(node.keyword("required") or ())
        rest = node.single("additionalProperties")
        if rest is None or rest.schema is not False:
            what = "The object is closed" if members else "A map of any names can't be asked for, so it stays empty"
            self._losses.note(node.pointer, what)
        made = {name: self._schema(member) for name, member in members.items()}
        for name in required - made.keys():
            made[name] = self._anything(node)
        return _closed({name: schema if name in required else _nullable(schema) for name, schema in made.items()})

    def _array(self, node: Node) -> dict[str, Any]:
        prefix = node.listed("prefixItems")
        rest = node.single("items")
        if prefix:
            self._losses.note(node.pointer, "`prefixItems` is a list whose items may each have any of the types")
        parts = [*prefix, *([rest] if rest is not None and rest.schema is not False else [])]
        items = [self._schema(part) for part in parts] or [self._anything(node)]
        return {"type": "array", "items": items[0] if len(items) == 1 else _any_of(items)}

    def _union(self, node: Node, keyword: str, branches: list[Node]) -> dict[str, Any]:
        if keyword == "oneOf":
            self._losses.note(node.pointer, "`oneOf` is `anyOf`, so several branches may hold at once")
        beside = [key for key in ("type", "properties", "required", "items", "enum") if node.keyword(key) is not None]
        for key in beside:
            self._losses.note(node.pointer, f"`{key}` beside `{keyword}` is left out")
        return _any_of([self._schema(branch) for branch in branches])

    def _merged(self, node: Node) -> dict[str, Any]:
        """An `allOf` of plain objects as one object; of others, the first part alone."""
        own = {key: value for key, value in (node.schema if isinstance(node.schema, dict) else {}).items()
               if key != "allOf"}  # fmt: skip
        parts = [Node(node.home, node.pointer, own), *(self._pool.follow(part) for part in node.listed("allOf"))]
        objects = [part for part in parts if isinstance(part.schema, dict) and part.keyword("properties") is not None]
        if not objects:
            self._losses.note(node.pointer, "Of `allOf` only the first part with a type is asked for")
            return self._schema(next((part for part in parts if part.keyword("type")), parts[-1]))
        converted = [self._schema(part) for part in objects]
        if any(part.schema and part not in objects for part in parts):
            self._losses.note(node.pointer, "Parts of `allOf` that declare no properties are left out")
        members: dict[str, Any] = {}
        for schema in converted:
            members |= schema.get("properties", {})
        return _closed(members)

    def _reference(self, node: Node) -> dict[str, Any]:
        target = self._pool.follow(node)
        beside = (node.schema.keys() if isinstance(node.schema, dict) else set()) - {"$ref", "title", "description"}
        for keyword in sorted(beside - {"$defs", "$id", "$schema", "default", "examples"}):
            self._losses.note(node.pointer, f"`{keyword}` beside `$ref` is left out")
        if target == node:
            resolved = self._pool.resolve(node)
            if resolved is None:
                return self._anything(node)
            target = self._pool.follow(resolved)
        if target not in self._names:
            self._names[target] = unique_name(target.pointer.rsplit("/", 1)[-1] or "Document", self._taken)
            self._waiting.append(target)
        return {"$ref": f"#/$defs/{self._names[target]}"}

    def _anything(self, node: Node) -> dict[str, Any]:
        self._losses.note(node.pointer, "Where anything is allowed, only plain values can be asked for")
        return _any_of([{"type": name} for name in ("string", "number", "boolean", "null")])

    def _note_dropped(self, node: Node) -> None:
        for keyword in DROPPED:
            if node.keyword(keyword) is not None:
                self._losses.note(node.pointer, f"`{keyword}` is left out")
        for keyword in LIMITING:
            if node.keyword(keyword) is not None:
                self._losses.note(node.pointer, f"`{keyword}` is only described")

    def _described(self, node: Node, schema: dict[str, Any]) -> dict[str, Any]:
        limits = [f"{keyword}: {json.dumps(node.keyword(keyword), ensure_ascii=False)}"
                  for keyword in LIMITING if node.keyword(keyword) is not None]  # fmt: skip
        texts = [node.keyword("description") or node.keyword("title") or "", f"({', '.join(limits)})" if limits else ""]
        text = " ".join(text for text in texts if text)
        return {**schema, "description": text} if text else schema


def _closed(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _any_of(options: list[dict[str, Any]]) -> dict[str, Any]:
    flat = [branch for option in options for branch in (option["anyOf"] if option.keys() == {"anyOf"} else [option])]
    return {"anyOf": list({json.dumps(branch, sort_keys=True): branch for branch in flat}.values())}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" not in schema:
        return _any_of([schema, NULL])
    return schema if NULL in schema["anyOf"] else {**schema, "anyOf": [*schema["anyOf"], NULL]}


def _without_fillers(pool: NodePool, nodes: tuple[Node, ...], value: Json) -> Json:
    """The value without members that are null where no schema for them admits null."""
    speakers = [speaker for node in nodes for speaker in evaluators(pool, node)]
    if isinstance(value, list):
        return [_without_fillers(pool, _items(speakers, index), item) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, member in value.items():
        declared = tuple(node for speaker in speakers for node in declared_member(speaker, name))
        if member is not None or not declared or any(pool.accepts((node,), None) for node in declared):
            found[name] = _without_fillers(pool, declared, member)
    return found


def _items(speakers: list[Node], index: int) -> tuple[Node, ...]:
    found = []
    for speaker in speakers:
        prefix = speaker.listed("prefixItems")
        node = prefix[index] if index < len(prefix) else speaker.single("items")
        found += [node] if node is not None else []
    return tuple(found)
