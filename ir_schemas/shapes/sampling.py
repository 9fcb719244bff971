"""Build documents from schemas: small ones first, then every variation that some schema's limits suggest.

What comes out is likely to be valid, never sure to be: the caller asks the validator.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from ir_schemas.shapes.evaluation import in_place
from ir_schemas.shapes.expansion import expand
from ir_schemas.shapes.nodes import NOTHING, Json, Node, NodePool, inline
from ir_schemas.shapes.scalars import from_pattern, numbers, strings
from ir_schemas.shapes.shape import Shape, declared_member

Nodes: TypeAlias = tuple[Node, ...]
Tick: TypeAlias = Callable[[], None]

FRESH_NAMES = ("extra", "other", "x-1")
MAX_DEPTH = 8
MAX_ITEMS = 200
MAX_NAMES = 400
MAX_HINTS = 64
MAX_VARIED = 16
_LEFT_OUT = object()
ANY_NAME = inline({"type": "string"})
ORDER = ("object", "array", "string", "integer", "fraction", "boolean", "null")


class Sampler:
    """Documents of the schemas of one pool. `tick` is called often and may raise, to stop an endless search."""

    def __init__(self, pool: NodePool, tick: Tick = lambda: None) -> None:
        self._pool = pool
        self._tick = tick
        self._firsts: dict[Nodes, list[Json]] = {}
        self._in_progress: set[Nodes] = set()

    def first(self, nodes: Nodes, *, full: bool = False) -> list[Json]:
        """One valid document in a list, or an empty list where none was found; with all optional members if `full`."""
        self._tick()
        nodes = self._followed(nodes)
        if not full and nodes in self._firsts:
            return self._firsts[nodes]
        if NOTHING in nodes or nodes in self._in_progress:
            return []
        self._in_progress.add(nodes)
        try:
            candidates = (doc for shape in self._shapes(nodes) for doc in self._plain(shape, full=full))
            found = list(itertools.islice((doc for doc in candidates if self._pool.accepts(nodes, doc)), 1))
        finally:
            self._in_progress.discard(nodes)
        if found and not full:
            self._firsts[nodes] = found
        return found

    def _followed(self, nodes: Nodes) -> Nodes:
        """The same nodes by the places they refer to, so that what is alike is known as alike."""
        return tuple(self._pool.follow(node) for node in nodes)

    def _shapes(self, nodes: Nodes) -> list[Shape]:
        return [shape for kind in ORDER for shape in expand(self._pool, nodes, kind)]

    def _plain(self, shape: Shape, *, full: bool) -> Iterator[Json]:
        """Documents of a shape without any variation."""
        self._tick()
        if shape.values is not None:
            yield from shape.values
        elif shape.kind in ("integer", "fraction"):
            yield from numbers(shape, [])
        elif shape.kind == "string":
            yield from strings(shape, [])
        elif shape.kind == "array":
            yield from self._base_arrays(shape, full=full)
        else:
            yield from self._base_objects(shape, full=full)

    def samples(self, nodes: Nodes, hints: Iterable[Node] = (), depth: int = 0) -> Iterator[Json]:
        """Documents that are likely valid under `nodes`, at and around the limits that `nodes` and `hints` name."""
        nodes = self._followed(nodes)
        if NOTHING in nodes or depth > MAX_DEPTH:
            return
        speakers = self._speakers(hints)
        own = self._speakers(nodes)
        yield from interleave(self._variations(shape, [*speakers, *own], depth) for shape in self._shapes(nodes))

    def _speakers(self, nodes: Iterable[Node]) -> list[Node]:
        """Every schema that speaks of the same instance, negated or not."""
        found: dict[Node, None] = {}
        stack = list(nodes)
        while stack and len(found) < MAX_HINTS:
            node = stack.pop(0)
            if node in found:
                continue
            found[node] = None
            stack.extend(in_place(self._pool, node))
            stack.extend(node.operands)
            negated = node.single("not")
            if negated is not None:
                stack.append(negated)
        return list(found)

    def _variations(self, shape: Shape, hints: list[Node], depth: int) -> Iterator[Json]:
        self._tick()
        if shape.values is not None:
            yield from shape.values
        elif shape.kind in ("integer", "fraction"):
            yield from self._valid(shape, numbers(shape, hints))
        elif shape.kind == "string":
            yield from self._valid(shape, strings(shape, hints))
        elif shape.kind == "array":
            yield from _named_values(hints, list)
            yield from self._arrays(shape, hints, depth)
        elif shape.kind == "object":
            yield from _named_values(hints, dict)
            yield from self._objects(shape, hints, depth)

    def _valid(self, shape: Shape, candidates: Iterator[Json]) -> Iterator[Json]:
        for candidate in candidates:
            self._tick()
            if self._pool.accepts(shape.parts, candidate):
                yield candidate

    # Arrays

    def _base_arrays(self, shape: Shape, *, full: bool) -> Iterator[list[Json]]:
        least = max(shape.at_least("minItems"), shape.prefix_length if full else 0)
        contained = self._contained_items(shape)
        for count in dict.fromkeys((max(least, 1 if full else 0), least, max(least, len(contained)), 0)):
            yield from self._array(shape, count, contained, full=full)

    def _contained_items(self, shape: Shape) -> list[Json]:
        """Items that meet every `contains` with its `minContains`."""
        found: list[Json] = []
        for part in shape.parts:
            node = part.single("contains")
            least = part.keyword("minContains")
            count = 1 if least is None else int(least)
            if node is not None and 0 < count <= MAX_ITEMS:
                pool = self._distinct((*shape.item(shape.prefix_length), node), count if shape.unique else 1)
                found += (pool * count)[:count]
        return found

    def _array(self, shape: Shape, count: int, contained: list[Json], *, full: bool = False) -> Iterator[list[Json]]:
        """An array of `count` items, those of `contained` last; nothing where an item can't be made."""
        count = max(count, len(contained))
        most = shape.at_most("maxItems")
        if count > MAX_ITEMS or (most is not None and count > most):
            return
        head: list[Json] = []
        for index in range(min(count - len(contained), shape.prefix_length)):
            item = self.first(shape.item(index), full=full) or self.first(shape.item(index))
            if not item:
                return
            head += item
        missing = count - len(contained) - len(head)
        rest = shape.item(shape.prefix_length)
        tail = (
            self._distinct(rest, missing)
            if shape.unique
            else (self.first(rest, full=full) or self.first(rest)) * missing
        )
        if len(tail) >= missing:
            yield head + tail[:missing] + contained

    def _distinct(self, nodes: Nodes, count: int) -> list[Json]:
        if count <= 1:
            return self.first(nodes)[:count]
        valid = (value for value in self.samples(nodes, depth=MAX_DEPTH - 1) if self._pool.accepts(nodes, value))
        by_text = {repr(value): value for value in itertools.islice(valid, count * 4)}
        return list(by_text.values())

    def _arrays(self, shape: Shape, hints: list[Node], depth: int) -> Iterator[list[Json]]:
        contained = self._contained_items(shape)
        bases = list(self._base_arrays(shape, full=False))
        yield from bases
        for count in self._counts(shape, hints, "minItems", "maxItems"):
            yield from self._array(shape, count, contained)
        for hint in hints:
            yield from self._arrays_around_contains(shape, hint)
        places = range(max([shape.prefix_length, *(len(node.keyword("prefixItems") or []) for node in hints)]) + 1)
        yield from interleave(self._arrays_with_item(shape, hints, index, bases, depth) for index in places)

    def _arrays_with_item(
        self, shape: Shape, hints: list[Node], index: int, bases: list[list[Json]], depth: int
    ) -> Iterator[list[Json]]:
        about = [node for hint in hints for node in _items_of(hint, index)]
        most = shape.at_most("maxItems")
        if index >= MAX_ITEMS or (most is not None and index >= most):
            return
        longer = list(self._array(shape, index + 1, []))
        for value in self.samples(shape.item(index), about, depth + 1):
            for base in itertools.islice((base for base in (*bases, *longer) if len(base) > index), 2):
                yield [*base[:index], value, *base[index + 1 :]]
            if most is None or index + 1 < most:
                yield [*(longer[0][:index] if longer else []), value, value]

    def _arrays_around_contains(self, shape: Shape, hint: Node) -> Iterator[list[Json]]:
        """Arrays with as many items of a `contains` as its limits name, and one more or less."""
        node = hint.single("contains")
        if node is None:
            return
        counts = {1, *self._counts(shape, [hint], "minContains", "maxContains")}
        items = self._distinct((*shape.item(shape.prefix_length), node), max(counts) if shape.unique else 1)
        for count in sorted(counts):
            yield from self._array(shape, 0, (items * count)[:count])

    def _counts(self, shape: Shape, hints: list[Node], *keywords: str) -> list[int]:
        named = [int(node.keyword(key)) for node in (*shape.parts, *hints) for key in keywords if node.keyword(key)]
        return sorted({count for limit in named for count in (limit - 1, limit, limit + 1) if 0 <= count <= MAX_ITEMS})

    # Objects

    def _base_objects(self, shape: Shape, *, full: bool) -> Iterator[dict[str, Json]]:
        if full:
            yield from self._object(shape, shape.declared, full=True)
        yield from self._object(shape, sorted(shape.required))
        yield from self._object(shape, shape.declared)

    def _object(self, shape: Shape, names: Iterable[str], *, full: bool = False) -> Iterator[dict[str, Json]]:
        """An object with these members, those left out that can't be made, filled up to `minProperties`."""
        made: dict[str, Json] = {}
        for name in itertools.islice(names, MAX_NAMES):
            value = (self.first(shape.member(name), full=True) if full else []) or self.first(shape.member(name))
            if not value and name in shape.required:
                return
            if value:
                made[name] = value[0]
        for name in self._spare_names(shape):
            if len(made) >= min(shape.at_least("minProperties"), MAX_NAMES):
                break
            value = self.first(shape.member(name))
            if name not in made and value:
                made[name] = value[0]
        yield made

    def _spare_names(self, shape: Shape) -> Iterator[str]:
        yield from shape.declared
        for pattern in sorted(shape.patterns):
            yield from from_pattern(pattern)
        yield from FRESH_NAMES
        names = list(itertools.islice(self.samples((*shape.name_nodes, ANY_NAME), depth=MAX_DEPTH - 1), 8))
        yield from names
        yield from (f"{name}{number}" for number in range(MAX_NAMES) for name in names)

    def _objects(self, shape: Shape, hints: list[Node], depth: int) -> Iterator[dict[str, Json]]:
        minimal = list(self._object(shape, sorted(shape.required)))
        everything = list(self._object(shape, shape.declared))
        bases = [*minimal, *everything]
        yield from bases
        for base in everything:
            yield from ({key: base[key] for key in base if key != name} for name in base if name not in shape.required)
        for base in bases:
            yield from self._resized(shape, hints, base)
        names = itertools.islice(dict.fromkeys(self._names_of_interest(shape, hints)), MAX_NAMES)
        yield from interleave(self._objects_with_member(shape, hints, name, bases, depth) for name in names)

    def _names_of_interest(self, shape: Shape, hints: list[Node]) -> Iterator[str]:
        for node in hints:
            yield from node.keyword("required") or ()
        yield from shape.declared
        for node in hints:
            yield from node.keyword("properties") or {}
            yield from node.keyword("dependentRequired") or {}
            yield from node.keyword("dependentSchemas") or {}
            for pattern in node.keyword("patternProperties") or {}:
                yield from from_pattern(pattern)[:2]
            names = node.single("propertyNames")
            if names is not None:
                yield from self._names_around(names)
        for pattern in sorted(shape.patterns):
            yield from from_pattern(pattern)
        yield from FRESH_NAMES

    def _names_around(self, node: Node) -> Iterator[str]:
        yield from itertools.islice(self.samples((ANY_NAME,), (node,), MAX_DEPTH - 1), 16)

    def _objects_with_member(
        self, shape: Shape, hints: list[Node], name: str, bases: list[dict[str, Json]], depth: int
    ) -> Iterator[dict[str, Json]]:
        about = [node for hint in hints for node in declared_member(hint, name)]
        for value in self.samples(shape.member(name), about, depth + 1):
            for base in bases:
                yield {**base, name: value}

    def _resized(self, shape: Shape, hints: list[Node], base: dict[str, Json]) -> Iterator[dict[str, Json]]:
        """The object with members added one by one, up to just past the sizes that the hints name."""
        counts = self._counts(shape, hints, "minProperties", "maxProperties")
        grown = dict(base)
        for name in self._spare_names(shape):
            if not counts or len(grown) >= max(counts):
                return
            value = self.first(shape.member(name))
            if name not in grown and value:
                grown = {**grown, name: value[0]}
                yield grown

    # Combinations

    def combinations(self, nodes: Nodes, hints: Iterable[Node], seed: int = 0) -> Iterator[Json]:
        """Objects and arrays with several parts varied at once, at random but the same each time; endless or empty."""
        generator = random.Random(seed)  # noqa: S311
        speakers = [*self._speakers(hints), *self._speakers(nodes)]
        objects = [self._choices(shape, speakers) for shape in expand(self._pool, nodes, "object")]
        arrays = [self._items(shape, speakers) for shape in expand(self._pool, nodes, "array")]
        draws: list[Callable[[], Json]] = [partial(_draw_object, generator, choice) for choice in objects if choice]
        draws += [partial(_draw_array, generator, items) for items in arrays if items]
        while draws:
            self._tick()
            yield generator.choice(draws)()

    def _choices(self, shape: Shape, hints: list[Node]) -> dict[str, list[Json]]:
        """A few values for each member of interest; `_LEFT_OUT` among them where it can be left out."""
        found: dict[str, list[Json]] = {}
        for name in itertools.islice(dict.fromkeys(self._names_of_interest(shape, hints)), MAX_VARIED):
            about = [node for hint in hints for node in declared_member(hint, name)]
            values = list(itertools.islice(self.samples(shape.member(name), about, 2), MAX_VARIED))
            found[name] = values if name in shape.required and values else [*values, _LEFT_OUT]
        return found

    def _items(self, shape: Shape, hints: list[Node]) -> list[Json]:
        about = [node for hint in hints for node in _items_of(hint, 0)]
        return list(itertools.islice(self.samples(shape.item(shape.prefix_length), about, 2), MAX_VARIED))


