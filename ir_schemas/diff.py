"""What differs between two schemas, place by place: for a side-by-side view, and to try each change by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from config.canonical import canonical_json
from config.json_pointer import escape_token, unescape_token
from ir_schemas.shapes import (
    SCHEMA_KEYWORDS,
    SCHEMA_LIST_KEYWORDS,
    SCHEMA_MAP_KEYWORDS,
    Json,
    Schema,
)

Operation = Literal["added", "removed", "changed"]
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, as small as can be named.

    `keyword` is the schema keyword it concerns and `name` the property or definition, where the keyword maps names.
    `old_path` and `new_path` are JSON Pointers into the schemas; None on the side that lacks the place. `target` is the
    pointer into the old schema to which the change applies, ending in `-` where it appends to a list (as in RFC 6902).
    """

    operation: Operation
    keyword: str
    name: str | None
    old_path: str | None
    new_path: str | None
    target: str
    before: Json = None
    after: Json = None

    def as_json(self) -> dict[str, Any]:
        """As the API and the admin show it."""
        return {"operation": self.operation, "keyword": self.keyword, "name": self.name, "oldPath": self.old_path,
                "newPath": self.new_path, "before": self.before, "after": self.after}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands in both schemas."""

    old: str = ""
    new: str = ""
    keyword: str = ""
    name: str | None = None

    def below(self, keyword: str) -> _Place:
        token = f"/{escape_token(keyword)}"
        return _Place(self.old + token, self.new + token, keyword)

    def member(self, old: str | int, new: str | int, name: str | None = None) -> _Place:
        old_path, new_path = f"{self.old}/{escape_token(str(old))}", f"{self.new}/{escape_token(str(new))}"
        return _Place(old_path, new_path, self.keyword, name)


def diff_schemas(old: Schema, new: Schema) -> list[Difference]:
    """Every difference between two schemas, in the order of the old one, then what the new one adds.

    Keywords that map names to schemas are compared name by name, `enum` and `required` as sets, the branches of
    `anyOf`, `oneOf` and `allOf` by likeness rather than order. Nesting is bounded by Python's recursion limit, far
    above what the registry stores.
    """
    return list(_schemas(old, new, _Place()))


def _schemas(old: Json, new: Json, place: _Place) -> Iterator[Difference]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield from _values(old, new, place)
        return
    for keyword in dict.fromkeys([*old, *new]):
        yield from _keyword(keyword, old.get(keyword, _ABSENT), new.get(keyword, _ABSENT), place.below(keyword))


def _keyword(keyword: str, old: Json, new: Json, place: _Place) -> Iterator[Difference]:
    if keyword in SCHEMA_KEYWORDS and old is not _ABSENT and new is not _ABSENT:
        yield from _schemas(old, new, place)
    elif keyword in SCHEMA_MAP_KEYWORDS and _both(dict, old, new):
        yield from _maps(old, new, place)
    elif keyword == "prefixItems" and _both(list, old, new):
        shared = range(min(len(_or_empty(old)), len(_or_empty(new))))
        yield from _pairs(_or_empty(old), _or_empty(new), [(index, index) for index in shared], place)
    elif keyword in SCHEMA_LIST_KEYWORDS and isinstance(old, list) and isinstance(new, list):
        yield from _pairs(old, new, _alike(old, new), place)
    elif keyword == "required" and _both(list, old, new):
        yield from _sets(_or_empty(old), _or_empty(new), place)
    elif keyword == "enum" and isinstance(old, list) and isinstance(new, list):
        yield from _sets(old, new, place)
    else:
        yield from _values(old, new, place)


def _both(kind: type, old: Json, new: Json) -> bool:
    """Whether each side is of the kind or absent."""
    return all(side is _ABSENT or isinstance(side, kind) for side in (old, new))


def _or_empty(side: Json) -> list[Json]:
    return [] if side is _ABSENT else side


def _values(old: Json, new: Json, place: _Place) -> Iterator[Difference]:
    if old is _ABSENT:
        yield Difference("added", place.keyword, place.name, None, place.new, place.old, after=new)
    elif new is _ABSENT:
        yield Difference("removed", place.keyword, place.name, place.old, None, place.old, before=old)
    elif not _same(old, new):
        yield Difference("changed", place.keyword, place.name, place.old, place.new, place.old, old, new)


def _same(old: Json, new: Json) -> bool:
    """Whether two JSON values are equal; Python's == takes True for 1."""
    return canonical_json(old) == canonical_json(new)


