"""What repeats, and that no word is lost by it, whatever the siblings look like."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.hubspot.fields import check_fields, default_values
from pipelines.hubspot.template import parse_hubl
from tests.pipelines.parts import field_named, generate, module_of, words


def card(title: str, *, badge: str = "", more: str = "") -> str:
    mark = f'<span class="badge">{badge}</span>' if badge else ""
    return f'<div class="card">{mark}<h3>{title}</h3><p>About {title}.</p>{more}</div>'


def test_what_only_some_items_have_hangs_on_its_own_field() -> None:
    made = generate(f"<div>{card('One')}{card('Two', badge='New')}{card('Three')}</div>", kind="content")
    group = field_named(made.ir["module"]["fields"], "cards")
    assert [item["badge"] for item in group["default"]] == ["", "New", ""]
    assert made.ir["renderedHtml"].count("badge") == 1
    values = default_values(made.ir["module"]["fields"])
    values["cards"][0]["badge"] = "Sale"
    assert parse_hubl(made.ir["module"]["html"]).render(values).count("badge") == 2


def test_what_shows_no_text_hangs_on_a_switch() -> None:
    html = f"<div>{card('One')}{card('Two', more='<hr>')}{card('Three')}</div>"
    group = field_named(module_of(html, kind="content")["fields"], "cards")
    assert [item["show_line"] for item in group["default"]] == [False, True, False]


def test_lists_inside_items_may_have_different_lengths() -> None:
    def plan(name: str, count: int) -> str:
        lines = "".join(f"<li>{name} line {number}</li>" for number in range(count))
        return f'<div class="plan"><h3>{name}</h3><ul>{lines}</ul></div>'

    made = generate(f"<div>{plan('Small', 1)}{plan('Large', 4)}{plan('Empty', 0)}</div>", kind="pricing")
    group = field_named(made.ir["module"]["fields"], "plans")
    assert [len(item["list_entries"]) for item in group["default"]] == [1, 4, 0]
    assert group["default"][1]["list_entries"][3] == {"entry_text": "Large line 3"}


def test_pairs_of_elements_repeat_as_one_item() -> None:
    html = "".join(f"<h3>Question {n}</h3><div class='answer'>Answer {n}</div>" for n in range(4))
    group = field_named(module_of(f"<div>{html}</div>", kind="content")["fields"], "entries")
    assert group["default"][2] == {"title": "Question 2", "text": "Answer 2"}


def test_unlike_siblings_are_left_alone() -> None:
    html = '<div class="col"><h1>Hello</h1><p>Text</p></div><div class="col"><img src="a.png" alt=""></div>'
    assert not any(field.get("occurrence") for field in module_of(f"<div>{html}</div>")["fields"])


def test_decoration_that_repeats_stays_markup() -> None:
    stars = '<i class="star"></i>' * 5
    module = module_of(f"<div><p>Five stars</p><div>{stars}</div></div>")
    assert stars in module["html"]
    assert [field["name"] for field in module["fields"]] == ["paragraph"]


def test_icons_of_items_can_be_chosen() -> None:
    icons = "".join(f'<li><i class="bi bi-{name}"></i> {name.title()}</li>' for name in ("star", "heart", "moon"))
    fields = module_of(f"<ul>{icons}</ul>", kind="content")["fields"]
    icon = field_named(fields, "list_entries", "icon_class")
    assert not icon["locked"]
    assert [item["icon_class"] for item in fields[0]["default"]] == ["bi-star", "bi-heart", "bi-moon"]


def accordion(prefix: str, count: int) -> str:
    return "".join(
        f'<div class="item"><h3 id="{prefix}-head-{n}"><button data-bs-target="#{prefix}-body-{n}" '
        f'aria-controls="{prefix}-body-{n}">Question {n}</button></h3>'
        f'<div id="{prefix}-body-{n}" aria-labelledby="{prefix}-head-{n}">Answer {n}</div></div>'
        for n in range(count)
    )


def test_ids_numbered_by_hand_are_numbered_by_the_loop() -> None:
    made = generate(f'<div class="accordion">{accordion("q", 3)}</div>', kind="faq")
    group = field_named(made.ir["module"]["fields"], "questions")
    assert set(group["default"][0]) == {"button_text", "text"}
    for number in (1, 2, 3):
        assert f'id="module-q-body-{number}" aria-labelledby="module-q-head-{number}"' in made.ir["renderedHtml"]
        assert f'data-bs-target="#module-q-body-{number}"' in made.ir["renderedHtml"]


def test_ids_in_lists_within_lists_get_the_numbers_of_both() -> None:
    blocks = "".join(
        f'<h2>Part {name}</h2><div class="accordion" id="{name}">{accordion(name, 2)}</div>' for name in ("one", "two")
    )
    rendered = generate(f"<div>{blocks}</div>", kind="faq").ir["renderedHtml"]
    ids = [piece.split('"')[0] for piece in rendered.split(' id="')[1:]]
    targets = [piece.split('"')[0] for piece in rendered.split(' data-bs-target="#')[1:]]
    assert len(ids) == len(set(ids)) == 10
    assert len(set(targets)) == 4
    assert set(targets) < set(ids)


def test_ids_that_others_refer_to_are_kept() -> None:
    html = '<nav><a href="#a">A</a></nav><div><p id="a">One</p><p id="b">Two</p><p id="c">Three</p></div>'
    rendered = generate(html).ir["renderedHtml"]
    assert all(f'id="{name}"' in rendered for name in "abc")


def test_groups_nest_at_most_three_deep() -> None:
    html = "x"
    for depth in range(6):
        html = "".join(f'<div class="level-{depth}"><b>{depth}{n}</b>{html}</div>' for n in range(2))
    made = generate(f"<section>{html}</section>")
    assert check_fields(made.ir["module"]["fields"]) == []
    assert words(made.ir["renderedHtml"]) == words(made.ir["sourceHtml"])


TEXTS = st.text("abc {}%#<&\"'é", max_size=8)
TAGS = st.sampled_from(
    ["div", "p", "span", "a", "ul", "li", "h2", "section", "b", "i", "table", "tr", "td", "form", "button"]
)


def element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(["", ' class="x"', ' class="x y"', ' id="a"', ' id="b"', ' href="#a"', ' title="t"'])
    return st.builds(
        lambda tag, name, inner: f"<{tag}{name}>{''.join(inner)}</{tag}>", TAGS, names, st.lists(children, max_size=4)
    )


LEAVES = st.one_of(
    TEXTS.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    TEXTS.map(lambda text: "<img src='a.png' alt='" + text.replace("&", "&amp;").replace("'", "&#39;") + "'>"),
    st.just("<br>"),
    st.just("\n  "),
)
PARTS = st.lists(st.recursive(LEAVES, element, max_leaves=25), min_size=1, max_size=4).map("".join)


@settings(max_examples=150)
@given(PARTS)
def test_a_module_shows_exactly_the_words_of_its_source(html: str) -> None:
    made: Any = generate(f"<section>{html}</section>")
    assert words(made.ir["renderedHtml"]) == words(made.ir["sourceHtml"])
    assert check_fields(made.ir["module"]["fields"]) == []
    assert 0 <= made.ir["tokens"]["fromFields"] <= made.ir["tokens"]["total"] == words(made.ir["sourceHtml"]).total()


@pytest.mark.parametrize("count", [2, 3, 30])
def test_a_repeater_can_grow_and_shrink(count: int) -> None:
    module = module_of(
        "<ul>" + "".join(f'<li><a href="/{n}">Link {n}</a></li>' for n in range(3)) + "</ul>", kind="header"
    )
    values = default_values(module["fields"])
    values["list_entries"] = [{**values["list_entries"][0], "link_text": f"New {n}"} for n in range(count)]
    assert parse_hubl(module["html"]).render(values).count("<li") == count
