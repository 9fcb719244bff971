"""What is wrong, or looks wrong, with a schema on the day it is written.

Errors are what `compile_schema` would refuse, and references in unused definitions that lead nowhere. Warnings are what
JSON Schema allows but no one means: a keyword misspelt is an unknown keyword, which validators ignore.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any

from config.json_pointer import escape_token
from ir_schemas.validation.cost import MOST_BUILDING, building_work
from ir_schemas.validation.engines import RUST, SchemaRefused
from ir_schemas.validation.faults import SchemaFault, SchemaFinding
from ir_schemas.validation.graph import DanglingReference, Node, SchemaGraph
from ir_schemas.validation.keywords import ALL, HOLDS_LIST, HOLDS_MAP, HOLDS_SCHEMA, TYPES
from ir_schemas.validation.redaction import shorten
from ir_schemas.validation.soundness import check_schema, check_shape, finding_of_reference, pattern_findings

MOST_FINDINGS = 100
MOST_COMPARED = 100  # names looked through for a likely slip

# Errors with which a schema's references can't be followed, or not in bounded time.
_UNREADABLE = {"invalid-schema", "unknown-type", "invalid-pattern", "unsupported-draft", "too-costly"}

# Keywords of earlier drafts, which draft 2020-12 ignores, and what took their place.
_FORMER = {
    "additionalItems": "`items`, beside `prefixItems`",
    "dependencies": "`dependentRequired` or `dependentSchemas`",
    "divisibleBy": "`multipleOf`",
    "extends": "`allOf`",
    "id": "`$id`",
    "$recursiveRef": "`$dynamicRef`",
    "$recursiveAnchor": "`$dynamicAnchor`",
}

# Assertions that say nothing unless the value is of some type.
_TYPE_OF = {
    "array": ("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "unevaluatedItems"),
    "object": (
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "required",
        "minProperties",
        "maxProperties",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedProperties",
    ),
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}

_RANGES = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minContains", "maxContains"),
    ("minimum", "maximum"),
)


def lint_schema(schema: Any) -> list[SchemaFinding]:
    """Return what is wrong with a schema, errors first, at most 100 findings. Takes bounded time on any input."""
    try:
        check_shape(schema)
    except SchemaFault as fault:
        return list(fault.findings)  # too large or too deep to look into
    errors: list[SchemaFinding] = []
    try:
        check_schema(schema, {}, RUST, assert_formats=True)
    except SchemaFault as fault:
        errors.extend(fault.findings)
    if _UNREADABLE.isdisjoint(error.code for error in errors):
        errors.extend(_unused_errors(SchemaGraph(schema, {}, RUST)))
    if any(error.code == "unsupported-draft" for error in errors):
        return errors
    warnings = (finding for current, path in _all_schemas(schema) for finding in _look_at(current, path))
    findings = chain(dict.fromkeys(errors), warnings)
    return list(islice(findings, MOST_FINDINGS))


def _unused_errors(graph: SchemaGraph) -> Iterator[SchemaFinding]:
    """Yield what is wrong with references and patterns, also in definitions that nothing refers to."""
    built = 0
    waiting = [graph.root]
    while waiting:
        node = waiting.pop()
        if isinstance(node.schema, bool):
            continue
        yield from _dead_ends(graph, node)
        built += building_work(node.schema)
        if built <= MOST_BUILDING:
            yield from pattern_findings(graph, node)
        waiting.extend(reversed([graph.child(node, *tokens) for tokens, _ in _subschemas(node.schema)]))


def _all_schemas(schema: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every subschema that is an object, with its path, in document order. Without recursion."""
    waiting: list[tuple[Any, str]] = [(schema, "")]
    while waiting:
        current, path = waiting.pop()
        if isinstance(current, dict):
            yield current, path
            inside = [
                (child, path + "".join(f"/{escape_token(token)}" for token in tokens))
                for tokens, child in _subschemas(current)
            ]
            waiting.extend(reversed(inside))


