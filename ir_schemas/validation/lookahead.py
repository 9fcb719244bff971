"""Look-ahead at the start of a pattern, taken apart so that a linear-time engine can match it.

`^(?=X)(?!Y)Z` is found in a text exactly when `^(?:X)` and `^Z` are and `^(?:Y)` is not. Look-ahead is seldom put to
another use in schemas ("has a digit and no space"), so little is lost with the rest, which stays refused.
"""

import json
from typing import Any, NamedTuple

from ir_schemas.validation.keywords import HOLDS_LIST, HOLDS_MAP, HOLDS_SCHEMA
from ir_schemas.validation.patterns import ATOM


class Condition(NamedTuple):
    """A pattern that must be found, or must not."""

    pattern: str
    is_wanted: bool


def take_apart(pattern: str) -> list[Condition] | None:
    """Return the conditions that a pattern with look-ahead at its start comes to, or None for any other pattern."""
    conditions: list[Condition] = []
    offset = 1
    while pattern.startswith("^") and pattern.startswith(("(?=", "(?!"), offset):
        end = _end_of_group(pattern, offset)
        if end is None:
            return None
        conditions.append(Condition(f"^(?:{pattern[offset + 3 : end - 1]})", pattern[offset + 2] == "="))
        offset = end
    rest = pattern[offset:]
    if not conditions or rest.startswith(("*", "+", "?", "{")) or _has_branches(rest):
        return None
    return [*conditions, Condition(f"^{rest}", True)]


def without_lookahead(document: Any) -> Any:
    """Return a schema that means the same with the patterns in it taken apart, or the schema itself if none is."""
    if "(?=" not in (text := json.dumps(document)) and "(?!" not in text:
        return document
    copy = json.loads(text)
    waiting = [copy]
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict):
            continue
        for keyword, value in schema.items():
            if keyword in HOLDS_SCHEMA:
                waiting.append(value)
            elif keyword in HOLDS_LIST:
                waiting.extend(value)
            elif keyword in HOLDS_MAP:
                waiting.extend(value.values())
        conditions = take_apart(schema.get("pattern", ""))
        if conditions:
            del schema["pattern"]
            schema["allOf"] = [*schema.get("allOf", ()), *map(_as_schema, conditions)]
    return copy


def _as_schema(condition: Condition) -> dict[str, Any]:
    found = {"pattern": condition.pattern}
    return found if condition.is_wanted else {"not": {"type": "string", **found}}  # what is no string is not judged


def _end_of_group(pattern: str, start: int) -> int | None:
    """Return where the group that opens at `start` ends."""
    depth, offset = 0, start
    while match := ATOM.match(pattern, offset):
        offset = match.end()
        depth += bool(match["open"]) - bool(match["close"])
        if depth == 0:
            return offset
    return None


def _has_branches(pattern: str) -> bool:
    """Tell whether a pattern is alternatives outside all groups, so that what precedes it belongs to the first only."""
    depth, offset = 0, 0
    while match := ATOM.match(pattern, offset):
        offset = match.end()
        depth += bool(match["open"]) - bool(match["close"])
        if depth == 0 and match["one"] == "|":
            return True
    return False
