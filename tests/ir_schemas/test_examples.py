"""Example documents: valid by the validator's word, the same each time, or a clear refusal."""

import time
from typing import Any

import pytest

from ir_schemas.examples import NoExampleError, example_document
from ir_schemas.validation import SchemaFault, compile_schema
from tests.ir_schemas.compatibility_cases import CASES, INTEGER, STRING, Case, closed_object, tree

UNSATISFIABLE = {
    "type to nothing", "nothing to anything", "empty range accepts nothing", "contradictory lengths accept nothing",
    "required but impossible", "too few impossible items", "not of the same", "empty intersection",
    "endless requirement accepts nothing",
}  # fmt: skip
HARD = {"two patterns to one"}
POSSIBLE = [case for case in CASES if case.name not in UNSATISFIABLE | HARD]


@pytest.mark.parametrize("case", POSSIBLE, ids=lambda case: case.name)
def test_the_example_is_valid_and_always_the_same(case: Case) -> None:
    for schema in (case.old, case.new):
        document = example_document(schema, seconds=20)
        assert compile_schema(schema).validate(document).valid
        assert example_document(schema, seconds=20) == document


def test_optional_members_are_shown_in_their_order() -> None:
    schema = closed_object("z", b=STRING, z=INTEGER, a={"enum": ["first", "second"]})
    assert example_document(schema) == {"b": "text", "z": 0, "a": "first"}
    assert list(example_document(schema)) == ["b", "z", "a"]


def test_the_authors_own_example_comes_first() -> None:
    assert example_document({**STRING, "examples": ["Hello"]}) == "Hello"
    assert example_document({**STRING, "examples": [1], "default": "Good day"}) == "Good day"
    assert example_document({**STRING, "examples": [1]}) == "text"


def test_recursive_schemas_end() -> None:
    assert example_document(tree(INTEGER)) == {"value": 0, "children": []}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"type": "array", "items": False, "minItems": 1},
    ],
)
def test_a_schema_without_documents_is_known_as_one(schema: Any) -> None:
    with pytest.raises(NoExampleError, match="accepts no document at all"):
        example_document(schema)


@pytest.mark.parametrize(
    "schema", [{"type": "array", "minItems": 10**9}, {"type": "string", "pattern": r"^\p{Lu}{5}$"}]
)
def test_where_an_example_is_beyond_guessing_the_remedy_is_named(schema: Any) -> None:
    started = time.process_time()
    with pytest.raises(NoExampleError, match="Write one under `examples`"):
        example_document(schema)
    assert time.process_time() - started < 20


def test_a_broken_schema_is_refused() -> None:
    with pytest.raises(SchemaFault):
        example_document({"type": "text"})


def test_schemas_too_large_are_refused() -> None:
    with pytest.raises(NoExampleError, match="too large"):
        example_document({"enum": list(range(30_000))})
