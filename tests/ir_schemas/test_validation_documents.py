"""The door every document comes in by."""

import math
import time
from contextlib import suppress
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.canonical import canonical_json
from ir_schemas.validation import JsonFault, Limits, check_document, locate, parse_json


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


FAULTS = {
    "twice the same key": ('{"a": {"b": 1,\n "b": 2}}', "duplicate-key", "/a/b", 2, 2),
    "the same key, escaped": ('{"a": 1, "\\u0061": 2}', "duplicate-key", "/a", 1, 10),
    "NaN": ('{"a": [1, NaN]}', "not-finite-number", "/a/1", 1, 11),
    "infinity": ("[-Infinity]", "not-finite-number", "/0", 1, 2),
    "too large a float": ("[1,\n1e400]", "not-finite-number", "/1", 2, 1),
    "too large an integer": ("[1" + "0" * 400 + "]", "number-out-of-range", "/0", 1, 2),
    "an integer of 5,000 digits": ('{"x": ' + "9" * 5_000 + "}", "number-out-of-range", "/x", 1, 7),
    "half a surrogate pair": ('["a", "\\ud800"]', "lone-surrogate", "/1", 1, 7),
    "half a surrogate pair in a key": ('{"a": {"\\udc00": 1}}', "lone-surrogate", "/a", 1, 7),
    "NUL": ('{"a/b": {"~": "x\\u0000"}}', "nul-character", "/a~1b/~0", 1, 15),
    "101 deep": ("[" * 101 + "]" * 101, "too-deep", "/0" * 100, 1, 101),
    "a comma too many": ('{"a": 1,\n}', "json-syntax", "", None, None),
    "nothing": ("", "json-syntax", "", 1, 1),
    "an open string": ('"abc', "json-syntax", "", 1, 1),
    "not UTF-8": (b'["\xc3\xa4\xff"]', "not-utf-8", "", 1, 4),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_placed(name: str) -> None:
    text, code, path, line, column = FAULTS[name]
    with pytest.raises(JsonFault) as caught:
        parse_json(text)
    assert (caught.value.code, caught.value.path) == (code, path)
    if line is not None:
        assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000])
def test_100_000_levels_are_refused_at_once(text: str) -> None:
    started = time.process_time()
    with pytest.raises(JsonFault) as caught:
        parse_json(text)
    assert caught.value.code in ("too-deep", "json-syntax")
    assert time.process_time() - started < 20


def test_50_megabytes_are_refused_before_they_are_read() -> None:
    started = time.process_time()
    for text in ("[" + "1," * 25_000_000 + "1]", b"x" * 50_000_000):
        with pytest.raises(JsonFault) as caught:
            parse_json(text)
        assert caught.value.code == "too-large"
    assert time.process_time() - started < 20


def test_the_size_is_counted_in_bytes() -> None:
    assert parse_json('"ä"', Limits(max_bytes=4)) == "ä"
    with pytest.raises(JsonFault, match="larger"):
        parse_json('"ä"', Limits(max_bytes=3))


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ({"a": [1, math.nan]}, "not-finite-number", "/a/1"),
        ([10**400], "number-out-of-range", "/0"),
        ({"a": {1: 2}}, "not-json-type", "/a"),
        ({"a": (1, 2)}, "not-json-type", "/a"),
        ([Colour.RED], "not-json-type", "/0"),
        ({"a": "\ud800"}, "lone-surrogate", "/a"),
        ({"a": {"\x00": 1}}, "nul-character", "/a"),
        (nested(101), "too-deep", "/0" * 100),
        (nested(100_000), "too-deep", "/0" * 100),
        ([0] * 500_000, "too-many-values", ""),
    ],
)
def test_values_are_held_to_the_same_rules(value: Any, code: str, path: str) -> None:
    with pytest.raises(JsonFault) as caught:
        check_document(value)
    assert (caught.value.code, caught.value.path) == (code, path)


def test_a_value_that_contains_itself_is_too_deep() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = [loop, loop]
    started = time.process_time()
    with pytest.raises(JsonFault, match=r"deep|values"):
        check_document(loop)
    assert time.process_time() - started < 20


def test_documents_are_counted() -> None:
    facts = check_document({"ab": [1, "xyz", {"c": None}]})
    assert (facts.values, facts.characters, facts.depth) == (6, 6, 3)
    assert check_document("xyz").depth == 0


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(documents)
def test_what_is_accepted_reads_back_as_it_was(value: Any) -> None:
    try:
        check_document(value)
    except JsonFault:
        with pytest.raises((JsonFault, ValueError)):
            parse_json(canonical_json(value))
    else:
        assert parse_json(canonical_json(value)) == value


@given(st.text(st.sampled_from('{}[]",:\\ \n1eNau0/~'), max_size=30))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    with suppress(JsonFault):
        check_document(parse_json(text))


def test_places_are_found_in_the_text() -> None:
    text = '{\n  "a": [1, {"b/c": "{]"}],\n  "d": null\n}'
    found = locate(text, ["", "/a/1", "/a/1/b~1c", "/d", "/nowhere"])
    assert {path: (at.line, at.column) for path, at in found.items()} == {
        "": (1, 1),
        "/a/1": (2, 12),
        "/a/1/b~1c": (2, 20),
        "/d": (3, 8),
    }
