"""Two schemas as text beside each other, what differs in colour and the rest folded away. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal

from config.json_html import pretty_json

CONTEXT = 3
MOST_LINES = 4_000  # of both texts together; matching lines takes the square of their number at worst

Kind = Literal["same", "changed", "removed", "added", "gap"]
_KINDS: dict[str, Kind] = {"equal": "same", "replace": "changed", "delete": "removed", "insert": "added"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of each text; None where one has no line there. A ``gap`` stands for lines that are the same."""

    kind: Kind
    old_number: int | None = None
    old: str | None = None
    new_number: int | None = None
    new: str | None = None


def side_by_side(old: Any, new: Any) -> list[Row] | None:
    """The rows that differ with ``CONTEXT`` lines around them; None for schemas too long to be laid side by side."""
    before, after = pretty_json(old).split("\n"), pretty_json(new).split("\n")
    if len(before) + len(after) > MOST_LINES:
        return None
    return list(_rows(before, after))


def _rows(before: list[str], after: list[str]) -> Iterator[Row]:
    for index, group in enumerate(SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT)):
        if index or group[0][1] > 0:
            yield Row("gap")
        for operation, old_start, old_end, new_start, new_end in group:
            pairs = zip_longest(range(old_start, old_end), range(new_start, new_end))
            yield from (_row(_KINDS[operation], before, after, one, other) for one, other in pairs)


def _row(kind: Kind, before: list[str], after: list[str], one: int | None, other: int | None) -> Row:
    if kind == "changed":
        kind = "added" if one is None else "removed" if other is None else "changed"
    left = (None, None) if one is None else (one + 1, before[one])
    right = (None, None) if other is None else (other + 1, after[other])
    return Row(kind, *left, *right)
