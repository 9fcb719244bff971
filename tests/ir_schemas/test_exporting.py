"""Exports: what the other forms say, and that they say what they lost."""

import subprocess
import sys
from typing import Any

import pytest

from ir_schemas.examples import example_document
from ir_schemas.exporting import ExportError, to_pydantic, to_strict_subset, to_typescript
from ir_schemas.validation import SchemaFault, compile_schema
from tests.ir_schemas.compatibility_cases import (
    CASES,
    INTEGER,
    NUMBER,
    STRING,
    Case,
    array,
    closed_object,
    open_object,
    tree,
)

PAGE = {
    "title": "Page",
    "description": "A page */ with parts.",
    **closed_object(
        "id kind parts",
        id=INTEGER,
        kind={"enum": ["hero", "footer", None]},
        parts=array({"$ref": "#/$defs/part"}, minItems=1),
        note={"type": ["string", "null"], "maxLength": 9, "description": "Said in passing."},
        size={"type": "array", "prefixItems": [NUMBER, {"type": ["number", "null"]}], "items": False, "minItems": 1},
    ),
    "$defs": {
        "part": {
            "oneOf": [
                closed_object("tag text", tag={"const": "text"}, text=STRING),
                closed_object("tag parts", tag={"const": "group"}, parts=array({"$ref": "#/$defs/part"})),
            ]
        }
    },
}


# TypeScript


def test_typescript_of_a_page() -> None:
    text, losses = to_typescript(PAGE, name="web page")
    assert text == (
        "/** A page * / with parts. */\n"
        "export type WebPage = {\n"
        "  id: number;\n"
        '  kind: "hero" | "footer" | null;\n'
        "  parts: Part[];\n"
        "  /** Said in passing. */\n"
        "  note?: string | null;\n"
        "  size?: [number, (number | null)?];\n"
        "};\n"
        "\n"
        "export type Part = {\n"
        '  tag: "text";\n'
        "  text: string;\n"
        "} | {\n"
        '  tag: "group";\n'
        "  parts: Part[];\n"
        "};\n"
    )
    assert losses == [
        "`integer` is any number (at /properties/id).",
        "`minItems` is not expressed (at /properties/parts and 1 more).",
        "`maxLength` is not expressed (at /properties/note).",
        "`oneOf` is a plain union, so several branches may hold at once (at /$defs/part).",
    ]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, "unknown"),
        (False, "never"),
        ({"allOf": [STRING, {"enum": ["a", "b"]}]}, 'string & ("a" | "b")'),
        (array({"type": ["string", "null"]}), "(string | null)[]"),
        ({"type": "object", "additionalProperties": NUMBER}, "{\n  [name: string]: number;\n}"),
        ({"type": "object", "additionalProperties": False}, "Record<string, never>"),
        (open_object("a-b", **{"a-b": STRING}), '{\n  "a-b": string;\n  [name: string]: unknown;\n}'),
        (
            {
                "type": "object",
                "allOf": [{"properties": {"a": NUMBER}, "type": "object"}],
                "unevaluatedProperties": False,
            },
            "object & {\n  a?: number;\n  [name: string]: unknown;\n}",
        ),
        ({"const": {"a": [1, None]}}, "{ a: [1, null] }"),
    ],
)
def test_typescript_of_small_schemas(schema: Any, expected: str) -> None:
    assert to_typescript(schema).text == f"export type Document = {expected};\n"


def test_names_of_definitions_do_not_clash() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/a b"}, {"$ref": "#/$defs/a-b"}], "$defs": {"a b": STRING, "a-b": NUMBER}}
    assert "AB | AB2" in to_typescript({**schema, "anyOf": [{"$ref": "#/$defs/a%20b"}, {"$ref": "#/$defs/a-b"}]}).text


def test_what_types_can_not_say_is_told() -> None:
    (loss,) = to_typescript({**STRING, "not": {"const": "x"}}).losses
    assert loss == "`not` is not expressed (at /)."


# The strict subset


