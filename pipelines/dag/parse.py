"""From a DAG document, in any of its spellings, to a ``Graph``; every fault is found in one reading."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from pipelines.conditions import ConditionError, compile_condition
from pipelines.dag.for_each import ForEachPath, parse_for_each
from pipelines.dag.graph import FIELDS, Graph, Node, TriggerRule
from pipelines.dag.problems import Problems, did_you_mean, pointer, shorten
from pipelines.dag.shape import check_shape

MAX_EDGES = 20_000
MOST_NAMED = 20
MOST_HINT = 300

Parents = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class _RawNode:
    """A node that has at least a key, as it stands in the document."""

    key: str
    fields: Mapping[str, Any]
    index: int

    def path(self, *parts: str | int) -> str:
        return pointer("nodes", self.index, *parts)


@dataclass(frozen=True, slots=True)
class _Edge:
    """``spelling`` is what the edge was written as; the same edge may be given once in each."""

    parent: str
    child: str
    spelling: str
    path: str


def parse_dag(document: object) -> Graph:
    """Read and check a DAG document (JSON data).

    Raises ``DagError`` with every problem found. Step versions and metric profiles are not looked up: see
    ``Graph.step_references`` and ``Graph.profile_references``.
    """
    problems = Problems()
    shaped = check_shape(document, problems)
    nodes = _read_nodes(shaped, problems)
    parents = _read_parents(shaped, nodes, problems)
    order = _sort(nodes, parents)
    acyclic = len(order) == len(nodes)
    if not acyclic:
        _add_cycle(nodes, parents, set(nodes).difference(order), problems)
    _check_references(nodes, _ancestor_bits(parents, order) if acyclic else {}, problems)
    _check_conditions(nodes.values(), problems)
    _check_groups(shaped, nodes.values(), problems)
    problems.raise_if_any()
    return _build(shaped, nodes, parents, order)


def _read_nodes(document: Mapping[str, Any], problems: Problems) -> dict[str, _RawNode]:
    nodes: dict[str, _RawNode] = {}
    for index, raw in enumerate(document["nodes"]):
        if not isinstance(raw, dict) or not isinstance(raw.get("key"), str):
            continue
        node = _RawNode(raw["key"], raw, index)
        if node.key in nodes:
            message = f"Key {node.key!r} is already taken by {nodes[node.key].path()}."
            problems.add(node.path("key"), "duplicate-key", message, "Give each node a key of its own.")
        else:
            nodes[node.key] = node
    return nodes


def _read_parents(document: Mapping[str, Any], nodes: Mapping[str, _RawNode], problems: Problems) -> Parents:
    """The parents of each node from edges and ``dependsOn``, or from ``order`` where the document has neither."""
    edges = [*_edges(document, problems), *_depends_on(nodes.values())]
    if len(edges) > MAX_EDGES:
        problems.add("", "too-many", f"There are more than {MAX_EDGES:,} edges.")
        problems.raise_if_any()
    if not edges:
        return _parents_by_order(nodes, problems)
    parents: dict[str, dict[str, None]] = {key: {} for key in nodes}
    seen: set[tuple[str, str, str]] = set()
    for edge in edges:
        if problems.full():
            break
        if _is_sound(edge, nodes, seen, problems):
            parents[edge.child][edge.parent] = None
    return {key: list(found) for key, found in parents.items()}


def _edges(document: Mapping[str, Any], problems: Problems) -> Iterable[_Edge]:
    for index, raw in enumerate(_list(document.get("edges"))):
        if not isinstance(raw, dict):
            continue
        path = pointer("edges", index)
        for short, long in (("from", "fromKey"), ("to", "toKey")):
            if short in raw and long in raw and raw[short] != raw[long]:
                message = f"{short!r} and {long!r} name different nodes."
                problems.add(path, "edge-ambiguous", message, "Keep one of them.")
        parent, child = raw.get("from", raw.get("fromKey")), raw.get("to", raw.get("toKey"))
        if isinstance(parent, str) and isinstance(child, str):
            yield _Edge(parent, child, ",".join(sorted(raw)), path)


def _depends_on(nodes: Iterable[_RawNode]) -> Iterable[_Edge]:
    for node in nodes:
        for index, parent in enumerate(_list(node.fields.get("dependsOn"))):
            if isinstance(parent, str):
                yield _Edge(parent, node.key, "dependsOn", node.path("dependsOn", index))


def _list(value: Any) -> list[Any]:
    """A faulty document may have anything in a list's place; its shape has been reported by then."""
    return value if isinstance(value, list) else []


