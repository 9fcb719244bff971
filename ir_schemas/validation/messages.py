"""Mismatches in words: one sentence that says what is wrong, what was expected, and where it helps, what to do.

The sentences show no more of a document than a short scalar, a name or a count.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from ir_schemas.validation.graph import SchemaGraph
from ir_schemas.validation.mismatches import Mismatch
from ir_schemas.validation.redaction import is_secret, shorten
from ir_schemas.validation.report import IRError

MOST_NAMED = 5  # names or options listed in a sentence
MOST_COMPARED = 200  # names or options looked through for a likely slip
MOST_COUNTED = 1_000  # items looked through for the first duplicate


class Words(NamedTuple):
    """What there is to say about one mismatch, beside its place."""

    message: str
    expected: str | None = None
    hint: str | None = None
    actual: str | None = None  # where it isn't the value itself


def error_of(graph: SchemaGraph, mismatch: Mismatch) -> IRError:
    """Put one mismatch into words."""
    words = _SENTENCES[mismatch.code](mismatch)
    hints = [hint for hint in (words.hint, f"Read as {mismatch.via}." if mismatch.via else None) if hint]
    tokens = () if mismatch.keyword == "false" else (mismatch.keyword,)
    name = mismatch.place.pointer.rpartition("/")[2]
    actual = words.actual or ("(hidden)" if is_secret(name) else shorten(mismatch.value))
    return IRError(
        path=mismatch.place.pointer,
        keyword=mismatch.keyword,
        code=mismatch.code,
        message=words.message,
        expected=words.expected,
        actual=actual,
        schema_path=graph.location(mismatch.node, *tokens),
        hint=" ".join(hints) or None,
    )


def _limit(mismatch: Mismatch) -> Any:
    schema = mismatch.node.schema
    return schema.get(mismatch.keyword) if isinstance(schema, dict) else None


_KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}
_A = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def _wrong_type(mismatch: Mismatch) -> Words:
    asked = mismatch.detail or _limit(mismatch)
    types = [asked] if isinstance(asked, str) else list(asked)
    expected = _either([_A[each] for each in types])
    return Words(
        f"This is {_KINDS[type(mismatch.value)]}, but must be {expected}.",
        ", ".join(types),
        _hint_on_type(types, mismatch.value),
    )


def _hint_on_type(types: list[str], value: Any) -> str | None:
    if value is None:
        return "Give a value, or leave the property out if it is not required."
    if isinstance(value, str) and {"integer", "number"} & set(types) and re.fullmatch(r"-?\d{1,15}(\.\d+)?", value):
        return "Write the number without quotes."
    if isinstance(value, str) and "boolean" in types and value.lower() in ("true", "false"):
        return f"Write {value.lower()} without quotes."
    if "array" in types and not isinstance(value, list):
        return "Put it in square brackets, even if there is only one."
    if "string" in types and type(value) in (int, float, bool):
        return "Put it in quotes."
    return None


def _missing(mismatch: Mismatch) -> Words:
    name = mismatch.detail
    near = _near(name, mismatch.value)
    hint = f"There is a property {shorten(near)}: is it meant?" if near else "Add it."
    return Words(f"The property {shorten(name)} is missing.", f"a property {shorten(name)}", hint)


def _missing_dependent(mismatch: Mismatch) -> Words:
    name, present = mismatch.detail
    message = f"The property {shorten(name)} is missing; it is required where there is {shorten(present)}."
    return Words(message, f"a property {shorten(name)}", f"Add it, or take {shorten(present)} out.")


def _unexpected(mismatch: Mismatch) -> Words:
    names: list[str] = mismatch.detail
    schema = mismatch.node.schema
    declared = schema.get("properties", {}) if isinstance(schema, dict) else {}
    open_names = [name for name in declared if name not in mismatch.value]
    near = _near(names[0], open_names)
    listed = _listed(names)
    one = len(names) == 1
    return Words(
        f"The {'property' if one else 'properties'} {listed} {'is' if one else 'are'} not allowed here.",
        f"only {_listed(declared)}" if declared else "no other properties",
        f"Did you mean {shorten(near)}?" if near else f"Take {'it' if one else 'them'} out.",
        actual=listed,
    )


def _unexpected_items(mismatch: Mismatch) -> Words:
    allowed = mismatch.detail
    message = f"There are {len(mismatch.value)} items, but only the first {allowed} may be here."
    return Words(message if allowed else "No items are allowed here.", f"at most {allowed} items")


def _not_allowed(_mismatch: Mismatch) -> Words:
    return Words("Nothing is allowed here.", "no value", "Take it out.")


def _not_in_enum(mismatch: Mismatch) -> Words:
    options = mismatch.detail or _limit(mismatch)
    return Words(f"The value must be {_options(options)}.", _options(options), _meant(mismatch.value, options))


def _unknown_variant(mismatch: Mismatch) -> Words:
    options = mismatch.detail
    message = f"No alternative goes by this name; it must be {_options(options)}."
    return Words(message, _options(options), _meant(mismatch.value, options))


def _not_const(mismatch: Mismatch) -> Words:
    expected = shorten(_limit(mismatch))
    return Words(f"The value must be {expected}.", expected)


def _several(mismatch: Mismatch) -> Words:
    matching, total = mismatch.detail
    numbers = _listed(matching)
    return Words(
        f"The value fits {len(matching)} of {total} alternatives ({numbers}), but must fit exactly one.",
        "exactly one alternative",
        "Make it fit only one, or let the schema tell its alternatives apart.",
    )


def _forbidden(_mismatch: Mismatch) -> Words:
    return Words("The value has just the form that is forbidden here.", "any other form")


def _pattern(mismatch: Mismatch) -> Words:
    pattern = shorten(_limit(mismatch))
    return Words(f"The text does not match the pattern {pattern}.", pattern)


_FORMATS = {
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T12:00:00Z",
    "duration": "a duration such as P3DT4H",
    "email": "an email address",
    "hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "json-pointer": "a JSON Pointer such as /items/0",
    "regex": "a regular expression",
    "time": "a time such as 12:00:00Z",
    "uri": "a complete URI such as https://example.org/",
    "uri-reference": "a URI or a path",
    "uuid": "a UUID",
}


def _format(mismatch: Mismatch) -> Words:
    name = str(_limit(mismatch))
    expected = _FORMATS.get(name, f"of the format {shorten(name)}")
    return Words(f"The text must be {expected}.", name)


def _too_large(mismatch: Mismatch) -> Words:
    limit = shorten(_limit(mismatch))
    expected = f"at most {limit}" if mismatch.keyword == "maximum" else f"less than {limit}"
    return Words(f"The number must be {expected}.", expected)


def _too_small(mismatch: Mismatch) -> Words:
    limit = shorten(_limit(mismatch))
    expected = f"at least {limit}" if mismatch.keyword == "minimum" else f"more than {limit}"
    return Words(f"The number must be {expected}.", expected)


def _multiple(mismatch: Mismatch) -> Words:
    expected = f"a multiple of {shorten(_limit(mismatch))}"
    return Words(f"The number must be {expected}.", expected)


def _amount(most: bool, one: str, many: str) -> Callable[[Mismatch], Words]:
    """Make the sentence for a limit on a length or a count."""

    def words(mismatch: Mismatch) -> Words:
        limit, number = int(_limit(mismatch)), len(mismatch.value)
        expected = f"{'at most' if most else 'at least'} {limit:,} {one if limit == 1 else many}"
        if number == 0:
            return Words(f"This is empty, but must have {expected}.", expected)
        return Words(f"This has {number:,} {one if number == 1 else many}, but must have {expected}.", expected)

    return words


def _duplicates(mismatch: Mismatch) -> Words:
    pair = _first_pair(mismatch.value)
    where = f"Items {pair[0]} and {pair[1]} (counted from 0) are" if pair else "Some items are"
    return Words(f"{where} the same, but all must differ.", "no item twice")


def _first_pair(items: list[Any]) -> tuple[int, int] | None:
    seen: dict[str, int] = {}
    for index, item in enumerate(items[:MOST_COUNTED]):
        if isinstance(item, (dict, list)):
            continue
        first = seen.setdefault(repr(item), index)
        if first != index:
            return first, index
    return None


def _contains(mismatch: Mismatch) -> Words:
    number = mismatch.detail
    schema: dict[str, Any] = mismatch.node.schema if isinstance(mismatch.node.schema, dict) else {}
    least, most = schema.get("minContains", 1), schema.get("maxContains")
    expected = f"at most {most}" if mismatch.code == "too-many-matching-items" else f"at least {least}"
    return Words(
        f"{number or 'No'} {'item has' if number < 2 else 'items have'} the form asked for; {expected} must.",
        f"{expected} of the form asked for",
    )


def _bad_name(mismatch: Mismatch) -> Words:
    inner: Mismatch = mismatch.detail
    words = _SENTENCES[inner.code](inner)
    return Words(f"The property name {shorten(mismatch.value)} is not allowed. {words.message}", words.expected)


_SENTENCES: Mapping[str, Callable[[Mismatch], Words]] = {
    "wrong-type": _wrong_type,
    "missing-property": _missing,
    "missing-dependent-property": _missing_dependent,
    "unexpected-property": _unexpected,
    "unexpected-items": _unexpected_items,
    "not-allowed": _not_allowed,
    "not-in-enum": _not_in_enum,
    "unknown-variant": _unknown_variant,
    "not-const": _not_const,
    "several-branches-match": _several,
    "matches-forbidden": _forbidden,
    "pattern-mismatch": _pattern,
    "format-mismatch": _format,
    "too-large": _too_large,
    "too-small": _too_small,
    "not-a-multiple": _multiple,
    "too-long": _amount(True, "character", "characters"),
    "too-short": _amount(False, "character", "characters"),
    "too-many-items": _amount(True, "item", "items"),
    "too-few-items": _amount(False, "item", "items"),
    "too-many-properties": _amount(True, "property", "properties"),
    "too-few-properties": _amount(False, "property", "properties"),
    "duplicate-items": _duplicates,
    "no-matching-item": _contains,
    "too-few-matching-items": _contains,
    "too-many-matching-items": _contains,
    "bad-property-name": _bad_name,
}


def _near(name: str, others: Iterable[str]) -> str | None:
    """Return the one of `others` that is most likely a misspelling of `name`."""
    candidates = [other for other, _ in zip(others, range(MOST_COMPARED), strict=False) if len(other) < 100]
    matches = get_close_matches(name[:100], candidates, n=1, cutoff=0.75)
    return matches[0] if matches else None


def _meant(value: Any, options: list[Any]) -> str | None:
    texts = {option.lower(): option for option in options if isinstance(option, str)}
    near = _near(value.lower(), texts) if isinstance(value, str) else None
    return f"Did you mean {shorten(texts[near])}?" if near else None


def _options(options: list[Any]) -> str:
    unique = list(dict.fromkeys(shorten(option) for option in options[:MOST_COMPARED]))
    if len(unique) == 1:
        return unique[0]
    return f"one of {_joined(unique, len(options) - min(len(options), MOST_COMPARED))}"


def _listed(values: Iterable[Any]) -> str:
    return _joined([shorten(value) for value in values], 0)


def _joined(texts: list[str], more: int) -> str:
    more += max(0, len(texts) - MOST_NAMED)
    return ", ".join(texts[:MOST_NAMED]) + (f" and {more:,} more" if more else "")


def _either(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