def _subschemas(schema: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the subschemas that stand directly in a schema, applied or kept, with the keys that lead to them."""
    for keyword, value in schema.items():
        if keyword in HOLDS_SCHEMA:
            yield (keyword,), value
        elif keyword in HOLDS_LIST and isinstance(value, list):
            yield from (((keyword, index), child) for index, child in enumerate(value))
        elif keyword in HOLDS_MAP and isinstance(value, dict):
            yield from (((keyword, name), child) for name, child in value.items())


def _dead_ends(graph: SchemaGraph, node: Node) -> Iterator[SchemaFinding]:
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(node.schema, dict) and keyword in node.schema:
            try:
                graph.follow(node, keyword)
            except DanglingReference as error:
                yield finding_of_reference(error)


def _look_at(schema: dict[str, Any], path: str) -> Iterator[SchemaFinding]:
    yield from _unknown_keywords(schema, path)
    yield from _undeclared_names(schema, path)
    yield from _impossible_ranges(schema, path)
    yield from _idle_keywords(schema, path)
    yield from _impossible_values(schema, path)


def _unknown_keywords(schema: dict[str, Any], path: str) -> Iterator[SchemaFinding]:
    for keyword in schema:
        if keyword in ALL or keyword.startswith("x-"):
            continue
        place = f"{path}/{escape_token(keyword)}"
        if keyword in _FORMER:
            message = f"The keyword {shorten(keyword)} is of an earlier draft and has no effect."
            yield SchemaFinding(place, "former-keyword", "warning", message, f"Use {_FORMER[keyword]}.")
            continue
        near = get_close_matches(keyword[:50].lower(), _BY_LOWER_CASE, n=1, cutoff=0.75)
        message = f"There is no keyword {shorten(keyword)}, so it has no effect."
        if near:
            yield SchemaFinding(
                place, "misspelt-keyword", "warning", message, f'Did you mean "{_BY_LOWER_CASE[near[0]]}"?'
            )
        else:
            hint = 'Take it out, or begin its name with "x-" if it is meant for other software.'
            yield SchemaFinding(place, "unknown-keyword", "warning", message, hint)


def _undeclared_names(schema: dict[str, Any], path: str) -> Iterator[SchemaFinding]:
    """Names that `required` asks for and `properties` doesn't know, where it looks as if it should."""
    required, properties = schema.get("required"), schema.get("properties")
    if not isinstance(required, list) or not isinstance(properties, dict) or "patternProperties" in schema:
        return
    closed = schema.get("additionalProperties") is False
    for index, name in enumerate(required):
        if not isinstance(name, str) or name in properties:
            continue
        near = get_close_matches(
            name[:50], [other for other in list(properties)[:MOST_COMPARED] if len(other) < 50], n=1
        )
        message = f"The name {shorten(name)} is required, but `properties` has no such property."
        if closed:
            message = f"The name {shorten(name)} is required and not allowed at once, so no object can match."
        hint = f'Did you mean "{near[0]}"?' if near else "Declare it, even if only as true."
        yield SchemaFinding(f"{path}/required/{index}", "undeclared-required", "warning", message, hint)


def _impossible_ranges(schema: dict[str, Any], path: str) -> Iterator[SchemaFinding]:
    for least, most in _RANGES:
        low, high = schema.get(least), schema.get(most)
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            message = f"`{least}` is {shorten(low)} and `{most}` is {shorten(high)}, so nothing can match."
            yield SchemaFinding(f"{path}/{least}", "empty-range", "warning", message, "Swap or mend them.")


def _idle_keywords(schema: dict[str, Any], path: str) -> Iterator[SchemaFinding]:
    """Keywords that speak of another type than `type` allows."""
    types = schema.get("type")
    listed = types if isinstance(types, list) else [types]
    allowed = {each for each in listed if isinstance(each, str)}
    if not allowed or not allowed.issubset(TYPES):
        return
    if "integer" in allowed:
        allowed.add("number")
    for kind, keywords in _TYPE_OF.items():
        for keyword in keywords:
            if keyword in schema and kind not in allowed:
                message = f"`{keyword}` speaks of the type {kind}, which `type` does not allow, so it has no effect."
                yield SchemaFinding(f"{path}/{keyword}", "idle-keyword", "warning", message, "Mend one of the two.")


def _impossible_values(schema: dict[str, Any], path: str) -> Iterator[SchemaFinding]:
    """Values offered by `enum`, `const` or `default` that the schema's own `type` refuses."""
    options = schema.get("enum")
    offered = [(f"enum/{index}", value) for index, value in enumerate(options if isinstance(options, list) else ())]
    offered += [(keyword, schema[keyword]) for keyword in ("const", "default") if keyword in schema]
    if not offered or "type" not in schema:
        return
    try:
        is_valid = RUST.library({}).compile({"type": schema["type"]})
    except SchemaRefused:
        return
    for place, value in offered:
        if not is_valid(value):
            message = f"The value {shorten(value)} is not of the type that `type` asks for."
            yield SchemaFinding(f"{path}/{place}", "impossible-value", "warning", message, "Mend one of the two.")


_BY_LOWER_CASE = {keyword.lower(): keyword for keyword in sorted(ALL)}
