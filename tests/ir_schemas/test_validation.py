"""Validation through its public door: verdicts, errors a person can act on, and what a report holds."""

# ruff: noqa: E501 - the table of sentences is to be read row by row

import json
import threading
from typing import Any

import pytest

from ir_schemas.validation import (
    PYTHON,
    RUST,
    Engine,
    IRError,
    SchemaFault,
    ValidationReport,
    compile_schema,
    parse_json,
)

HERO = {
    "title": "hero",
    "type": "object",
    "required": ["kind", "heading"],
    "properties": {"kind": {"const": "hero"}, "heading": {"type": "string", "maxLength": 5}},
    "additionalProperties": False,
}
FEATURES = {
    "type": "object",
    "required": ["kind", "columns"],
    "properties": {"kind": {"const": "features"}, "columns": {"type": "integer", "minimum": 1}},
    "additionalProperties": False,
}
PAGE = {
    "type": "object",
    "required": ["sections"],
    "properties": {"sections": {"type": "array", "items": {"oneOf": [HERO, FEATURES]}}},
    "additionalProperties": False,
}


def check(schema: Any, document: Any, **options: Any) -> ValidationReport:
    return compile_schema(schema).validate(document, **options)


def only_error(schema: Any, document: Any) -> IRError:
    (error,) = check(schema, document).errors
    return error


# One row for each way a value can fail: the keyword, its limit, a value, and what is said.
SENTENCES = [
    ("type", "integer", "5", "wrong-type", "This is a string, but must be a whole number.", "Write the number without quotes."),
    ("type", "boolean", "True", "wrong-type", "This is a string, but must be true or false.", "Write true without quotes."),
    ("type", ["array", "null"], 5, "wrong-type", "This is an integer, but must be an array or null.", "Put it in square brackets, even if there is only one."),
    ("type", "string", None, "wrong-type", "This is null, but must be a string.", "Give a value, or leave the property out if it is not required."),
    ("type", "string", 5, "wrong-type", "This is an integer, but must be a string.", "Put it in quotes."),
    ("enum", ["red", "green"], "gren", "not-in-enum", 'The value must be one of "red", "green".', 'Did you mean "green"?'),
    ("enum", [1], 2, "not-in-enum", "The value must be 1.", None),
    ("const", {"a": 1}, 2, "not-const", "The value must be an object with 1 property.", None),
    ("multipleOf", 2, 3, "not-a-multiple", "The number must be a multiple of 2.", None),
    ("maximum", 2, 3, "too-large", "The number must be at most 2.", None),
    ("exclusiveMaximum", 2, 2, "too-large", "The number must be less than 2.", None),
    ("minimum", 2, 1, "too-small", "The number must be at least 2.", None),
    ("exclusiveMinimum", 2, 2, "too-small", "The number must be more than 2.", None),
    ("maxLength", 1, "ab", "too-long", "This has 2 characters, but must have at most 1 character.", None),
    ("minLength", 1, "", "too-short", "This is empty, but must have at least 1 character.", None),
    ("pattern", "^a", "b", "pattern-mismatch", 'The text does not match the pattern "^a".', None),
    ("format", "date", "soon", "format-mismatch", "The text must be a date such as 2026-01-31.", None),
    ("maxItems", 1, [1, 2], "too-many-items", "This has 2 items, but must have at most 1 item.", None),
    ("minItems", 2, [1], "too-few-items", "This has 1 item, but must have at least 2 items.", None),
    ("uniqueItems", True, [1, 2, 1], "duplicate-items", "Items 0 and 2 (counted from 0) are the same, but all must differ.", None),
    ("maxProperties", 0, {"a": 1}, "too-many-properties", "This has 1 property, but must have at most 0 properties.", None),
    ("minProperties", 1, {}, "too-few-properties", "This is empty, but must have at least 1 property.", None),
    ("required", ["title"], {"titel": 1}, "missing-property", 'The property "title" is missing.', 'There is a property "titel": is it meant?'),
    ("dependentRequired", {"a": ["b"]}, {"a": 1}, "missing-dependent-property", 'The property "b" is missing; it is required where there is "a".', 'Add it, or take "a" out.'),
    ("additionalProperties", False, {"a": 1}, "unexpected-property", 'The property "a" is not allowed here.', "Take it out."),
    ("unevaluatedProperties", False, {"a": 1, "b": 2}, "unexpected-property", 'The properties "a", "b" are not allowed here.', "Take them out."),
    ("propertyNames", {"maxLength": 1}, {"ab": 1}, "bad-property-name", 'The property name "ab" is not allowed. This has 2 characters, but must have at most 1 character.', None),
    ("items", False, [1], "unexpected-items", "No items are allowed here.", None),
    ("unevaluatedItems", False, [1], "unexpected-items", "No items are allowed here.", None),
    ("contains", {"const": 1}, [2], "no-matching-item", "No item has the form asked for; at least 1 must.", None),
    ("not", {"type": "string"}, "a", "matches-forbidden", "The value has just the form that is forbidden here.", None),
    ("anyOf", [{"type": "string"}, {"type": "array"}], 5, "wrong-type", "This is an integer, but must be a string or an array.", "Put it in square brackets, even if there is only one."),
    ("anyOf", [{"const": "a"}, {"enum": ["b"]}], "c", "not-in-enum", 'The value must be one of "a", "b".', None),
    ("oneOf", [{"minimum": 1}, {"minimum": 2}], 3, "several-branches-match", "The value fits 2 of 2 alternatives (1, 2), but must fit exactly one.", "Make it fit only one, or let the schema tell its alternatives apart."),
]  # fmt: skip


