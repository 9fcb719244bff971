"""The scheduler's rules: the table in docs/dag.md, and invariants over random graphs and random outcomes."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations, combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.conditions import Verdict
from pipelines.dag import ForEachError, Graph, Node, TriggerRule, parse_dag
from pipelines.scheduling import (
    BLOCKING_CODES,
    MAX_BACKOFF_MS,
    Item,
    Moves,
    NodeStatus,
    RowCounts,
    RunStatus,
    lost_delay_ms,
    next_moves,
    node_status,
    retry_delay_ms,
    trigger,
)
from tests.pipelines.run_model import ACTIVE, RunModel

DOCS = Path(__file__).parents[2] / "docs" / "dag.md"

KINDS = {
    NodeStatus.COMPLETED: "completed",
    NodeStatus.TOLERATED: "tolerated",
    NodeStatus.SKIPPED: "skipped",
    NodeStatus.BLOCKED: "stopped",
    NodeStatus.FAILED: "stopped",
    NodeStatus.CANCELLED: "stopped",
}


def read_truth_table() -> dict[tuple[frozenset[str], str], str]:
    """The table in the docs: (kinds among the parents, rule) to run, skip or stop."""
    lines = [
        [cell.strip(" `") for cell in line.strip("|\n").split("|")] for line in DOCS.read_text("utf-8").splitlines()
    ]
    start = next(index for index, cells in enumerate(lines) if cells[:2] == ["completed", "tolerated"])
    header = lines[start]
    table = {}
    for cells in lines[start + 2 :]:
        if len(cells) != len(header):
            break
        kinds = frozenset(kind for kind, mark in zip(header[:4], cells[:4], strict=True) if mark)
        table.update({(kinds, rule): fate for rule, fate in zip(header[4:], cells[4:], strict=True)})
    return table


TRUTH = read_truth_table()


def fate_of(rule: TriggerRule, parents: Iterable[NodeStatus]) -> str:
    """What the docs say; a node without parents always starts."""
    kinds = frozenset(KINDS[status] for status in parents)
    return TRUTH[kinds, str(rule)] if kinds else "run"


def dag(*nodes: dict[str, Any], **rest: Any) -> Graph:
    """A graph of nodes that each have at least a key."""
    return parse_dag({"nodes": [{"stepVersionId": "noop@1", **node} for node in nodes], **rest})


# The trigger rules.


def test_the_truth_table_is_whole() -> None:
    kinds = {frozenset(chosen) for size in range(1, 5) for chosen in combinations(sorted({*KINDS.values()}), size)}
    assert TRUTH.keys() == {(chosen, str(rule)) for chosen in kinds for rule in TriggerRule}


@pytest.mark.parametrize("rule", list(TriggerRule))
@pytest.mark.parametrize("size", [1, 2, 3])
def test_trigger_follows_the_table_for_every_combination(rule: TriggerRule, size: int) -> None:
    for parents in combinations_with_replacement(KINDS, size):
        reason = trigger(rule, [(f"p{index}", status) for index, status in enumerate(parents)])
        fate = "run" if reason is None else "stop" if reason.code in BLOCKING_CODES else "skip"
        assert fate == fate_of(rule, parents), parents


PARENTS: dict[NodeStatus, dict[str, Any]] = {
    NodeStatus.COMPLETED: {"key": "completed"},
    NodeStatus.TOLERATED: {"key": "tolerated", "continueOnFail": True},
    NodeStatus.SKIPPED: {"key": "skipped", "condition": "inputs.x"},
    NodeStatus.BLOCKED: {"key": "blocked", "dependsOn": ["root"]},
    NodeStatus.FAILED: {"key": "failed"},
    NodeStatus.CANCELLED: {"key": "cancelled"},
}
SETTLE_AS = {"root": "failed", "tolerated": "failed", "failed": "failed", "cancelled": "cancelled"}


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_a_run_follows_the_table_for_every_set_of_parents(rule: TriggerRule) -> None:
    for size in range(1, len(PARENTS) + 1):
        for statuses in combinations(PARENTS, size):
            keys = [PARENTS[status]["key"] for status in statuses]
            parents = [PARENTS[status] for status in statuses]
            graph = dag({"key": "root"}, *parents, {"key": "child", "dependsOn": keys, "triggerRule": rule})
            run = RunModel(graph, conditions={"skipped": Verdict(False, "x is false")})
            run.start()
            while todo := [item for item in run.items("ready") if item.node_key != "child"]:
                run.settle(todo[0], SETTLE_AS.get(todo[0].node_key, "completed"))
            assert tuple(run.status(key) for key in keys) == statuses
            expected = {"run": NodeStatus.ACTIVE, "skip": NodeStatus.SKIPPED, "stop": NodeStatus.BLOCKED}
            assert run.status("child") is expected[fate_of(rule, statuses)], statuses


def test_the_reason_names_the_first_stopped_parent_before_a_skipped_one() -> None:
    reason = trigger(
        TriggerRule.ALL_SUCCESS,
        [("a", NodeStatus.SKIPPED), ("b", NodeStatus.FAILED), ("c", NodeStatus.CANCELLED)],
    )
    assert reason is not None
    assert (reason.code, reason.message) == ("parent_failed", "parent b failed")


def test_a_skip_carries_on_down_and_other_branches_go_on() -> None:
    graph = dag(
        {"key": "a"},
        {"key": "b", "dependsOn": ["a"]},
        {"key": "c", "dependsOn": ["b"]},
        {"key": "clean", "dependsOn": ["c"], "triggerRule": "all_done"},
        {"key": "other"},
    )
    run = RunModel(graph)
    run.start()
    moves = run.settle(Item("a"), "failed")
    assert {key: reason.message for key, reason in moves.skip.items()} == {
        "b": "parent a failed",
        "c": "parent b could not run",
    }
    assert moves.start == (Item("clean"),)
    run.settle(Item("clean"), "completed")
    assert run.finished is None
    run.settle(Item("other"), "completed")
    assert run.finished is RunStatus.FAILED


def test_continue_on_fail_lets_children_run_and_the_run_complete() -> None:
    run = RunModel(dag({"key": "a", "continueOnFail": True}, {"key": "b", "dependsOn": ["a"]}))
    run.start()
    assert run.settle(Item("a"), "failed").start == (Item("b"),)
    run.settle(Item("b"), "completed")
    assert run.finished is RunStatus.COMPLETED


def test_one_success_starts_with_the_first_and_is_not_started_again() -> None:
    graph = dag({"key": "a"}, {"key": "b"}, {"key": "c", "dependsOn": ["a", "b"], "triggerRule": "one_success"})
    run = RunModel(graph)
    run.start()
    assert run.settle(Item("a"), "completed").start == (Item("c"),)
    assert run.settle(Item("b"), "completed") == Moves()


def test_a_run_in_which_all_is_skipped_is_completed() -> None:
    run = RunModel(dag({"key": "a", "condition": "inputs.x"}), conditions={"a": Verdict(False, "'x' is not there")})
    moves = next_moves(run.graph, run)
    assert (moves.skip["a"].code, moves.skip["a"].message) == ("condition_false", "'x' is not there")
    assert moves.finish is RunStatus.COMPLETED


def test_a_broken_condition_fails_its_node() -> None:
    graph = dag({"key": "a", "condition": "inputs.x"}, {"key": "b", "dependsOn": ["a"]})
    run = RunModel(graph, conditions={"a": Verdict(False, error="no such overload")})
    moves = next_moves(run.graph, run)
    assert (moves.fail["a"].code, moves.skip["b"].code, moves.finish) == (
        "condition_error",
        "parent_failed",
        RunStatus.FAILED,
    )


def test_conditions_are_asked_only_once_the_parents_let_the_node_start() -> None:
    graph = dag({"key": "a"}, {"key": "b", "dependsOn": ["a"], "condition": "inputs.x"})
    run = RunModel(graph)
    run.start()
    assert ("condition", "b") not in run.log
    run.settle(Item("a"), "failed")
    assert ("condition", "b") not in run.log


def test_a_condition_sees_what_settles_in_the_same_call() -> None:
    graph = dag(
        {"key": "a"},
        {"key": "b", "dependsOn": ["a"]},
        {"key": "c", "dependsOn": ["b"], "triggerRule": "all_done", "condition": "status.b == 'skipped'"},
    )
    run = RunModel(graph)
    run.start()
    assert run.settle(Item("a"), "failed").start == (Item("c"),)


# forEach, approval, groups.

ONE = {"g": {"limit": 1}}
MAPPED = ({"key": "a"}, {"key": "b", "dependsOn": ["a"], "forEach": "a.parts"}, {"key": "c", "dependsOn": ["b"]})


def test_a_join_starts_when_the_last_item_is_done() -> None:
    run = RunModel(dag(*MAPPED), item_counts={"b": 3})
    run.start()
    run.settle(Item("a"), "completed")
    assert run.items("ready") == [Item("b", 0), Item("b", 1), Item("b", 2)]
    run.settle(Item("b", 2), "completed")
    run.settle(Item("b", 0), "completed")
    assert run.settle(Item("b", 1), "completed").start == (Item("c"),)


def test_no_items_complete_the_node_and_its_children_go_on() -> None:
    run = RunModel(dag(*MAPPED), item_counts={"b": 0})
    run.start()
    moves = run.settle(Item("a"), "completed")
    assert (moves.complete, moves.start) == (("b",), (Item("c"),))


def test_one_failed_item_fails_the_node_after_the_others_are_done() -> None:
    run = RunModel(dag(*MAPPED), item_counts={"b": 2})
    run.start()
    run.settle(Item("a"), "completed")
    assert run.settle(Item("b", 0), "failed") == Moves()
    assert run.settle(Item("b", 1), "completed").skip["c"].message == "parent b failed"


@pytest.mark.parametrize(
    ("error", "status"),
    [("not-a-list", NodeStatus.FAILED), ("too-many-items", NodeStatus.FAILED), ("source-missing", NodeStatus.SKIPPED)],
)
def test_a_for_each_that_finds_no_list(error: str, status: NodeStatus) -> None:
    run = RunModel(dag(*MAPPED), item_counts={"b": ForEachError(error, "no list")})
    run.start()
    run.settle(Item("a"), "completed")
    assert run.status("b") is status


def test_a_for_each_behind_a_failed_source_is_stopped() -> None:
    graph = dag({"key": "a"}, {"key": "b", "dependsOn": ["a"], "forEach": "a", "triggerRule": "all_done"})
    run = RunModel(graph, item_counts={"b": ForEachError("source-missing", "no IR")})
    run.start()
    assert run.settle(Item("a"), "failed").skip["b"].message == "source a failed"
    assert run.status("b") is NodeStatus.BLOCKED


def test_a_for_each_over_no_items_has_no_items() -> None:
    graph = dag(*MAPPED[:2], {"key": "c", "dependsOn": ["b"], "forEach": "b"})
    run = RunModel(graph, item_counts={"b": 0, "c": ForEachError("source-missing", "no rows yet")})
    run.start()
    assert run.settle(Item("a"), "completed").complete == ("b", "c")
    assert run.finished is RunStatus.COMPLETED


def test_a_for_each_is_skipped_with_its_source() -> None:
    rule = {"triggerRule": "none_failed", "condition": "inputs.x"}
    graph = dag(
        {"key": "a"}, {"key": "b", "dependsOn": ["a"], **rule}, {"key": "c", "dependsOn": ["b"], **rule, "forEach": "b"}
    )
    run = RunModel(graph, conditions={"b": Verdict(False, "no"), "c": Verdict(True)}, item_counts={"c": 3})
    run.start()
    assert run.settle(Item("a"), "completed").skip["c"].code == "for_each_source_missing"


def test_one_success_with_a_for_each_waits_for_the_list() -> None:
    rule = {"triggerRule": "one_success", "forEach": "slow"}
    run = RunModel(dag({"key": "fast"}, {"key": "slow"}, {"key": "c", "dependsOn": ["fast", "slow"], **rule}))
    run.start()
    assert run.settle(Item("fast"), "completed") == Moves()
    assert [expansion.node_key for expansion in run.settle(Item("slow"), "completed").expand] == ["c"]


def test_approval_comes_after_the_condition_and_before_the_group() -> None:
    node = {"key": "a", "approval": True, "parallelGroup": "g"}
    run = RunModel(dag(node, {"key": "b", "parallelGroup": "g"}, parallelGroups=ONE))
    run.start()
    assert run.rows == {Item("a"): "waiting", Item("b"): "ready"}
    assert run.approve(Item("a")).hold == (Item("a"),)
    assert run.settle(Item("b"), "completed").start == (Item("a"),)


def test_each_item_waits_for_its_own_approval() -> None:
    run = RunModel(dag({"key": "a"}, {"key": "b", "dependsOn": ["a"], "forEach": "a", "approval": True}))
    run.item_counts = {"b": 2}
    run.start()
    run.settle(Item("a"), "completed")
    assert run.items("waiting") == [Item("b", 0), Item("b", 1)]
    assert run.approve(Item("b", 1)).start == (Item("b", 1),)


def test_held_items_start_in_the_order_in_which_they_could_have() -> None:
    group = {"parallelGroup": "g"}
    graph = dag({"key": "a", **group}, {"key": "b", **group}, {"key": "c", **group}, parallelGroups={"g": {"limit": 2}})
    run = RunModel(graph)
    run.start()
    assert (run.items("ready"), run.items("held")) == ([Item("a"), Item("b")], [Item("c")])
    assert run.settle(Item("b"), "completed").start == (Item("c"),)


def test_a_freed_place_goes_to_a_held_row_before_a_new_one() -> None:
    group = {"parallelGroup": "g"}
    graph = dag(
        {"key": "a", **group}, {"key": "b", **group}, {"key": "c", "dependsOn": ["a"], **group}, parallelGroups=ONE
    )
    run = RunModel(graph)
    run.start()
    moves = run.settle(Item("a"), "completed")
    assert (moves.start, moves.hold) == ((Item("b"),), (Item("c"),))


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (RowCounts(), NodeStatus.PENDING),
        (RowCounts(held=1, failed=2), NodeStatus.ACTIVE),
        (RowCounts(waiting=1, completed=2), NodeStatus.ACTIVE),
        (RowCounts(ready=1), NodeStatus.ACTIVE),
        (RowCounts(running=1), NodeStatus.ACTIVE),
        (RowCounts(completed=2, failed=1, cancelled=1), NodeStatus.FAILED),
        (RowCounts(completed=2, cancelled=1), NodeStatus.CANCELLED),
        (RowCounts(completed=1, skipped=3), NodeStatus.COMPLETED),
        (RowCounts(skipped=1), NodeStatus.SKIPPED),
    ],
)
def test_a_nodes_status_from_its_rows(counts: RowCounts, status: NodeStatus) -> None:
    assert node_status(Node("a", "noop@1"), counts) is status


def test_continue_on_fail_tolerates_a_failed_item() -> None:
    node = Node("a", "noop@1", continue_on_fail=True)
    assert node_status(node, RowCounts(completed=1, failed=1)) is NodeStatus.TOLERATED


@pytest.mark.parametrize("status", list(NodeStatus))
def test_conditions_see_the_words_of_rows(status: NodeStatus) -> None:
    assert status.shown in {"pending", "running", "completed", "failed", "skipped", "cancelled"}


# Retries.


@given(
    retries=st.integers(0, 100),
    delay=st.integers(0, 86_400_000),
    failures=st.integers(1, 101),
    uniform=st.floats(0, 1),
)
def test_back_off_doubles_within_its_jitter_and_its_ceiling(
    retries: int, delay: int, failures: int, uniform: float
) -> None:
    node = Node("a", "noop@1", retries=retries, retry_delay_ms=delay)
    found = retry_delay_ms(node, failures=failures, uniform=uniform)
    if failures > retries:
        assert found is None
        return
    assert found is not None
    ceiling = min(delay * 2 ** (failures - 1), max(delay, MAX_BACKOFF_MS))
    assert ceiling // 2 <= found <= ceiling


def test_lost_workers_have_a_limit_of_their_own() -> None:
    node = Node("a", "noop@1", retries=0, retry_delay_ms=100, max_lost=2)
    assert [lost_delay_ms(node, losses=losses, uniform=1) for losses in (1, 2, 3)] == [100, 200, None]


# Invariants over random graphs.


RULES_OF_NODES = st.sampled_from(tuple(TriggerRule))
APPROVALS = st.sampled_from((False, False, False, True))
GROUPS = st.sampled_from((None, None, "one", "few", "free"))
CONDITIONS = st.sampled_from((None, None, None, "inputs.x"))


@st.composite
def graphs(draw: st.DrawFn, max_nodes: int = 12) -> Graph:
    """Random DAGs with every field that the scheduler reads."""
    nodes: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, max_nodes))):
        parents = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        node = {
            "key": f"n{index}",
            "dependsOn": [f"n{parent}" for parent in sorted(parents)],
            "triggerRule": draw(RULES_OF_NODES),
            "continueOnFail": draw(st.booleans()),
            "approval": draw(APPROVALS),
            "parallelGroup": draw(GROUPS),
            "condition": draw(CONDITIONS),
            "forEach": draw(st.sampled_from((None, None, f"n{min(parents)}"))) if parents else None,
        }
        if parents and node["condition"] is None and node["triggerRule"] is not TriggerRule.ONE_SUCCESS:
            node["condition"] = draw(st.sampled_from((None, f"status.n{max(parents)} != 'failed'")))
        nodes.append(node)
    limits = {"one": {"limit": 1}, "few": {"limit": draw(st.integers(2, 4))}, "free": {"limit": None}}
    return dag(*nodes, parallelGroups=limits)


VERDICTS = st.sampled_from([Verdict(True), Verdict(False, "x is false"), Verdict(False, error="x is not a number")])
COUNTS = st.one_of(
    st.integers(0, 6),
    st.sampled_from([ForEachError("source-missing", "no IR"), ForEachError("not-a-list", "not a list")]),
)
CHANCE = st.randoms(use_true_random=False)


@st.composite
def runs(draw: st.DrawFn) -> RunModel:
    graph = draw(graphs())
    return RunModel(
        graph,
        conditions={node.key: draw(VERDICTS) for node in graph.nodes if node.condition == "inputs.x"},
        item_counts={node.key: draw(COUNTS) for node in graph.nodes if node.for_each},
        check=check_step,
    )


def check_step(run: RunModel, moves: Moves, full: Moves) -> None:
    """After every step: the incremental answer is the full one, and groups are as full as they can be, no fuller."""
    assert moves == full
    for group, limit in run.graph.group_limits.items():
        if limit is not None:
            in_flight = run.in_flight(group)
            assert in_flight <= limit
            assert in_flight == limit or not run.held(group, 1)


def play(run: RunModel, chance: random.Random, *, steps: int = 10_000, outcome_seed: int = 0) -> None:
    """Start, settle and approve in random order until nothing is left to do. An item's outcome is its own."""
    run.start()
    for _ in range(steps):
        todo = run.items("ready", "waiting")
        if not todo:
            return
        item = chance.choice(todo)
        if run.rows[item] == "waiting":
            run.approve(item)
        else:
            outcome = random.Random(f"{outcome_seed} {item}")
            run.settle(item, outcome.choices(["completed", "failed", "cancelled"], [6, 3, 1])[0])


