"""Reading DAG documents: every spelling gives one graph, every fault is found at its place."""

import contextlib
import json
import time
from collections.abc import Callable
from itertools import pairwise, permutations
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.dag import (
    DagError,
    ForEachError,
    ForEachPath,
    Graph,
    TriggerRule,
    dag_schema,
    parse_dag,
    resolve_for_each,
)


def node(key: str, **fields: Any) -> dict[str, Any]:
    return {"key": key, "stepVersionId": "noop@1", **fields}


def faults(document: object) -> list[tuple[str, str]]:
    """The (path, code) of each problem."""
    with pytest.raises(DagError) as caught:
        parse_dag(document)
    return [(problem["path"], problem["code"]) for problem in caught.value.as_dicts()]


def fault(document: object) -> Any:
    """The one problem of a document."""
    with pytest.raises(DagError) as caught:
        parse_dag(document)
    (problem,) = caught.value.problems
    return problem


def parents(graph: Graph) -> dict[str, tuple[str, ...]]:
    return {node.key: node.parents for node in graph.nodes}


# Spellings.

DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
EDGES = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
BARE = [node(key) for key in "abcd"]

SPELLINGS = {
    "from-to": {"nodes": BARE, "edges": [{"from": above, "to": below} for above, below in EDGES]},
    "fromKey-toKey": {"nodes": BARE, "edges": [{"fromKey": above, "toKey": below} for above, below in EDGES]},
    "dependsOn": {"nodes": [node(key, dependsOn=list(above)) for key, above in DIAMOND.items()]},
    "order": {"nodes": [node("a", order=0), node("b", order=10), node("c", order=10), node("d", order=20.0)]},
    "all at once": {
        "nodes": [node("a", order=1), node("b", dependsOn=["a"], order=2), node("c", order=3), node("d", order=4)],
        "edges": [
            {"from": "a", "to": "b"},
            {"fromKey": "a", "toKey": "b"},
            {"from": "a", "toKey": "c"},
            {"fromKey": "b", "toKey": "d"},
            {"from": "c", "fromKey": "c", "to": "d"},
        ],
    },
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_graph(spelling: str) -> None:
    graph = parse_dag(SPELLINGS[spelling])
    assert parents(graph) == DIAMOND
    assert graph == parse_dag(SPELLINGS["dependsOn"])
    assert graph.fingerprint == parse_dag(SPELLINGS["dependsOn"]).fingerprint


def test_nodes_without_dependencies_all_start_at_once() -> None:
    assert parents(parse_dag({"nodes": BARE, "edges": None})) == dict.fromkeys("abcd", ())


def test_order_breaks_ties_where_there_are_edges() -> None:
    nodes = [node("late", order=2), node("early", order=1), node("last", dependsOn=["late"], order=0)]
    assert [one.key for one in parse_dag({"nodes": nodes}).nodes] == ["early", "late", "last"]


def test_every_field_is_read_and_null_means_left_out() -> None:
    fields = {
        "params": {"a": 1},
        "config": {"b": [2]},
        "metricProfileId": "layout",
        "condition": "inputs.go",
        "continueOnFail": True,
        "retries": 3,
        "retryDelayMs": 250,
        "timeoutMs": 60000.0,
        "parallelGroup": "browser",
        "triggerRule": "none_failed",
        "forEach": "a.parts",
        "approval": True,
        "cache": True,
        "pool": "gpu",
        "weight": 2,
        "maxLost": 0,
    }
    document = {
        "nodes": [node("a", **dict.fromkeys(fields)), node("b", dependsOn=["a"], **fields)],
        "parallelGroups": {"browser": {"limit": 2}},
    }
    plain, full = parse_dag(document).nodes
    assert plain == parse_dag({"nodes": [node("a")]}).nodes[0]
    assert (full.params, full.config, full.metric_profile_id) == ({"a": 1}, {"b": [2]}, "layout")
    assert (full.condition, full.continue_on_fail, full.retries) == ("inputs.go", True, 3)
    assert (full.retry_delay_ms, full.timeout_ms, full.max_lost) == (250, 60000, 0)
    assert isinstance(full.timeout_ms, int)
    assert (full.parallel_group, full.pool, full.weight) == ("browser", "gpu", 2)
    assert full.trigger_rule is TriggerRule.NONE_FAILED
    assert full.for_each == ForEachPath("a", ("parts",))
    assert (full.approval, full.cache) == (True, True)
    assert parse_dag(document).limit("browser") == 2


def test_references_carry_the_place_to_report_at() -> None:
    uuid = "0190b6f0-7c3a-7000-8000-000000000001"
    nodes = [node("b", dependsOn=["a"], metricProfileId="layout"), {"key": "a", "stepVersionId": uuid}]
    graph = parse_dag({"nodes": nodes})
    assert [(one.path, one.node_key, one.value) for one in graph.step_references()] == [
        ("/nodes/1/stepVersionId", "a", uuid),
        ("/nodes/0/stepVersionId", "b", "noop@1"),
    ]
    assert [(one.path, one.value) for one in graph.profile_references()] == [("/nodes/0/metricProfileId", "layout")]


def test_family_questions() -> None:
    graph = parse_dag(SPELLINGS["order"])
    assert graph.children["a"] == ("b", "c")
    assert graph.descendants(["b"]) == ("d",)
    assert graph.descendants(["a"]) == ("b", "c", "d")
    assert graph.ancestors("d") == {"a", "b", "c"}
    assert graph.edge_count == 4


# Faults.


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (3, [("", "wrong-type")]),
        ({}, [("", "field-missing")]),
        ({"nodes": []}, [("/nodes", "too-few")]),
        ({"nodes": {}}, [("/nodes", "wrong-type")]),
        ({"nodes": [3]}, [("/nodes/0", "wrong-type")]),
        ({"nodes": [{}]}, [("/nodes/0", "field-missing"), ("/nodes/0", "field-missing")]),
        ({"nodes": [node("a", params=[])]}, [("/nodes/0/params", "wrong-type")]),
        ({"nodes": [node("a", retries=True)]}, [("/nodes/0/retries", "wrong-type")]),
        ({"nodes": [node("a", retries=-1)]}, [("/nodes/0/retries", "out-of-range")]),
        ({"nodes": [node("a", weight=1001)]}, [("/nodes/0/weight", "out-of-range")]),
        ({"nodes": [node("a", pool="")]}, [("/nodes/0/pool", "too-short")]),
        ({"nodes": [node("a", pool="x" * 101)]}, [("/nodes/0/pool", "too-long")]),
        ({"nodes": [node("a", triggerRule="all")]}, [("/nodes/0/triggerRule", "unknown-choice")]),
        ({"nodes": [node("a", params={"x": "y" * 100_001})]}, [("/nodes/0/params", "too-large")]),
        ({"nodes": [node("a", params={"x": float("nan")})]}, [("/nodes/0/params/x", "not-json")]),
        ({"nodes": [node("a", params={"x": {1, 2}})]}, [("/nodes/0/params/x", "not-json")]),
        ({"nodes": [node("a", params={1: 2})]}, [("/nodes/0/params/1", "not-json")]),
        ({"nodes": [node("a", params={"x": "a\x00b"})]}, [("/nodes/0/params/x", "text-not-storable")]),
        ({"nodes": [node("a", params={"\ud800": 1})]}, [("/nodes/0/params/\ud800", "text-not-storable")]),
        ({"nodes": [node("a"), node("a")]}, [("/nodes/1/key", "duplicate-key")]),
        ({"nodes": [node("a")], "edges": [{"from": "a"}]}, [("/edges/0", "edge-end-missing")]),
        ({"nodes": [node("a")], "edges": [3]}, [("/edges/0", "wrong-type")]),
        ({"nodes": [node("a")], "edges": [{"from": "a", "to": "a"}]}, [("/edges/0", "self-edge")]),
        ({"nodes": [node("a", dependsOn=["b"])]}, [("/nodes/0/dependsOn/0", "unknown-node")]),
        ({"nodes": [node("a"), node("b", dependsOn=["a", "a"])]}, [("/nodes/1/dependsOn/1", "duplicate-edge")]),
        (
            {"nodes": BARE, "edges": [{"from": "a", "to": "b", "fromKey": "c"}]},
            [("/edges/0", "edge-ambiguous")],
        ),
        (
            {"nodes": BARE, "edges": [{"from": "a", "to": "b"}, {"to": "b", "from": "a"}]},
            [("/edges/1", "duplicate-edge")],
        ),
        ({"nodes": [node("a", order=1), node("b")]}, [("/nodes/1", "order-missing")]),
        ({"nodes": [node("a", condition="1 +")]}, [("/nodes/0/condition", "bad-condition")]),
        ({"nodes": [node("a", condition="1 + 1")]}, [("/nodes/0/condition", "bad-condition")]),
        ({"nodes": [node("a", condition="ir.b.x == 1")]}, [("/nodes/0/condition", "unknown-node")]),
        ({"nodes": [node("a", condition="ir.a.x == 1")]}, [("/nodes/0/condition", "not-an-ancestor")]),
        ({"nodes": [node("a", forEach="ir..x")]}, [("/nodes/0/forEach", "bad-for-each")]),
        ({"nodes": [node("a"), node("b", forEach="a.x")]}, [("/nodes/1/forEach", "not-an-ancestor")]),
        (
            {"nodes": [node("a", parallelGroup="x")], "parallelGroups": {}},
            [("/nodes/0/parallelGroup", "unknown-group")],
        ),
        ({"nodes": [node("a")], "parallelGroups": {"x": {"limit": 0}}}, [("/parallelGroups/x/limit", "out-of-range")]),
    ],
)
def test_each_fault_is_named_at_its_place(document: object, expected: list[tuple[str, str]]) -> None:
    assert faults(document) == expected


