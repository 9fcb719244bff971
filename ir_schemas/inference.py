"""Propose a schema from documents: every one of them is valid under it, and it says no more than they support.

Documents are read one by one and forgotten. What is kept is one `_Place` for each place in the documents (array items
share one), at most a few thousand of them, each of bounded size; so memory does not grow with the number of documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jsonschema_rs

from ir_schemas.shapes import Json, Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_PLACES = 5_000
MAX_DEPTH = 50
MAX_MEMBERS = 300  # an object with more names than this is a map
MAP_MEMBERS, MAP_SHARE = 30, 0.2  # so is one with this many names, of which an object has this share at most

ENOUGH = 5  # documents before a limit is believed that none of them crosses
ENUM_VALUES, ENUM_LENGTH, ENUM_REPEATS = 12, 40, 3
FORMATS = ("date-time", "date", "time", "uuid", "email", "uri", "ipv4", "ipv6", "duration")
FORMAT_ENOUGH = 3
FORMAT_LENGTH = 2_000

_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


class NothingToInferError(ValueError):
    """No document was given."""


def infer_schema(documents: Iterable[Json], *, closed: bool = False) -> Schema:
    """A Draft 2020-12 schema that all the documents are valid under.

    Strings of few values become an `enum`, those that all have a form get its `format`; members that are always there
    are `required`; limits are given only where they are round (nothing negative, nothing empty, nothing above one) and
    enough documents keep to them. Objects whose names vary like keys become maps. With `closed`, objects admit only
    the members that were seen. Raises NothingToInferError where there are no documents.
    """
    budget = _Budget()
    root = _Place()
    for document in documents:
        root.add(document, budget, MAX_DEPTH)
    if root.count == 0:
        raise NothingToInferError("There is no document to infer a schema from; give at least one.")
    return {"$schema": DIALECT, **root.schema(closed=closed)}


@dataclass
class _Budget:
    """How many places may still be observed."""

    left: int = MAX_PLACES

    def place(self) -> _Place:
        """A new place, or one that observes nothing once there are enough."""
        self.left -= 1
        return _Place(blind=self.left < 0)


@dataclass
class _Place:
    """What was seen at one place. A `blind` one counts and says nothing."""

    blind: bool = False
    count: int = 0
    types: Counter[str] = field(default_factory=Counter)
    numbers: _Range = field(default_factory=lambda: _Range())
    strings: _Strings = field(default_factory=lambda: _Strings())
    fewest_items: int | None = None
    items: _Place | None = None
    members: dict[str, _Place] = field(default_factory=dict)
    others: _Place | None = None

    def add(self, value: Json, budget: _Budget, depth: int) -> None:
        self.count += 1
        if depth == 0:
            self.blind = True
        if self.blind:
            return
        kind = _type_of(value)
        self.types[kind] += 1
        if kind == "string":
            self.strings.add(value)
        elif kind in ("integer", "number"):
            self.numbers.add(value)
        elif kind == "array":
            self._add_items(value, budget, depth)
        elif kind == "object":
            self._add_members(value, budget, depth)

    def _add_items(self, items: list[Json], budget: _Budget, depth: int) -> None:
        self.fewest_items = len(items) if self.fewest_items is None else min(self.fewest_items, len(items))
        if items and self.items is None:
            self.items = budget.place()
        for item in items:
            assert self.items is not None  # noqa: S101
            self.items.add(item, budget, depth - 1)

    def _add_members(self, members: dict[str, Json], budget: _Budget, depth: int) -> None:
        for name, value in members.items():
            if self.others is None and name not in self.members and len(self.members) >= MAX_MEMBERS:
                self._become_map(budget)
            if self.others is not None:
                self.others.add(value, budget, depth - 1)
                continue
            if name not in self.members:
                self.members[name] = budget.place()
            self.members[name].add(value, budget, depth - 1)

    def _become_map(self, budget: _Budget) -> None:
        self.others = _merged(self.members.values())
        budget.left += len(self.members)
        self.members = {}

    def schema(self, *, closed: bool) -> dict[str, Any]:
        if self.blind:
            return {}
        types = [name for name in _TYPES if self.types[name] and not (name == "integer" and self.types["number"])]
        found: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
        if set(types) <= {"string", "null"} and (listed := self.strings.listed()):
            found["enum"] = [*listed, None] if "null" in types else listed
        elif "string" in types:
            found |= self.strings.keywords()
        if self.types["integer"] or self.types["number"]:
            found |= self.numbers.keywords(fractions=bool(self.types["number"]))
        if "array" in types:
            found |= self._array_keywords(closed=closed)
        if "object" in types:
            found |= self._object_keywords(closed=closed)
        return found

    def _array_keywords(self, *, closed: bool) -> dict[str, Any]:
        found: dict[str, Any] = {} if self.items is None else {"items": self.items.schema(closed=closed)}
        if self.fewest_items and self.types["array"] >= ENOUGH:
            found["minItems"] = 1
        return found

    def _object_keywords(self, *, closed: bool) -> dict[str, Any]:
        values = _merged(self.members.values()) if self._is_map() else self.others
        if values is not None:
            return {"additionalProperties": values.schema(closed=closed)}
        objects = self.types["object"]
        found: dict[str, Any] = {
            "properties": {name: member.schema(closed=closed) for name, member in self.members.items()},
        }
        required = [name for name, member in self.members.items() if member.count == objects]
        if required:
            found["required"] = required
        if closed:
            found["additionalProperties"] = False
        return found

    def _is_map(self) -> bool:
        names = len(self.members)
        present = sum(member.count for member in self.members.values())
        return names >= MAP_MEMBERS and present <= MAP_SHARE * names * self.types["object"]


def _merged(places: Iterable[_Place]) -> _Place:
    """One place that has seen all that these have."""
    whole = _Place()
    for place in places:
        whole.blind |= place.blind
        whole.count += place.count
        whole.types += place.types
        whole.numbers.merge(place.numbers)
        whole.strings.merge(place.strings)
        lengths = [length for length in (whole.fewest_items, place.fewest_items) if length is not None]
        whole.fewest_items = min(lengths, default=None)
        whole.items = _either(whole.items, place.items)
        whole.others = _either(whole.others, place.others)
        for name, member in place.members.items():
            whole.members[name] = _merged([whole.members[name], member]) if name in whole.members else member
    if whole.others is not None and whole.members:
        whole.others, whole.members = _merged([whole.others, *whole.members.values()]), {}
    return whole


def _either(one: _Place | None, other: _Place | None) -> _Place | None:
    found = [place for place in (one, other) if place is not None]
    return _merged(found) if len(found) == 2 else next(iter(found), None)


@dataclass
class _Range:
    count: int = 0
    least: float = 0
    most: float = 0

    def add(self, number: float) -> None:
        self.merge(_Range(1, number, number))

    def merge(self, other: _Range) -> None:
        if other.count:
            self.least = min(self.least, other.least) if self.count else other.least
            self.most = max(self.most, other.most) if self.count else other.most
            self.count += other.count

    def keywords(self, *, fractions: bool) -> dict[str, Any]:
        if self.count < ENOUGH or self.least < 0:
            return {}
        # A share of something: fractions that never leave 0..1.
        return {"minimum": 0, "maximum": 1} if fractions and self.most <= 1 else {"minimum": 0}


@dataclass
class _Strings:
    """The values seen, while they are few and short, and the formats that all of them had."""

    count: int = 0
    empty: bool = False
    values: Counter[str] | None = field(default_factory=Counter)
    formats: tuple[str, ...] = FORMATS

    def add(self, text: str) -> None:
        self.count += 1
        self.empty |= not text
        self.formats = tuple(name for name in self.formats if len(text) <= FORMAT_LENGTH and _has_format(name, text))
        if self.values is not None:
            self.values[text] += 1
            if len(self.values) > ENUM_VALUES or len(text) > ENUM_LENGTH:
                self.values = None

    def merge(self, other: _Strings) -> None:
        self.count += other.count
        self.empty |= other.empty
        self.formats = tuple(name for name in self.formats if name in other.formats)
        both = self.values + other.values if self.values is not None and other.values is not None else None
        self.values = None if both is not None and len(both) > ENUM_VALUES else both

    def listed(self) -> list[str]:
        """The values, where each was seen often enough for them to be all there are."""
        if not self.values or self.formats or self.count < ENUM_REPEATS * len(self.values) + ENOUGH:
            return []
        return sorted(self.values) if min(self.values.values()) > 1 else []

    def keywords(self) -> dict[str, Any]:
        if self.formats and self.count >= FORMAT_ENOUGH:
            return {"format": self.formats[0]}
        return {"minLength": 1} if self.count >= ENOUGH and not self.empty else {}


@cache
def _format_validator(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True, offline=True)


def _has_format(name: str, text: str) -> bool:
    return _format_validator(name).is_valid(text)


def _type_of(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, (list, tuple)) else "number"
