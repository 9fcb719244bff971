"""HubL as real modules write it: what parses, what it renders, which fields it reads."""

from typing import Any

import pytest

from pipelines.hubspot.template import HublSyntaxError, parse_hubl


@pytest.mark.parametrize(
    ("source", "values", "rendered"),
    [
        ("{{ module.title }}", {"title": "A"}, "A"),
        ("{{ module.on ? 'yes' : 'no' }}", {"on": True}, "yes"),
        ("{{ module.a ? 1 : module.b ? 2 : 3 }}", {"b": True}, "2"),
        ("{{ module.a && !module.b || 'neither' }}", {"a": "", "b": ""}, "neither"),
        ("{{ !module.a == true }}", {"a": False}, "true"),
        ("{% unless module.a %}off{% else %}on{% endunless %}", {"a": 1}, "on"),
        ("{% set rel = [] %}{% do rel.append('nofollow') %}{{ rel|join(' ') }}", {}, "nofollow"),
        ("{% for n in range(9) %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}", {}, "01"),
        ("{% set attribute = 'width=\"{{ module.width }}\"' %}<img {{ attribute }}>", {"width": 3}, '<img width="3">'),
        ('{{ module.url is string_containing "vimeo" }}', {"url": "https://vimeo.com/1"}, "true"),
        ("{% require_css %}<style>a{}</style>{% end_require_css %}x", {}, "x"),
        ("{% dnd_area 'main' label='Main' %}{% dnd_section %}x{% end_dnd_section %}{% end_dnd_area %}", {}, "x"),
        ('{% module "menu" path="../menu", no_wrapper=True %}x', {}, "x"),
        (
            "{% module_block module 'a' %}{% module_attribute 'b' %}-{% end_module_attribute %}{% end_module_block %}x",
            {},
            "x",
        ),
        ("{% inline_text field='title' value={{ module.title }} %}", {"title": "A"}, "A"),
        ("{% from '../macros.html' import slug %}[{{ slug('a') }}]{% include 'icon.svg' %}", {}, "[]"),
        ("{{ module.price + 1 }} {{ 'a' ~ 1 }} {{ 'b' + 2 }}", {"price": 2}, "3 a1 b2"),
        ("{{ resize_image_url(module.image.src, 10) }}{{ content.absolute_url|split('/')|first }}", {}, ""),
        (
            "{% macro link(url) %}<a href='{{ url|escape_url }}'>{% endmacro %}{{ link('/a b') }}",
            {},
            "<a href='/a%20b'>",
        ),
        ("{{ '#fff'|convert_rgb }}", {}, "255, 255, 255"),
        ("{{ name }}", {}, "module"),
    ],
)
def test_hubl_beyond_jinja_is_rendered(source: str, values: dict[str, Any], rendered: str) -> None:
    assert parse_hubl(source).render(values) == rendered


@pytest.mark.parametrize("name", ["items", "keys", "values", "get"])
def test_a_field_named_like_a_method_of_dictionaries_is_the_field(name: str) -> None:
    template = parse_hubl(f"{{% for entry in module.{name} %}}{{{{ entry.{name} }}}}{{% endfor %}}")
    assert template.render({name: [{name: "a"}, {name: "b"}]}) == "ab"


def test_rendering_leaves_the_callers_values_alone() -> None:
    values = {"links": ["a"]}
    assert parse_hubl("{% do module.links.append('b') %}{{ module.links|join }}").render(values) == "ab"
    assert values == {"links": ["a"]}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("\n\n{{ module.a module.b }}", 3),
        ("\n{% if module.a %}", 2),
        ("{% nosuchtag %}", 1),
        ("\n{{ module.a|nosuchfilter }}", 2),
        ("\n{{ module.a is nosuchtest }}", 2),
        ("{{ module.a ? 1 }}", 1),
        ("{% endfor %}", 1),
    ],
)
def test_what_is_no_hubl_is_refused_with_its_line(source: str, line: int) -> None:
    with pytest.raises(HublSyntaxError) as refusal:
        parse_hubl(source)
    assert refusal.value.line == line
    assert refusal.value.message


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ module.title }}", {("title",)}),
        ("{{ module['title'] }}{{ module.image.src }}", {("title",), ("image", "src")}),
        ("{% for card in module.cards %}{{ card.title }}{% endfor %}", {("cards", "title")}),
        (
            "{% for a in module.rows %}{% for b in a.cells %}{{ b.text }}{% endfor %}{% endfor %}",
            {("rows", "cells", "text")},
        ),
        ("{% for card in module.cards %}.{% endfor %}", {("cards",)}),
        ("{% set link = module.button %}{{ link.url.href }}", {("button",), ("button", "url", "href")}),
        ("{% if module.a %}{% set x = module.b.c %}{% endif %}{{ x }}", {("a",), ("b", "c")}),
        ("{% macro show(card) %}{{ card.title }}{% endmacro %}{{ show(module.card) }}", {("card",)}),
        ("{% icon name='{{ module.icon.name }}' %}", {("icon", "name")}),
        ("{% require_css %}{{ module.color.color }}{% end_require_css %}", {("color", "color")}),
        ("{% inline_rich_text field='body' value='{{ module.body }}' %}", {("body",)}),
        ("{{ content.name }}{{ module }}", set()),
    ],
)
def test_the_fields_a_template_reads_are_told(source: str, paths: set[tuple[str, ...]]) -> None:
    assert parse_hubl(source).field_paths == paths


def test_a_group_that_is_read_whole_counts_as_read_below_and_above() -> None:
    template = parse_hubl("{{ show(module.card) }}{{ module.hero.title }}")
    assert template.reads(("card", "image", "src"))
    assert template.reads(("hero",))
    assert not template.reads(("hero", "text"))
    assert template.fields == {"card", "hero"}