def test_all_faults_are_found_in_one_reading() -> None:
    document = {
        "nodes": [
            node("a b", retires=2),
            node("b", dependsOn=["c", "bb"], condition="metrics.c.x >"),
            node("c", condition="ir.zz.x > 1", forEach="yy.parts", dependsOn=["b"]),
            node("c"),
            3,
        ],
        "edges": [{"from": "c"}, {"from": "b", "to": "b"}],
        "node": 1,
    }
    assert set(faults(document)) == {
        ("/nodes/0/key", "bad-format"),
        ("/nodes/0/retires", "unknown-field"),
        ("/nodes/1/dependsOn/1", "unknown-node"),
        ("/nodes/1/condition", "bad-condition"),
        ("/nodes/1", "cycle"),
        ("/nodes/2/condition", "unknown-node"),
        ("/nodes/2/forEach", "unknown-node"),
        ("/nodes/3/key", "duplicate-key"),
        ("/nodes/4", "wrong-type"),
        ("/edges/0", "edge-end-missing"),
        ("/edges/1", "self-edge"),
        ("/node", "unknown-field"),
    }


def test_a_misspelt_word_is_met_with_the_right_one() -> None:
    assert "'retries'" in fault({"nodes": [node("a", retires=1)]}).hint
    assert "'split'" in fault({"nodes": [node("split"), node("b", dependsOn=["splt"])]}).hint
    group = {"nodes": [node("a", parallelGroup="brwser")], "parallelGroups": {"browser": {"limit": 1}}}
    assert "'browser'" in fault(group).hint
    assert "split, b" in fault({"nodes": [node("split"), node("b", dependsOn=["first"])]}).hint
    assert "ir.split.parts" in fault({"nodes": [node("a", forEach="")]}).hint
    assert "null is no limit" in fault({"nodes": [node("a")], "parallelGroups": {"browser": {}}}).hint


