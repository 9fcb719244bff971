# ruff: noqa: E501 - the table of findings is to be read row by row
"""Faults in a schema, on the day it is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ir_schemas.linting import lint_schema
from ir_schemas.validation import SchemaFault, SchemaFinding, compile_schema
from ir_schemas.validation.keywords import ALL
from tests.ir_schemas.random_schemas import rooted_schemas

DRAFT_7 = "http://json-schema.org/draft-07/schema#"

# The schema, and path, code, severity and hint of its only finding.
FINDINGS = [
    ({"requird": ["a"]}, "/requird", "misspelt-keyword", "warning", 'Did you mean "required"?'),
    ({"properties": {"a": {"Type": "string"}}}, "/properties/a/Type", "misspelt-keyword", "warning", 'Did you mean "type"?'),
    ({"importance": 5}, "/importance", "unknown-keyword", "warning", 'Take it out, or begin its name with "x-" if it is meant for other software.'),
    ({"additionalItems": False}, "/additionalItems", "former-keyword", "warning", "Use `items`, beside `prefixItems`."),
    ({"properties": {"colour": True}, "required": ["color"]}, "/required/0", "undeclared-required", "warning", 'Did you mean "colour"?'),
    ({"properties": {"a": True}, "required": ["a", "b"], "additionalProperties": False}, "/required/1", "undeclared-required", "warning", "Declare it, even if only as true."),
    ({"minLength": 3, "maxLength": 2}, "/minLength", "empty-range", "warning", "Swap or mend them."),
    ({"type": "integer", "maxLength": 2}, "/maxLength", "idle-keyword", "warning", "Mend one of the two."),
    ({"type": "string", "enum": ["a", 1]}, "/enum/1", "impossible-value", "warning", "Mend one of the two."),
    ({"type": "string", "default": None}, "/default", "impossible-value", "warning", "Mend one of the two."),
    ({"$ref": "#/$defs/gone"}, "/$ref", "dangling-reference", "error", "Add what it names, or mend the spelling."),
    ({"$defs": {"unused": {"$ref": "#/$defs/gone"}}}, "/$defs/unused/$ref", "dangling-reference", "error", "Add what it names, or mend the spelling."),
    ({"$ref": "https://example.org/x"}, "/$ref", "remote-reference", "error", "Copy what it names into `$defs`."),
    ({"$ref": "file:///etc/hostname"}, "/$ref", "remote-reference", "error", "Copy what it names into `$defs`."),
    ({"$schema": DRAFT_7}, "/$schema", "unsupported-draft", "error", 'Set "$schema" to "https://json-schema.org/draft/2020-12/schema" or leave it out, and adapt the keywords.'),
    ({"properties": {"a": {"type": "strng"}}}, "/properties/a/type", "unknown-type", "error", 'Did you mean "string"?'),
    ({"type": ["string", "nul"]}, "/type/1", "unknown-type", "error", 'Did you mean "null"?'),
    ({"pattern": "("}, "/pattern", "invalid-pattern", "error", None),
    ({"$defs": {"a": {"pattern": "(?!a)"}}}, "/$defs/a/pattern", "unsupported-pattern", "error", "Say what must not match with `not`, and several conditions with `allOf`, one pattern each."),
    ({"patternProperties": {"a/(?=b)": True}}, "/patternProperties/a~1(?=b)", "unsupported-pattern", "error", "Say what must not match with `not`, and several conditions with `allOf`, one pattern each."),
    ({"required": "a"}, "/required", "invalid-schema", "error", "Put it in square brackets, even if there is only one."),
    ({"properties": {"a": 5}}, "/properties/a", "invalid-schema", "error", None),
    ({"$ref": "#"}, "", "reference-loop", "error", "Let it refer to itself only from inside a keyword that goes into the value, such as `properties`."),
    ([], "", "not-a-schema", "error", None),
]  # fmt: skip


@pytest.mark.parametrize("row", FINDINGS, ids=lambda row: f"{row[2]} {row[1]}")
def test_a_fault_is_named_and_placed(row: tuple[Any, str, str, str, str | None]) -> None:
    schema, path, code, severity, hint = row
    (finding,) = lint_schema(schema)
    assert (finding.path, finding.code, finding.severity, finding.hint) == (path, code, severity, hint)
    assert finding.as_json()["message"].endswith(".")


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"x-owner": "web", "$comment": "for the page", "definitions": {"a": {"title": "A"}}},
        {"properties": {"requird": {"$ref": "#/properties/a"}, "a": {"enum": ["requird"]}}, "required": ["a"]},
        {"type": ["integer", "null"], "minimum": 0, "default": None},
        {"patternProperties": {"^a": True}, "properties": {"b": True}, "required": ["a1"]},
        {"const": {"requird": 1}, "examples": [{"$ref": "#/nowhere"}]},
        {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"},
        {"$id": "https://example.org/a", "$defs": {"b": {"$anchor": "b"}}, "items": {"$ref": "#b"}},
    ],
)
def test_sound_schemas_have_no_findings(schema: Any) -> None:
    assert lint_schema(schema) == []


def test_errors_come_first_and_findings_have_an_end() -> None:
    schema = {**{f"k{number}": 1 for number in range(1_000)}, "$ref": "#/$defs/gone"}
    findings = lint_schema(schema)
    assert len(findings) == 100
    assert [finding.severity for finding in findings[:2]] == ["error", "warning"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from(["string", "#", "#/$defs/a", "(", "http://x/y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ALL)), inner, max_size=4),
    max_leaves=15,
)


@given(json_values)
def test_anything_is_linted_and_errors_are_what_can_not_be_compiled(schema: Any) -> None:
    errors = {finding for finding in lint_schema(schema) if finding.severity == "error"}
    refusals = _refusals(schema)
    assert refusals <= errors
    assert refusals or all("$defs" in error.path or "definitions" in error.path for error in errors)


def _refusals(schema: Any) -> set[SchemaFinding]:
    try:
        compile_schema(schema)
    except SchemaFault as fault:
        return set(fault.findings)
    return set()


@given(rooted_schemas())
def test_schemas_that_compile_have_no_errors(schema: Any) -> None:
    assert all(finding.severity == "warning" for finding in lint_schema(schema))
