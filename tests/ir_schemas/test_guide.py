"""docs/ir-schemas.md says what the registry does."""

import inspect
import json
import re
from pathlib import Path

import pytest

from config.problems import DomainError
from ir_schemas import errors
from ir_schemas.compatibility import compare
from ir_schemas.validation import compile_schema

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "ir-schemas.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"^```json\n(.+?)^```", GUIDE, re.MULTILINE | re.DOTALL)]
REFUSALS = [
    each.code
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, DomainError) and each.__module__ == errors.__name__
]


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_is_in_the_guide(code: str) -> None:
    assert f"`{code}`" in GUIDE


def test_an_error_looks_as_the_guide_shows_it() -> None:
    kinds = {"properties": {"kind": {"enum": ["hero", "footer", "faq"]}}}
    schema = {"properties": {"parts": {"items": kinds}}}

    report = compile_schema(schema).validate({"parts": [{"kind": "herro"}]})

    assert [error.as_json() for error in report.errors] == [EXAMPLES[0]]


def test_adding_an_optional_property_is_what_the_guide_says_it_is() -> None:
    before = EXAMPLES[1]
    after = {**before, "properties": {**before["properties"], "tags": {"type": "array"}}}
    closed = {"additionalProperties": False}

    verdicts = {
        "standard": compare(before, after),
        "writer-closed": compare(before, after, reading="writer-closed"),
        "closed": compare(before | closed, after | closed),
    }

    assert {name: (each.backward.status, each.forward.status) for name, each in verdicts.items()} == {
        "standard": ("incompatible", "compatible"),
        "writer-closed": ("compatible", "compatible"),
        "closed": ("compatible", "incompatible"),
    }
