"""The step ``layout_split`` on pages, without a browser."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.contract import SplitAssetOutput, StepContext, StepError
from pipelines.steps.layout_split import layout_split
from tests.pipelines.split_pages import harbour, parts, split

SCHEMA = jsonschema_rs.Draft202012Validator(Path("pipelines/steps/schemas/layout_split.json").read_text())


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [part["kind"] for part in found]


def test_a_page_falls_into_its_landmarks() -> None:
    ir = split(harbour()).ir
    assert kinds(ir["parts"]) == ["header", "hero", "features", "form", "footer"]
    assert [part["order"] for part in ir["parts"]] == [0, 1, 2, 3, 4]
    assert [part["heading"] for part in ir["parts"]] == [
        None,
        "Bikes by the water",
        "Why ride with us",
        "Contact us",
        None,
    ]
    assert (ir["source"]["title"], ir["source"]["language"]) == ("Harbour Bikes", "en")
    assert ir["boundsSource"] == "estimated"
    SCHEMA.validate(ir)


def test_a_part_carries_its_text_and_its_safe_html() -> None:
    form = parts(harbour())[3]
    assert form["text"].splitlines()[0] == "Contact us"
    assert "secret" not in form["text"]
    for unsafe in ("<script", "onsubmit", "javascript:", "<!--"):
        assert unsafe not in form["html"]
    assert form["html"].startswith("<section>")
    assert '<input name="mail" type="email">' in form["html"]


def test_a_selector_leads_to_each_part() -> None:
    assert [part["selector"] for part in parts(harbour())] == [
        "body > nav",
        "body > main > header",
        "#why",
        "body > main > section:nth-of-type(2)",
        "body > footer",
    ]


def test_every_part_becomes_an_output() -> None:
    result = split(harbour())
    outputs = [output for output in result.outputs if isinstance(output, SplitAssetOutput)]
    assert [(o.key, o.kind, o.order) for o in outputs] == [
        (p["key"], p["kind"], p["order"]) for p in result.ir["parts"]
    ]
    assert outputs[2].meta["heading"] == "Why ride with us"
    assert len(outputs) == len(result.outputs)


def test_keys_are_numbered_within_their_kind() -> None:
    filler = "<p>" + "Words upon words, all of one cloth. " * 12 + "</p>"
    found = parts(f"<section><h2>One</h2>{filler}</section><section><h2>Two</h2>{filler}</section>" * 2)
    assert [part["key"] for part in found] == ["content", "content_2", "content_3", "content_4"]


def test_bounds_are_fractions_of_the_page() -> None:
    ir = split(harbour()).ir
    height = ir["source"]["height"]
    for part in ir["parts"]:
        assert part["bounds"]["y"] * height == pytest.approx(part["boundsPx"]["y"], abs=1)
        assert part["bounds"]["height"] * height == pytest.approx(part["boundsPx"]["height"], abs=1)
        assert part["bounds"]["width"] == 1


def test_plain_divs_fall_apart_at_headings_and_backgrounds() -> None:
    body = "<p>" + "Something worth the reader's while. " * 20 + "</p>"
    found = parts(
        f"""<div id="page"><div><h2>First</h2>{body}</div><div><h2>Second</h2>{body}</div>
        <div style="background:navy;padding:60px"><p>Call us today</p></div><div><h2>Third</h2>{body}</div></div>"""
    )
    assert [part["heading"] for part in found] == ["First", "Second", None, "Third"]


def test_a_bar_of_links_at_the_top_is_a_part_without_being_a_landmark() -> None:
    body = "<p>" + "Something worth the reader's while. " * 90 + "</p>"
    found = parts(
        f"""<body style="margin:0"><div><div style="padding:20px"><a href="a">One</a> <a href="b">Two</a></div>
        <div style="padding:80px"><h2>The only part</h2>{body}</div></div><div style="padding:40px">© 2024</div>"""
    )
    assert kinds(found) == ["header", "content", "footer"]


def test_an_introduction_stays_with_its_details() -> None:
    found = parts(
        """<body><div><h2>Our team</h2><p>Three people.</p></div>
        <div class="grid"><div><img src="a.png" alt="Ann" width="200" height="200"><h3>Ann</h3></div></div>
        <div><h2>Our offices</h2><p>Two towns.</p></div><div><p>Here and there.</p></div></body>"""
    )
    assert [part["text"].splitlines()[0] for part in found] == ["Our team", "Our offices"]


def test_a_grid_of_cards_is_one_part() -> None:
    card = '<div style="width:25%"><h2>Card</h2><p>Text of the card.</p></div>'
    found = parts(f'<section><div style="display:flex;flex-wrap:wrap">{card * 12}</div></section><footer>End</footer>')
    assert len(found) == 2
    assert found[0]["text"].count("Card") == 12


def test_flowing_text_parts_at_its_headings() -> None:
    found = parts("<h1>Title</h1><p>Opening.</p><h2>One</h2><p>a</p><ul><li>b</li></ul><h2>Two</h2><p>c</p>")
    assert [part["text"].split("\n")[0] for part in found] == ["Title", "One", "Two"]
    assert found[1]["text"] == "One\na\nb"


def test_a_side_navigation_and_a_main_column_are_parts() -> None:
    sections = "".join(f"<section><h2>Part {i}</h2><p>{'Some text. ' * 60}</p></section>" for i in range(3))
    found = parts(
        f"""<body style="margin:0"><div style="display:flex">
        <nav style="width:200px"><a href="a">One</a><a href="b">Two</a></nav>
        <main style="flex:1 1 0">{sections}</main></div>"""
    )
    assert [part["boundsPx"]["x"] for part in found] == [0, 200, 200, 200]


def test_a_header_over_a_hero_gives_both() -> None:
    found = parts(
        """<header><nav><a href="a">One</a><a href="b">Two</a></nav>
        <div style="padding:150px"><h1>Welcome</h1><p>to the page</p></div></header><section><h2>More</h2></section>"""
    )
    assert kinds(found)[:2] == ["header", "hero"]


def test_details_that_are_closed_are_not_read() -> None:
    found = parts("<section><details><summary>Why?</summary><p>Because.</p></details></section>")
    assert found[0]["text"] == "Why?"
    assert "Because." in found[0]["html"]


def test_no_more_parts_than_allowed() -> None:
    html = "".join(f"<section><h2>Part {i}</h2><p>Text {i}</p></section>" for i in range(30))
    found = parts(html, maxParts=7)
    assert len(found) == 7
    joined = "\n".join(part["text"] for part in found)
    assert all(f"Text {i}" in joined for i in range(30))


def test_without_a_browser_the_bounds_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRLINE_CHROMIUM", "off")
    ir = layout_split(StepContext(design=harbour())).ir
    assert ir["boundsSource"] == "estimated"
    assert ir["notes"] == ["Bounds are estimated, as no Chromium was found."]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "design-empty"),
        (b" \n\t ", "design-empty"),
        (b"\x00\x01\x02\x03" * 500, "design-not-html"),
        (b"%PDF-1.7 something", "design-not-html"),
        (b"<p>" + b"x" * 10_000_000, "design-too-large"),
        (b"<p>x" * 25_000, "design-too-large"),
        (b"<" * 500_000, "design-too-large"),
        (b"<div>" * 100_000 + b"x", "design-too-deep"),
        (b"<span>" * 400 + b"x", "design-too-deep"),
        (b"<html><head><title>x</title></head><body></body></html>", "design-no-visible-content"),
        (b"<script>document.write('x')</script>", "design-no-visible-content"),
        (b"<div style='display:none'>x</div>", "design-no-visible-content"),
        (b"<body hidden>x<p>y</p></body>", "design-no-visible-content"),
        (b"<style>p{visibility:hidden}</style><p>x</p>", "design-no-visible-content"),
    ],
)
def test_a_design_with_nothing_to_split_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(StepError) as refused:
        split(content)
    assert refused.value.code == code
    assert "index.html" in refused.value.message


@pytest.mark.parametrize(
    "params",
    [{"maxParts": 0}, {"maxParts": True}, {"maxParts": "9"}, {"viewportWidth": 10}, {"rendering": "always"}],
)
def test_a_parameter_out_of_range_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(StepError, match=next(iter(params))) as refused:
        layout_split(StepContext(params=params, design=harbour()))
    assert refused.value.code == "parameter-invalid"


def test_a_run_without_a_design_is_refused() -> None:
    with pytest.raises(StepError) as refused:
        layout_split(StepContext())
    assert refused.value.code == "design-missing"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>h\u00e9llo</p>".encode("utf-16"), "h\u00e9llo"),
        ("<p>h\u00e9llo</p>".encode(), "h\u00e9llo"),
        ("<meta charset=windows-1252><p>h\u00e9llo</p>".encode("cp1252"), "h\u00e9llo"),
        ("<p>h\u00e9llo</p>".encode("cp1252"), "h\u00e9llo"),
        (b"<meta charset=idna><p>plain</p>", "plain"),
        (b"<p>a\x00b</p>", "ab"),
        (
            b'<?xml version="1.0" encoding="utf-16"?><html><body><p>declared wrongly</p></body></html>',
            "declared wrongly",
        ),
        (b"<table><tr><td>cell<div>inside</b></i><p>tail", "cell\ninside\ntail"),
    ],
)
def test_broken_and_foreign_pages_are_read(content: bytes, text: str) -> None:
    assert [part["text"] for part in parts(content)] == [text]


fragments = st.recursive(
    st.sampled_from(["words", "<br>", "<img src=x>", "<h2>Title", "<!-- x", "</div>", "<p>", "<td>", "<svg>", "&amp;"]),
    lambda inner: st.builds(
        lambda tag, style, body: f"<{tag} style='{style}'>{''.join(body)}</{tag}>",
        st.sampled_from(["div", "section", "nav", "main", "span", "table", "ul", "form", "details", "header"]),
        st.sampled_from(
            ["", "display:flex", "display:grid", "position:fixed", "display:none", "width:0", "margin:-9px"]
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=25,
)


@settings(max_examples=150)
@given(st.lists(fragments, max_size=6).map("".join), st.integers(1, 5))
def test_any_markup_gives_a_valid_split_or_a_refusal(markup: str, most: int) -> None:
    try:
        ir = split(markup, maxParts=most).ir
    except StepError as refused:
        assert refused.code in {"design-empty", "design-not-html", "design-no-visible-content"}  # noqa: PT017
        return
    SCHEMA.validate(ir)
    assert len(ir["parts"]) <= most
    assert len({part["key"] for part in ir["parts"]}) == len(ir["parts"])