@pytest.mark.parametrize("row", SENTENCES, ids=lambda row: f"{row[0]}: {row[2]!r}")
def test_each_keyword_has_its_sentence(row: tuple[str, Any, Any, str, str, str | None]) -> None:
    keyword, limit, value, code, message, hint = row
    error = only_error({"properties": {"it": {keyword: limit}}}, {"it": value})
    assert (error.path, error.keyword, error.schema_path) == ("/it", keyword, f"/properties/it/{keyword}")
    assert (error.code, error.message, error.hint) == (code, message, hint)


def test_contained_items_are_counted() -> None:
    schema = {"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3}
    assert only_error(schema, [1]).code == "too-few-matching-items"
    assert only_error(schema, [1, 2, 3, 4]).code == "too-many-matching-items"


def test_a_place_where_nothing_may_be_says_so() -> None:
    error = only_error({"properties": {"it": False}}, {"it": 1})
    assert (error.path, error.code, error.schema_path) == ("/it", "not-allowed", "/properties/it")


def test_an_error_has_one_shape() -> None:
    text = '{"sections": [\n  {"kind": "hero", "heading": "far too long"}\n]}'
    (error,) = check(PAGE, parse_json(text), source_text=text, checked=True).errors
    assert error.as_json() == {
        "path": "/sections/0/heading",
        "keyword": "maxLength",
        "code": "too-long",
        "message": "This has 12 characters, but must have at most 5 characters.",
        "expected": "at most 5 characters",
        "actual": '"far too long"',
        "schemaPath": "/properties/sections/items/oneOf/0/properties/heading/maxLength",
        "hint": 'Read as "hero" (alternative 1 of 2).',
        "line": 2,
        "column": 31,
    }


def test_a_report_counts_all_and_shows_the_best_first() -> None:
    sections = [{"kind": "hero", "heading": "far too long"}] * 60 + [{"kind": "hero"}]
    report = check(PAGE, {"sections": sections}, max_errors=5)
    assert (report.valid, report.error_count, len(report.errors), report.truncated) == (False, 61, 5, False)
    assert report.errors[0].code == "missing-property"
    assert report.counts_by_code == {"too-long": 60, "missing-property": 1}
    assert report.counts_by_path == {"/sections/*/heading": 60, "/sections/*": 1}
    body = report.as_json()
    assert (body["errorCount"], body["engine"], body["engineVersion"]) == (61, "jsonschema-rs", RUST.version)
    assert json.loads(json.dumps(body)) == body


def test_a_valid_document_has_an_empty_report() -> None:
    report = check(PAGE, {"sections": []})
    assert report.valid
    assert (report.error_count, report.errors, report.counts_by_code) == (0, (), {})


@pytest.mark.parametrize(
    ("section", "path", "code", "hint"),
    [
        ({"kind": "heroo", "heading": "a"}, "/sections/0/kind", "unknown-variant", 'Did you mean "hero"?'),
        ({"kind": "features", "columns": 0}, "/sections/0/columns", "too-small", "Read as alternative 2 of 2."),
        ({"heading": 1}, "/sections/0", "missing-property", None),
        ("hero", "/sections/0", "wrong-type", None),
    ],
)
def test_a_union_is_explained_by_its_nearest_branch(section: Any, path: str, code: str, hint: str | None) -> None:
    error = check(PAGE, {"sections": [section]}).errors[0]
    assert (error.path, error.code) == (path, code)
    assert hint is None or error.hint == hint


def test_a_branch_is_named_by_what_it_refers_to() -> None:
    schema = {
        "anyOf": [{"$ref": "#/$defs/point"}, {"type": "string"}],
        "$defs": {"point": {"type": "object", "required": ["x", "y"]}},
    }
    error = only_error(schema, {"x": 1})
    assert (error.code, error.schema_path) == ("missing-property", "/$defs/point/required")
    assert error.hint == 'Add it. Read as "point" (alternative 1 of 2).'


def test_the_same_error_is_not_told_twice() -> None:
    schema = {"allOf": [{"required": ["a"], "maxProperties": 1}, {"required": ["a"], "maxProperties": 1}]}
    assert [error.code for error in check(schema, {"b": 1, "c": 2}).errors] == [
        "missing-property",
        "too-many-properties",
    ]


def test_what_is_unevaluated_because_of_another_error_is_not_blamed() -> None:
    schema = {"allOf": [{"properties": {"a": True}, "required": ["b"]}], "unevaluatedProperties": False}
    assert [error.code for error in check(schema, {"a": 1, "c": 2}).errors] == ["missing-property"]


def test_errors_never_show_a_document_nor_a_secret() -> None:
    long = "x" * 10_000
    schema = {"additionalProperties": {"type": "integer"}}
    report = check(
        schema, {"text": long, "list": [long] * 100, "api_key": "hunter2", "object": {"password": "hunter2"}}
    )
    shown = json.dumps(report.as_json())
    assert "hunter2" not in shown
    assert len(shown) < 3_000


def test_a_schema_may_refer_to_given_resources_and_to_nothing_else() -> None:
    schema = {"$ref": "https://example.org/colour"}
    with pytest.raises(SchemaFault, match="nothing is ever fetched"):
        compile_schema(schema)
    compiled = compile_schema(schema, resources={"https://example.org/colour": {"enum": ["red"]}})
    assert compiled.validate("red").valid
    assert compiled.validate("blue").errors[0].schema_path == "https://example.org/colour#/enum"


@pytest.mark.parametrize("engine", [RUST, PYTHON])
def test_either_engine_will_do(engine: Engine) -> None:
    compiled = compile_schema(PAGE, engine=engine)
    assert compiled.validate({"sections": []}).valid
    report = compiled.validate({"sections": [{"kind": "hero"}]})
    assert (report.engine, report.engine_version) == (engine.name, engine.version)
    assert report.errors[0].code == "missing-property"


def test_formats_are_asserted_unless_told_otherwise() -> None:
    schema = {"format": "date"}
    assert not compile_schema(schema).validate("soon").valid
    assert compile_schema(schema, assert_formats=False).validate("soon").valid


def test_an_identical_schema_is_built_once_and_later_changes_do_not_reach_it() -> None:
    schema = {"type": "object", "title": "built once"}
    compiled = compile_schema(schema)
    assert compile_schema({"title": "built once", "type": "object"}) is compiled
    schema["type"] = "array"
    assert compiled.validate({}).valid
    assert not compile_schema(schema).validate({}).valid


def test_one_compiled_schema_serves_many_threads() -> None:
    schema = {"$ref": "#/$defs/n", "$defs": {"n": {"type": ["array", "integer"], "items": {"$ref": "#/$defs/n"}}}}
    compiled = compile_schema(schema)
    reports: list[ValidationReport] = []

    def work() -> None:
        reports.extend(compiled.validate([1, [2, ["x"]]]) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(report.valid, report.errors[0].path) for report in reports} == {(False, "/1/1/0")}
    assert len(reports) == 200


def test_a_broken_document_is_an_error_of_the_report() -> None:
    report = check({}, {"a": [float("nan")]})
    assert (report.valid, report.errors[0].code, report.errors[0].path) == (False, "not-finite-number", "/a/0")
    assert (report.counts_by_code, report.counts_by_path) == ({"not-finite-number": 1}, {"/a/*": 1})


def test_what_an_engine_can_not_read_fails_closed() -> None:
    report = check({"type": "object"}, {1: 2}, checked=True)  # a caller that claims too much
    assert (report.valid, report.errors[0].code) == (False, "engine-failed")
