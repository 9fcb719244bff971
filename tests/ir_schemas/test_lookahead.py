"""Look-ahead at the start of a pattern is read as the patterns it comes to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ir_schemas.linting import lint_schema
from ir_schemas.validation import SchemaFault, compile_schema

PATTERNS = [
    r"^(?!\s*$).+",
    r"^(?=.*[ab])(?=.*\d).{3,}$",
    r"^(?!.*--)[ab-]+$",
    r"^(?![(])(\(|a)",
    r"^(?=a(b|-)\d)a",
    r"^(?!a)(b|-)$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text(st.sampled_from("ab1- ("), max_size=8))
def test_it_matches_what_the_pattern_matches(pattern: str, text: str) -> None:
    compiled = compile_schema({"pattern": pattern})
    assert compiled.validate(text).valid == (re.search(pattern, text) is not None)
    assert compiled.validate(5).valid


@pytest.mark.parametrize("pattern", [r"^(?!a)b|c", r"^(?!a)b(?=c)", r"(?=a)b", r"^(?:(?=a))b", r"^(?=(a))\1"])
def test_elsewhere_it_is_refused(pattern: str) -> None:
    with pytest.raises(SchemaFault, match="bounded time"):
        compile_schema({"pattern": pattern})


def test_errors_name_the_pattern_as_it_was_written() -> None:
    schema = {"properties": {"a": {"pattern": "^(?!x)y", "const": {"pattern": "^(?!x)y"}}}}
    report = compile_schema(schema).validate({"a": "x"})
    assert [(error.schema_path, error.expected) for error in report.errors] == [
        ("/properties/a/const", "an object with 1 property"),
        ("/properties/a/pattern", '"^(?!x)y"'),
    ]
    assert lint_schema(schema) == []
