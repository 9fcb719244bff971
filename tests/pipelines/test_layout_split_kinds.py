"""What ``layout_split`` takes a part for, by what it holds and where it lies."""

import pytest

from tests.pipelines.split_pages import parts

CARD = "<div style='flex:1'><h3>{0}</h3><p>{1}</p></div>"
PICTURE = '<div><a href="#"><img src="{0}.png" width="300" height="200" alt=""></a></div>'
PROSE = "<p>" + "One sentence follows another and none of them is short. " * 8 + "</p>"


def cards(template: str, *items: tuple[str, ...]) -> str:
    return "<div style='display:flex'>" + "".join(template.format(*item) for item in items) + "</div>"


EXAMPLES = {
    "features": "<h2>How it works</h2>" + cards(CARD, ("Plan", "Look ahead."), ("Do", "Act."), ("Rest", "Sleep.")),
    "content": "<h2>The story so far</h2>" + PROSE * 4,
    "gallery": cards(PICTURE, ("a",), ("b",), ("c",), ("d",), ("e",), ("f",)),
    "testimonials": "<blockquote>It simply works, and has done so for years.</blockquote><p>A customer</p>",
    "pricing": "<h2>Choose yours</h2>" + cards(CARD, ("Free", "$0 per month"), ("Pro", "$9 per month")),
    "faq": "<h2>Good to know</h2>" + "<details><summary>Is it so?</summary><p>Yes.</p></details>" * 3,
    "cta": "<h2>Ready to begin?</h2><a class='btn' href='/go'>Begin</a>",
    "form": "<form><input name='a'><input name='b'><textarea name='c'></textarea><button>Send</button></form>",
    "team": "<h2>The people of the house</h2>"
    + cards("<div><img src='{0}.png' width='90' height='90' alt=''><h3>{0}</h3></div>", ("Ann",), ("Bob",), ("Cy",)),
    "logos": cards("<a href='#'><img src='{0}.svg' width='120' height='40' alt=''></a>", ("a",), ("b",), ("c",)),
    "stats": cards("<div><p>{0}</p><p>{1}</p></div>", ("250+", "clients"), ("99%", "uptime"), ("24/7", "help")),
    "other": "<div style='height:200px;background:url(sea.jpg)'></div>",
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_part_in_the_middle_of_a_page(kind: str) -> None:
    found = parts(
        f"""<nav><a href="a">One</a><a href="b">Two</a></nav><header><h1>Welcome</h1><p>Well met.</p></header>
        <section>{EXAMPLES[kind]}</section><section><h2>More</h2>{PROSE}</section><footer>© Someone</footer>"""
    )
    assert [part["kind"] for part in found] == ["header", "hero", kind, "content", "footer"]
    assert all(0 < part["confidence"] < 1 for part in found)


def test_places_tell_header_and_footer_apart_without_landmarks() -> None:
    found = parts(
        f"""<div><a href="a">Home</a> <a href="b">Shop</a> <a href="c">Help</a></div>
        <div style="padding:120px"><h1>Everything for bread</h1><a class="button" href="#">Shop now</a></div>
        <div><h2>About us</h2>{PROSE}</div>
        <div style="background:#222;padding:30px">Copyright 2024. All rights reserved.</div>"""
    )
    assert [part["kind"] for part in found] == ["header", "hero", "content", "footer"]


def test_a_class_name_alone_does_not_make_a_form() -> None:
    found = parts(f"<h1>Hello</h1><section class='contact form'><h2>Contact</h2>{PROSE}</section>")
    assert found[-1]["kind"] == "content"
