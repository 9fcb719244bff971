"""What the run page reads of an IR: good ones whole, broken ones as far as they go."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.json_html import json_html
from pipelines.admin.ir_views import MAX_FIELDS, MAX_PARTS, read_module, read_scores, read_split

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
few = settings(max_examples=50)


def shaped(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of these keys, with anything in them."""
    return st.dictionaries(st.sampled_from(names), JSON)


def part(**changes: Any) -> dict[str, Any]:
    bounds = {"x": 0, "y": 0.25, "width": 1, "height": 0.5}
    return {"key": "hero_1", "label": "Hero", "kind": "hero", "bounds": bounds, "confidence": 0.875, **changes}


def test_a_split_is_read_whole() -> None:
    view = read_split({"width": 1440, "height": 3000}, [part()], "rendered")

    assert view is not None
    assert (view.width, view.height, view.bounds_source) == (1440, 3000, "rendered")
    assert view.parts[0].box == "left:0.000%;top:25.000%;width:100.000%;height:50.000%"
    assert view.parts[0].confidence == "88%"


@pytest.mark.parametrize(
    "bounds",
    [None, {}, {"x": 0, "y": 0, "width": 2, "height": 1}, {"x": "0;color:red", "y": 0, "width": 1, "height": 1}],
)
def test_a_part_without_sound_bounds_is_listed_without_a_box(bounds: Any) -> None:
    view = read_split({}, [part(bounds=bounds)], "")

    assert view is not None
    assert view.parts[0].label == "Hero"
    assert view.parts[0].box == ""


def test_fields_are_read_with_their_groups() -> None:
    title = {"name": "title", "label": "Title", "type": "text"}
    cards = {"name": "cards", "label": "Cards", "type": "group", "occurrence": {"max": 3}, "children": [title]}

    view = read_module({"name": "hero", "label": "Hero", "fields": [cards]}, "hero")

    assert view is not None
    assert [(field.name, field.depth, field.repeats) for field in view.fields] == [
        ("cards", 0, True),
        ("title", 1, False),
    ]


def test_scores_are_read_in_their_order_with_what_does_not_apply() -> None:
    view = read_scores({"scores": {"tailwind": None, "html": 95.5, "hubspot": 40}, "grade": "B", "overall": 80})

    assert view is not None
    assert [(score.name, score.value, score.colour) for score in view.scores] == [
        ("html", 95.5, "success"),
        ("hubspot", 40.0, "danger"),
        ("tailwind", None, "default"),
    ]


def test_long_lists_are_cut() -> None:
    split = read_split({}, [part()] * (MAX_PARTS + 1), "")
    module = read_module({"fields": [{"name": "a"}] * (MAX_FIELDS + 1)}, "")

    assert split is not None
    assert module is not None
    assert len(split.parts) == MAX_PARTS
    assert len(module.fields) == MAX_FIELDS


@few
@given(
    source=JSON, parts=JSON | st.lists(shaped("key", "label", "kind", "bounds", "confidence"), max_size=3), bounds=JSON
)
def test_any_split_is_read_without_a_fault(source: Any, parts: Any, bounds: Any) -> None:
    read_split(source, parts, bounds)


@few
@given(module=JSON | shaped("name", "label", "fields", "kind"), kind=JSON)
def test_any_module_is_read_without_a_fault(module: Any, kind: Any) -> None:
    read_module(module, kind)


@few
@given(ir=shaped("scores", "subject", "grade", "overall", "findings", "findingCount"))
def test_any_scores_are_read_without_a_fault(ir: dict[str, Any]) -> None:
    read_scores(ir)


@few
@given(data=JSON)
def test_shown_json_holds_no_markup_of_its_own(data: Any) -> None:
    html = json_html({"<b>": data, "<script>": "</pre><script>"})

    assert "<script" not in html
    assert html.count("</pre>") == 1


def test_the_shipped_schemas_name_the_scores_that_are_shown() -> None:
    schema = json.loads(Path("pipelines/steps/schemas/validate_artifact.json").read_text())
    scores = dict.fromkeys(schema["properties"]["scores"]["required"], 50)

    view = read_scores({"scores": scores})

    assert view is not None
    assert {score.name for score in view.scores} == set(scores)
