"""One spelling for one JSON value."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.canonical import canonical_json, content_hash

numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [1.0, -0.0]}, '{"a":[1,0],"b":1}'),
        ([1e-5, 1.5e-6, 1e-7, 0.1, 1e21], "[0.00001,0.0000015,1e-7,0.1,1000000000000000000000]"),
        ([2**53 + 1, 10**25, 1e25], "[9007199254740993,10000000000000000000000000,10000000000000000905969664]"),
        ("\x07\n\u2028é/", '"\\u0007\\n\u2028é/"'),
        ({"\uffff": 1, "\U0001f600": 2, "z": 3}, '{"z":3,"\U0001f600":2,"\uffff":1}'),  # by UTF-16 code units
        ("1.0,", '"1.0,"'),
    ],
)
def test_the_form_is_that_of_rfc_8785_with_whole_numbers_in_full(value: Any, expected: str) -> None:
    assert canonical_json(value).decode() == expected


@given(values)
def test_the_form_keeps_the_value_and_its_own_form_is_the_same(value: Any) -> None:
    form = canonical_json(value)
    assert json.loads(form) == value
    assert canonical_json(json.loads(form)) == form


@given(st.dictionaries(text, values, min_size=2, max_size=5))
def test_order_and_the_spelling_of_numbers_do_not_change_the_hash(value: dict[str, Any]) -> None:
    turned = dict(reversed([(key, _as_float(each)) for key, each in value.items()]))
    assert content_hash(turned) == content_hash(value)


def _as_float(value: Any) -> Any:
    return float(value) if type(value) is int and float(value) == value else value


@pytest.mark.parametrize("value", [math.nan, [math.inf], "\ud800", {"\udfff": 1}])
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical_json(value)


def test_what_is_nested_without_end_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="too deep"):
        canonical_json(value)
