"""How long an engine may take over a schema and a document, known before it is asked.

An engine can't be interrupted, so a schema is measured when it is compiled. Evaluating a schema visits the tree that
unfolds from it when every reference is written out; jsonschema-rs remembers its answers where a reference closes a
cycle, so the tree ends there. What is counted for each schema is the most that can fall on one value of a document:

- steps: visits of one value, each with the work its keywords do (about 10 ns a step);
- states: automaton states that one character may have to pass (about 5 ns each).

A document's time is bounded by steps x values and by states x characters. Schemas whose figures are out of all
proportion are refused on compilation, documents that are too large for theirs on validation.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ir_schemas.validation.graph import Edge, Node, SchemaGraph
from ir_schemas.validation.patterns import building, states

MOST_STEPS = 200_000_000  # for one document: about two seconds if every bound were reached at once, which none does
MOST_STATE_STEPS = 200_000_000  # for one document: about a second
MOST_CHAIN = 100  # schemas applied to one value inside one another: with the depth of documents, bounds the stack
MOST_TRACED = 5_000  # schemas that all `unevaluated...` keywords must look through; engines unfold them on compilation
MOST_NODES = 10_000
MOST_BUILDING = 500_000  # states of all patterns together: about a second
_CAP = 10**15


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that one value and one character of a document can cost under a schema."""

    steps: int
    states: int

    def allows(self, values: int, characters: int) -> bool:
        """Tell whether a document of this many values and characters is sure to be checked in bounded time."""
        return self.steps * values <= MOST_STEPS and self.states * characters <= MOST_STATE_STEPS


class TooCostly(ValueError):
    """A schema that could take too long. `location` is where, `message` says what to change."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(message)
        self.location = location
        self.message = message


class ReferenceLoop(ValueError):
    """A schema that applies itself to the same value without end. `location` is where it comes back to itself."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(slots=True)
class _Figures:
    """What has been worked out for one node."""

    steps: int = 0
    states: int = 0
    visits: int = 0  # of one value, through keywords that keep the value
    chain: int = 0


class _Survey:
    """All the nodes that validation may reach, with the edges between them."""

    def __init__(self, graph: SchemaGraph) -> None:
        self.graph = graph
        self.nodes: dict[object, Node] = {}
        self.edges: dict[object, list[Edge]] = {}
        waiting = [graph.root]
        while waiting:
            node = waiting.pop()
            if node.key in self.nodes:
                continue
            self.nodes[node.key] = node
            self.edges[node.key] = list(graph.edges(node))
            waiting.extend(edge.target for edge in self.edges[node.key])
            if len(self.nodes) > MOST_NODES:
                raise TooCostly("", f"The schema has more than {MOST_NODES:,} subschemas. Split it.")


def measure(graph: SchemaGraph) -> Bounds:
    """Return a schema's bounds. Raises DanglingReference, ReferenceLoop and TooCostly."""
    survey = _Survey(graph)
    if sum(building_work(node.schema) for node in survey.nodes.values()) > MOST_BUILDING:
        raise TooCostly("", "The patterns together are too large. Use smaller counts in braces, or fewer patterns.")
    figures = {key: _Figures() for key in survey.nodes}
    _measure_in_place(survey, figures)
    closings = _measure_all(survey, figures)
    entries = [figures[graph.root.key], *(figures[key] for key in closings)]
    bounds = Bounds(sum(entry.steps for entry in entries), sum(entry.states for entry in entries))
    if not bounds.allows(values=100, characters=1_000):
        raise TooCostly("", "References multiply: one value may have to be checked millions of times. Share less.")
    return bounds


def _measure_in_place(survey: _Survey, figures: dict[object, _Figures]) -> None:
    def enter(node: Node) -> Iterator[Node]:
        return (edge.target for edge in survey.edges[node.key] if edge.in_place)

    def closes(node: Node) -> None:
        raise ReferenceLoop(survey.graph.location(node))

    traced = 0
    for node in _leaves_first(survey.nodes.values(), enter, closes):
        below = [figures[target.key] for target in enter(node)]
        own = figures[node.key]
        own.visits = min(_CAP, 1 + sum(each.visits for each in below))
        own.chain = 1 + max((each.chain for each in below), default=0)
        if own.chain > MOST_CHAIN:
            message = f"More than {MOST_CHAIN} schemas apply to one value inside one another. Flatten them."
            raise TooCostly(survey.graph.location(node), message)
        if isinstance(node.schema, dict) and not node.schema.keys().isdisjoint(_UNEVALUATED):
            traced += own.visits
        if traced > MOST_TRACED:
            message = "`unevaluated…` would have to look through thousands of schemas here. Use fewer references."
            raise TooCostly(survey.graph.location(node), message)


