"""What differs between two versions of a DAG, node by node and field by field."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from config.canonical import canonical_json
from pipelines.dag.graph import Graph

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``node`` is empty for a parallel group, whose name is then the ``field``.

    ``before`` and ``after`` are JSON data; None where the field is not there.
    """

    kind: Kind
    node: str
    field: str = ""
    before: Any = None
    after: Any = None


def compare(old: Graph, new: Graph) -> list[Change]:
    """The differences, however each document is spelled: nodes in the new order, then removed ones, then groups."""
    before, after = (_fields(graph) for graph in (old, new))
    changes = [change for key in after for change in _node_changes(key, before.get(key), after[key])]
    changes += [Change("removed", key) for key in before if key not in after]
    return [*changes, *_group_changes(old, new)]


def changed_nodes(changes: list[Change]) -> dict[str, Kind]:
    """How each node differs that does."""
    return {change.node: change.kind for change in changes if change.node}


def _fields(graph: Graph) -> dict[str, dict[str, Any]]:
    return {node["key"]: node for node in graph.to_document()["nodes"]}


def _node_changes(key: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Iterator[Change]:
    if before is None:
        yield Change("added", key)
        return
    for field in dict.fromkeys([*after, *before]):
        if canonical_json(_plain(before.get(field))) != canonical_json(_plain(after.get(field))):
            yield Change("changed", key, field, before.get(field), after.get(field))


def _plain(value: Any) -> Any:
    """The order in which a node names its parents says nothing."""
    return sorted(value) if isinstance(value, list) else value


def _group_changes(old: Graph, new: Graph) -> Iterator[Change]:
    for name in sorted({*old.group_limits, *new.group_limits}):
        if name not in old.group_limits:
            yield Change("added", "", name, after=new.limit(name))
        elif name not in new.group_limits:
            yield Change("removed", "", name, before=old.limit(name))
        elif old.limit(name) != new.limit(name):
            yield Change("changed", "", name, old.limit(name), new.limit(name))
