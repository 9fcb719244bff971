"""Schemas and documents made to hang, crash or reach out: each is answered within a second of processor time."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ir_schemas.linting import lint_schema
from ir_schemas.validation import SchemaFault, compile_schema


@contextmanager
def without_hanging() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < 20


def nested(depth: int, inner: Any, wrap: Callable[[Any], Any]) -> Any:
    for _ in range(depth):
        inner = wrap(inner)
    return inner


def doubling(levels: int, **also: Any) -> dict[str, Any]:
    """A schema that unfolds to 2 ** levels others."""
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2, **also} for n in range(levels)}
    return {"$defs": {**steps, f"s{levels}": {"type": "integer"}}, "$ref": "#/$defs/s0"}


def chain(links: int) -> dict[str, Any]:
    steps = {f"s{n}": {"$ref": f"#/$defs/s{n + 1}"} for n in range(links)}
    return {"$defs": {**steps, f"s{links}": True}, "$ref": "#/$defs/s0"}


# Made when their test runs: the largest take a second and half a gigabyte.
SCHEMAS: dict[str, tuple[Callable[[], Any], str]] = {
    "a million properties": (lambda: {"properties": {f"p{n}": {} for n in range(1_000_000)}}, "too-many-values"),
    "100,000 deep": (lambda: nested(100_000, {}, lambda inner: {"not": inner}), "too-deep"),
    "a reference to itself": (lambda: {"$ref": "#"}, "reference-loop"),
    "a circle of references": (
        lambda: {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}},
        },
        "reference-loop",
    ),
    "2 ** 30 references": (lambda: doubling(30), "too-costly"),
    "2 ** 14 references to look through": (lambda: doubling(14, unevaluatedProperties=False), "too-costly"),
    "a chain of 12,000 references": (lambda: chain(12_000), "too-costly"),
    "a pattern that backtracks": (lambda: {"pattern": r"^(a+)+\1$"}, "unsupported-pattern"),
    "a pattern that looks ahead": (lambda: {"pattern": "(?=[^x]*x)b"}, "unsupported-pattern"),
    "a pattern of a billion states": (lambda: {"pattern": "^(((a{1000}){1000}){1000})$"}, "too-costly"),
    "3,000 large patterns": (
        lambda: {"properties": {f"p{n}": {"pattern": f"^[\\p{{L}}{n}]{{1,100}}$"} for n in range(3_000)}},
        "too-costly",
    ),
    "brackets without end": (lambda: {"pattern": "(" * 100_000}, "invalid-pattern"),
    "a number past all doubles": (lambda: {"maximum": 10**400}, "number-out-of-range"),
    "NaN": (lambda: {"minimum": float("nan")}, "not-finite-number"),
    "half a surrogate pair": (lambda: {"const": "\ud800"}, "lone-surrogate"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_hostile_schemas_are_refused(name: str) -> None:
    make, code = SCHEMAS[name]
    schema = make()
    with without_hanging(), pytest.raises(SchemaFault) as caught:
        compile_schema(schema)
    assert caught.value.findings[0].code == code
    with without_hanging():
        assert lint_schema(schema)[0].code == code


UNION = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "anyOf": [
                {"type": "object", "required": ["children"], "properties": {"children": {"$ref": "#/$defs/nodes"}}},
                {"type": "object", "required": ["parts"], "properties": {"children": {"$ref": "#/$defs/nodes"}}},
                {
                    "type": "object",
                    "required": ["text"],
                    "properties": {"text": {"type": "string"}, "children": {"$ref": "#/$defs/nodes"}},
                },
            ]
        },
        "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
}
LISTS = {
    "$ref": "#/$defs/n",
    "$defs": {
        "n": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/n"}},
                {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": 1},
                {"type": "array", "prefixItems": [{"$ref": "#/$defs/n"}], "unevaluatedItems": False},
            ]
        }
    },
}


def tree(depth: int, *, broken: bool = True) -> dict[str, Any]:
    if depth == 0:
        return {"text": 5 if broken else "leaf"}
    return {"children": [tree(depth - 1, broken=broken and index == 2) for index in range(3)]}


# What is wrong is found in spite of the size: schema, document, the path of the first error.
FOUND = {
    "a union of 9,841 nodes": (UNION, tree(8), "/children/2" * 8 + "/text"),
    "a union 90 deep": (LISTS, nested(90, "x", lambda inner: [inner]), "/0" * 90),
    "40 schemas in one another, 90 deep": (
        nested(40, {"type": "array", "items": {"$ref": "#"}}, lambda inner: {"allOf": [inner]}),
        nested(90, "x", lambda inner: [inner]),
        "/0" * 90,
    ),
    "two megabytes of text": ({"pattern": "^(a+)+$"}, "a" * 2_000_000 + "!", ""),
    "a dynamic reference, 90 deep": (
        {"$dynamicAnchor": "n", "type": "array", "allOf": [{"items": {"$dynamicRef": "#n"}}] * 2},
        nested(90, "x", lambda inner: [inner]),
        "/0" * 90,
    ),
    "a thousand alternatives": (
        {"oneOf": [{"required": ["k"], "properties": {"k": {"const": n}}} for n in range(1_000)]},
        {"k": -1},
        "/k",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_errors_are_found_in_bounded_time(name: str) -> None:
    schema, document, path = FOUND[name]
    compiled = compile_schema(schema)
    with without_hanging():
        report = compiled.validate(document)
    assert (report.valid, report.truncated, report.errors[0].path) == (False, False, path)


# Too much to explain: the answer is still no, and says that there may be more.
TRUNCATED = {
    "80,000 errors": ({"items": {"items": {"type": "string"}}}, [[1, 2]] * 40_000),
    "300 alternatives for 2,000 items": (
        {"items": {"oneOf": [{"required": ["k"], "properties": {"k": {"const": n}}} for n in range(300)]}},
        [{"k": -1}] * 2_000,
    ),
    "3,000 options for 3,000 items": ({"items": {"enum": [{"n": n} for n in range(3_000)]}}, [{"n": -1}] * 3_000),
    "300 patterns for 5,000 names": (
        {"patternProperties": {f"^a{n}$": {"type": "string"} for n in range(300)}, "additionalProperties": False},
        {f"name{n}": 1 for n in range(5_000)},
    ),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_explanations_stop_and_say_so(name: str) -> None:
    schema, document = TRUNCATED[name]
    compiled = compile_schema(schema)
    with without_hanging():
        report = compiled.validate(document)
    assert (report.valid, report.truncated) == (False, True)
    assert 1 <= len(report.errors) <= 50


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ({"pattern": "(a|b)*a(a|b){200}c"}, "ab" * 200_000),
        ({"properties": {f"p{n}": {} for n in range(3_000)}}, {f"q{n}": n for n in range(100_000)}),
    ],
)
def test_a_document_too_large_for_its_schema_is_not_begun(schema: Any, document: Any) -> None:
    compiled = compile_schema(schema)
    with without_hanging():
        report = compiled.validate(document)
    assert (report.valid, report.errors[0].code) == (False, "too-costly")


@pytest.mark.parametrize("document", [nested(100_000, 1, lambda inner: [inner]), float("nan"), 10**400, "\ud800"])
def test_hostile_documents_are_refused(document: Any) -> None:
    compiled = compile_schema({"$ref": "#/$defs/n", "$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}})
    with without_hanging():
        report = compiled.validate(document)
    assert (report.valid, report.error_count) == (False, 1)


def test_little_stack_is_enough() -> None:
    """Called from deep within other code, an explanation may be cut short but the answer stands."""
    compiled = compile_schema(LISTS)
    document = nested(90, "x", lambda inner: [inner])

    def descend(frames: int) -> bool:
        return compiled.validate(document).valid if frames == 0 else descend(frames - 1)

    assert descend(sys.getrecursionlimit() - 150) is False


@pytest.mark.parametrize("where", ["http", "file"])
def test_nothing_is_ever_fetched(where: str, tmp_path: Any) -> None:
    (tmp_path / "schema.json").write_text('{"type": "string"}')
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        address = f"http://127.0.0.1:{port}/schema.json" if where == "http" else (tmp_path / "schema.json").as_uri()
        for schema in (
            {"$ref": address},
            {"$schema": address},
            {"properties": {"a": {"$dynamicRef": f"{address}#a"}}},
            {"$id": address, "items": {"$ref": "other.json"}},
        ):
            with pytest.raises(SchemaFault):
                compile_schema(schema)
            assert lint_schema(schema)[0].severity == "error"
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_validators_are_not_kept_without_end() -> None:
    first = compile_schema({"const": "kept"})
    for number in range(200):
        compile_schema({"const": number})
    assert compile_schema({"const": "kept"}) is not first
