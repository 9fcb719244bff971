"""Which of a design's styles a module takes along."""

import pytest

from pipelines.steps.module_generate.styles import MAX_CSS_CHARACTERS
from tests.pipelines.parts import generate, page

HTML = '<section class="hero" id="top"><h1 class="big">Hi</h1><p>Text</p></section>'


def css_of(css: str, html: str = HTML) -> str:
    styles: str = generate(html, design=page(css)).ir["module"]["css"]
    return " ".join(styles.split())


@pytest.mark.parametrize(
    "rule",
    [
        ".hero { color: red; }",
        "#top { color: red; }",
        ".hero .big:hover { color: red; }",
        '.hero > h1.big::before { content: "}"; }',
        "section.hero:not(.other) { color: red; }",
        ".hero[data-x] { color: red; }",
        "@media (min-width: 600px) { .hero { color: red; } }",
        "@supports (display: grid) { @media print { .big { color: red; } } }",
    ],
)
def test_a_rule_that_the_part_can_match_is_kept(rule: str) -> None:
    assert css_of(rule) == rule


@pytest.mark.parametrize(
    "rule",
    [
        ".other { color: red; }",
        ".hero .other { color: red; }",
        "aside { color: red; }",
        "* { margin: 0; }",
        "body { margin: 0; }",
        "::selection { color: red; }",
        "@media print { .other { color: red; } }",
        "@import url('more.css');",
        "@font-face { font-family: Unused; src: url(x.woff); }",
        "@keyframes unused { to { color: red; } }",
        "} broken { .hero",
    ],
)
def test_a_rule_that_is_none_of_the_parts_is_left(rule: str) -> None:
    assert css_of(rule) == ""


def test_only_the_selectors_that_match_are_kept() -> None:
    assert css_of(".other, .hero, .big .other { color: red; }") == ".hero { color: red; }"


def test_a_rule_for_mere_tags_applies_within_the_module_only() -> None:
    assert css_of("h1, .big { margin: 0; }") == "h1:where(.features-module, .features-module *), .big { margin: 0; }"
    assert 'class="hero features-module"' in generate(HTML, design=page("h1 { margin: 0 }")).ir["renderedHtml"]


def test_custom_properties_come_with_the_rules_that_use_them() -> None:
    css = ":root { --a: var(--b); --b: red; --c: blue; } .hero { color: var(--a); }"
    assert css_of(css) == ":root { --a: var(--b); --b: red; } .hero { color: var(--a); }"


def test_animations_and_fonts_come_where_they_are_used() -> None:
    css = (
        "@keyframes fade { to { opacity: 0; } } @font-face { font-family: Inter; src: url(f/inter.woff2); }"
        ".hero { animation: fade 1s; font-family: Inter, sans-serif; }"
    )
    kept = css_of(css)
    assert "@keyframes fade" in kept
    assert "@font-face" in kept


def test_files_that_styles_refer_to_are_named() -> None:
    notes = generate(HTML, design=page(".hero { background: url(../img/a.png) } .big { mask: url(#m) }")).ir["notes"]
    assert notes == ["module.css refers to 1 files of the design by relative URL: ../img/a.png"]


def test_a_sheet_that_is_missing_is_named() -> None:
    entry = b'<link rel="stylesheet" href="https://example.org/a.css"><style>.hero { color: red }</style>'
    made = generate(HTML, design=page(files={"index.html": entry}))
    assert "https://example.org/a.css" in made.ir["notes"][0]
    assert ".hero" in made.ir["module"]["css"]


def test_styles_are_cut_off_at_their_cap_with_a_note() -> None:
    css = "".join(f".hero {{ --x{n}: {'y' * 1000}; }}\n" for n in range(300))
    made = generate(HTML, design=page(css))
    assert len(made.ir["module"]["css"]) <= MAX_CSS_CHARACTERS + 1
    assert "of 300 rules" in made.ir["notes"][0]


def test_a_part_brings_its_own_styles_where_there_is_no_page() -> None:
    made = generate("<style>.hero { color: red }</style>" + HTML)
    assert ".hero { color: red }" in made.ir["module"]["css"]
    assert "<style" not in made.ir["module"]["html"]