def assert_strict(schema: Any) -> None:
    """What every provider's strict mode asks of each schema."""
    assert schema.keys() <= {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$ref",
                             "$defs", "description"}  # fmt: skip
    assert schema.keys() & {"type", "anyOf", "$ref"}
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("$defs", {}).values()]
    for inner in [*below, *([schema["items"]] if "items" in schema else [])]:
        assert_strict(inner)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_strict_subset_is_strict(case: Case) -> None:
    for schema in (case.old, case.new):
        subset = to_strict_subset(schema)
        assert subset.schema["type"] == "object"
        assert_strict(subset.schema)
        compile_schema(subset.schema)


def test_without_losses_every_answer_is_a_document() -> None:
    schemas = [schema for case in CASES for schema in (case.old, case.new)]
    faithful = [
        schema for schema in schemas if all("as the member" in loss for loss in to_strict_subset(schema).losses)
    ]
    assert len(faithful) > 50
    for schema in faithful:
        subset = to_strict_subset(schema)
        assert compile_schema(schema).validate(subset.restore(example_document(subset.schema))).valid


def test_optional_members_come_as_null_and_are_left_out_again() -> None:
    schema = closed_object("a", a=STRING, b=INTEGER, c={"type": ["string", "null"]}, d=array(closed_object(e=STRING)))
    subset = to_strict_subset(schema)
    assert subset.schema["required"] == ["a", "b", "c", "d"]
    assert subset.schema["properties"]["b"] == {"anyOf": [INTEGER, {"type": "null"}]}
    answer = {"a": "x", "b": None, "c": None, "d": [{"e": None}]}
    assert compile_schema(subset.schema).validate(answer).valid
    assert subset.restore(answer) == {"a": "x", "c": None, "d": [{}]}


def test_a_list_is_wrapped_and_unwrapped() -> None:
    subset = to_strict_subset(array(STRING))
    assert subset.wrapped
    assert subset.restore({"value": ["a"]}) == ["a"]


def test_limits_go_into_the_description() -> None:
    schema = closed_object("n", n={"type": "integer", "minimum": 1, "description": "How many."})
    subset = to_strict_subset(schema)
    assert subset.schema["properties"]["n"] == {"type": "integer", "description": "How many. (minimum: 1)"}
    assert subset.losses == ["`minimum` is only described (at /properties/n)."]


def test_recursion_is_kept_and_told() -> None:
    subset = to_strict_subset(tree(INTEGER))
    assert subset.schema["properties"]["children"]["anyOf"][0]["items"] == {"$ref": "#/$defs/Node"}
    assert any("contains itself" in loss for loss in subset.losses)


# Pydantic


def test_pydantic_models_accept_and_refuse_what_the_schema_does() -> None:
    text, losses = to_pydantic(PAGE, name="web page")
    check = (
        "import sys, pydantic\n"
        "WebPage.model_validate({'id': 1, 'kind': 'hero', 'parts': [{'tag': 'group', 'parts': []}]})\n"
        "try: WebPage.model_validate({'id': 'x', 'kind': 'hero', 'parts': []})\n"
        "except pydantic.ValidationError: sys.exit(0)\n"
        "sys.exit('accepted')\n"
    )
    result = subprocess.run([sys.executable, "-c", text + check], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert any("oneOf" in loss for loss in losses)


def test_foreign_keywords_give_the_generator_no_orders() -> None:
    schema = {**closed_object(a={**STRING, "customTypePath": "os.system"}), "customBasePath": "os.path"}
    assert "import os" not in to_pydantic(schema).text
    assert "from os" not in to_pydantic(schema).text


# Refusals


@pytest.mark.parametrize("export", [to_typescript, to_strict_subset, to_pydantic])
def test_schemas_that_are_too_large_or_broken_are_refused(export: Any) -> None:
    with pytest.raises(ExportError, match="too large"):
        export({"enum": list(range(30_000))})
    with pytest.raises(SchemaFault):
        export({"type": "text"})
