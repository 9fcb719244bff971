"""Parts made to run code, to be read as HubL, or to cost much."""

import json

import pytest

from pipelines.hubspot.fields import check_fields
from tests.pipelines.parts import generate, module_of, words

HUBL = "{{ 7 * 7 }} {% set x = 1 %} {# gone #} {% raw %} {{{{ }}}} %} #}"


@pytest.mark.parametrize(
    "html",
    [
        f"<p>{HUBL}</p>",
        f"<p>{HUBL} <b>{HUBL}</b></p>",
        f"<ul><li>{HUBL}</li><li>{HUBL} two</li><li>{HUBL} three</li></ul>",
        f'<img src="a.png" alt="{HUBL}">',
        f'<form><input type="submit" value="{HUBL}"><textarea>{HUBL}</textarea></form>',
        f"<pre>{HUBL}</pre><svg><text>{HUBL}</text></svg>",
        f'<div title="{HUBL}" class="{HUBL}" data-x="{HUBL}"><p>Text</p></div>',
        "<p>{</p>{<b>{</b>{ x }}",
    ],
)
def test_text_that_looks_like_hubl_stays_text(html: str) -> None:
    made = generate(html)
    assert words(made.ir["renderedHtml"]) == words(html)


def test_formatted_text_carries_no_hubl_that_hubspot_would_run() -> None:
    module = module_of(f"<p>{HUBL} <b>bold</b> {HUBL}</p>")
    assert not any(opening in module["fields"][0]["default"] for opening in ("{{", "{%", "{#"))


def test_plain_text_with_hubl_is_escaped_where_it_is_shown() -> None:
    assert "|escape_html|escape_jinjava }}" in module_of("<p>{{ x }}</p>")["html"]
    assert "escape_jinjava" not in module_of("<p>plain</p>")["html"]


def test_nothing_that_runs_is_carried_over() -> None:
    html = (
        '<section onclick="evil()"><p onmouseover=evil()>Text</p><a href="javascript:evil()">Link</a>'
        '<a href=" \tJaVaScRiPt:evil()">Two</a><iframe srcdoc="<p>evil()</p>" src="javascript:evil()"></iframe>'
        '<object data="evil.swf"></object><embed src="evil.swf"><img src="a.png" alt="" onerror="evil()">'
        '<div @click="evil()" x-on:click="evil()">Alpine</div><svg onload="evil()"><script>evil()</script></svg>'
        '<form action="javascript:evil()"><button formaction="javascript:evil()">Go</button></form>'
        "<style>p { color: red }</style><script>evil()</script></section>"
    )
    made = generate(html)
    assert "evil" not in json.dumps(made.ir["module"])
    assert "evil" not in made.ir["renderedHtml"]


def test_marks_of_our_own_in_the_source_do_no_harm() -> None:
    made = generate("<ul><li id='\ufdd20:x\ufdd3'>\ufdd0one\ufdd1</li><li>two \ufdd0</li></ul>")
    assert made.ir["tokens"] == {"total": 2, "fromFields": 2}
    assert not any("\ufdd0" <= letter <= "\ufdef" for letter in json.dumps(made.ir, ensure_ascii=False))


def test_characters_a_database_refuses_are_dropped() -> None:
    made = generate("<p>a\x00b \ud800 c\x08d</p>")
    assert made.ir["sourceHtml"] == "<p>ab  cd</p>"


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 800 + "deep" + "</div>" * 800,
        "<p>" + "<b>" * 90 + "bold" + "</b>" * 90,
        "<ul>" + "".join(f"<li><a href='/{n}'>w{n}</a></li>" for n in range(3_000)) + "</ul>",
        "".join(f"<{'phdiu'[n % 5]}{'' if n % 5 != 1 else '2'} class='c{n}'>w{n}</x>" for n in range(600)),
        "<div>"
        + "".join(f"<p class='{' '.join(f'c{n}{m}' for m in range(60))}'>t{n}</p>" for n in range(60))
        + "</div>",
        "<table>" + "".join("<tr>" + "<td>x</td>" * 20 + "</tr>" for _ in range(60)) + "</table>",
        "<div " + " ".join(f"a{n}=v" for n in range(3_000)) + ">x</div>",
        "<i></i>" * 5_000 + "<p>x</p>",
        "<div>text<p>unclosed <div><span>nested <li>wrongly</p></table><td>cell",
    ],
)
def test_broken_and_costly_markup_still_gives_a_whole_module(html: str) -> None:
    made = generate(html)
    assert words(made.ir["renderedHtml"]) == words(html)
    assert check_fields(made.ir["module"]["fields"]) == []


def test_a_part_with_too_many_fields_becomes_one_formatted_field() -> None:
    tags = ["h2", "blockquote", "figure", "h4", "aside", "address", "p", "section", "header"]
    unlike = [(tags[(2 * n * n + n // 3 * 5) % 9], n) for n in range(600)]
    made = generate("".join(f"<{tag} class='c{n}'>Text {n}</{tag}>" for tag, n in unlike))
    assert [field["type"] for field in made.ir["module"]["fields"]] == ["richtext"]
    assert "too large" in made.ir["notes"][0]
    assert made.ir["tokens"] == {"total": 1_200, "fromFields": 1_200}
