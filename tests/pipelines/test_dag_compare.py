"""What differs between two DAGs."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipelines.dag import Change, Graph, changed_nodes, compare, parse_dag


def graph(*nodes: dict[str, Any], **document: Any) -> Graph:
    return parse_dag({"nodes": [{"stepVersionId": "emit@1", **node} for node in nodes], **document})


def test_every_field_that_differs_is_named() -> None:
    old = graph({"key": "a", "retries": 1, "cache": True}, {"key": "gone"})
    new = graph({"key": "a", "retries": 2, "condition": "true"}, {"key": "b", "dependsOn": ["a"]})

    assert compare(old, new) == [
        Change("changed", "a", "condition", None, "true"),
        Change("changed", "a", "retries", 1, 2),
        Change("changed", "a", "cache", True, None),
        Change("added", "b"),
        Change("removed", "gone"),
    ]
    assert changed_nodes(compare(old, new)) == {"a": "changed", "b": "added", "gone": "removed"}


def test_true_differs_from_1() -> None:
    old, new = graph({"key": "a", "params": {"x": [1]}}), graph({"key": "a", "params": {"x": [True]}})

    assert compare(old, new) == [Change("changed", "a", "params", {"x": [1]}, {"x": [True]})]


def test_groups_are_compared_by_their_limits() -> None:
    old = graph({"key": "a"}, parallelGroups={"x": {"limit": 1}, "y": {"limit": 2}})
    new = graph({"key": "a"}, parallelGroups={"x": {"limit": None}, "z": {"limit": 3}})

    assert compare(old, new) == [
        Change("changed", "", "x", 1, None),
        Change("removed", "", "y", before=2),
        Change("added", "", "z", after=3),
    ]


def test_spelling_makes_no_difference() -> None:
    one = graph({"key": "a"}, {"key": "b", "dependsOn": ["a"]}, {"key": "c", "dependsOn": ["b", "a"]})
    edges = [{"from": "a", "to": "c"}, {"fromKey": "b", "toKey": "c"}, {"from": "a", "to": "b"}]
    other = graph({"key": "c"}, {"key": "b"}, {"key": "a"}, edges=edges)

    assert compare(one, other) == []


@given(st.sets(st.sampled_from("abcdef"), min_size=1), st.sets(st.sampled_from("abcdef"), min_size=1))
def test_what_is_added_one_way_is_removed_the_other(one: set[str], other: set[str]) -> None:
    old, new = (graph(*({"key": key} for key in sorted(keys))) for keys in (one, other))

    there, back = changed_nodes(compare(old, new)), changed_nodes(compare(new, old))

    assert {key for key, kind in there.items() if kind == "added"} == other - one
    assert {key for key, kind in back.items() if kind == "removed"} == other - one
