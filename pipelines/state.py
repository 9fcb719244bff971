"""A run's rows in memory: what the scheduler asks of them, answered without a query.

The rows in PostgreSQL stay the truth. ``revision`` says which state of them this is; whoever writes on its strength
names it, and the database refuses if the run has moved since.
"""

import uuid
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipelines.conditions import Verdict, compile_condition, condition_context
from pipelines.dag import Graph, Node, resolve_for_each
from pipelines.models.runs import FINISHED_STEP, StepStatus
from pipelines.results import Results
from pipelines.scheduling import Item, NodeStatus, RowCounts, node_status

IN_FLIGHT = (StepStatus.READY, StepStatus.RUNNING)
ACTIVE = ("held", StepStatus.WAITING, *IN_FLIGHT)


@dataclass(slots=True)
class Row:
    """What is kept of one ``StepRun``, in the order of ``store.KEPT``.

    ``backs_off`` is a ready row that can't be claimed here now: its retry is not due yet, its pool is full, or another
    process was quicker.
    """

    id: uuid.UUID
    status: str
    held: bool = False
    reason_code: str = ""
    attempt: int = 0
    lost_count: int = 0
    released_count: int = 0
    backs_off: bool = False

    def copy(self) -> "Row":
        """As ``dataclasses.replace``, which costs six times as much."""
        return Row(
            self.id,
            self.status,
            self.held,
            self.reason_code,
            self.attempt,
            self.lost_count,
            self.released_count,
            self.backs_off,
        )


class RunState:
    """Implements ``scheduling.RunView``."""

    def __init__(
        self,
        graph: Graph,
        rows: Mapping[Item, Row],
        *,
        revision: int,
        inputs: Mapping[str, Any],
        results: Results,
    ) -> None:
        self.graph = graph
        self.revision = revision
        self.results = results
        self._inputs = inputs
        self.rows = dict(rows)
        self._before: dict[Item, Row | None] | None = None
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        # Ordered dictionaries, as taking the first again and again from a plain one takes ever longer.
        self._held: dict[str, OrderedDict[Item, None]] = defaultdict(OrderedDict)
        self._ready: OrderedDict[Item, None] = OrderedDict()
        self._skip_codes: dict[str, str] = {}
        self._group_of = {node.key: node.parallel_group for node in graph.nodes if node.parallel_group is not None}
        self._in_flight: Counter[str] = Counter()
        self._totals: Counter[str] = Counter()
        self._settled: set[str] = set()
        self._unsettled_parents = {node.key: len(node.parents) for node in graph.nodes}
        for item, row in self.rows.items():
            self._enter(item, row)
        for key in list(self._counts):
            self._note(key)

    def put(self, item: Item, **changes: Any) -> Row:
        """Change a row, or add one; ``changes`` are ``Row``'s fields."""
        row = self.rows.get(item)
        if self._before is not None and item not in self._before:
            self._before[item] = None if row is None else row.copy()
        if row is None:
            row = self.rows[item] = Row(**changes)
        else:
            self._leave(item, row)
            for name, value in changes.items():
                setattr(row, name, value)
        self._enter(item, row)
        self._note(item.node_key)
        return row

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Changes made in the block are taken back at its end, unless ``keep`` was called."""
        self._before = {}
        try:
            yield
        finally:
            before, self._before = self._before, None
            for item, row in (before or {}).items():
                self._leave(item, self.rows.pop(item))
                if row is not None:
                    self.rows[item] = row
                    self._enter(item, row)
            for key in {item.node_key for item in before or {}}:
                self._note(key)

    def keep(self, revision: int) -> None:
        """The database has accepted what was tried; the rows stand at ``revision``."""
        self._before = {}
        self.revision = revision

    def catch_up(self, moved: Mapping[Item, Row], revision: int) -> None:
        """Take over rows that others moved."""
        for item, row in moved.items():
            known = self.rows.get(item)
            if known is not None:
                self._leave(item, known)
            self.rows[item] = row
            self._enter(item, row)
        for key in {item.node_key for item in moved}:
            self._note(key)
        self.revision = revision

    def ready(self, limit: int) -> list[Item]:
        """Items that could be claimed, oldest first, at most ``limit``."""
        return list(islice(self._ready, limit))

    def statuses(self, keys: Collection[str]) -> Mapping[str, NodeStatus]:
        return {key: self._status(key) for key in keys}

    def has_unsettled_parent(self, node: Node) -> bool:
        return self._unsettled_parents[node.key] > 0

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
        return self._in_flight[group]

    def held(self, group: str, limit: int) -> Sequence[Item]:
        return list(islice(self._held[group], limit))

    def held_without_limit(self) -> Sequence[Item]:
        groups = [group for group in self._held if self.graph.limit(group) is None]
        return sorted((item for group in groups for item in self._held[group]), key=lambda item: self.rows[item].id)

    def any_active(self) -> bool:
        return any(self._totals[state] for state in ACTIVE)

    def any_running(self) -> bool:
        """Whether any row is known to be running."""
        return bool(self._totals[StepStatus.RUNNING])

    def any_failed(self) -> bool:
        ended_badly = (NodeStatus.FAILED, NodeStatus.CANCELLED)
        return any(self._status(node.key) in ended_badly for node in self.graph.nodes)

    def unfinished_items(self, keys: Collection[str]) -> list[Item]:
        """The rows of these nodes that have not ended."""
        found = set(keys)
        return [item for item, row in self.rows.items() if item.node_key in found and row.status not in FINISHED_STEP]

    def has_ended(self, key: str) -> bool:
        """Whether all of the node's rows have."""
        return key in self._settled

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
        self._count(item, row, 1)
        if row.held:
            self._held[self._group_of.get(item.node_key, "")][item] = None
        elif row.status == StepStatus.READY and not row.backs_off:
            self._ready[item] = None
        elif row.status == StepStatus.SKIPPED:
            self._skip_codes[item.node_key] = row.reason_code

    def _leave(self, item: Item, row: Row) -> None:
        self._count(item, row, -1)
        self._ready.pop(item, None)
        if row.held:
            del self._held[self._group_of.get(item.node_key, "")][item]

    def _count(self, item: Item, row: Row, by: int) -> None:
        state = "held" if row.held else str(row.status)
        self._counts[item.node_key][state] += by
        self._totals[state] += by
        if state in IN_FLIGHT and item.node_key in self._group_of:
            self._in_flight[self._group_of[item.node_key]] += by

    def _note(self, key: str) -> None:
        """Tell the node's children when it settles, so that a wide join need not ask every parent each time."""
        counts = self._counts[key]
        settled = not any(counts[state] for state in ACTIVE) and any(counts[state] for state in FINISHED_STEP)
        if settled == (key in self._settled):
            return
        self._settled.symmetric_difference_update([key])
        for child in self.graph.children[key]:
            self._unsettled_parents[child] += -1 if settled else 1
