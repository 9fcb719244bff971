"""The accepted IRs of one run, the latest of them in memory, so that a chain never reads back what it has just made."""

import uuid
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
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
        self._steps: dict[str, list[tuple[int, uuid.UUID]]] = {}

    def remember(self, item: Item, ir: Any, metrics: Mapping[str, float | None], size: int) -> None:
        """Keep a result; the oldest go when there are more than ``MAX_KEPT_BYTES``, but never this one."""
        self.forget(item)
        self._kept[item] = (ir, metrics, size)
        self._bytes += size
        while self._bytes > MAX_KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][2]

    @property
    def kept_bytes(self) -> int:
        """How much is kept, as JSON."""
        return self._bytes

    def forget(self, item: Item) -> None:
        """Drop a result that was not accepted."""
        kept = self._kept.pop(item, None)
        self._bytes -= kept[2] if kept else 0

    def irs(self, nodes: Iterable[Node], ended: Collection[str] = ()) -> dict[str, Any]:
        """The IR of each node that has one, by key; for a node with ``forEach`` the list of its items' IRs in order.

        The lists of nodes that have ``ended`` are kept, as far as they are not too large, so that items which all see
        one don't each read it.
        """
        found: dict[str, Any] = {}
        for node in nodes:
            ir = self._mapped(node, keep=node.key in ended) if node.for_each is not None else self._single(node)
            if ir is not None:
                found[node.key] = ir
        return found

    def item(self, path: ForEachPath, source: Node, index: int) -> Any:
        """Item ``index`` of a ``forEach`` over ``source``, which has ended."""
        if source.for_each is not None:
            map_index, step_run_id = self.step_behind(source, index)
            own = self._kept.get(Item(source.key, map_index))
            return own[0] if own is not None else artifacts.ir_of(step_run_id)
        kept = self._kept.get(Item(source.key))
        if kept is not None:
            return resolve_for_each(path, {source.key: kept[0]})[index]
        return artifacts.item_at(self._run_id, path, source, index)

    def step_behind(self, source: Node, index: int) -> tuple[int, uuid.UUID]:
        """The index and the step run of the item of ``source``, which ran ``forEach``, that is item ``index`` here.

        They differ where items of the source failed. Read once: to sort them for each item would cost the square.
        """
        if source.key not in self._steps:
            self._steps[source.key] = artifacts.accepted_steps(self._run_id, source.key)
        return self._steps[source.key][index]

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

    def _mapped(self, node: Node, *, keep: bool) -> list[Any]:
        kept = self._kept.get(Item(node.key))
        if kept is not None:
            return list(kept[0])
        by_index = artifacts.accepted_items(self._run_id, node.key)
        for (key, index), (ir, _, size) in list(self._kept.items()):
            if key == node.key and index is not None:
                by_index[index] = artifacts.SizedIr(ir, size)
        found = [by_index[index].ir for index in sorted(by_index)]
        size = sum(one.size for one in by_index.values())
        if keep and size <= MAX_KEPT_BYTES:
            self.remember(Item(node.key), list(found), {}, size)
        return found

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