@given(run=runs(), chance=CHANCE, seed=st.integers())
@settings(max_examples=120)
def test_every_run_ends_with_every_node_settled_by_its_rule(run: RunModel, chance: random.Random, seed: int) -> None:
    play(run, chance, outcome_seed=seed)
    statuses = {node.key: run.status(node.key) for node in run.graph.nodes}
    assert all(status.settled for status in statuses.values())
    bad = {NodeStatus.FAILED, NodeStatus.CANCELLED} & {*statuses.values()}
    assert run.finished is (RunStatus.FAILED if bad else RunStatus.COMPLETED)
    for node in run.graph.nodes:
        fate = fate_of(node.trigger_rule, [statuses[key] for key in node.parents])
        skip_code = run.skip_codes.get(node.key)
        if fate == "run":
            assert skip_code in (
                None,
                "condition_false",
                "for_each_source_missing",
                "parent_failed",
                "parent_cancelled",
            )
            assert skip_code not in BLOCKING_CODES or node.for_each is not None
        else:
            assert statuses[node.key] is (NodeStatus.BLOCKED if fate == "stop" else NodeStatus.SKIPPED)


@given(run=runs(), chance=CHANCE, seed=st.integers())
@settings(max_examples=100)
def test_nothing_starts_twice_or_before_its_parents(run: RunModel, chance: random.Random, seed: int) -> None:
    play(run, chance, outcome_seed=seed)
    started = Counter(item for state, item in run.log if state == "ready")
    assert not started or max(started.values()) == 1
    settled_at = {item: at for at, (state, item) in enumerate(run.log) if state not in (*ACTIVE, "condition")}
    for at, (state, item) in enumerate(run.log):
        if not isinstance(item, Item) or state not in ACTIVE:
            continue
        node = run.graph.node(item.node_key)
        parents_at = [max(settled_at[row] for row in run.rows_of[key]) for key in node.parents]
        waits_for_all = node.trigger_rule is not TriggerRule.ONE_SUCCESS
        if parents_at:
            assert at > (max(parents_at) if waits_for_all else min(parents_at))