def _is_sound(edge: _Edge, nodes: Mapping[str, _RawNode], seen: set[tuple[str, str, str]], problems: Problems) -> bool:
    unknown = [key for key in dict.fromkeys((edge.parent, edge.child)) if key not in nodes]
    for key in unknown:
        problems.add(edge.path, "unknown-node", f"There is no node {key!r}.", _known_nodes(key, nodes))
    if unknown:
        return False
    if edge.parent == edge.child:
        problems.add(edge.path, "self-edge", f"Node {edge.parent!r} can't wait for itself.")
        return False
    identity = (edge.spelling, edge.parent, edge.child)
    if identity in seen:
        message = f"The edge from {edge.parent!r} to {edge.child!r} is given twice."
        problems.add(edge.path, "duplicate-edge", message, "Remove one of them.")
        return False
    seen.add(identity)
    return True


def _parents_by_order(nodes: Mapping[str, _RawNode], problems: Problems) -> Parents:
    """Each level of equal ``order`` waits for the level before it; with no ``order`` at all, nothing waits."""
    levels: dict[int, list[str]] = {}
    without: list[_RawNode] = []
    for node in nodes.values():
        order = node.fields.get("order")
        if isinstance(order, int | float) and not isinstance(order, bool):
            levels.setdefault(int(order), []).append(node.key)
        else:
            without.append(node)
    if levels:
        for node in without:
            message = f"Node {node.key!r} has no 'order', but others have and the document has no edges."
            problems.add(node.path(), "order-missing", message, "Give every node an 'order', or write edges.")
    parents: Parents = {key: [] for key in nodes}
    sorted_levels = [levels[order] for order in sorted(levels)]
    if sum(len(above) * len(below) for above, below in pairwise(sorted_levels)) > MAX_EDGES:
        message = f"The levels of 'order' make more than {MAX_EDGES:,} edges."
        problems.add("", "too-many", message, "Put a single node between two wide levels.")
        return parents
    for above, below in pairwise(sorted_levels):
        for key in below:
            parents[key] = list(above)
    return parents


def _sort(nodes: Mapping[str, _RawNode], parents: Parents) -> list[str]:
    """Topological order (Kahn), ties by ``order`` and then by place in the document.

    What lies on a cycle, or below one, is left out.
    """
    rank = {key: (_order_of(node), node.index) for key, node in nodes.items()}
    waiting = {key: len(parents[key]) for key in nodes}
    children: dict[str, list[str]] = {key: [] for key in nodes}
    for key, above in parents.items():
        for parent in above:
            children[parent].append(key)
    heap = [(rank[key], key) for key, count in waiting.items() if count == 0]
    heapq.heapify(heap)
    order: list[str] = []
    while heap:
        _, key = heapq.heappop(heap)
        order.append(key)
        for child in children[key]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heapq.heappush(heap, (rank[child], child))
    return order


def _order_of(node: _RawNode) -> float:
    order = node.fields.get("order")
    return order if isinstance(order, int | float) else 0


def _add_cycle(nodes: Mapping[str, _RawNode], parents: Parents, unsorted: set[str], problems: Problems) -> None:
    cycle = _find_cycle(parents, unsorted)
    named = " → ".join(cycle if len(cycle) <= 12 else [*cycle[:10], "…", cycle[-1]])
    problems.add(nodes[cycle[0]].path(), "cycle", f"These nodes wait for each other: {named}.", "Remove one edge.")


def _find_cycle(parents: Parents, unsorted: set[str]) -> list[str]:
    """A cycle as ``[a, …, a]`` along the edges. Every unsorted node has an unsorted parent, so going up comes round."""
    at = min(unsorted)
    walked: dict[str, int] = {}
    while at not in walked:
        walked[at] = len(walked)
        at = next(parent for parent in parents[at] if parent in unsorted)
    upwards = list(walked)[walked[at] :]
    return [at, *reversed(upwards)]


def _check_references(nodes: Mapping[str, _RawNode], above: Mapping[str, int], problems: Problems) -> None:
    """What a condition or ``forEach`` names must be above the node, or it can never be there."""
    bits = {key: 1 << index for index, key in enumerate(above)}
    for node in nodes.values():
        if problems.full():
            break
        for field, name in _named(node):
            if name not in nodes:
                message = f"There is no node {name!r}, so this can never be there."
                problems.add(node.path(field), "unknown-node", message, _known_nodes(name, nodes))
            elif name == node.key:
                message = f"Node {name!r} has no result yet when this is asked."
                problems.add(node.path(field), "not-an-ancestor", message, "Name a node above it.")
            elif above and not above[node.key] & bits[name]:
                message = f"Node {name!r} is not above {node.key!r}, so its result can never be there in time."
                problems.add(node.path(field), "not-an-ancestor", message, f"Add an edge from {name!r}.")


