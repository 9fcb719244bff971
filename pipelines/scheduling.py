"""What happens next in a run: the graph and the states so far in, the next moves out.

Pure. The engine answers the questions of a ``RunView`` from its rows and carries ``Moves`` out; it decides nothing.
``docs/dag.md`` has the rules as tables.

One row (``StepRun``) is an ``Item``: a node of its own, or one item of a node that runs ``forEach``. The engine keeps
four kinds of unsettled row apart: *undecided* (pending; its parents haven't settled), *held* (pending, but released:
its parallel group is full, or a rerun has put it back), *waiting* (for approval), and *in flight* (ready, also while a
retry backs off, or running). A node with ``forEach`` has no row until it is expanded.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from pipelines.conditions import Verdict
from pipelines.dag import ForEachError, ForEachPath, Graph, Node, TriggerRule

MAX_BACKOFF_MS = 3_600_000


class NodeStatus(StrEnum):
    """The state of a whole node, as its children see it.

    ``BLOCKED`` is a node that was skipped because something above it failed or was cancelled; its row's status is
    ``skipped`` like any other, and its reason's code is in ``BLOCKING_CODES``. ``TOLERATED`` is a node that failed
    where ``continueOnFail`` is set.
    """

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    TOLERATED = "tolerated"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"

    @property
    def settled(self) -> bool:
        """Whether it can't change any more."""
        return self not in (NodeStatus.PENDING, NodeStatus.ACTIVE)

    @property
    def shown(self) -> str:
        """As ``status.<node>`` gives it in a condition, in the words of rows: ``failed`` also where tolerated."""
        return {NodeStatus.TOLERATED: "failed", NodeStatus.BLOCKED: "skipped", NodeStatus.ACTIVE: "running"}.get(
            self, self.value
        )


_BAD = frozenset({NodeStatus.FAILED, NodeStatus.BLOCKED, NodeStatus.CANCELLED})
_GOOD = frozenset({NodeStatus.COMPLETED, NodeStatus.TOLERATED})
_MAY_HAVE_ITEMS = _GOOD | {NodeStatus.FAILED, NodeStatus.CANCELLED}
"""A node with ``forEach`` that failed still has the IRs of the items that didn't."""

PARENT_FAILED = "parent_failed"
PARENT_CANCELLED = "parent_cancelled"
PARENT_SKIPPED = "parent_skipped"
NO_PARENT_SUCCEEDED = "no_parent_succeeded"
NO_ITEMS_SOURCE = "for_each_source_missing"
CONDITION_FALSE = "condition_false"
CONDITION_ERROR = "condition_error"
FOR_EACH_ERROR = "for_each_error"
APPROVAL_DECLINED = "approval_declined"

BLOCKING_CODES = frozenset({PARENT_FAILED, PARENT_CANCELLED})
"""A row that was skipped with one of these codes makes its node ``BLOCKED``; with any other, ``SKIPPED``."""


class RunStatus(StrEnum):
    """How a run ends."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Item(NamedTuple):
    """One row of work; ``map_index`` is None for a node without ``forEach``."""

    node_key: str
    map_index: int | None = None


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows of one node are in each state; ``held`` rows are pending rows that have been released."""

    held: int = 0
    waiting: int = 0
    ready: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0


def node_status(node: Node, counts: RowCounts, *, skip_code: str | None = None) -> NodeStatus:
    """A node's status from its rows; ``skip_code`` is the reason's code of a skipped row, where there is one.

    A node with ``forEach`` has failed when any item has, and is completed when all that weren't skipped are.
    """
    if counts.held or counts.waiting or counts.ready or counts.running:
        return NodeStatus.ACTIVE
    if counts.failed:
        return NodeStatus.TOLERATED if node.continue_on_fail else NodeStatus.FAILED
    if counts.cancelled:
        return NodeStatus.CANCELLED
    if counts.completed:
        return NodeStatus.COMPLETED
    if counts.skipped:
        return NodeStatus.BLOCKED if skip_code in BLOCKING_CODES else NodeStatus.SKIPPED
    return NodeStatus.PENDING


