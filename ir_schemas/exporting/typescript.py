"""TypeScript types of a schema."""

from __future__ import annotations

import json
import re

from ir_schemas.exporting.losses import Export, Losses, check_exportable, implied_types, type_name, unique_name
from ir_schemas.shapes import ANNOTATIONS, Json, Node, NodePool, Schema

SAID = ANNOTATIONS | {
    "$anchor", "$id", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "enum", "items", "oneOf",
    "patternProperties", "prefixItems", "properties", "required", "type", "unevaluatedProperties",
}  # fmt: skip
PRIMITIVES = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
MAX_TUPLE = 50
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def to_typescript(schema: Schema, *, name: str = "Document") -> Export:
    """One `export type` for the schema, called `name`, and one for each definition that it refers to.

    Raises ExportError for a schema too large and SchemaFault for one that is not valid.
    """
    check_exportable(schema)
    return _Emitter(schema, type_name(name)).emit()


class _Emitter:
    def __init__(self, schema: Schema, name: str) -> None:
        self._pool = NodePool({"schema": schema})
        self._losses = Losses()
        root = self._pool.root("schema")
        self._names = {root: name}
        self._taken = {name}
        self._waiting = [root]

    def emit(self) -> Export:
        blocks = []
        while self._waiting:
            node = self._waiting.pop(0)
            blocks.append(f"{_comment(node, '')}export type {self._names[node]} = {self._type(node, '')};\n")
        return Export("\n".join(blocks), self._losses.sentences())

    def _type(self, node: Node, indent: str) -> str:
        if isinstance(node.schema, bool):
            return "unknown" if node.schema else "never"
        self._note_losses(node)
        parts = [self._own(node, indent)]
        if "$ref" in node.schema:
            parts.append(self._reference(node))
        parts += [self._type(branch, indent) for branch in node.listed("allOf")]
        for keyword in ("anyOf", "oneOf"):
            if branches := node.listed(keyword):
                parts.append(_union([self._type(branch, indent) for branch in branches]))
        said = [part for part in dict.fromkeys(parts) if part != "unknown"]
        return " & ".join(_grouped(part, said) for part in said) or "unknown"

    def _reference(self, node: Node) -> str:
        target = self._pool.resolve(node)
        if target is None:
            self._losses.note(node.pointer, "`$ref` leads where types can't follow, so anything is allowed")
            return "unknown"
        if target not in self._names:
            self._names[target] = unique_name(target.pointer.rsplit("/", 1)[-1], self._taken)
            self._waiting.append(target)
        return self._names[target]

    def _own(self, node: Node, indent: str) -> str:
        """What the schema itself says, without its references and branches."""
        if isinstance(node.schema, dict) and "const" in node.schema:
            return _literal(node.schema["const"])
        listing = node.keyword("enum")
        if listing is not None:
            return _union([_literal(value) for value in listing])
        types = node.keyword("type")
        names = [types] if isinstance(types, str) else types or implied_types(node, self._losses)
        return _union([self._of_type(name, node, indent) for name in names]) if names else "unknown"

    def _of_type(self, name: str, node: Node, indent: str) -> str:
        if name == "integer":
            self._losses.note(node.pointer, "`integer` is any number")
        if name == "array":
            return self._array(node, indent)
        return self._object(node, indent) if name == "object" else PRIMITIVES[name]

    def _array(self, node: Node, indent: str) -> str:
        prefix = node.listed("prefixItems")[:MAX_TUPLE]
        rest = node.single("items")
        item = "unknown" if rest is None else self._type(rest, indent)
        if not prefix:
            return f"{_grouped(item, [item, ''])}[]"
        least = node.keyword("minItems") or 0
        items = [self._type(part, indent) for part in prefix]
        places = [item if index < least else f"{_grouped(item, [item, ''])}?" for index, item in enumerate(items)]
        return f"[{', '.join([*places, *([] if item == 'never' else [f'...({item})[]'])])}]"

    def _object(self, node: Node, indent: str) -> str:
        inner = indent + "  "
        required = set(node.keyword("required") or ())
        lines = []
        for name, member in node.named("properties").items():
            mark = "" if name in required else "?"
            lines.append(f"{_comment(member, inner)}{inner}{_key(name)}{mark}: {self._type(member, inner)};")
        undeclared = sorted(required - (node.keyword("properties") or {}).keys())
        lines += [f"{inner}{_key(name)}: unknown;" for name in undeclared]
        others = self._others(node, inner, alone=not lines)
        lines += [f"{inner}[name: string]: {others};"] if others else []
        if lines:
            return "{\n" + "\n".join(lines) + f"\n{indent}}}"
        # `unevaluatedProperties` leaves room for what references and branches name.
        return "Record<string, never>" if node.keyword("additionalProperties") is False else "object"

    def _others(self, node: Node, indent: str, *, alone: bool) -> str:
        """The type of members that have no name of their own; empty where there are none."""
        patterns = node.named("patternProperties")
        rest = node.single("additionalProperties") or node.single("unevaluatedProperties")
        if patterns:
            self._losses.note(node.pointer, "`patternProperties` are members of any name")
        if rest is not None and rest.schema is False and not patterns:
            return ""
        if alone and not patterns and rest is not None:
            return self._type(rest, indent)
        if rest is not None and rest.schema not in (True, False):
            self._losses.note(node.pointer, "`additionalProperties` beside named members can hold anything")
        return "unknown"

    def _note_losses(self, node: Node) -> None:
        for keyword in node.schema if isinstance(node.schema, dict) else ():
            if keyword == "oneOf":
                self._losses.note(node.pointer, "`oneOf` is a plain union, so several branches may hold at once")
            elif keyword not in SAID:
                self._losses.note(node.pointer, f"`{keyword}` is not expressed")


def _union(types: list[str]) -> str:
    distinct = list(dict.fromkeys(types))
    if "unknown" in distinct:
        return "unknown"
    return " | ".join(name for name in distinct if name != "never") or "never"


def _grouped(text: str, beside: list[str]) -> str:
    """The type in parentheses where it stands beside others and would otherwise be read with them."""
    return f"({text})" if len(beside) > 1 and (" | " in text or " & " in text) else text


def _literal(value: Json) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, dict):
        return "{ " + "; ".join(f"{_key(name)}: {_literal(member)}" for name, member in value.items()) + " }"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else json.dumps(name)


def _comment(node: Node, indent: str) -> str:
    text = node.keyword("description") or node.keyword("title")
    if not isinstance(text, str) or not text.strip():
        return ""
    return f"{indent}/** {' '.join(text.replace('*/', '* /').split())} */\n"
