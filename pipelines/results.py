"""The accepted IRs of one run, the latest of them in memory, so that a chain never reads back what it has just made."""

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from metrics.models import MetricResult
from pipelines import artifacts
from pipelines.dag import ForEachPath, Node, resolve_for_each
from pipelines.scheduling import Item, NodeStatus

MAX_KEPT_BYTES = 32_000_000


class Results:
    """What steps have handed over. ``remember`` takes a result about to be accepted; ``forget`` takes it back."""

    def __init__(self, run_id: uuid.UUID) -> None:
        self._run_id = run_id
        self._kept: OrderedDict[Item, tuple[Any, Mapping[str, float | None], int]] = OrderedDict()
        self._bytes = 0

    def remember(self, item: Item, ir: Any, metrics: Mapping[str, float | None], size: int) -> None:
        """Keep a result; the oldest go when there are more than ``MAX_KEPT_BYTES``, but never this one."""
        self.forget(item)
        self._kept[item] = (ir, metrics, size)
        self._bytes += size
        while self._bytes > MAX_KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][2]

    def forget(self, item: Item) -> None:
        """Drop a result that was not accepted."""
        kept = self._kept.pop(item, None)
        self._bytes -= kept[2] if kept else 0

    def irs(self, nodes: Iterable[Node]) -> dict[str, Any]:
        """The IR of each node that has one, by key; for a node with ``forEach`` the list of its items' IRs in order."""
        found: dict[str, Any] = {}
        for node in nodes:
            ir = self._mapped(node) if node.for_each is not None else self._single(node)
            if ir is not None:
                found[node.key] = ir
        return found

    def item(self, path: ForEachPath, source: Node, index: int) -> Any:
        """Item ``index`` of a ``forEach`` over ``source``."""
        kept = self._kept.get(Item(source.key))
        if source.for_each is None and kept is not None:
            return resolve_for_each(path, {source.key: kept[0]})[index]
        return artifacts.item_at(self._run_id, path, source, index)

    def condition_context(self, nodes: Iterable[Node], statuses: Mapping[str, NodeStatus]) -> dict[str, Any]:
        """What a condition sees of the nodes it names: ``{status, ir, metrics}``."""
        settled = {key: status for key, status in statuses.items() if status.settled}
        ran = [node for node in nodes if settled.get(node.key) not in (None, NodeStatus.SKIPPED, NodeStatus.BLOCKED)]
        return {
            "status": {key: status.shown for key, status in settled.items()},
            "ir": self.irs(ran),
            "metrics": self._metrics([node.key for node in ran]),
        }

    def _single(self, node: Node) -> Any:
        kept = self._kept.get(Item(node.key))
        return kept[0] if kept is not None else artifacts.accepted_ir(self._run_id, node.key)

    def _mapped(self, node: Node) -> list[Any]:
        by_index = artifacts.accepted_items(self._run_id, node.key)
        by_index |= {item.map_index: kept[0] for item, kept in self._kept.items() if item.node_key == node.key}
        return [by_index[index] for index in sorted(by_index, key=lambda index: -1 if index is None else index)]

    def _metrics(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {key: {} for key in keys}
        results = MetricResult.objects.filter(
            step_run__pipeline_run=self._run_id, step_run__node_key__in=keys, step_run__map_index=None
        ).order_by("attempt")
        for key, metric, value in results.values_list("step_run__node_key", "metric__key", "value"):
            found[key][metric] = value
        for key in keys:
            kept = self._kept.get(Item(key))
            found[key] |= kept[1] if kept else {}
        return found
