"""A run's rows in memory: what the scheduler asks of them, answered without a query.

The rows in PostgreSQL stay the truth. ``revision`` says which state of them this is; whoever writes on its strength
names it, and the database refuses if the run has moved since.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.conditions import Verdict, compile_condition, condition_context
from pipelines.dag import Graph, Node, resolve_for_each
from pipelines.models.runs import FINISHED_STEP, StepStatus
from pipelines.results import Results
from pipelines.scheduling import Item, NodeStatus, RowCounts, node_status


@dataclass(slots=True)
class Row:
    """What is kept of one ``StepRun``. ``backs_off`` is a ready row whose retry is not due yet."""

    id: uuid.UUID
    status: str
    held: bool = False
    reason_code: str = ""
    attempt: int = 0
    lost_count: int = 0
    backs_off: bool = False


class RunState:
    """Implements ``scheduling.RunView``."""

    def __init__(
        self,
        graph: Graph,
        rows: Mapping[Item, Row],
        *,
        revision: int,
        cancelling: bool,
        inputs: Mapping[str, Any],
        results: Results,
    ) -> None:
        self.graph = graph
        self.revision = revision
        self.results = results
        self._cancelling = cancelling
        self._inputs = inputs
        self.rows = dict(rows)
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._held: dict[str, dict[Item, None]] = defaultdict(dict)
        self._skip_codes: dict[str, str] = {}
        self._group_of = {node.key: node.parallel_group for node in graph.nodes if node.parallel_group is not None}
        self._totals: Counter[str] = Counter()
        for item, row in self.rows.items():
            self._enter(item, row)

    def put(self, item: Item, **changes: Any) -> Row:
        """Change a row, or add one; ``changes`` are ``Row``'s fields."""
        row = self.rows.get(item)
        if row is None:
            row = self.rows[item] = Row(**changes)
        else:
            self._leave(item, row)
            for name, value in changes.items():
                setattr(row, name, value)
        self._enter(item, row)
        return row

    def ready(self) -> list[Item]:
        """Items that could be claimed, oldest first."""
        if not self._totals[StepStatus.READY]:
            return []
        return [item for item, row in self.rows.items() if row.status == StepStatus.READY and not row.backs_off]

    def cancelling(self) -> bool:
        return self._cancelling

    def statuses(self, keys: Collection[str]) -> Mapping[str, NodeStatus]:
        return {key: self._status(key) for key in keys}

    def has_unsettled_parent(self, node: Node) -> bool:
        return any(not self._status(key).settled for key in node.parents)

    def condition(self, node: Node, decided: Mapping[str, NodeStatus]) -> Verdict:
        condition = compile_condition(node.condition or "")
        named_keys = self.graph.ancestors(node.key) if condition.looks_up else condition.references()
        nodes = [self.graph.node(key) for key in named_keys if key in self.graph.by_key]
        statuses = {named.key: decided.get(named.key, self._status(named.key)) for named in nodes}
        known = self.results.condition_context(nodes, statuses)
        return condition.evaluate(condition_context(inputs=self._inputs, **known))

    def item_count(self, node: Node) -> int:
        if node.for_each is None:
            return 0
        source = self.graph.node(node.for_each.source)
        return len(resolve_for_each(node.for_each, self.results.irs([source])))

    def in_flight(self, group: str) -> int:
        keys = [key for key, named in self._group_of.items() if named == group]
        return sum(self._counts[key][status] for key in keys for status in (StepStatus.READY, StepStatus.RUNNING))

    def held(self, group: str, limit: int) -> Sequence[Item]:
        return sorted(self._held[group], key=lambda item: self.rows[item].id)[:limit]

    def any_active(self) -> bool:
        return any(self._totals[state] for state in ("held", StepStatus.WAITING, StepStatus.READY, StepStatus.RUNNING))

    def any_failed(self) -> bool:
        ended_badly = (NodeStatus.FAILED, NodeStatus.CANCELLED)
        return any(self._status(node.key) in ended_badly for node in self.graph.nodes)

    def unfinished_items(self, key: str) -> list[Item]:
        """The rows of this node that have not ended and do not run."""
        ended = {*FINISHED_STEP, StepStatus.RUNNING}
        return [item for item, row in self.rows.items() if item.node_key == key and row.status not in ended]

    def has_rows(self, key: str) -> bool:
        """Whether the node has any row: one with ``forEach`` has none until it is expanded."""
        return any(self._counts[key].values())

    def _status(self, key: str) -> NodeStatus:
        counts = self._counts.get(key)
        if not counts:
            return NodeStatus.PENDING
        # A pending row that is not held has not been decided yet, and counts for nothing.
        found = {state: count for state, count in counts.items() if count and state != StepStatus.PENDING}
        return node_status(self.graph.node(key), RowCounts(**found), skip_code=self._skip_codes.get(key))

    def _enter(self, item: Item, row: Row) -> None:
        state = "held" if row.held else str(row.status)
        self._counts[item.node_key][state] += 1
        self._totals[state] += 1
        if row.held:
            self._held[self._group_of.get(item.node_key, "")][item] = None
        if row.status == StepStatus.SKIPPED:
            self._skip_codes[item.node_key] = row.reason_code

    def _leave(self, item: Item, row: Row) -> None:
        state = "held" if row.held else str(row.status)
        self._counts[item.node_key][state] -= 1
        self._totals[state] -= 1
        if row.held:
            del self._held[self._group_of.get(item.node_key, "")][item]