def test_a_fault_is_told_once() -> None:
    long = {"nodes": [node("a", condition="true" + " " * 2000), node("b", forEach="")]}
    assert faults(long) == [("/nodes/0/condition", "too-long"), ("/nodes/1/forEach", "too-short")]


def test_a_node_is_not_told_to_wait_for_itself() -> None:
    assert fault({"nodes": [node("a", condition="status.a == 'failed'")]}).hint == "Name a node above it."


def test_a_cycle_is_named_along_its_edges() -> None:
    edges = [("in", "x"), ("x", "y"), ("y", "z"), ("z", "x"), ("z", "out")]
    document = {
        "nodes": [node(key) for key in ("in", "x", "y", "z", "out")],
        "edges": [{"from": above, "to": below} for above, below in edges],
    }
    named = fault(document).message.split(": ")[1].rstrip(".").split(" → ")
    assert named[0] == named[-1]
    assert {*named} == {"x", "y", "z"}
    assert all(edge in edges for edge in pairwise(named))


@pytest.mark.parametrize("key", ["", "1a", "-a", "a.b", "a b", "é", "a" * 81, "a\n"])
def test_keys_that_are_refused(key: str) -> None:
    assert faults({"nodes": [node(key)]}) == [("/nodes/0/key", "bad-format")]


@pytest.mark.parametrize("step", ["noop", "noop@", "@1", "No@1", "noop@v1", "0190b6f0-7c3a-7000-8000-00000000000"])
def test_step_versions_that_are_refused(step: str) -> None:
    assert faults({"nodes": [node("a", stepVersionId=step)]}) == [("/nodes/0/stepVersionId", "bad-format")]


