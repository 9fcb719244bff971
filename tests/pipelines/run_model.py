"""A run held in memory: the rows an engine keeps, the ``RunView`` on them, and how moves are carried out."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.conditions import Verdict, compile_condition, condition_context
from pipelines.dag import ForEachError, Graph, Node
from pipelines.scheduling import (
    Item,
    Moves,
    NodeStatus,
    RowCounts,
    RunStatus,
    cancel_moves,
    next_moves,
    node_status,
)

ACTIVE = ("held", "waiting", "ready", "running")


@dataclass
class RunModel:
    """``rows`` maps each released or settled item to its state; ``log`` lists what happened, in order.

    A condition without a verdict in ``conditions`` is evaluated on the statuses.
    """

    graph: Graph
    conditions: Mapping[str, Verdict] = field(default_factory=dict)
    item_counts: Mapping[str, int | ForEachError] = field(default_factory=dict)
    check: Callable[["RunModel", Moves, Moves], None] | None = None

    def __post_init__(self) -> None:
        self.rows: dict[Item, str] = {}
        self.skip_codes: dict[str, str] = {}
        self.log: list[tuple[str, object]] = []
        self.finished: RunStatus | None = None
        self.rows_of: dict[str, list[Item]] = defaultdict(list)

    # The view.

    def statuses(self, keys: Collection[str]) -> Mapping[str, NodeStatus]:
        return {key: self.status(key) for key in keys}

    def status(self, key: str) -> NodeStatus:
        counts: dict[str, int] = defaultdict(int)
        for item in self.rows_of[key]:
            counts[self.rows[item]] += 1
        return node_status(self.graph.node(key), RowCounts(**counts), skip_code=self.skip_codes.get(key))

    def has_unsettled_parent(self, node: Node) -> bool:
        return any(not self.status(key).settled for key in node.parents)

    def condition(self, node: Node, decided: Mapping[str, NodeStatus]) -> Verdict:
        self.log.append(("condition", node.key))
        if node.key in self.conditions:
            return self.conditions[node.key]
        known = {one.key: decided.get(one.key, self.status(one.key)) for one in self.graph.nodes}
        status = {key: status.shown for key, status in known.items() if status.settled}
        context = condition_context(metrics={}, ir={}, status=status, inputs={})
        return compile_condition(node.condition or "").evaluate(context)

    def item_count(self, node: Node) -> int:
        source = self.graph.node(node.for_each.source) if node.for_each else None
        if source and source.for_each and self.rows.get(Item(source.key)) == "completed":
            return 0  # It found no items, so its IR is an empty list.
        count = self.item_counts.get(node.key, 1)
        if isinstance(count, ForEachError):
            raise count
        return count

    def in_flight(self, group: str) -> int:
        return sum(state in ("ready", "running") for state in self._states_in(group))

    def held(self, group: str, limit: int) -> Sequence[Item]:
        held = [item for item, state in self.rows.items() if state == "held" and self.group(item) == group]
        return held[:limit]

    def held_without_limit(self) -> Sequence[Item]:
        return [item for item in self.items("held") if self.graph.limit(self.group(item) or "") is None]

    def any_active(self) -> bool:
        return any(state in ACTIVE for state in self.rows.values())

    def any_failed(self) -> bool:
        return any(self.status(node.key) in (NodeStatus.FAILED, NodeStatus.CANCELLED) for node in self.graph.nodes)

    # The engine.

    def start(self) -> None:
        self.carry_out(next_moves(self.graph, self))

    def settle(self, item: Item, state: str) -> Moves:
        assert self.rows[item] in ("ready", "running")
        self.rows[item] = state
        self.log.append((state, item))
        return self.advance([item.node_key])

    def approve(self, item: Item) -> Moves:
        assert self.rows[item] == "waiting"
        return self.advance([], approved=[item])

    def cancel(self) -> None:
        self.carry_out(cancel_moves(self.graph, self))

    def advance(self, touched: Collection[str], approved: Sequence[Item] = ()) -> Moves:
        moves = next_moves(self.graph, self, touched=touched, approved=approved)
        full = next_moves(self.graph, self, approved=approved) if self.check else None
        self.carry_out(moves)
        if self.check is not None and full is not None:
            self.check(self, moves, full)
        return moves

    def forget(self, keys: Collection[str]) -> None:
        """As a rerun does: the nodes have no rows any more, and the run goes on."""
        for key in keys:
            for item in self.rows_of.pop(key, ()):
                del self.rows[item]
            self.skip_codes.pop(key, None)
        self.finished = None

    def carry_out(self, moves: Moves) -> None:
        self.skip_codes.update({key: reason.code for key, reason in moves.skip.items()})
        self._write_all(map(Item, moves.skip), "skipped")
        self._write_all(map(Item, moves.fail), "failed")
        self._write_all(map(Item, moves.complete), "completed")
        self._write_all(moves.start, "ready")
        self._write_all(moves.hold, "held")
        self._write_all(moves.wait, "waiting")
        for expansion in moves.expand:
            items = [Item(expansion.node_key, index) for index in range(expansion.count)]
            self._write_all(items[: expansion.start], "ready")
            self._write_all(items[expansion.start :], "waiting" if expansion.waiting else "held")
        for key in moves.cancel:
            self._cancel(key)
        if moves.finish is not None:
            assert self.finished is None, "a run ends once"
            self.finished = moves.finish

    def items(self, *states: str) -> list[Item]:
        return [item for item, state in self.rows.items() if state in states]

    def group(self, item: Item) -> str | None:
        return self.graph.node(item.node_key).parallel_group

    def _states_in(self, group: str) -> list[str]:
        return [state for item, state in self.rows.items() if self.group(item) == group]

    def _cancel(self, key: str) -> None:
        for item in self.rows_of[key]:
            if self.rows[item] in ACTIVE:
                self._write(item, "cancelled")
        if not self.rows_of[key]:
            self._write(Item(key), "cancelled")

    def _write_all(self, items: Iterable[Item], state: str) -> None:
        for item in items:
            self._write(item, state)

    def _write(self, item: Item, state: str) -> None:
        allowed = {"ready": (None, "held", "waiting"), "held": (None, "waiting"), "cancelled": (None, *ACTIVE)}
        assert self.rows.get(item) in allowed.get(state, (None,)), f"{item}: {self.rows.get(item)} -> {state}"
        if item not in self.rows:
            self.rows_of[item.node_key].append(item)
        self.rows.pop(item, None)
        self.rows[item] = state
        self.log.append((state, item))