@given(run=runs(), first=CHANCE, second=CHANCE, seed=st.integers())
@settings(max_examples=100)
def test_the_rows_do_not_depend_on_the_order_of_events(
    run: RunModel, first: random.Random, second: random.Random, seed: int
) -> None:
    again = RunModel(run.graph, conditions=run.conditions, item_counts=run.item_counts)
    play(run, first, outcome_seed=seed)
    play(again, second, outcome_seed=seed)
    assert run.rows == again.rows
    assert run.skip_codes == again.skip_codes
    assert run.finished is again.finished


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_what_fans_out_over_nothing_finds_nothing_in_any_order(order: tuple[str, str]) -> None:
    graph = dag(
        {"key": "a"},
        {"key": "b"},
        {"key": "each", "forEach": "a", "dependsOn": ["a"]},
        {"key": "again", "forEach": "each", "dependsOn": ["each", "b"]},
    )
    run = RunModel(graph, item_counts={"each": 0, "again": ForEachError("source-missing", "no IR")}, check=check_step)

    run.start()
    for key in order:
        run.settle(Item(key), "completed")

    assert run.rows[Item("again")] == "completed"


@given(run=runs(), chance=CHANCE, steps=st.integers(0, 8), running=st.integers(0, 3))
@settings(max_examples=100)
def test_a_cancelled_run_ends_at_once(run: RunModel, chance: random.Random, steps: int, running: int) -> None:
    play(run, chance, steps=steps)
    for item in run.items("ready")[:running]:
        run.rows[item] = "running"
    settled = {item: run.rows[item] for item in run.items("completed", "failed", "skipped")}
    if run.finished is not None:
        return
    run.cancel()
    assert run.finished is RunStatus.CANCELLED
    assert all(run.status(node.key).settled for node in run.graph.nodes)
    assert {item: run.rows[item] for item in settled} == settled


