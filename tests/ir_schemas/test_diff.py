"""The structural diff: every place is named, and each difference can be made by itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.canonical import canonical_json
from ir_schemas.diff import Difference, apply_difference, diff_schemas
from tests.ir_schemas.compatibility_cases import CASES, INTEGER, STRING, closed_object, open_object


def lines(old: Any, new: Any) -> list[tuple[str, str | None, str | None]]:
    return [(found.operation, found.old_path, found.new_path) for found in diff_schemas(old, new)]


def test_properties_are_compared_by_name() -> None:
    old, new = open_object("a", a=STRING, c=STRING), open_object("a b", a=INTEGER, b=STRING)
    assert lines(old, new) == [
        ("changed", "/properties/a/type", "/properties/a/type"),
        ("removed", "/properties/c", None),
        ("added", None, "/properties/b"),
        ("added", None, "/required/1"),
    ]


def test_enum_and_required_are_sets() -> None:
    assert lines({"enum": ["a", "b"], "required": ["x", "y"]}, {"enum": ["b", "a"], "required": ["y", "x"]}) == []
    assert lines({"enum": [1]}, {"enum": [True, 1.0]}) == [("added", None, "/enum/0")]


def test_branches_are_paired_by_what_they_are_about() -> None:
    one, other = closed_object(kind={"const": "a"}, v=STRING), closed_object(kind={"const": "b"})
    changed = closed_object(kind={"const": "a"}, v=INTEGER)
    assert lines({"oneOf": [one, other]}, {"oneOf": [other, changed]}) == [
        ("changed", "/oneOf/0/properties/v/type", "/oneOf/1/properties/v/type")
    ]


def test_names_that_need_escaping() -> None:
    assert lines({"properties": {}}, {"properties": {"a/b~c": STRING}}) == [("added", None, "/properties/a~1b~0c")]


def test_values_that_are_no_schemas_are_compared_whole() -> None:
    found = diff_schemas({"const": {"type": "string", "a": 1}}, {"const": {"type": "string", "a": 2}})
    assert [(one.keyword, one.before, one.after) for one in found] == [
        ("const", {"type": "string", "a": 1}, {"type": "string", "a": 2})
    ]


def test_a_schema_that_becomes_a_boolean() -> None:
    assert lines(STRING, False) == [("changed", "", "")]
    assert apply_difference(STRING, diff_schemas(STRING, False)[0]) is False


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_schema_does_not_differ_from_itself(case: Any) -> None:
    assert diff_schemas(case.old, case.old) == []


def pointed_at(schema: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        schema = schema[int(token) if isinstance(schema, list) else token]
    return schema


def from_the_end(difference: Difference) -> tuple[bool, str]:
    """Removals from lists last to first, so that earlier places stay where they were."""
    return difference.operation == "removed", difference.target


pairs = st.tuples(st.sampled_from(CASES), st.sampled_from(CASES)).map(lambda two: (two[0].old, two[1].new))


@settings(max_examples=200)
@given(pair=pairs)
def test_the_differences_together_make_the_new_schema(pair: tuple[Any, Any]) -> None:
    old, new = pair
    differences = diff_schemas(old, new)
    for found in differences:
        if found.old_path is not None:
            assert canonical_json(pointed_at(old, found.old_path)) == canonical_json(found.before)
        if found.new_path is not None:
            assert canonical_json(pointed_at(new, found.new_path)) == canonical_json(found.after)
    made = old
    for found in sorted(differences, key=from_the_end, reverse=True):
        made = apply_difference(made, found)
    assert diff_schemas(made, new) == []
