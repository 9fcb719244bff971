"""Which parts of a value a schema has spoken of: what `unevaluatedProperties` and `unevaluatedItems` leave out.

Draft 2020-12, section 11. A subschema that the value does not match counts as having spoken all the same when it was
obliged to match (`allOf`, `$ref`, `then`): its own failure is the error then, and the rest follows from it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ir_schemas.validation.graph import Node
from ir_schemas.validation.mismatches import Place

if TYPE_CHECKING:
    from ir_schemas.validation.explain import Explainer


def evaluated_properties(
    explainer: "Explainer", node: Node, value: dict[str, Any], place: Place, *, own: bool = True
) -> set[str]:
    """Return the names of the properties spoken of. `own` false leaves out the node's own `unevaluatedProperties`."""
    names: set[str] = set()
    for each in _applied(explainer, node, value, place):
        schema = each.schema
        if not isinstance(schema, dict):
            continue
        if "additionalProperties" in schema or ("unevaluatedProperties" in schema and (own or each is not node)):
            return set(value)
        names |= schema.get("properties", {}).keys() & value.keys()
        patterns = schema.get("patternProperties", ())
        names |= {name for name in value if any(explainer.graph.matches(pattern, name) for pattern in patterns)}
    return names


def evaluated_items(
    explainer: "Explainer", node: Node, value: list[Any], place: Place, *, own: bool = True
) -> set[int]:
    """Return the indices of the items spoken of. `own` false leaves out the node's own `unevaluatedItems`."""
    indices: set[int] = set()
    for each in _applied(explainer, node, value, place):
        schema = each.schema
        if not isinstance(schema, dict):
            continue
        if "items" in schema or ("unevaluatedItems" in schema and (own or each is not node)):
            return set(range(len(value)))
        indices |= set(range(len(schema.get("prefixItems", ()))))
        if "contains" in schema:
            wanted = explainer.graph.child(each, "contains")
            numbered = enumerate(value)
            indices |= {index for index, item in numbered if explainer.is_valid(wanted, item, place.at_index(index))}
    return indices


def _applied(explainer: "Explainer", node: Node, value: Any, place: Place) -> Iterator[Node]:
    """Yield the schemas that apply to the value in place and have their say, the node itself first."""
    waiting = [node]
    seen: set[object] = set()
    while waiting and not explainer.stopped:
        each = waiting.pop()
        explainer.spend(1)
        if each.key not in seen:
            seen.add(each.key)
            yield each
            if isinstance(each.schema, dict):
                waiting.extend(_applied_by(explainer, each, each.schema, value, place))


def _applied_by(explainer: "Explainer", node: Node, schema: dict[str, Any], value: Any, place: Place) -> Iterator[Node]:
    graph = explainer.graph
    for keyword in ("$ref", "$dynamicRef"):
        if keyword in schema:
            yield graph.follow(node, keyword)
    for index in range(len(schema.get("allOf", ()))):
        yield graph.child(node, "allOf", index)
    for name in schema.get("dependentSchemas", ()) if isinstance(value, dict) else ():
        if name in value:
            yield graph.child(node, "dependentSchemas", name)
    yield from _chosen_by(explainer, node, schema, value, place)


def _chosen_by(explainer: "Explainer", node: Node, schema: dict[str, Any], value: Any, place: Place) -> Iterator[Node]:
    graph = explainer.graph
    for keyword in ("anyOf", "oneOf"):
        branches = [graph.child(node, keyword, index) for index in range(len(schema.get(keyword, ())))]
        yield from (branch for branch in branches if explainer.is_valid(branch, value, place))
    if "if" in schema:
        condition = graph.child(node, "if")
        holds = explainer.is_valid(condition, value, place)
        if holds:
            yield condition
        chosen = "then" if holds else "else"
        if chosen in schema:
            yield graph.child(node, chosen)
