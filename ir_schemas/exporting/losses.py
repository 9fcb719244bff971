"""What an export can't say, gathered as sentences."""

from __future__ import annotations

import re
from typing import NamedTuple

from ir_schemas.shapes import Node, Schema
from ir_schemas.validation import JsonFault, Limits, check_document, compile_schema

OBJECT_KEYWORDS = ("properties", "required", "patternProperties", "additionalProperties")
ARRAY_KEYWORDS = ("items", "prefixItems")
LIMITS = Limits(max_depth=60, max_values=20_000)


class Export(NamedTuple):
    """The text of the export, and what got lost, one sentence for each thing."""

    text: str
    losses: list[str]


class ExportError(ValueError):
    """The schema can't be exported. The message says why and what to do."""


class Losses:
    """Collects what is lost, with its places, and says each thing once."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def note(self, pointer: str, sentence: str) -> None:
        """`sentence` says what is lost, without full stop; `pointer` is the place in the schema."""
        self._places.setdefault(sentence, []).append(pointer or "/")

    def sentences(self) -> list[str]:
        return [f"{sentence} ({_places(places)})." for sentence, places in self._places.items()]


def _places(places: list[str]) -> str:
    return f"at {places[0]}" if len(places) == 1 else f"at {places[0]} and {len(places) - 1} more"


def check_exportable(schema: Schema) -> None:
    """Raises ExportError for a schema too large, SchemaFault for one that is not valid."""
    try:
        check_document(schema, LIMITS)
    except JsonFault as fault:
        raise ExportError(f"The schema is too large to export: {fault.message}") from None
    compile_schema(schema)


def type_name(text: str) -> str:
    """A name for a type in Python or TypeScript: `layout split` gives `LayoutSplit`."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Type{name}"


def unique_name(text: str, taken: set[str]) -> str:
    """The type name, numbered where it is taken; it is taken from then on."""
    name = wanted = type_name(text)
    number = 2
    while name in taken:
        name, number = f"{wanted}{number}", number + 1
    taken.add(name)
    return name


def implied_types(node: Node, losses: Losses) -> list[str]:
    """The type that keywords without a `type` are about: they bind no other, so this is a guess, and a loss."""
    for name, keywords in (("object", OBJECT_KEYWORDS), ("array", ARRAY_KEYWORDS)):
        if any(node.keyword(keyword) is not None for keyword in keywords):
            losses.note(node.pointer, f"Without a `type`, only {name}s are meant here, though all else is valid too")
            return [name]
    return []