@given(run=runs(), chance=CHANCE, data=st.data())
@settings(max_examples=100)
def test_a_rerun_from_any_node_ends_again(run: RunModel, chance: random.Random, data: st.DataObject) -> None:
    play(run, chance)
    key = data.draw(st.sampled_from([node.key for node in run.graph.nodes]))
    run.forget([key, *run.graph.descendants([key])])
    play(run, chance, outcome_seed=1)
    assert run.finished is not None
    assert all(run.status(node.key).settled for node in run.graph.nodes)


# Cost.


class CountingRun(RunModel):
    """Counts how many nodes the scheduler looked at since the last reset."""

    looked_at = 0

    def statuses(self, keys: Collection[str]) -> Mapping[str, NodeStatus]:
        self.looked_at += len(keys)
        return super().statuses(keys)

    def has_unsettled_parent(self, node: Node) -> bool:
        self.looked_at += 1
        return super().has_unsettled_parent(node)


def chain(length: int) -> Graph:
    return dag(*({"key": f"n{index}", "order": index} for index in range(length)))


@pytest.mark.parametrize("length", [10, 1000])
def test_a_step_of_a_chain_costs_the_same_however_long_it_is(length: int) -> None:
    run = CountingRun(chain(length))
    run.start()
    for index in range(5):
        run.looked_at = 0
        run.settle(Item(f"n{index}"), "completed")
        assert run.looked_at == 3


