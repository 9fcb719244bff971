"""The scheduler's rules: the tables in docs/dag.md, and invariants over random graphs and random outcomes."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.conditions import Verdict
from pipelines.dag import ForEachError, Graph, TriggerRule, parse_dag
from pipelines.scheduling import Moves
from tests.pipelines.run_model import RunModel


def same_moves(_run: RunModel, incremental: Moves, full: Moves) -> None:
    assert incremental == full


@st.composite
def graphs(draw: st.DrawFn, max_nodes: int = 12) -> Graph:
    """Random DAGs with every field that the scheduler reads."""
    count = draw(st.integers(1, max_nodes))
    nodes: list[dict[str, Any]] = []
    for index in range(count):
        node: dict[str, Any] = {"key": f"n{index}", "stepVersionId": "noop@1"}
        parents = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        node["dependsOn"] = [f"n{parent}" for parent in sorted(parents)]
        node["triggerRule"] = draw(st.sampled_from(list(TriggerRule)))
        node["continueOnFail"] = draw(st.booleans())
        node["approval"] = draw(st.sampled_from([False, False, False, True]))
        node["parallelGroup"] = draw(st.sampled_from([None, None, "g1", "g2", "free"]))
        if draw(st.integers(0, 3)) == 0:
            node["condition"] = "inputs.x"
        if parents and draw(st.integers(0, 3)) == 0:
            node["forEach"] = f"n{min(parents)}"
        nodes.append(node)
    groups = {"g1": {"limit": 1}, "g2": {"limit": draw(st.integers(1, 4))}, "free": {"limit": None}}
    return parse_dag({"nodes": nodes, "parallelGroups": groups})


verdicts = st.sampled_from([Verdict(True), Verdict(False, "x is false"), Verdict(False, error="x is not a number")])
counts = st.one_of(
    st.integers(0, 6),
    st.sampled_from([ForEachError("source-missing", "no IR"), ForEachError("not-a-list", "not a list")]),
)


@st.composite
def runs(draw: st.DrawFn, /, **options: Any) -> RunModel:
    graph = draw(graphs())
    return RunModel(
        graph,
        conditions={node.key: draw(verdicts) for node in graph.nodes if node.condition},
        item_counts={node.key: draw(counts) for node in graph.nodes if node.for_each},
        **options,
    )


def play(
    run: RunModel, chance: random.Random, outcomes: tuple[str, ...] = ("completed", "completed", "failed")
) -> None:
    """Settle and approve in random order until nothing is left to do."""
    run.start()
    while todo := run.items("ready", "running", "waiting"):
        item = chance.choice(todo)
        if run.rows[item] == "waiting":
            run.approve(item)
        else:
            run.settle(item, chance.choice(outcomes))


@given(run=runs(check=same_moves), chance=st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_every_run_ends_and_incremental_equals_full(run: RunModel, chance: random.Random) -> None:
    play(run, chance)
    assert run.finished is not None
    assert all(run.status(node.key).settled for node in run.graph.nodes)
