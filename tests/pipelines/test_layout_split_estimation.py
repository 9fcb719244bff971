"""Boxes without a browser: the cascade and the flow behind ``layout_split``'s estimates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.boxes import Box
from pipelines.designs.bundle import DesignBundle
from pipelines.steps.layout_split.estimation import estimate
from pipelines.steps.layout_split.estimation.cascade import rules_of, to_pixels
from pipelines.steps.layout_split.page import Page, parse_html
from tests.pipelines.split_pages import encoded, page, screenshot

VIEWPORT = (1280.0, 900.0)


def laid_out(body: str, css: str = "", **files: bytes) -> Page:
    design: DesignBundle = page(f"<style>body{{margin:0}}{css}</style><body>{body}", **files)
    return estimate(parse_html(design.content.decode(), design.name), design, 1280)


def boxes(body: str, css: str = "", **files: bytes) -> dict[str, Box]:
    """The boxes of the elements that have an id."""
    nodes = laid_out(body, css, **files).body.walk()
    return {node.attribute("id"): node.box for node in nodes if node.attribute("id")}


@pytest.mark.parametrize(
    ("value", "pixels"),
    [
        ("12px", 12),
        ("1.5rem", 24),
        ("2em", 40),
        ("50%", 300),
        ("10vw", 128),
        ("100vh", 900),
        ("0", 0),
        ("calc(100% - 2 * 1rem)", 568),
        ("calc(1rem + (2px + 2px) / 2)", 18),
        ("-.5em", -10),
        ("auto", None),
        ("", None),
        ("max(1px, 2px)", None),
        ("calc(1px / 0)", None),
        ("calc(9**9**9)", None),
        ("calc(" + "(" * 160 + "1" + ")" * 160 + ")", None),
        ("1e9px", None),
    ],
)
def test_lengths(value: str, pixels: float | None) -> None:
    assert to_pixels(value, 20.0, 600.0, VIEWPORT) == (None if pixels is None else pytest.approx(pixels))


@given(st.text(alphabet="0123456789.+-*/()% pxremcalvhw", max_size=60))
def test_any_length_is_a_bounded_number_or_nothing(value: str) -> None:
    pixels = to_pixels(value, 16.0, 1280.0, VIEWPORT)
    assert pixels is None or abs(pixels) <= 100_000


@pytest.mark.parametrize(
    ("css", "count"),
    [
        ("a{b:c}d{e:f}", 2),
        ("@media (min-width: 768px){a{b:c}}", 1),
        ("@media (min-width: 1400px){a{b:c}}", 0),
        ("@media (max-width: 40em){a{b:c}}", 0),
        ("@media print{a{b:c}}", 0),
        ("@supports (display:grid){@media screen{a{b:c}}}", 1),
        ("@keyframes x{from{top:0}to{top:1px}}a{b:c}", 1),
        ("@import url(x.css);a{b:c}", 1),
        ("/* a{b:c} */", 0),
        ("a{b:c", 0),
        ("}}}a{b:c}", 1),
    ],
)
def test_rules_that_hold_at_the_viewport(css: str, count: int) -> None:
    assert len(list(rules_of(css, 1280.0))) == count


@pytest.mark.parametrize(
    ("css", "height"),
    [
        ("#x{height:10px} div{height:20px}", 10),
        (".a{height:10px} .b{height:20px}", 20),
        (".a{height:10px!important} #x{height:20px}", 10),
        ("main .a{height:10px} .a{height:20px}", 10),
        ("main>.a{height:10px}", 10),
        ("body>.a{height:10px}", 0),
        ("*{height:10px}", 10),
        (".a:not(.b){height:10px}", 0),
        (".a:not(.c){height:10px}", 10),
        (".a:hover{height:10px}", 0),
        (":root{--h:10px} .a{height:var(--h)}", 10),
        (".a{height:var(--none, 10px)}", 10),
        (":root{--h:var(--i);--i:var(--h)} .a{height:var(--h)}", 0),
        (r".w-1\/2{height:10px}", 10),
    ],
)
def test_which_declaration_wins(css: str, height: float) -> None:
    found = boxes('<main><div id="x" class="a b w-1/2"></div><p>text</p></main>', css)
    assert found.get("x", Box(0, 0, 0, 0)).height == height


def test_an_inline_style_wins() -> None:
    assert boxes('<div id="x" style="height:30px"></div>', "#x{height:9px}")["x"].height == 30


def test_padding_margin_and_centring() -> None:
    found = boxes(
        '<div id="out"><div id="in">x</div></div>',
        "#out{padding:10px 20px 30px} #in{max-width:400px;margin:5px auto;height:50px}",
    )
    assert found["out"] == Box(0, 0, 1280, 100)
    assert found["in"] == Box(440, 15, 400, 50)


def test_margins_that_meet_are_one() -> None:
    found = boxes(
        '<div id="a"></div><div id="b"><div id="c"></div></div>',
        "div{height:10px} #a{margin-bottom:30px} #b{margin-top:20px;height:auto} #c{margin-top:40px}",
    )
    assert (found["a"].y, found["b"].y, found["c"].y) == (0, 50, 50)


def test_flex_items_grow_wrap_and_stretch() -> None:
    found = boxes(
        '<div class="row"><div id="a"></div><div id="b"></div><div id="c"></div></div>',
        ".row{display:flex;flex-wrap:wrap} #a,#b{flex:1 1 50%;height:40px} #b{height:60px} #c{width:320px;height:10px}",
    )
    assert found["a"] == Box(0, 0, 640, 60)
    assert found["b"] == Box(640, 0, 640, 60)
    assert found["c"] == Box(0, 60, 320, 10)


def test_grid_columns_and_gaps() -> None:
    items = "".join(f'<div id="i{n}"></div>' for n in range(4))
    found = boxes(
        f'<div id="g">{items}</div>',
        "#g{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:20px} #g>div{height:50px}",
    )
    assert found["i1"] == Box(pytest.approx(433.33, abs=0.1), 0, pytest.approx(413.33, abs=0.1), 50)
    assert found["i3"].y == 70
    assert found["g"].height == 120


def test_text_takes_more_lines_in_a_narrow_column() -> None:
    text = "word " * 100
    found = boxes(f'<p id="wide">{text}</p><p id="narrow" style="width:200px">{text}</p>')
    assert found["narrow"].height > 4 * found["wide"].height


def test_pictures_keep_their_shape() -> None:
    photo = encoded(screenshot((400, "navy", "white")))
    found = boxes(
        '<div><img id="natural" src="a.png"></div><div><img id="half" src="a.png" style="width:50%"></div>'
        '<div><img id="named" src="https://pictures.example/600x300"></div>'
        '<div><img id="given" width="30" height="40"></div>',
        "",
        a_png=photo,
    )
    assert (found["natural"].width, found["natural"].height) == (800, 400)
    assert (found["half"].width, found["half"].height) == (640, 320)
    assert (found["named"].width, found["named"].height) == (600, 300)
    assert (found["given"].width, found["given"].height) == (30, 40)


def test_linked_style_sheets_are_read() -> None:
    found = boxes('<link rel="stylesheet" href="a.css"><div id="x"></div>', "", a_css=b"#x{height:70px}")
    assert found["x"].height == 70


def test_fixed_and_absolute_boxes_take_no_room() -> None:
    found = boxes(
        '<nav id="n">menu</nav><div id="a" style="height:50px"></div>',
        "nav{position:fixed;left:0;right:0;height:60px}",
    )
    assert found["n"] == Box(0, 0, 1280, 60)
    assert found["a"].y == 0


def test_what_is_not_shown_has_no_node() -> None:
    shown = laid_out(
        '<p id="a">x</p><p hidden>x</p><p style="display:none">x</p><input type="hidden"><p class="off">x</p>',
        ".off{visibility:hidden}",
    )
    assert [node.attribute("id") for node in shown.body.children] == ["a"]


def test_deep_nesting_keeps_its_text() -> None:
    shown = laid_out("<div>" * 200 + "deep down" + "</div>" * 200)
    assert any(node.own_text == "deep down" for node in shown.body.walk())
    assert shown.size.height >= 15