def _maps(old: Json, new: Json, place: _Place) -> Iterator[Difference]:
    before, after = ({} if side is _ABSENT else side for side in (old, new))
    for name in dict.fromkeys([*before, *after]):
        here = place.member(name, name, name)
        if name in before and name in after:
            yield from _schemas(before[name], after[name], here)
        else:
            yield from _values(before.get(name, _ABSENT), after.get(name, _ABSENT), here)


def _pairs(before: list[Json], after: list[Json], pairs: list[tuple[int, int]], place: _Place) -> Iterator[Difference]:
    for one, other in pairs:
        yield from _schemas(before[one], after[other], place.member(one, other))
    for index in sorted(set(range(len(before))) - {one for one, _ in pairs}):
        yield from _values(before[index], _ABSENT, place.member(index, "-"))
    for index in sorted(set(range(len(after))) - {other for _, other in pairs}):
        yield from _values(_ABSENT, after[index], place.member("-", index))


def _sets(old: list[Json], new: list[Json], place: _Place) -> Iterator[Difference]:
    before, after = ([canonical_json(value) for value in side] for side in (old, new))
    gone, come = set(before) - set(after), set(after) - set(before)
    for index, text in enumerate(before):
        if text in gone:
            yield from _values(old[index], _ABSENT, place.member(index, "-", _as_name(old[index])))
    for index, text in enumerate(after):
        if text in come:
            yield from _values(_ABSENT, new[index], place.member("-", index, _as_name(new[index])))


def _as_name(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _alike(before: list[Json], after: list[Json]) -> list[tuple[int, int]]:
    """Which branches of two lists belong together: those equal, those that name the same thing, then those in order."""
    pairs: list[tuple[int, int]] = []
    for marks in (_text, _mark, lambda _: ""):
        waiting: dict[str, list[int]] = {}
        for index, branch in enumerate(after):
            if index not in {other for _, other in pairs}:
                waiting.setdefault(marks(branch), []).append(index)
        for index, branch in enumerate(before):
            if index not in {one for one, _ in pairs} and waiting.get(mark := marks(branch)):
                pairs.append((index, waiting[mark].pop(0)))
    return sorted(pairs)


def _text(branch: Json) -> str:
    return canonical_json(branch).decode()


def _mark(branch: Json) -> str:
    """What a branch is known by: its reference, title, constant members, or type."""
    if not isinstance(branch, dict):
        return str(branch)
    members = branch.get("properties")
    constants = {
        name: member["const"]
        for name, member in (members.items() if isinstance(members, dict) else ())
        if isinstance(member, dict) and "const" in member
    }
    known_by = [branch.get("$ref"), branch.get("title"), branch.get("const"), constants, branch.get("type")]
    return canonical_json(next((mark for mark in known_by if mark), sorted(branch))).decode()


def apply_difference(old: Schema, difference: Difference) -> Schema:
    """The old schema with that one change made. All else is shared with the old one, which stays as it is."""
    tokens = [unescape_token(token) for token in difference.target.split("/")[1:]]
    changed: Schema = _changed(old, tokens, difference)
    return changed


def _changed(here: Json, tokens: list[str], difference: Difference) -> Json:
    if not tokens:
        return difference.after
    token, *below = tokens
    if isinstance(here, list):
        place = len(here) if token == "-" else int(token)  # noqa: S105
        gone = difference.operation == "removed" and not below
        middle = [] if gone else [_changed(here[place] if place < len(here) else None, below, difference)]
        return [*here[:place], *middle, *here[place + 1 :]]
    if difference.operation == "removed" and not below:
        return {name: value for name, value in here.items() if name != token}
    absent: Json = [] if below == ["-"] else {}
    return {**here, token: _changed(here.get(token, absent), below, difference)}
