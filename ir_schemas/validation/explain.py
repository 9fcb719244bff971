"""Why a document does not match: every keyword that fails, at its exact place, in bounded work.

The libraries' own error iterators write out every branch of every union, which is exponential on recursive schemas.
Here a value is held against each schema once. Parts of the document that the engine calls valid are passed over whole,
single keywords are judged by the engine too (so the two can't disagree), and of a union's branches only the nearest is
followed. Work is counted in steps of about a microsecond; when they run out, what was found so far is the answer.
"""

from collections.abc import Iterator
from typing import Any

from ir_schemas.validation import unions
from ir_schemas.validation.cost import work
from ir_schemas.validation.engines import Check
from ir_schemas.validation.evaluated import evaluated_items, evaluated_properties
from ir_schemas.validation.graph import Node, SchemaGraph
from ir_schemas.validation.keywords import ASSERTIONS
from ir_schemas.validation.mismatches import ROOT, Findings, Mismatch, Place, Visit

MOST_STEPS = 120_000
VALUES_PER_STEP = 10  # that an engine gets through in the time of one step
NAMES_PER_STEP = 4  # that are looked up or held against a pattern
STEPS_PER_OBJECT = 4  # that an engine takes to build in an object of a schema


class Explainer:
    """Explains one document. Not to be shared or used twice."""

    def __init__(self, graph: SchemaGraph, most_steps: int = MOST_STEPS) -> None:
        self.graph = graph
        self.stopped = False
        self._steps = most_steps
        self._sizes: dict[int, int] = {}
        self._known: dict[tuple[object, str], bool] = {}

    def explain(self, data: Any) -> Iterator[Mismatch]:
        """Yield what does not match, in the schema's order; then `stopped` tells whether the steps ran out."""
        self._sizes = _sizes(data)
        yield from self._search(Visit(self.graph.root, data, ROOT))

    def is_valid(self, node: Node, value: Any, place: Place) -> bool:
        """Tell whether a value matches a schema. Meaningless once `stopped`."""
        if self.stopped or isinstance(node.schema, bool):
            return node.schema is not False
        key = (node.key, place.pointer)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._judge(node, value, place)
        return known

    def look(self, node: Node, value: Any, place: Place, found: Findings) -> None:
        """Hold one value against one schema and those it applies to the same value, but not to the value's parts."""
        schema = node.schema
        self.spend(1 if isinstance(schema, bool) else work(schema, value))
        if self.stopped or schema is True:
            return
        if schema is False:
            found.here.append(Mismatch(place, "not-allowed", "false", value, node))
            return
        self._assert(node, schema, value, place, found)
        in_place_before = len(found.here)
        self._look_in_place(node, schema, value, place, found)
        if type(value) is dict:
            self._look_at_properties(node, schema, value, place, found)
        elif type(value) is list:
            self._look_at_items(node, schema, value, place, found)
        if len(found.here) == in_place_before:  # what failed might have evaluated the rest, so don't blame the rest
            self._look_at_unevaluated(node, schema, value, place, found)

    def spend(self, steps: int) -> None:
        """Count work, and stop when there has been too much."""
        self._steps -= steps
        if self._steps < 0:
            self.stopped = True

    def _search(self, start: Visit) -> Iterator[Mismatch]:
        stack = [start]
        seen: set[tuple[object, str]] = set()
        while stack and not self.stopped:
            visit = stack.pop()
            key = (visit.node.key, visit.place.pointer)
            if key in seen or (type(visit.value) in (dict, list) and self._passes(visit)):
                continue
            seen.add(key)
            found = Findings()
            self.look(visit.node, visit.value, visit.place, found)
            for mismatch in found.here:
                mismatch.via = mismatch.via or visit.via
                yield mismatch
            below = reversed(found.below)
            stack.extend(below if visit.via is None else (each._replace(via=each.via or visit.via) for each in below))

    def _passes(self, visit: Visit) -> bool:
        """Tell whether the engine says that there is nothing to find here."""
        return self._check_of(visit.node) is not None and self.is_valid(visit.node, visit.value, visit.place)

    def _judge(self, node: Node, value: Any, place: Place) -> bool:
        if type(value) not in (dict, list):
            found = Findings()
            self.look(node, value, place, found)
            return not found.here
        check = self._check_of(node)
        if check is None:
            return next(self._search(Visit(node, value, place)), None) is None
        self.spend(1 + self._sizes.get(id(value), 0) // VALUES_PER_STEP)
        return check(value)

    def _check_of(self, node: Node) -> Check | None:
        """Return the engine's check of a node, built at a cost the first time; None where there is none to be had."""
        self.spend(STEPS_PER_OBJECT * self.graph.extent(node))
        return None if self.stopped else self.graph.check(node)

    def _assert(self, node: Node, schema: dict[str, Any], value: Any, place: Place, found: Findings) -> None:
        if self.graph.assertions(node)(value):
            return
        failed = [each for each in ASSERTIONS if each in schema and not self.graph.assertion(node, each)(value)]
        self.spend(len(failed) * work(schema, value) + len(schema))
        if "type" in failed:
            failed = ["type"]  # the rest says nothing of a value of another type
        for keyword in failed:
            found.here.extend(_mismatches_of(keyword, node, schema[keyword], value, place))

    def _look_in_place(self, node: Node, schema: dict[str, Any], value: Any, place: Place, found: Findings) -> None:
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                self.look(self.graph.follow(node, keyword), value, place, found)
        for index in range(len(schema.get("allOf", ()))):
            self.look(self.graph.child(node, "allOf", index), value, place, found)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                unions.look(self, node, keyword, Visit(node, value, place), found)
        if "if" in schema:
            chosen = "then" if self.is_valid(self.graph.child(node, "if"), value, place) else "else"
            if chosen in schema and not self.stopped:
                self.look(self.graph.child(node, chosen), value, place, found)
        if "not" in schema and self.is_valid(self.graph.child(node, "not"), value, place) and not self.stopped:
            found.here.append(Mismatch(place, "matches-forbidden", "not", value, node))

    def _look_at_properties(
        self, node: Node, schema: dict[str, Any], value: dict[str, Any], place: Place, found: Findings
    ) -> None:
        for name in schema.get("dependentSchemas", ()):
            if name in value:
                self.look(self.graph.child(node, "dependentSchemas", name), value, place, found)
        extra = self._declared_properties(node, schema, value, place, found)
        if "additionalProperties" in schema:
            rest = self.graph.child(node, "additionalProperties")
            if rest.schema is False and extra:
                found.here.append(Mismatch(place, "unexpected-property", "additionalProperties", value, node, extra))
            elif rest.schema is not False:
                found.below.extend(Visit(rest, value[name], place.at_key(name)) for name in extra)
        if "propertyNames" in schema:
            self._look_at_names(node, value, place, found)

    def _declared_properties(
        self, node: Node, schema: dict[str, Any], value: dict[str, Any], place: Place, found: Findings
    ) -> list[str]:
        """Line up the properties that the schema speaks of, and return the names of the others."""
        declared = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        self.spend((len(declared) + len(value) * (2 + len(patterns))) // NAMES_PER_STEP)
        for name in declared:
            if name in value:
                child = self.graph.child(node, "properties", name)
                found.below.append(Visit(child, value[name], place.at_key(name)))
        extra: list[str] = []
        for name in () if self.stopped else value:
            matching = [pattern for pattern in patterns if self.graph.matches(pattern, name)]
            for pattern in matching:
                child = self.graph.child(node, "patternProperties", pattern)
                found.below.append(Visit(child, value[name], place.at_key(name)))
            if not matching and name not in declared:
                extra.append(name)
        return extra

    def _look_at_names(self, node: Node, value: dict[str, Any], place: Place, found: Findings) -> None:
        names = self.graph.child(node, "propertyNames")
        for name in value:
            wrong = Findings()
            self.look(names, name, place.at_key(name), wrong)
            if wrong.here:
                found.here.append(Mismatch(place, "bad-property-name", "propertyNames", name, node, wrong.here[0]))

    def _look_at_items(
        self, node: Node, schema: dict[str, Any], value: list[Any], place: Place, found: Findings
    ) -> None:
        prefix = schema.get("prefixItems", ())
        for index, item in enumerate(value[: len(prefix)]):
            found.below.append(Visit(self.graph.child(node, "prefixItems", index), item, place.at_index(index)))
        if "items" in schema and len(value) > len(prefix):
            self.spend(len(value))
            rest = self.graph.child(node, "items")
            if rest.schema is False:
                found.here.append(Mismatch(place, "unexpected-items", "items", value, node, len(prefix)))
            else:
                numbered = enumerate(value[len(prefix) :], start=len(prefix))
                found.below.extend(Visit(rest, item, place.at_index(index)) for index, item in numbered)
        if "contains" in schema:
            self._count_contained(node, schema, value, place, found)

    def _count_contained(
        self, node: Node, schema: dict[str, Any], value: list[Any], place: Place, found: Findings
    ) -> None:
        wanted = self.graph.child(node, "contains")
        number = sum(self.is_valid(wanted, item, place.at_index(index)) for index, item in enumerate(value))
        if self.stopped:
            return
        if number < schema.get("minContains", 1):
            code = "too-few-matching-items" if "minContains" in schema else "no-matching-item"
            found.here.append(Mismatch(place, code, "contains", value, node, number))
        elif number > schema.get("maxContains", number):
            found.here.append(Mismatch(place, "too-many-matching-items", "contains", value, node, number))

    def _look_at_unevaluated(
        self, node: Node, schema: dict[str, Any], value: Any, place: Place, found: Findings
    ) -> None:
        if type(value) is dict and "unevaluatedProperties" in schema:
            keyword, code = "unevaluatedProperties", "unexpected-property"
            evaluated = evaluated_properties(self, node, value, place, own=False)
            rest: list[Any] = [name for name in value if name not in evaluated]
            places = [place.at_key(name) for name in rest]
        elif type(value) is list and "unevaluatedItems" in schema:
            keyword, code = "unevaluatedItems", "unexpected-items"
            counted = evaluated_items(self, node, value, place, own=False)
            rest = [index for index in range(len(value)) if index not in counted]
            places = [place.at_index(index) for index in rest]
        else:
            return
        if self.stopped or not rest:
            return
        child = self.graph.child(node, keyword)
        if child.schema is False:
            found.here.append(Mismatch(place, code, keyword, value, node, rest if type(value) is dict else rest[0]))
        else:
            found.below.extend(Visit(child, value[key], at) for key, at in zip(rest, places, strict=True))


def _mismatches_of(keyword: str, node: Node, limit: Any, value: Any, place: Place) -> Iterator[Mismatch]:
    """Yield one mismatch for an assertion that failed, or one for each name that is missing."""
    if keyword == "required":
        for name in dict.fromkeys(limit):
            if name not in value:
                yield Mismatch(place, "missing-property", keyword, value, node, name)
    elif keyword == "dependentRequired":
        for present, names in limit.items():
            for name in names if present in value else ():
                if name not in value:
                    yield Mismatch(place, "missing-dependent-property", keyword, value, node, (name, present))
    else:
        yield Mismatch(place, _CODES[keyword], keyword, value, node)


_CODES = {
    "type": "wrong-type",
    "enum": "not-in-enum",
    "const": "not-const",
    "multipleOf": "not-a-multiple",
    "maximum": "too-large",
    "exclusiveMaximum": "too-large",
    "minimum": "too-small",
    "exclusiveMinimum": "too-small",
    "maxLength": "too-long",
    "minLength": "too-short",
    "pattern": "pattern-mismatch",
    "format": "format-mismatch",
    "maxItems": "too-many-items",
    "minItems": "too-few-items",
    "uniqueItems": "duplicate-items",
    "maxProperties": "too-many-properties",
    "minProperties": "too-few-properties",
}


def _sizes(data: Any) -> dict[int, int]:
    """Count the values in every container of a document, by identity."""
    if type(data) is not dict and type(data) is not list:
        return {}
    order: list[Any] = [data]
    parents = [0]
    for index, container in enumerate(order):
        children = container.values() if type(container) is dict else container
        inside = [child for child in children if type(child) is dict or type(child) is list]
        order.extend(inside)
        parents.extend([index] * len(inside))
    sizes = [1 + len(container) for container in order]
    for index in range(len(order) - 1, 0, -1):
        sizes[parents[index]] += sizes[index]
    return {id(container): size for container, size in zip(order, sizes, strict=True)}
