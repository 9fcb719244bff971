"""What the explainer finds, before it is put into words."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from config.json_pointer import escape_token
from ir_schemas.validation.graph import Node


class Place(NamedTuple):
    """A place in the document: its JSON Pointer, the same with array indices folded to `*`, and its depth."""

    pointer: str
    folded: str
    depth: int

    def at_key(self, key: str) -> "Place":
        token = escape_token(key)
        return Place(f"{self.pointer}/{token}", f"{self.folded}/{token}", self.depth + 1)

    def at_index(self, index: int) -> "Place":
        return Place(f"{self.pointer}/{index}", f"{self.folded}/*", self.depth + 1)


ROOT = Place("", "", 0)


@dataclass(slots=True)
class Mismatch:
    """One keyword that one value fails. `detail` is what its sentence needs beyond the two, by `code`."""

    place: Place
    code: str
    keyword: str
    value: Any
    node: Node
    detail: Any = None
    via: str | None = None  # how the schema came to be applied, where a choice among alternatives led to it


class Visit(NamedTuple):
    """A value that a schema is still to be held against."""

    node: Node
    value: Any
    place: Place
    via: str | None = None


@dataclass(slots=True)
class Findings:
    """What holding one value against one schema shows: its own mismatches, and the parts to look at next."""

    here: list[Mismatch] = field(default_factory=list)
    below: list[Visit] = field(default_factory=list)