class RunView(Protocol):
    """What the scheduler asks of a run, all of it lazily and only as far as it needs."""

    def statuses(self, keys: Collection[str]) -> Mapping[str, NodeStatus]:
        """The status of each of these nodes."""

    def has_unsettled_parent(self, node: Node) -> bool:
        """Whether the node still waits for a parent. Asked first, so that a wide join costs one question a parent."""

    def condition(self, node: Node, decided: Mapping[str, NodeStatus]) -> Verdict:
        """The verdict on the node's condition; asked only when its parents let it start.

        ``decided`` are nodes that settle in this very call, so that their rows don't say so yet. One that is
        ``COMPLETED`` there found no items: its IR is an empty list.
        """

    def item_count(self, node: Node) -> int:
        """How many items the node's ``forEach`` finds. Raises ``ForEachError``."""

    def in_flight(self, group: str) -> int:
        """How many rows of the parallel group are ready or running."""

    def held(self, group: str, limit: int) -> Sequence[Item]:
        """The group's held rows that may start first, oldest first, at most ``limit``."""

    def held_without_limit(self) -> Sequence[Item]:
        """The held rows that no group limits, oldest first: those that a rerun has put back. Asked once a run."""

    def any_active(self) -> bool:
        """Whether any row is held, waiting, ready or running."""

    def any_failed(self) -> bool:
        """Whether any node is ``FAILED`` or ``CANCELLED``. Asked only at the end."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node was skipped or failed; ``code`` is one of this module's constants."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """Make rows 0 to ``count`` - 1 of a node: the first ``start`` of them ready, the rest held.

    With ``waiting``, all of them wait for approval instead.
    """

    node_key: str
    count: int
    start: int
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Moves:
    """What the engine is to do, in one transaction.

    ``start``: pending, held or approved rows become ready. ``hold``: they stay pending, marked as released, because
    their group is full. ``wait``: pending rows wait for approval. ``expand``: rows to make. ``decline``: waiting rows
    settle as failed; only a person's decision makes this one. ``skip``, ``fail``: the row of each node settles with
    that reason. ``complete``: nodes whose ``forEach`` found no items, which get one completed row. ``cancel``: nodes of
    which every row that hasn't settled is cancelled (one cancelled row is made where there is none). ``finish``: the
    run ends with that status.
    """

    start: tuple[Item, ...] = ()
    hold: tuple[Item, ...] = ()
    wait: tuple[Item, ...] = ()
    expand: tuple[Expansion, ...] = ()
    decline: Mapping[Item, Reason] = field(default_factory=dict)
    skip: Mapping[str, Reason] = field(default_factory=dict)
    fail: Mapping[str, Reason] = field(default_factory=dict)
    complete: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    finish: RunStatus | None = None


def next_moves(
    graph: Graph, view: RunView, *, touched: Collection[str] | None = None, approved: Sequence[Item] = ()
) -> Moves:
    """The next moves of a run.

    ``touched`` names the nodes of which a row has settled since the last call, already written as settled; only their
    children are looked at, and the groups they free. None looks at the whole graph: at the start of a
    run, and to heal one; it gives the same answer. ``approved`` are waiting rows that a person has just approved.
    """
    return _Scheduling(graph, view).moves(touched, approved)


def cancel_moves(graph: Graph, view: RunView) -> Moves:
    """The moves of a cancellation: the run ends at once, with all that has not settled.

    What runs is told, and its result is refused when it comes, since its row is no longer running.
    """
    statuses = view.statuses([node.key for node in graph.nodes])
    unsettled = tuple(node.key for node in graph.nodes if not statuses[node.key].settled)
    return Moves(cancel=unsettled, finish=RunStatus.CANCELLED)


def trigger(rule: TriggerRule, parents: Iterable[tuple[str, NodeStatus]]) -> Reason | None:
    """Whether settled parents let a node start: None when they do, else the reason why it is skipped.

    ``parents`` are (key, status) in topological order; the first that stands in the way is named.
    """
    parents = list(parents)
    if rule is TriggerRule.ALL_DONE or not parents:
        return None
    if rule is TriggerRule.ONE_SUCCESS:
        return None if any(status is NodeStatus.COMPLETED for _, status in parents) else _no_success(parents)
    accepted = _GOOD | {NodeStatus.SKIPPED} if rule is TriggerRule.NONE_FAILED else _GOOD
    in_the_way = [(key, status) for key, status in parents if status not in accepted]
    return _because_of(*min(in_the_way, key=_severity)) if in_the_way else None


def _severity(parent: tuple[str, NodeStatus]) -> int:
    """Failures and cancellations are named before mere skips."""
    return 0 if parent[1] in _BAD else 1


def _because_of(key: str, status: NodeStatus, role: str = "parent") -> Reason:
    if status is NodeStatus.FAILED:
        return Reason(PARENT_FAILED, f"{role} {key} failed")
    if status is NodeStatus.BLOCKED:
        return Reason(PARENT_FAILED, f"{role} {key} could not run")
    if status is NodeStatus.CANCELLED:
        return Reason(PARENT_CANCELLED, f"{role} {key} was cancelled")
    return Reason(PARENT_SKIPPED, f"{role} {key} was skipped")


def _no_success(parents: list[tuple[str, NodeStatus]]) -> Reason:
    bad = next((parent for parent in parents if parent[1] in _BAD), None)
    if bad is None:
        return Reason(NO_PARENT_SUCCEEDED, "no parent succeeded")
    because = _because_of(*bad)
    return Reason(because.code, f"no parent succeeded: {because.message}")


class _Scheduling:
    """One call of ``next_moves``: candidates are decided in topological order, so a cascade is one pass."""

    def __init__(self, graph: Graph, view: RunView) -> None:
        self.graph = graph
        self.view = view
        self.known: dict[str, NodeStatus] = {}
        self.settled: dict[str, NodeStatus] = {}
        self.queue: list[int] = []
        self.queued: set[str] = set()
        self.released: list[Item] = []
        self.expanded: list[tuple[Node, int]] = []
        self.wait: list[Item] = []
        self.expand: list[Expansion] = []
        self.skip: dict[str, Reason] = {}
        self.fail: dict[str, Reason] = {}
        self.complete: list[str] = []

    def moves(self, touched: Collection[str] | None, approved: Sequence[Item]) -> Moves:
        self._enqueue_first(touched)
        while self.queue:
            node = self.graph.nodes[heapq.heappop(self.queue)]
            if self.known[node.key] is NodeStatus.PENDING:
                self._decide(node)
        groups = self.graph.group_limits.keys() if touched is None else self._groups_of(touched)
        put_back = self.view.held_without_limit() if touched is None else ()
        start, hold = self._fill_groups(groups, [*put_back, *approved, *self.released])
        return Moves(
            start=tuple(start),
            hold=tuple(hold),
            wait=tuple(self.wait),
            expand=tuple(self.expand),
            skip=self.skip,
            fail=self.fail,
            complete=tuple(self.complete),
            finish=self._finish(start, hold),
        )

    def _enqueue_first(self, touched: Collection[str] | None) -> None:
        if touched is None:
            self._enqueue([node.key for node in self.graph.nodes])
            return
        self._load(touched)
        for key in touched:
            if self.known[key].settled:
                self._enqueue(self.graph.children[key])

    def _enqueue(self, keys: Sequence[str]) -> None:
        self._load(keys)
        for key in keys:
            if key not in self.queued:
                self.queued.add(key)
                heapq.heappush(self.queue, self.graph.position[key])

    def _load(self, keys: Iterable[str]) -> None:
        missing = [key for key in keys if key not in self.known]
        if missing:
            self.known.update(self.view.statuses(missing))

    def _status(self, key: str) -> NodeStatus:
        self._load([key])
        return self.known[key]

    def _decide(self, node: Node) -> None:
        if not self._triggered(node) or not self._condition_holds(node):
            return
        if node.for_each is not None:
            self._expand(node, node.for_each)
        elif node.approval:
            self.known[node.key] = NodeStatus.ACTIVE
            self.wait.append(Item(node.key))
        else:
            self.known[node.key] = NodeStatus.ACTIVE
            self.released.append(Item(node.key))

    def _triggered(self, node: Node) -> bool:
        if node.trigger_rule is TriggerRule.ONE_SUCCESS and self._may_start_early(node):
            return True
        if self._has_unsettled_parent(node):
            return False
        self._load(node.parents)
        reason = trigger(node.trigger_rule, ((key, self.known[key]) for key in node.parents))
        if reason is not None:
            self._skip(node, reason)
        return reason is None

    def _may_start_early(self, node: Node) -> bool:
        """Whether a parent has succeeded; with ``forEach`` the list must be there too, and be the last word."""
        if node.for_each is not None:
            self._load(node.parents)
            if not self._status(node.for_each.source).settled:
                return False
        return any(self.known.get(key) is NodeStatus.COMPLETED for key in node.parents)

    def _has_unsettled_parent(self, node: Node) -> bool:
        """The view can't know what settles in this very call, so where that matters the parents are looked at."""
        if not self.settled or self.settled.keys().isdisjoint(node.parents):
            return self.view.has_unsettled_parent(node)
        self._load(node.parents)
        return any(not self.known[key].settled for key in node.parents)

    def _condition_holds(self, node: Node) -> bool:
        if node.condition is None:
            return True
        verdict = self.view.condition(node, self.settled)
        if verdict.error is not None:
            self._fail(node, Reason(CONDITION_ERROR, verdict.error))
            return False
        if not verdict.value:
            self._skip(node, Reason(CONDITION_FALSE, verdict.reason))
        return verdict.value

    def _expand(self, node: Node, path: ForEachPath) -> None:
        if self._status(path.source) not in _MAY_HAVE_ITEMS:
            self._skip_for_want_of_source(node, path)
            return
        try:
            count = 0 if path.source in self.complete else self.view.item_count(node)
        except ForEachError as error:
            if error.code == "source-missing":
                self._skip_for_want_of_source(node, path)
            else:
                self._fail(node, Reason(FOR_EACH_ERROR, error.message))
            return
        if count == 0:
            self.complete.append(node.key)
            self._settle(node, NodeStatus.COMPLETED)
            return
        self.known[node.key] = NodeStatus.ACTIVE
        if node.approval:
            self.expand.append(Expansion(node.key, count, start=0, waiting=True))
        else:
            self.expanded.append((node, count))

    def _skip_for_want_of_source(self, node: Node, path: ForEachPath) -> None:
        status = self._status(path.source)
        if status in _BAD:
            self._skip(node, _because_of(path.source, status, "source"))
        else:
            self._skip(node, Reason(NO_ITEMS_SOURCE, f"source {path.source} has handed over no IR"))

    def _skip(self, node: Node, reason: Reason) -> None:
        self.skip[node.key] = reason
        self._settle(node, NodeStatus.BLOCKED if reason.code in BLOCKING_CODES else NodeStatus.SKIPPED)

    def _fail(self, node: Node, reason: Reason) -> None:
        self.fail[node.key] = reason
        self._settle(node, NodeStatus.TOLERATED if node.continue_on_fail else NodeStatus.FAILED)

    def _settle(self, node: Node, status: NodeStatus) -> None:
        self.known[node.key] = self.settled[node.key] = status
        self._enqueue(self.graph.children[node.key])

    def _groups_of(self, keys: Iterable[str]) -> set[str]:
        groups = (self.graph.node(key).parallel_group for key in keys)
        return {group for group in groups if group is not None}

    def _fill_groups(self, groups: Iterable[str], released: list[Item]) -> tuple[list[Item], list[Item]]:
        """Start as many as the groups have room for: held rows first, then new ones, then items of expansions."""
        new = self._groups_of([*(item.node_key for item in released), *(node.key for node, _ in self.expanded)])
        start: list[Item] = []
        hold: list[Item] = []
        room: dict[str | None, int] = {}
        for group in sorted({*groups} | new):
            limit = self.graph.limit(group)
            if limit is None:
                continue
            free = max(0, limit - self.view.in_flight(group))
            oldest = self.view.held(group, free) if free else ()
            start.extend(oldest)
            room[group] = free - len(oldest)
        for item in released:
            fits = _take(room, self.graph.node(item.node_key).parallel_group, 1)
            (start if fits else hold).append(item)
        for node, count in self.expanded:
            self.expand.append(Expansion(node.key, count, start=_take(room, node.parallel_group, count)))
        return start, hold

    def _finish(self, start: list[Item], hold: list[Item]) -> RunStatus | None:
        if start or hold or self.wait or self.expand or self.view.any_active():
            return None
        failed_now = any(self.known[key] is NodeStatus.FAILED for key in self.fail)
        return RunStatus.FAILED if failed_now or self.view.any_failed() else RunStatus.COMPLETED


