"""Inferred schemas: true to every document they came from, and no tighter than those support."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_schemas.inference import MAX_MEMBERS, NothingToInferError, infer_schema
from ir_schemas.validation import compile_schema

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
names = st.sampled_from(["a", "b", "c", "kind", "", "x/y"]) | st.text(storable, max_size=3)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(-1e300, 1e300),
    st.text(storable, max_size=5), st.sampled_from(["2024-01-02", "hero", "footer", "a@example.org", "1.5"]),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


def schema_of(*given_documents: Any, **options: Any) -> Any:
    schema = infer_schema(given_documents, **options)
    assert isinstance(schema, dict)
    assert schema.pop("$schema").endswith("2020-12/schema")
    return schema


@settings(max_examples=200)
@given(given_documents=st.lists(documents, min_size=1, max_size=12), repeats=st.integers(1, 6), closed=st.booleans())
def test_every_given_document_is_valid(given_documents: list[Any], repeats: int, closed: bool) -> None:
    schema = infer_schema(given_documents * repeats, closed=closed)
    validator = compile_schema(schema)
    assert all(validator.validate(document).valid for document in given_documents)


def test_types_and_required_members() -> None:
    assert schema_of({"a": 1, "b": "x"}, {"a": 2, "b": None, "c": [1.5, "y"]}) == {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": ["string", "null"]},
            "c": {"type": "array", "items": {"type": ["string", "number"]}},
        },
        "required": ["a", "b"],
    }


def test_closed_objects_are_closed_at_every_level() -> None:
    schema = schema_of({"a": {"b": 1}}, closed=True)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["a"]["additionalProperties"] is False


def test_strings_of_few_values_become_an_enum() -> None:
    kinds = ["hero", "footer", "hero", "faq"] * 5
    assert schema_of(*kinds) == {"type": "string", "enum": ["faq", "footer", "hero"]}
    assert schema_of(*kinds, None)["enum"] == ["faq", "footer", "hero", None]


@pytest.mark.parametrize(
    "texts", [["hero", "footer"], ["hero"] * 20 + ["once"], [f"name {index % 13}" for index in range(100)]]
)
def test_strings_too_few_or_too_many_do_not(texts: list[str]) -> None:
    assert "enum" not in schema_of(*texts)


def test_formats_that_all_values_have() -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 29)]
    assert schema_of(*days) == {"type": "string", "format": "date"}
    assert schema_of(*days, "soon") == {"type": "string", "minLength": 1}


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([3, 8, 1, 900, 4], {"type": "integer", "minimum": 0}),
        ([3, 8, 1, -1, 4], {"type": "integer"}),
        ([3, 8], {"type": "integer"}),
        ([0.5, 1, 0.25, 0.0, 0.9], {"type": "number", "minimum": 0, "maximum": 1}),
        ([0.5, 1.5, 0.25, 0.0, 0.9], {"type": "number", "minimum": 0}),
    ],
)
def test_only_round_limits_are_believed(numbers: list[float], expected: dict[str, Any]) -> None:
    assert schema_of(*numbers) == expected


def test_lists_that_are_never_empty() -> None:
    assert schema_of(*([[1]] * 5)) == {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
    assert "minItems" not in schema_of(*([[1]] * 5), [])


def test_objects_whose_names_are_keys_become_maps() -> None:
    rows = [{f"id{index}-{other}": {"n": index} for other in range(3)} for index in range(30)]
    schema = schema_of(*rows)
    assert schema["additionalProperties"]["properties"]["n"]["type"] == "integer"
    assert "properties" not in schema


def test_more_names_than_are_kept_become_a_map() -> None:
    wide = {f"m{index}": index for index in range(MAX_MEMBERS + 1)}
    schema = schema_of(wide, wide, closed=True)
    assert schema == {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}


def test_documents_are_streamed() -> None:
    consumed: list[int] = []

    def stream() -> Iterator[Any]:
        for index in range(2_000):
            consumed.append(index)
            yield {"row": index, "tags": ["a", "b"]}

    assert infer_schema(stream())["required"] == ["row", "tags"]  # type: ignore[index]
    assert len(consumed) == 2_000


def test_depth_past_the_limit_is_left_open() -> None:
    deep: Any = 1
    for _ in range(80):
        deep = [deep]
    assert compile_schema(infer_schema([deep])).validate(deep).valid


def test_no_document_is_refused() -> None:
    with pytest.raises(NothingToInferError, match="at least one"):
        infer_schema([])