# Limits.


def test_a_document_may_not_be_nested_without_end() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    assert [code for _, code in faults({"nodes": [node("a", params={"x": value})]})] == ["document-too-deep"]


def test_a_document_may_not_be_endless() -> None:
    assert faults({"nodes": [0] * 500_001}) == [("", "document-too-large")]
    assert faults({"nodes": [node(f"n{index}") for index in range(2001)]}) == [("/nodes", "too-many")]


def test_no_spelling_gets_round_the_limit_on_edges() -> None:
    wide = [node(f"n{index}", order=index % 2) for index in range(400)]
    assert faults({"nodes": wide}) == [("", "too-many")]
    below = [node(f"b{index}", dependsOn=[f"a{above}" for above in range(200)]) for index in range(101)]
    assert faults({"nodes": [*(node(f"a{index}") for index in range(200)), *below]}) == [("", "too-many")]


def test_only_the_first_hundred_problems_are_listed() -> None:
    found = faults({"nodes": [node("a")] * 500})
    assert len(found) == 101
    assert found[-1] == ("", "too-many-problems")


KEYS = [f"n{index}" for index in range(2000)]
MANY_FAULTS: dict[str, Callable[[], dict[str, Any]]] = {
    "unknown ends": lambda: {
        "nodes": [*map(node, KEYS)],
        "edges": [{"from": f"x{i}", "to": f"y{i}"} for i in range(20_000)],
    },
    "unknown fields": lambda: {"nodes": [node("a", **{f"field{i}": i for i in range(400_000)})]},
    "unknown groups": lambda: {
        "nodes": [node(key, parallelGroup=f"g{key}") for key in KEYS],
        "parallelGroups": {f"h{i}": {"limit": 1} for i in range(200)},
    },
    "unknown names": lambda: {"nodes": [node(key, condition=f"ir.x{key}.a == 1", forEach=f"y{key}") for key in KEYS]},
    "broken conditions": lambda: {"nodes": [node(key, condition=f"ir.x{key} ===") for key in KEYS]},
    "one great cycle": lambda: {"nodes": [node(key, dependsOn=[KEYS[index - 1]]) for index, key in enumerate(KEYS)]},
}


@pytest.mark.parametrize("faulty", MANY_FAULTS.values(), ids=MANY_FAULTS.keys())
def test_a_document_full_of_faults_is_refused_in_bounded_time(faulty: Callable[[], dict[str, Any]]) -> None:
    document = faulty()
    begun = time.thread_time()
    assert faults(document)
    assert time.thread_time() - begun < 5


def test_two_thousand_nodes_in_a_chain_are_read() -> None:
    graph = parse_dag({"nodes": [node(f"n{index}", order=index) for index in range(2000)]})
    assert len(graph.ancestors("n1999")) == 1999


# Properties.

