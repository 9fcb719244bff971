"""Differences of JSON documents, and outputs beside their ground truth."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.documents import ABSENT, comparisons, differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=10,
)


def applied(document: Any, changes: list[dict[str, Any]]) -> Any:
    """The document with its differences carried out, list items from the last on so that places hold."""
    root = {"": copy.deepcopy(document)}
    for change in sorted(changes, key=lambda each: each["operation"] == "removed"):
        if change["operation"] != "removed":
            put(root, change["path"], change["after"])
    for change in reversed([each for each in changes if each["operation"] == "removed"]):
        put(root, change["path"], ABSENT)
    return root[""]


def put(root: Any, path: str, value: Any) -> None:
    here, key = root, ""
    for token in path.split("/")[1:]:
        here = here[int(key) if isinstance(here, list) else key]
        key = token.replace("~1", "/").replace("~0", "~")
    place: Any = int(key) if isinstance(here, list) else key
    if value is ABSENT:
        del here[place]
    elif isinstance(here, list) and place == len(here):
        here.append(value)
    else:
        here[place] = value


@given(JSON, JSON)
def test_the_differences_lead_from_one_to_the_other(before: Any, after: Any) -> None:
    found = differences(before, after)

    assert differences(applied(before, found), after) == []


@given(JSON)
def test_a_document_does_not_differ_from_itself_and_scores_one(document: Any) -> None:
    assert differences(document, copy.deepcopy(document)) == []
    assert set(comparisons(document, copy.deepcopy(document)).values()) == {1.0}


@given(JSON, JSON)
def test_scores_lie_between_nothing_and_all(output: Any, truth: Any) -> None:
    assert all(0 <= score <= 1 for score in comparisons(output, truth).values())


def test_each_place_is_named_with_what_stood_there() -> None:
    found = differences({"a/b": 1, "gone": True, "list": [1, 2]}, {"a/b": 2, "list": [1, 2, {"new": None}]})

    assert found == [
        {"operation": "changed", "path": "/a~1b", "before": 1, "after": 2},
        {"operation": "removed", "path": "/gone", "before": True},
        {"operation": "added", "path": "/list/2", "after": {"new": None}},
    ]
    assert len(differences([1, 2, 3], [4, 5, 6], most=2)) == 2
    assert differences([1, True], [1.0, 1])[0]["path"] == "/1"


def test_an_output_is_scored_by_what_its_truth_holds() -> None:
    bounds = {"x": 0, "y": 0, "width": 1, "height": 0.5}
    truth = {"parts": [{"kind": "hero", "bounds": bounds, "label": "Bikes we mend"}], "total": 100}
    output = {"parts": [{"kind": "hero", "bounds": bounds, "label": "Bikes we sell"}], "total": 100.5}

    scores = comparisons(output, truth)

    assert scores == {
        "truth_json_exact": 0,
        "truth_json_similarity": pytest.approx(5 / 7),
        "truth_text_f1": pytest.approx(3 / 4),
        "truth_numbers_close": 1,
        "truth_box_f1": 1,
    }
    assert comparisons({"a": "b"}, {"a": "c"}).keys() == {"truth_json_exact", "truth_json_similarity", "truth_text_f1"}
    assert comparisons("no split", truth)["truth_box_f1"] == 0