def _known_nodes(name: str, nodes: Mapping[str, _RawNode]) -> str:
    return did_you_mean(name, nodes) or f"The nodes are {shorten(', '.join(islice(nodes, MOST_NAMED)), MOST_HINT)}."


def _ancestor_bits(parents: Parents, order: Iterable[str]) -> dict[str, int]:
    """The ancestors of each node, as bits by place in topological order."""
    with_self: dict[str, int] = {}
    above: dict[str, int] = {}
    for index, key in enumerate(order):
        above[key] = 0
        for parent in parents[key]:
            above[key] |= with_self[parent]
        with_self[key] = above[key] | 1 << index
    return above


def _named(node: _RawNode) -> Iterable[tuple[str, str]]:
    """The nodes that a node's fields name, where they can be read."""
    path = _for_each(node)
    if path is not None:
        yield "forEach", path.source
    condition = node.fields.get("condition")
    if isinstance(condition, str):
        try:
            yield from (("condition", key) for key in sorted(compile_condition(condition).references()))
        except ConditionError:
            return


def _for_each(node: _RawNode) -> ForEachPath | None:
    text = node.fields.get("forEach")
    if not isinstance(text, str):
        return None
    try:
        return parse_for_each(text)
    except ValueError:
        return None


def _check_conditions(nodes: Iterable[_RawNode], problems: Problems) -> None:
    """Conditions compile, and ``forEach`` paths can be read."""
    by_key = {node.key: node for node in nodes}
    for node in by_key.values():
        condition = node.fields.get("condition")
        if isinstance(condition, str) and not problems.at(node.path("condition")):
            try:
                compile_condition(condition)
            except ConditionError as error:
                problems.add(node.path("condition"), "bad-condition", error.message, error.hint)
        text = node.fields.get("forEach")
        if isinstance(text, str) and not problems.at(node.path("forEach")):
            _check_for_each(node, text, by_key, problems)


def _check_for_each(node: _RawNode, text: str, by_key: Mapping[str, _RawNode], problems: Problems) -> None:
    try:
        path = parse_for_each(text)
    except ValueError as error:
        problems.add(node.path("forEach"), "bad-for-each", str(error))
        return
    source = by_key.get(path.source)
    if source is not None and source.fields.get("forEach") and path.steps:
        message = f"Node {path.source!r} runs forEach itself, so its result is the list of its items' IRs."
        problems.add(node.path("forEach"), "bad-for-each", message, f"Write 'ir.{path.source}'.")


def _check_groups(document: Mapping[str, Any], nodes: Iterable[_RawNode], problems: Problems) -> None:
    """A group's name must be listed where the document lists groups, so that a misspelt one is not without limit."""
    groups = document.get("parallelGroups")
    if not isinstance(groups, dict):
        return
    for node in nodes:
        if problems.full():
            break
        name = node.fields.get("parallelGroup")
        if isinstance(name, str) and name not in groups:
            hint = did_you_mean(name, groups) or f'Add {{"{name}": {{"limit": null}}}} for a group without a limit.'
            problems.add(node.path("parallelGroup"), "unknown-group", f"'parallelGroups' has no {name!r}.", hint)


def _build(document: Mapping[str, Any], nodes: Mapping[str, _RawNode], parents: Parents, order: list[str]) -> Graph:
    position = {key: index for index, key in enumerate(order)}
    groups = document.get("parallelGroups") or {}
    return Graph(
        nodes=tuple(_node(nodes[key], sorted(parents[key], key=position.__getitem__)) for key in order),
        group_limits={name: _integer(group["limit"]) for name, group in groups.items()},
    )


def _node(raw: _RawNode, parents: list[str]) -> Node:
    values = {attribute: raw.fields[name] for name, attribute in FIELDS.items() if raw.fields.get(name) is not None}
    if "trigger_rule" in values:
        values["trigger_rule"] = TriggerRule(values["trigger_rule"])
    if "for_each" in values:
        values["for_each"] = parse_for_each(values["for_each"])
    values = {name: _integer(value) for name, value in values.items()}
    return Node(
        key=raw.key,
        step_version_id=raw.fields["stepVersionId"],
        parents=tuple(parents),
        pointer=raw.path(),
        **values,
    )


def _integer(value: Any) -> Any:
    """JSON Schema counts 3.0 as an integer; here it becomes one."""
    return int(value) if isinstance(value, float) else value
