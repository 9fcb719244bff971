"""Fields, configuration and the folder of a module."""

import json
from typing import Any

import jsonschema_rs
import pytest

from pipelines.hubspot.fields import (
    build_field,
    build_repeater,
    check_fields,
    check_meta,
    default_values,
    form_value,
    image_value,
    leaf_paths,
    link_value,
    schema,
    url_value,
)
from pipelines.hubspot.module import HubspotModule
from pipelines.hubspot.template import parse_hubl
from pipelines.hubspot.tokens import TokenCount, count_tokens, shown_text

META = {"label": "Cards", "global": False, "is_available_for_new_content": True, "content_types": ["SITE_PAGE"]}
CARDS = build_repeater(
    "cards",
    "Cards",
    [build_field("text", "title", "Title", "Blank"), build_field("image", "image", "Image", image_value("a.png", "A"))],
    [{"title": "One", "image": image_value("b.png", "Two words")}, {"title": "Three"}],
)


@pytest.mark.parametrize("name", ["fields", "meta"])
def test_our_schemas_are_valid_2020_12(name: str) -> None:
    jsonschema_rs.meta.validate(schema(name))


def test_fields_of_every_built_kind_pass() -> None:
    fields = [
        CARDS,
        build_field("link", "link", "Link", link_value("mailto:a@example.org", open_in_new_tab=True)),
        build_field("url", "frame", "Frame", url_value("https://example.org")),
        build_field("form", "form", "Form", form_value()),
        build_field("richtext", "body", "Body", "<p>x</p>"),
        build_field("boolean", "shown", "Shown", True),
        build_field("color", "color", "Colour", {"color": "#fff", "opacity": 50}),
        build_field("icon", "icon", "Icon", {"name": "star", "type": "SOLID", "unicode": "f005"}),
        build_field("choice", "size", "Size", "s", choices=[["s", "Small"], ["l", "Large"]]),
    ]
    assert check_fields(fields) == []


@pytest.mark.parametrize(
    ("fields", "place", "says"),
    [
        ({"name": "a"}, "", "array"),
        ([{"name": "a", "type": "text"}], "0", "label"),
        ([build_field("nosuch", "a", "A", None)], "0.type", "nosuch"),
        ([build_field("text", "a b", "A", None)], "0.name", "a b"),
        ([build_field("text", "a", "A", 3.5)], "0.default", "3.5"),
        ([build_field("image", "a", "A", "a.png")], "0.default", "a.png"),
        ([build_field("image", "a", "A", {"src": "x", "loading": "later"})], "0.default.loading", "later"),
        ([build_field("link", "a", "A", {"url": "x"})], "0.default.url", "x"),
        ([build_field("text", "a", "A", "", inline_help_text="x" * 301)], "0.inline_help_text", "300"),
        ([build_field("choice", "a", "A", "")], "0", "choices"),
        ([build_field("group", "a", "A", {})], "0", "children"),
        ([build_field("text", "a", "A", ""), build_field("url", "a", "B", None)], "a", "rename"),
        ([build_field("group", "g", "G", [{}], children=[])], "g", "object"),
        ([build_field("group", "g", "G", {"x": 1}, children=[])], "g", "x"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(fields: Any, place: str, says: str) -> None:
    problems = check_fields(fields)
    assert problems[0].place == place
    assert says in problems[0].message


def test_groups_nest_at_most_three_deep() -> None:
    field = build_field("text", "leaf", "Leaf", "")
    for depth in range(4):
        field = build_field("group", f"g{depth}", "Group", {}, children=[field])
    assert [problem.place for problem in check_fields([field])] == ["g3.g2.g1.g0"]


def test_hostile_fields_are_answered_in_bounded_time() -> None:
    deep = build_field("text", "leaf", "Leaf", "")
    for _ in range(2_000):
        deep = build_field("group", "g", "Group", {}, children=[deep])
    assert check_fields([deep])
    assert len(check_fields([{"name": ""}] * 400)) == 50


@pytest.mark.parametrize(
    "change", [{"label": ""}, {"global": "no"}, {"categories": ["nosuch"]}, {"content_types": ["NOSUCH"]}]
)
def test_wrong_configuration_is_told(change: dict[str, Any]) -> None:
    assert check_meta(META) == []
    assert check_meta(META | change)


def test_defaults_of_groups_fill_what_an_item_leaves_out() -> None:
    values = default_values(
        [CARDS, build_field("group", "g", "G", {"a": 2}, children=[build_field("number", "a", "A", 1)])]
    )
    assert values["cards"][1] == {"title": "Three", "image": image_value("a.png", "A")}
    assert values["g"] == {"a": 2}


def test_leaves_are_listed_by_path() -> None:
    assert list(leaf_paths([CARDS])) == [("cards", "title"), ("cards", "image")]


def test_an_address_is_kept_without_its_scheme() -> None:
    assert url_value("mailto:a@example.org") == {"content_id": None, "type": "EMAIL_ADDRESS", "href": "a@example.org"}
    assert url_value("/about")["type"] == "EXTERNAL"


def test_words_are_counted_where_they_are_shown() -> None:
    template = parse_hubl(
        "<h2>Our {{ module.title|escape_html }}</h2>{% for card in module.cards %}"
        '<img src="{{ card.image.src }}" alt="{{ card.image.alt|escape_attr }}" class="{{ card.title }}">'
        "<p>Item</p>{% endfor %}<script>not shown</script>{{ module.body }}"
    )
    fields = [
        CARDS,
        build_field("text", "title", "T", "Great cards"),
        build_field("richtext", "body", "B", "<p>Hi <b>you</b></p>"),
    ]
    # Our, twice Item; Great cards, Two words, A, Hi you.
    assert count_tokens(template, fields) == TokenCount(total=10, from_fields=7)


def test_shown_text_includes_forms_and_alternative_texts() -> None:
    markup = '<form><label>Name</label><input type="submit" value="Send"></form><img alt="Cat"><style>no</style>'
    assert shown_text(markup).split() == ["Name", "Send", "Cat"]
    assert shown_text("  ") == ""


def test_a_module_is_the_folder_that_hubspots_cli_uploads() -> None:
    files = HubspotModule("cards", "<p></p>", [CARDS], META, css="p{}").files()

    assert sorted(files) == [
        f"cards.module/{file}" for file in ("fields.json", "meta.json", "module.css", "module.html", "module.js")
    ]
    assert json.loads(files["cards.module/fields.json"]) == [CARDS]
    assert files["cards.module/module.css"] == b"p{}"


def test_names_are_checked_before_they_become_paths() -> None:
    with pytest.raises(ValueError, match="no module name"):
        HubspotModule("../evil", "x", [], META)
