"""Which of a design's styles a module takes along."""

import pytest

from pipelines.steps.module_generate.styles import MAX_CSS_CHARACTERS
from tests.pipelines.parts import generate, page

HTML = '<section class="hero" id="top"><h1 class="big">Hi</h1><p>Text</p></section>'


WITHIN = ":where(.features-module, .features-module *)"


def css_of(css: str, html: str = HTML) -> str:
    styles: str = generate(html, design=page(css)).ir["module"]["css"]
    return " ".join(styles.split())


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (".hero { color: red; }", "%s.hero { color: red; }"),
        ("#top { color: red; }", "%s#top { color: red; }"),
        ("section.hero:not(.other) { color: red; }", "section%s.hero:not(.other) { color: red; }"),
        (".hero .big:hover { color: red; }", ".hero %s.big:hover { color: red; }"),
        ('.hero > h1.big::before { content: "}"; }', '.hero > h1%s.big::before { content: "}"; }'),
        (".hero>* { color: red; }", ".hero>*%s { color: red; }"),
        ("h1 + p { color: red; }", "h1 + p%s { color: red; }"),
        ("*, ::after { margin: 0; }", "*%s, %s::after { margin: 0; }"),
        (".hero[data-x] { color: red; }", "%s.hero[data-x] { color: red; }"),
        ("@media print { .big { color: red; } }", "@media print { %s.big { color: red; } }"),
        ("@supports (x: y) { @media print { p { a: b; } } }", "@supports (x: y) { @media print { p%s { a: b; } } }"),
        (".other, .hero, .big .other { color: red; }", "%s.hero { color: red; }"),
    ],
)
def test_a_rule_that_the_part_can_match_is_kept_for_this_module_alone(rule: str, kept: str) -> None:
    assert css_of(rule) == kept.replace("%s", WITHIN)


def test_the_modules_outermost_elements_carry_its_class() -> None:
    assert 'class="hero features-module"' in generate(HTML).ir["renderedHtml"]


@pytest.mark.parametrize(
    "rule",
    [
        ".other { color: red; }",
        ".hero .other { color: red; }",
        "aside { color: red; }",
        "body { margin: 0; }",
        ":root { color: red; }",
        "@media print { .other { color: red; } }",
        "@import url('more.css');",
        "@font-face { font-family: Unused; src: url(x.woff); }",
        "@keyframes unused { to { color: red; } }",
        "} broken { .hero",
    ],
)
def test_a_rule_that_is_none_of_the_parts_is_left(rule: str) -> None:
    assert css_of(rule) == ""


def test_the_pages_text_is_the_modules_text() -> None:
    css = "body { margin: 0; color: red; font: 16px/1.5 Inter; } html { color: blue; }"
    assert css_of(css) == ":where(.features-module) { color: red; font: 16px/1.5 Inter; }"


def test_custom_properties_come_with_the_rules_that_use_them() -> None:
    css = ":root { --a: var(--b); --b: red; --c: blue; } .hero { color: var(--a); }"
    assert css_of(css) == f":root {{ --a: var(--b); --b: red; }} {WITHIN}.hero {{ color: var(--a); }}"


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


@pytest.mark.parametrize(
    "css",
    [
        ".hero" + "{" * 50_000,
        ".hero { a: " + "(" * 50_000 + "}",
        "@media x {" * 5_000 + ".hero {}" + "}" * 5_000,
        ".hero { a: b; }" * 70_000,
    ],
)
def test_a_sheet_too_large_or_too_deep_is_passed_over_with_a_note(css: str) -> None:
    made = generate(HTML, design=page(css))
    assert made.ir["module"]["css"] == ""
    assert made.ir["notes"] == ["A style sheet was passed over, as the styles are too large or nest too deeply."]


def test_a_part_brings_its_own_styles_where_there_is_no_page() -> None:
    made = generate("<style>.hero { color: red }</style>" + HTML)
    assert ".hero { color: red }" in made.ir["module"]["css"]
    assert "<style" not in made.ir["module"]["html"]