FIELDS = {
    "retries": st.integers(0, 5),
    "continueOnFail": st.booleans(),
    "triggerRule": st.sampled_from(list(map(str, TriggerRule))),
    "params": st.dictionaries(st.text("ab"), st.integers() | st.text("xyz")),
    "condition": st.sampled_from(["inputs.a == 1", None]),
    "cache": st.booleans(),
    "parallelGroup": st.sampled_from(["g", None]),
}
SOME_FIELDS = st.fixed_dictionaries({}, optional=FIELDS)
EDGE_SPELLINGS = st.sampled_from(("dependsOn", "from", "fromKey"))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Sound documents: nodes in any order, edges in any spelling."""
    count = draw(st.integers(1, 8))
    keys = [f"n{index}" for index in range(count)]
    nodes = {key: node(key) for key in keys}
    edges = []
    pairs = [(keys[above], keys[below]) for below in range(count) for above in range(below)]
    for above, below in draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []:
        spelling = draw(EDGE_SPELLINGS)
        if spelling == "dependsOn":
            nodes[below].setdefault("dependsOn", []).append(above)
        else:
            edges.append({spelling: above, spelling.replace("from", "to"): below})
    for one in nodes.values():
        one.update(draw(SOME_FIELDS))
    return {"nodes": draw(st.permutations(list(nodes.values()))), "edges": edges}


@given(documents())
@settings(max_examples=100)
def test_the_canonical_document_gives_the_same_graph(document: dict[str, Any]) -> None:
    graph = parse_dag(document)
    canonical = json.loads(json.dumps(graph.to_document()))
    jsonschema_rs.Draft202012Validator(dag_schema()).validate(canonical)
    assert parse_dag(canonical) == graph
    assert parse_dag(canonical).fingerprint == graph.fingerprint
    assert parse_dag(canonical).to_document() == canonical


@given(documents())
@settings(max_examples=100)
def test_parents_stand_before_their_children(document: dict[str, Any]) -> None:
    graph = parse_dag(document)
    for one in graph.nodes:
        places = [graph.position[key] for key in one.parents]
        assert places == sorted(places)
        assert all(place < graph.position[one.key] for place in places)


@given(documents(), st.data())
@settings(max_examples=100)
def test_an_edge_back_up_is_always_found_to_be_a_cycle(document: dict[str, Any], data: st.DataObject) -> None:
    graph = parse_dag(document)
    below = [one for one in graph.nodes if one.parents]
    if not below:
        return
    lower = data.draw(st.sampled_from(below))
    upper = data.draw(st.sampled_from(sorted(graph.ancestors(lower.key))))
    document["edges"].append({"from": lower.key, "to": upper})
    assert fault(document).code == "cycle"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {"nodes": st.lists(st.dictionaries(st.sampled_from(["key", "dependsOn", "order", *FIELDS]), JSON), max_size=3)},
        optional={"edges": JSON, "parallelGroups": JSON},
    )
    | JSON
)
@settings(max_examples=150)
def test_no_document_is_met_with_a_traceback(document: object) -> None:
    with contextlib.suppress(DagError):
        parse_dag(document)


def test_the_schema_and_its_example_are_sound() -> None:
    jsonschema_rs.meta.validate(dag_schema())
    for spelling in SPELLINGS.values():
        jsonschema_rs.Draft202012Validator(dag_schema()).validate(spelling)


def test_the_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    fields = {"key": "a", "stepVersionId": "noop@1", "retries": 1}
    found = {parse_dag({"nodes": [dict(order)]}).fingerprint for order in permutations(fields.items())}
    assert len(found) == 1


# forEach.


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("ir.split.parts", ForEachPath("split", ("parts",))),
        ("split.parts", ForEachPath("split", ("parts",))),
        ("ir.split", ForEachPath("split")),
        ("split", ForEachPath("split")),
        ("ir.split.a.b-c", ForEachPath("split", ("a", "b-c"))),
    ],
)
def test_for_each_paths(text: str, path: ForEachPath) -> None:
    graph = parse_dag({"nodes": [node("split"), node("b", dependsOn=["split"], forEach=text)]})
    assert graph.node("b").for_each == path


def test_a_node_called_ir_is_named_in_full() -> None:
    graph = parse_dag({"nodes": [node("ir"), node("b", dependsOn=["ir"], forEach="ir.ir.parts")]})
    assert graph.node("b").for_each == ForEachPath("ir", ("parts",))


def test_a_path_into_a_list_of_irs_is_refused_at_once() -> None:
    nodes = [node("a"), node("b", dependsOn=["a"], forEach="a"), node("c", dependsOn=["b"], forEach="b.x")]
    assert faults({"nodes": nodes}) == [("/nodes/2/forEach", "bad-for-each")]


def test_the_items_are_the_list_at_the_end_of_the_path() -> None:
    irs = {"split": {"page": {"parts": [1, 2]}}, "generate": [{"html": "a"}, {"html": "b"}]}
    assert resolve_for_each(ForEachPath("split", ("page", "parts")), irs) == [1, 2]
    assert resolve_for_each(ForEachPath("generate"), irs) == [{"html": "a"}, {"html": "b"}]


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        (ForEachPath("none"), "source-missing", "'none'"),
        (ForEachPath("split"), "not-a-list", "ir.split is an object"),
        (ForEachPath("split", ("title",)), "not-a-list", "ir.split.title is text"),
        (ForEachPath("split", ("flag",)), "not-a-list", "ir.split.flag is true or false"),
        (ForEachPath("split", ("part",)), "path-missing", "ir.split has no field 'part'"),
        (ForEachPath("split", ("title", "x")), "path-missing", "ir.split.title is text"),
        (ForEachPath("split", ("many",)), "too-many-items", "ir.split.many has 10,001 items"),
    ],
)
def test_a_path_that_leads_to_no_list(path: ForEachPath, code: str, named: str) -> None:
    irs = {"split": {"title": "t", "flag": True, "many": [0] * 10_001}}
    with pytest.raises(ForEachError) as caught:
        resolve_for_each(path, irs)
    assert caught.value.code == code
    assert named in caught.value.message
