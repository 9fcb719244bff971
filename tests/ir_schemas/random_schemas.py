"""Hypothesis strategies for schemas and documents that are likely to meet: few names, few values, every keyword."""

from functools import cache
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "ab", "c")
SCALARS = (None, True, False, 0, 1, 2, -3, 1.0, 2.5, "", "a", "ab", "b1")

documents = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)

_small = st.integers(0, 3)
_part = st.sampled_from(({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}, {"type": "integer"}))
_types = st.sampled_from(("array", "boolean", "integer", "null", "number", "object", "string"))

ASSERTIONS: dict[str, st.SearchStrategy[Any]] = {
    "type": _types | st.lists(_types, min_size=1, max_size=3, unique=True),
    "enum": st.lists(documents, min_size=1, max_size=3),
    "const": documents,
    "multipleOf": st.sampled_from((1, 2, 0.5)),
    "maximum": st.integers(-2, 3),
    "exclusiveMaximum": st.integers(-2, 3),
    "minimum": st.integers(-2, 3),
    "exclusiveMinimum": st.integers(-2, 3),
    "maxLength": _small,
    "minLength": _small,
    "pattern": st.sampled_from(("^a", "b", "[0-9]$")),
    "maxItems": _small,
    "minItems": _small,
    "uniqueItems": st.booleans(),
    "maxProperties": _small,
    "minProperties": _small,
    "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    "dependentRequired": st.dictionaries(st.sampled_from(NAMES), st.just(["a", "c"]), max_size=2),
}
UNIONS = ("anyOf", "oneOf")
UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")


@cache
def schemas(*without: str | bool) -> st.SearchStrategy[Any]:
    """Schemas that use nothing of `without`, keywords or `False`; references go to `#/$defs/a` and `#/$defs/b`."""
    return st.recursive(_leaves(set(without)), lambda inner: _compound(inner, set(without)), max_leaves=6)


@st.composite
def rooted_schemas(draw: st.DrawFn, *without: str | bool) -> Any:
    """Schemas whose `$defs` has what they refer to, recursively and only from inside the value."""
    outer, inner = _objects(*without)
    root = {**draw(outer)}
    root["$defs"] = {
        name: draw(inner) | {"properties": {"a": draw(_part)}, "items": draw(_part)} for name in ("a", "b")
    }
    return root


@cache
def _objects(*without: str | bool) -> tuple[st.SearchStrategy[Any], st.SearchStrategy[Any]]:
    """Schemas that are objects, and those of them that refer to nothing."""
    objects = schemas(*without).filter(lambda schema: isinstance(schema, dict))
    return objects, schemas(*without).filter(lambda schema: isinstance(schema, dict) and "$ref" not in str(schema))


def _leaves(without: set[str | bool]) -> st.SearchStrategy[Any]:
    assertions = st.fixed_dictionaries({}, optional=ASSERTIONS)
    few = assertions.map(lambda schema: dict(list(schema.items())[-2:]))
    always = st.just(True) if False in without else st.booleans()
    return always | few | few | st.sampled_from(({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}))


def _compound(inner: st.SearchStrategy[Any], without: set[str | bool]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    keywords = {
        "properties": named,
        "patternProperties": st.dictionaries(st.sampled_from(("^a", "b$")), inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "dependentSchemas": named,
        "items": inner,
        "prefixItems": several,
        "contains": inner,
        "minContains": _small,
        "maxContains": _small,
        "allOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "anyOf": several,
        "oneOf": several,
        "unevaluatedProperties": inner,
        "unevaluatedItems": inner,
        "required": ASSERTIONS["required"],
        "type": ASSERTIONS["type"],
    }
    chosen = st.lists(st.sampled_from([name for name in keywords if name not in without]), max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))