def _take(room: dict[str | None, int], group: str | None, wanted: int) -> int:
    """How many of the wanted places the group has; they are taken from ``room``. A group without limit isn't there."""
    if group not in room:
        return wanted
    taken = min(room[group], wanted)
    room[group] -= taken
    return taken


def retry_delay_ms(node: Node, *, failures: int, uniform: float) -> int | None:
    """Milliseconds until a failed row is tried again, or None when its retries are used up.

    ``failures`` counts its failed attempts, this one too (lost workers apart). Exponential back-off with jitter:
    ``retryDelayMs`` · 2^(failures - 1), at most an hour, times a factor from 0.5 to 1 that ``uniform`` (0 to 1) picks.
    """
    if failures > node.retries:
        return None
    return _backoff_ms(node, failures, uniform)


def lost_delay_ms(node: Node, *, losses: int, uniform: float) -> int | None:
    """The same for a row whose worker was lost ``losses`` times, this one too; None when ``maxLost`` is exceeded."""
    if losses > node.max_lost:
        return None
    return _backoff_ms(node, losses, uniform)


def _backoff_ms(node: Node, attempt: int, uniform: float) -> int:
    ceiling = min(node.retry_delay_ms << (attempt - 1), max(MAX_BACKOFF_MS, node.retry_delay_ms))
    return round(ceiling * (0.5 + uniform / 2))
