"""No verdict of `compatible` is ever refuted by a document, however odd the schemas."""

import itertools
from functools import cache
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ir_schemas.compatibility import Comparison, compare
from ir_schemas.validation import SchemaFault
from tests.ir_schemas.compatibility_cases import CASES, Case

SCALARS = [None, True, False, 0, 1, 2, -1, 0.5, 2.5, "", "a", "b", "ab", "aab"]
PARTS = [*SCALARS, [], [1], ["a"], {}, {"a": 1}, {"b": "a"}]
DOCUMENTS: list[Any] = [
    *SCALARS,
    [],
    *([part] for part in PARTS),
    *([one, other] for one, other in itertools.product(SCALARS[::2], SCALARS[1::2])),
    [1, 1], ["a", "a"], [1, "a", None], [1, 2, 3],
    {},
    *({name: part} for name in ("a", "b", "c", "ab") for part in PARTS),
    *({"a": one, "b": other} for one, other in itertools.product(PARTS, PARTS)),
    {"a": 1, "b": 2, "c": 3, "ab": 4},
]  # fmt: skip

names = st.sampled_from(["a", "b", "c", "ab"])
limits = st.integers(0, 3)
numbers = st.sampled_from([0, 1, 2, 0.5, 1.5])
values = st.sampled_from([None, True, 1, 2, "a", "b", {"a": 1}, [1]])
leaves = st.one_of(
    st.booleans(),
    st.just({}),
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["string", "integer", "number", "object", "array", "null"])),
    st.builds(lambda value: {"const": value}, values),
    st.builds(lambda listed: {"enum": listed}, st.lists(values, min_size=1, max_size=3)),
    st.builds(lambda name: {"$ref": f"#/$defs/{name}"}, st.sampled_from(["x", "y"])),
)


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    listed = st.lists(inner, min_size=1, max_size=2)
    named = st.dictionaries(names, inner, min_size=1, max_size=2)
    listed_names = st.lists(names, min_size=1, max_size=2, unique=True)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(["string", "integer", "number", "object", "array", ["object", "array"]]),
        **dict.fromkeys(("properties", "dependentSchemas"), named),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b", ".*"]), inner, max_size=1),
        **dict.fromkeys(("additionalProperties", "unevaluatedProperties"), st.one_of(st.just(False), inner)),
        "required": listed_names,
        "dependentRequired": st.dictionaries(names, listed_names, max_size=1),
        "propertyNames": st.sampled_from([{"maxLength": 1}, {"enum": ["a", "b"]}, {"pattern": "^a"}]),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), listed),
        **dict.fromkeys(("not", "if", "then", "else", "items", "contains", "unevaluatedItems"), inner),
        **dict.fromkeys(("minContains", "maxContains", "minItems", "maxItems"), limits),
        **dict.fromkeys(("minLength", "maxLength", "minProperties", "maxProperties"), limits),
        **dict.fromkeys(("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"), numbers),
        "multipleOf": st.sampled_from([1, 2, 3, 0.5]),
        "uniqueItems": st.booleans(),
        "pattern": st.sampled_from(["^a", "b", "^a+b$"]),
    }
    some = st.lists(st.sampled_from(sorted(optional)), min_size=1, max_size=3, unique=True)
    return some.flatmap(lambda chosen: st.fixed_dictionaries({name: optional[name] for name in chosen}))


subschemas = st.recursive(leaves, keywords, max_leaves=6)
flat = keywords(leaves)
whole = keywords(subschemas)
definitions = st.fixed_dictionaries({"x": leaves, "y": flat})


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas, the second often made from the first by one keyword more, less or other."""
    shared = draw(definitions)
    old = {**draw(whole), "$defs": shared}
    new = {**draw(whole), "$defs": shared}
    if draw(st.booleans()):
        new = {**old, **draw(flat)}
    if draw(st.booleans()):
        old, new = new, old
    return old, new


def validator(schema: Any) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(pair=pairs(), reading=st.sampled_from(["standard", "standard", "writer-closed"]))
def test_no_small_document_refutes_a_verdict(pair: tuple[Any, Any], reading: Any) -> None:
    old, new = pair
    try:
        comparison = compare(old, new, reading=reading, seconds=0.3)
    except SchemaFault:
        reject()  # a definition that refers to itself without going down into the document
    for verdict, writer, reader in (
        (comparison.backward, validator(old), validator(new)),
        (comparison.forward, validator(new), validator(old)),
    ):
        if verdict.status == "incompatible":
            assert writer.is_valid(verdict.counterexample)
            assert not reader.is_valid(verdict.counterexample)
        elif verdict.status == "compatible" and reading == "standard":
            assert all(reader.is_valid(document) for document in DOCUMENTS if writer.is_valid(document))


def vocabulary(schema: Any) -> tuple[set[str], list[Any]]:
    """The member names that a schema speaks of, and values at and around its limits."""
    names: set[str] = set()
    values: list[Any] = []
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            names |= set(node.get("properties", {})) | set(node.get("required", ()))
            values += [node["const"], *node.get("enum", ())] if "const" in node else node.get("enum", [])
            limits = [value for value in node.values() if isinstance(value, (int, float)) and abs(value) < 100]
            values += [limit + step for limit in limits for step in (-1, 0, 0.5, 1)]
            values += ["x" * int(limit) for limit in limits if limit > 0]
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return names | {"other"}, [*SCALARS, *values]


def case_of(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@cache
def documents(case_name: str) -> st.SearchStrategy[Any]:
    """Documents of the words of both schemas; they know nothing of how these are built."""
    case = case_of(case_name)
    names, values = vocabulary([case.old, case.new])
    some_names = st.sampled_from(sorted(names))
    return st.recursive(
        st.sampled_from(values),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(some_names, inner, max_size=4)),
        max_leaves=8,
    )


@cache
def validators(case_name: str) -> tuple[jsonschema_rs.Validator, jsonschema_rs.Validator, Comparison]:
    case = case_of(case_name)
    return validator(case.old), validator(case.new), compare(case.old, case.new, seconds=5)


@settings(max_examples=600)
@given(case=st.sampled_from(CASES), data=st.data())
def test_no_sampled_document_refutes_a_verdict(case: Case, data: st.DataObject) -> None:
    old, new, comparison = validators(case.name)
    document = data.draw(documents(case.name))
    if old.is_valid(document) and not new.is_valid(document):
        assert comparison.backward.status != "compatible"
    if new.is_valid(document) and not old.is_valid(document):
        assert comparison.forward.status != "compatible"