def test_a_step_of_a_wide_join_looks_at_one_child() -> None:
    wide = [{"key": f"n{index}", "order": 1} for index in range(500)]
    run = CountingRun(dag({"key": "first", "order": 0}, *wide, {"key": "last", "order": 2}))
    run.start()
    run.settle(Item("first"), "completed")
    run.looked_at = 0
    run.settle(Item("n7"), "completed")
    assert run.looked_at == 3


def test_an_item_among_others_costs_one_look() -> None:
    run = CountingRun(dag(*MAPPED), item_counts={"b": 3})
    run.start()
    run.settle(Item("a"), "completed")
    run.looked_at = 0
    run.settle(Item("b", 1), "completed")
    assert run.looked_at == 1


def test_a_skip_cascades_through_two_thousand_nodes_in_one_call() -> None:
    run = RunModel(chain(2000))
    run.start()
    moves = run.settle(Item("n0"), "failed")
    assert len(moves.skip) == 1999
    assert moves.finish is RunStatus.FAILED


def test_five_thousand_items_are_one_move() -> None:
    nodes = ({"key": "a"}, {"key": "b", "dependsOn": ["a"], "forEach": "a", "parallelGroup": "g"})
    run = RunModel(dag(*nodes, parallelGroups={"g": {"limit": 8}}), item_counts={"b": 5000})
    run.start()
    (expansion,) = run.settle(Item("a"), "completed").expand
    assert (expansion.count, expansion.start) == (5000, 8)