def _measure_all(survey: _Survey, figures: dict[object, _Figures]) -> set[object]:
    """Work out steps and states, and return the nodes where references close a cycle."""
    closings: set[object] = set()
    nodes = _leaves_first(
        [survey.graph.root],
        lambda node: (edge.target for edge in survey.edges[node.key]),
        lambda node: closings.add(node.key),
    )
    for node in nodes:
        own = figures[node.key]
        steps, own_states = _own_work(node.schema)
        edges = survey.edges[node.key]
        own.steps = min(_CAP, steps + _most_at_once(edges, lambda edge: _steps(figures[edge.target.key])))
        own.states = min(_CAP, own_states + _most_at_once(edges, lambda edge: figures[edge.target.key].states))
    return closings


def _steps(figures: _Figures) -> int:
    return figures.steps or figures.visits  # the latter where a cycle closes: a scalar is visited, nothing remembered


def _most_at_once(edges: Iterable[Edge], weigh: Callable[[Edge], int]) -> int:
    """Add up what can meet in one value: not the properties of different names, nor an item with a property."""
    in_place = named = patterned = listed = rest = 0
    for edge in edges:
        weight = weigh(edge)
        if edge.in_place:
            in_place += weight
        elif edge.keyword in ("properties", "additionalProperties"):
            named = max(named, weight)
        elif edge.keyword == "patternProperties":
            patterned += weight
        elif edge.keyword in ("prefixItems", "items"):
            listed = max(listed, weight)
        else:
            rest += weight
    return in_place + max(named + patterned, listed) + rest


def _own_work(schema: Any) -> tuple[int, int]:
    """Return the steps and the states of a node's own keywords."""
    if isinstance(schema, bool):
        return 1, 0
    names = sum(len(schema.get(keyword, ())) for keyword in ("properties", "patternProperties", "required"))
    return 1 + names + _comparisons(schema), sum(map(states, patterns_of(schema)))


def patterns_of(schema: Any) -> list[str]:
    """Return the patterns that stand in one schema, not counting its subschemas."""
    if isinstance(schema, bool):
        return []
    return [*schema.get("patternProperties", ()), *([schema["pattern"]] if "pattern" in schema else [])]


def building_work(schema: Any) -> int:
    """Return how many states must be built for the patterns that stand in one schema."""
    return sum(map(building, patterns_of(schema)))


def _comparisons(schema: dict[str, Any]) -> int:
    """Return the steps of looking for a value in an `enum`: strings are hashed, containers compared one by one."""
    return sum(10 if isinstance(each, (dict, list)) else not isinstance(each, str) for each in schema.get("enum", ()))


def work(schema: dict[str, Any], value: Any) -> int:
    """Estimate the microseconds that an engine takes for the assertions of one schema on one value, at least 1."""
    nanoseconds = 10 * _comparisons(schema) if "enum" in schema else 0
    if type(value) is str:
        nanoseconds += len(value) * (1 + (5 * states(schema["pattern"]) if "pattern" in schema else 0))
    elif type(value) is list and schema.get("uniqueItems"):
        nanoseconds += 500 * len(value)
    return 1 + nanoseconds // 1_000


_UNEVALUATED = {"unevaluatedItems", "unevaluatedProperties"}


def _leaves_first(
    starts: Iterable[Node], onward: Callable[[Node], Iterator[Node]], closes: Callable[[Node], None]
) -> Iterator[Node]:
    """Yield nodes after all they lead to, calling `closes` for one that leads back to itself. Without recursion."""
    done: set[object] = set()
    opened: set[object] = set()
    for start in starts:
        stack = [] if start.key in done else [(start, onward(start))]
        opened.add(start.key)
        while stack:
            node, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                stack.pop()
                opened.discard(node.key)
                done.add(node.key)
                yield node
            elif target.key in opened:
                closes(target)
            elif target.key not in done:
                opened.add(target.key)
                stack.append((target, onward(target)))
        opened.clear()
