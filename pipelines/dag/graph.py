"""The one in-memory form of a DAG: immutable, its nodes in topological order."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from pipelines.dag.for_each import ForEachPath


class TriggerRule(StrEnum):
    """What a node asks of its parents before it starts."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    ONE_SUCCESS = "one_success"
    NONE_FAILED = "none_failed"


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a pipeline; ``parents`` are the keys it waits for, in topological order.

    Times are milliseconds. ``pointer`` is where the node stands in the document it was read from.
    """

    key: str
    step_version_id: str
    parents: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    metric_profile_id: str | None = None
    condition: str | None = None
    continue_on_fail: bool = False
    retries: int = 0
    retry_delay_ms: int = 1000
    timeout_ms: int | None = None
    parallel_group: str | None = None
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    for_each: ForEachPath | None = None
    approval: bool = False
    cache: bool = False
    pool: str | None = None
    weight: int = 1
    max_lost: int = 2
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A node's mention of a row elsewhere; ``path`` is the JSON Pointer to report it at."""

    path: str
    node_key: str
    value: str


@dataclass(frozen=True)
class Graph:
    """``nodes`` in topological order; ``group_limits`` the parallel groups (None is no limit)."""

    nodes: tuple[Node, ...]
    group_limits: Mapping[str, int | None] = field(default_factory=dict)

    @cached_property
    def by_key(self) -> Mapping[str, Node]:
        """Every node under its key."""
        return {node.key: node for node in self.nodes}

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Each key's place in topological order."""
        return {node.key: index for index, node in enumerate(self.nodes)}

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The keys that wait for each key, in topological order."""
        children: dict[str, list[str]] = {node.key: [] for node in self.nodes}
        for node in self.nodes:
            for parent in node.parents:
                children[parent].append(node.key)
        return {key: tuple(keys) for key, keys in children.items()}

    @cached_property
    def edge_count(self) -> int:
        """How many edges there are."""
        return sum(len(node.parents) for node in self.nodes)

    def node(self, key: str) -> Node:
        """The node of that key. Raises ``KeyError`` when there is none."""
        return self.by_key[key]

    def descendants(self, keys: Iterable[str]) -> tuple[str, ...]:
        """All keys below the given ones (without them, unless one is below another), in topological order."""
        found: set[str] = set()
        stack = [child for key in keys for child in self.children[key]]
        while stack:
            key = stack.pop()
            if key not in found:
                found.add(key)
                stack.extend(self.children[key])
        return tuple(sorted(found, key=self.position.__getitem__))

    def ancestors(self, key: str) -> frozenset[str]:
        """All keys above the given one."""
        found: set[str] = set()
        stack = list(self.by_key[key].parents)
        while stack:
            parent = stack.pop()
            if parent not in found:
                found.add(parent)
                stack.extend(self.by_key[parent].parents)
        return frozenset(found)

    def limit(self, group: str) -> int | None:
        """How many steps of the group may be under way at once; None is any number."""
        return self.group_limits.get(group)

    def step_references(self) -> tuple[Reference, ...]:
        """Each node's step version (an id, or ``step_key@version``), for the caller to look up."""
        return tuple(Reference(f"{node.pointer}/stepVersionId", node.key, node.step_version_id) for node in self.nodes)

    def profile_references(self) -> tuple[Reference, ...]:
        """Each node's metric profile (an id or a key), for the caller to look up."""
        return tuple(
            Reference(f"{node.pointer}/metricProfileId", node.key, node.metric_profile_id)
            for node in self.nodes
            if node.metric_profile_id is not None
        )

    def pool_references(self) -> tuple[Reference, ...]:
        """Each node's pool, for the caller to look up."""
        return tuple(
            Reference(f"{node.pointer}/pool", node.key, node.pool) for node in self.nodes if node.pool is not None
        )

    def to_document(self) -> dict[str, Any]:
        """The canonical document: nodes in topological order, ``dependsOn`` for edges, defaults left out.

        ``parse_dag`` gives an equal graph back.
        """
        document: dict[str, Any] = {"nodes": [_node_document(node) for node in self.nodes]}
        if self.group_limits:
            document["parallelGroups"] = {name: {"limit": limit} for name, limit in sorted(self.group_limits.items())}
        return document

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical document: equal for all spellings of one graph."""
        canonical = json.dumps(self.to_document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


FIELDS: Mapping[str, str] = {
    "params": "params",
    "config": "config",
    "metricProfileId": "metric_profile_id",
    "condition": "condition",
    "continueOnFail": "continue_on_fail",
    "retries": "retries",
    "retryDelayMs": "retry_delay_ms",
    "timeoutMs": "timeout_ms",
    "parallelGroup": "parallel_group",
    "triggerRule": "trigger_rule",
    "forEach": "for_each",
    "approval": "approval",
    "cache": "cache",
    "pool": "pool",
    "weight": "weight",
    "maxLost": "max_lost",
}
"""Optional fields of a node: the document's name, the ``Node`` attribute's name."""

_DEFAULTS = Node(key="", step_version_id="")


def _node_document(node: Node) -> dict[str, Any]:
    document: dict[str, Any] = {"key": node.key, "stepVersionId": node.step_version_id}
    if node.parents:
        document["dependsOn"] = list(node.parents)
    for name, attribute in FIELDS.items():
        value = getattr(node, attribute)
        if value != getattr(_DEFAULTS, attribute):
            document[name] = str(value) if isinstance(value, ForEachPath | TriggerRule) else value
    return document