def _draw_object(generator: random.Random, choices: dict[str, list[Json]]) -> Json:
    drawn = {name: generator.choice(values) for name, values in choices.items()}
    return {name: value for name, value in drawn.items() if value is not _LEFT_OUT}


def _draw_array(generator: random.Random, items: list[Json]) -> Json:
    return [generator.choice(items) for _ in range(generator.randint(0, 5))]


def _named_values(hints: list[Node], kind: type) -> Iterator[Json]:
    """The values of a kind that the hints list as `const` or in `enum`."""
    for node in hints:
        values = [node.keyword("const"), *(node.keyword("enum") or [])]
        yield from (value for value in values if isinstance(value, kind))


def _items_of(node: Node, index: int) -> list[Node]:
    prefix = node.keyword("prefixItems") or []
    found = [node.at("prefixItems", index)] if index < len(prefix) else []
    others = (node.single(keyword) for keyword in ("items", "contains", "unevaluatedItems"))
    return [*found, *(other for other in others if other is not None)]


def interleave(sources: Iterable[Iterator[Json]]) -> Iterator[Json]:
    """One from each source in turn, until all have run dry."""
    running = list(sources)
    while running:
        still_running = []
        for source in running:
            for value in itertools.islice(source, 1):
                yield value
                still_running.append(source)
        running = still_running
