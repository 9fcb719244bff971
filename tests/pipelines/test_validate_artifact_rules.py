"""Every rule of ``validate_artifact`` with an example that breaks it and one that keeps it."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pipelines.steps.contract import StepContext
from pipelines.steps.validate_artifact import (
    accessibility,
    attributes,
    html,
    hubspot,
    nesting,
    performance,
    seo,
    tailwind,
    validate_artifact,
)
from pipelines.steps.validate_artifact.findings import Rule
from pipelines.steps.validate_artifact.nu import JAR_VARIABLE
from tests.pipelines.generated_modules import FIELD, generated

HEAD = """<title>A title of good length</title><meta name="viewport" content="width=device-width">
<meta name="description" content="A description that is long enough for a search result to show it.">
<link rel="canonical" href="https://example.com/"><meta property="og:title" content="x">
<meta property="og:description" content="x"><meta property="og:image" content="x">"""


@pytest.fixture(autouse=True)
def _without_the_nu_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(JAR_VARIABLE, raising=False)


@dataclass(frozen=True)
class Example:
    """``parts`` replace those of the generated module; ``page`` says that the rendered HTML is a whole page."""

    rendered: str = "<p>Hello</p>"
    page: bool = False
    parts: dict[str, Any] = field(default_factory=dict)

    def broken_rules(self) -> set[str]:
        params = {"rendering": "never", "subject": "page" if self.page else "module"}
        ir = validate_artifact(StepContext(item=generated(self.rendered, **self.parts), params=params)).ir
        return {f"{finding['category']}/{finding['rule']}" for finding in ir["findings"]}


def module(rendered: str = "<p>Hello</p>", **parts: Any) -> Example:
    return Example(rendered, parts=parts)


def page(body: str = "<h1>Main</h1>", *, head: str = HEAD, html: str = '<html lang="en">') -> Example:
    return Example(f"<!doctype html>{html}<head>{head}</head><body>{body}</body></html>", page=True)


def fields(*changed: dict[str, Any]) -> Example:
    """A module with one field for each dictionary, and a template that reads them all."""
    built = [{**FIELD, **properties} for properties in changed]
    return module(fields=built, html="".join(f"{{{{ module.{each['name']} }}}}" for each in built))


EXAMPLES = {
    "html/parse-error": (module("<p>a</p></p>"), module("<p>a</p>")),
    "html/markup-cut": (module("x" * 250_001), module("x" * 250_000)),
    "html/element-unclosed": (module("<div><span>a</div>"), module("<div><span>a</span></div><ul><li>b</ul>")),
    "html/element-self-closed": (module("<div/>"), module("<br/><svg><path/></svg>")),
    "html/element-moved": (module("<table><div>a</div></table>"), module("<table><tr><td><div>a</div></table>")),
    "html/element-unknown": (module("<blob>a</blob>"), module("<my-blob>a</my-blob>")),
    "html/element-obsolete": (module("<font>a</font>"), module("<span>a</span>")),
    "html/attribute-obsolete": (module('<p align="left">a</p>'), module('<p class="left">a</p>')),
    "html/attribute-unknown": (module('<label htmlfor="a">a</label>'), module('<p data-x="1" aria-busy="true">a</p>')),
    "html/attribute-framework": (module('<p x-show="a">a</p>'), module('<p data-show="a">a</p>')),
    "html/attribute-duplicate": (module('<p id="a" id="b">a</p>'), module("<p data-a='b=1 b=2'>a</p>")),
    "html/attribute-missing": (module("<img alt='x'>"), module("<img alt='x' src='a.png'>")),
    "html/attribute-value": (module('<img src="a b.png" width="3px">'), module('<img src="a%20b.png" width="3">')),
    "html/aria-name-prohibited": (
        module('<div aria-label="x"></div>'),
        module('<div role="group" aria-label="x"></div>'),
    ),
    "html/id-duplicate": (module('<p id="a">a</p><p id="a">b</p>'), module('<p id="a">a</p><p id="b">b</p>')),
    "html/id-invalid": (module('<p id="a b">a</p>'), module('<p id="a-b">a</p>')),
    "html/id-reference": (
        module('<p aria-describedby="x">a</p>'),
        module('<p aria-describedby="x">a</p><p id="x">b</p>'),
    ),
    "html/label-target": (
        module('<label for="x">a</label><p id="x">b</p>'),
        module('<label for="x">a</label><input id="x">'),
    ),
    "html/heading-skipped": (module("<h2>a</h2><h4>b</h4>"), module("<h3>a</h3><h4>b</h4><h2>c</h2>")),
    "html/doctype": (Example("<html><head></head><body></body></html>", page=True), page()),
    "html/element-parent": (module("<div><li>a</li></div>"), module("<ul><li>a</li></ul>")),
    "html/element-child": (module("<ul><a href='#'>a</a></ul>"), module("<ul><li>a</li></ul>")),
    "html/block-in-phrasing": (module("<span><a><div>a</div></a></span>"), module("<a><div>a</div></a>")),
    "html/element-ancestor": (
        module("<a href='#'><button>a</button></a>"),
        module("<a href='#'>a</a><button>b</button>"),
    ),
    "accessibility/image-alt": (module("<img src='a'>"), module("<img src='a' alt=''>")),
    "accessibility/image-alt-file-name": (module("<img src='a' alt='IMG_1.JPG'>"), module("<img src='a' alt='A cat'>")),
    "accessibility/input-image-alt": (
        module("<input type=image src='a'>"),
        module("<input type=image src='a' alt='Go'>"),
    ),
    "accessibility/button-name": (
        module("<button><i></i></button>"),
        module("<button><img alt='Go' src='a'></button>"),
    ),
    "accessibility/link-name": (module("<a href='#'><i></i></a>"), module("<a href='#' aria-label='Top'><i></i></a>")),
    "accessibility/label": (module("<p>Name</p><input>"), module("<label>Name <input></label>")),
    "accessibility/frame-title": (module("<iframe src='a'></iframe>"), module("<iframe src='a' title='Map'></iframe>")),
    "accessibility/svg-img-alt": (
        module('<svg role="img"></svg>'),
        module('<svg role="img"><title>Logo</title></svg><svg aria-hidden="true"></svg>'),
    ),
    "accessibility/video-caption": (
        module("<video src='a'></video>"),
        module("<video src='a'><track src='b'></video><video muted src='c'></video>"),
    ),
    "accessibility/no-autoplay-audio": (module("<audio autoplay></audio>"), module("<audio controls></audio>")),
    "accessibility/list": (module("<ul><div>a</div></ul>"), module("<ul><li>a</li></ul>")),
    "accessibility/listitem": (module("<div><li>a</li></div>"), module("<ol><li>a</li></ol>")),
    "accessibility/empty-heading": (module("<h2></h2>"), module("<h2>a</h2>")),
    "accessibility/heading-order": (module("<h2>a</h2><h4>b</h4>"), module("<h2>a</h2><h3>b</h3>")),
    "accessibility/tabindex": (module("<p tabindex='3'>a</p>"), module("<p tabindex='0'>a</p><p tabindex='-1'>b</p>")),
    "accessibility/aria-roles": (module("<p role='foo'>a</p>"), module("<p role='note'>a</p>")),
    "accessibility/aria-valid-attr": (module("<p aria-foo='x'>a</p>"), module("<p aria-busy='true'>a</p>")),
    "accessibility/aria-hidden-focus": (
        module("<div aria-hidden='true'><a href='#'>a</a></div>"),
        module("<div aria-hidden='true'><a href='#' tabindex='-1'>a</a></div>"),
    ),
    "accessibility/click-without-keyboard": (
        module("<div onclick='go()'>a</div>"),
        module("<button onclick='go()'>a</button>"),
    ),
    "accessibility/html-has-lang": (page(html="<html>"), page()),
    "accessibility/meta-viewport": (
        page(head=HEAD.replace("device-width", "device-width, user-scalable=no")),
        page(),
    ),
    "accessibility/document-title": (page(head=""), page()),
    "performance/html-weight": (module("x" * 50_001), module("x" * 50_000)),
    "performance/css-weight": (module(css="/*" + "x" * 50_000 + "*/"), module(css="p{}")),
    "performance/js-weight": (module(js="//" + "x" * 50_000), module(js="go()")),
    "performance/image-size": (module("<img src='a' width='3'>"), module("<img src='a' width='3' height='3'>")),
    "performance/image-lazy": (module("<img src='a'>"), module("<img src='a' loading='lazy'>")),
    "performance/first-image-lazy": (
        module("<img src='a' loading='lazy'>", kind="hero"),
        module("<img src='a'><img src='b' loading='lazy'>", kind="hero"),
    ),
    "performance/data-uri": (module(f"<img src='data:,{'x' * 5_000}'>"), module("<img src='data:,x'>")),
    "performance/frame-lazy": (module("<iframe></iframe>"), module("<iframe loading='lazy'></iframe>")),
    "performance/blocking-script": (module("<script src='a'></script>"), module("<script src='a' defer></script>")),
    "performance/blocking-stylesheet": (
        module("<link rel='stylesheet' href='a'>"),
        module("<link rel='icon' href='a'>"),
    ),
    "performance/style-element": (module("<style>p{}</style>"), module(css="p{}")),
    "performance/css-import": (module(css="@import 'a.css';"), module(css=".important{}")),
    "performance/inline-styles": (module("<p style='top:0'>a</p>" * 11), module("<p style='top:0'>a</p>" * 10)),
    "performance/dom-size": (module("<br>" * 801), module("<br>" * 800)),
    "performance/dom-depth": (module("<div>" * 33 + "</div>" * 33), module("<div>" * 32 + "</div>" * 32)),
    "performance/dom-children": (
        module(f"<div>{'<br>' * 61}</div>"),
        module(f"<div>{'<br>' * 60}</div>"),
    ),
    "performance/svg-weight": (
        module(f"<svg><path d='{'M0' * 6_000}'/></svg>"),
        module("<svg><path d='M0'/></svg>"),
    ),
    "performance/video-preload": (module("<video></video>"), module("<video preload='none'></video>")),
    "performance/font-display": (
        module(css="@font-face{src:url(a)}"),
        module(css="@font-face{src:url(a);font-display:swap}"),
    ),
    "performance/document-write": (module(js="document.write('a')"), module(js="documentation.write('a')")),
    "hubspot/hubl-syntax": (module(html="{% if module.headline %}"), module(html="{{ module.headline }}")),
    "hubspot/hubl-render": (
        module(
            html="{{ module.headline }}{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}"
        ),
        module(html="{{ module.headline }}{% for a in range(9) %}x{% endfor %}"),
    ),
    "hubspot/fields-schema": (fields({"type": "no such type"}), fields({"type": "text"})),
    "hubspot/meta-schema": (module(meta={"global": "yes"}), module(meta={"global": False})),
    "hubspot/field-unknown": (
        module(html="{{ module.headline }}{{ module.title }}"),
        module(html="{{ module.headline }}{{ module.module_id }}"),
    ),
    "hubspot/field-unused": (module(html="<p>Hello</p>"), module(html="<p>{{ module.headline }}</p>")),
    "hubspot/page-elements": (
        module(html="<body>{{ module.headline }}</body>"),
        module(html="<p>{{ module.headline }}"),
    ),
    "hubspot/module-label": (module(meta={"label": "Module 1"}), module(meta={"label": "Price list"})),
    "hubspot/field-label": (fields({"label": "Text 2"}), fields({"label": "Text"})),
    "hubspot/placeholder-text": (module("<p>Lorem ipsum</p>"), module("<p>Fresh bread</p>")),
    "hubspot/icon": (module(meta={"icon": ""}), module(meta={"icon": "icon.svg"})),
    "hubspot/inline-help": (
        fields({"inline_help_text": ""}, {"name": "other", "inline_help_text": ""}),
        fields({"inline_help_text": ""}, {"name": "other"}),
    ),
    "hubspot/not-available": (
        module(meta={"is_available_for_new_content": False}),
        module(meta={"is_available_for_new_content": True}),
    ),
    "hubspot/hard-coded-text": (
        module(tokens={"total": 10, "fromFields": 4}),
        module(tokens={"total": 10, "fromFields": 5}),
    ),
    "hubspot/jquery": (module(js="$('p').hide()"), module(js="a.$(1)")),
    "hubspot/global-styles": (
        module(css=".a{} @media print{b, h1:hover{color:red}}"),
        module(css="/* h1{} */ .a h1{color:red} @scope (.a){h1{top:0}} @keyframes x{from{top:0}} :root{--a:0}"),
    ),
    "seo/title": (page(head=""), page()),
    "seo/title-length": (page(head="<title>Hi</title>"), page()),
    "seo/description": (page(head=""), page()),
    "seo/description-length": (page(head='<meta name="description" content="Short">'), page()),
    "seo/language": (page(html="<html>"), page()),
    "seo/viewport": (page(head=""), page()),
    "seo/canonical": (page(head=""), page()),
    "seo/main-heading": (page("<h1>a</h1><h1>b</h1>"), page()),
    "seo/blocked-from-index": (page(head='<meta name="robots" content="noindex">'), page()),
    "seo/vague-link": (page("<a href='/a'>Read more…</a>"), page("<a href='/a'>Read the report</a>")),
    "seo/uncrawlable-link": (page("<a href='javascript:go()'>Go on</a>"), page("<a href='/a'>Go on</a>")),
    "seo/image-alt": (page("<img src='a'>"), page("<img src='a' alt=''>")),
    "seo/open-graph": (page(head=""), page()),
    "tailwind/unknown-class": (
        module('<p class="flex-1 md:p-13 navbar-nav">a</p>'),
        module('<p class="flex-1 md:p-13 navbar-nav">a</p>', css=".navbar-nav{top:0}"),
    ),
}


@pytest.mark.parametrize("rule", EXAMPLES)
def test_the_bad_example_breaks_the_rule_and_the_good_one_keeps_it(rule: str) -> None:
    bad, good = EXAMPLES[rule]
    assert rule in bad.broken_rules()
    assert rule not in good.broken_rules()


def test_every_rule_has_its_examples() -> None:
    modules = (accessibility, attributes, hubspot, html, nesting, performance, seo, tailwind)
    rules = [value for each in modules for value in vars(each).values() if isinstance(value, Rule)]
    rules += performance.HEAVY.values()
    assert {f"{rule.category}/{rule.key}" for rule in rules} == set(EXAMPLES)


def test_a_rule_reads_as_a_recommendation() -> None:
    modules = (accessibility, attributes, hubspot, html, nesting, performance, seo, tailwind)
    for each in modules:
        for rule in [value for value in vars(each).values() if isinstance(value, Rule)]:
            assert rule.remedy[0].isupper(), rule
            assert rule.remedy.endswith((".", ">.")), rule
            assert len(rule.remedy) < 120, rule


@pytest.mark.parametrize(
    ("rendered", "applies"),
    [
        ('<p class="text-xl font-bold mb-4">a</p>', True),
        ('<p class="md:flex hover:underline">a</p>', True),
        ('<div class="container"><div class="row mb-4 text-center p-5 col-4 shadow-lg w-100">a</div></div>', False),
        ('<p class="hidden flex block card">a</p>', False),
        ("<p>a</p>", False),
    ],
)
def test_tailwind_is_scored_only_where_the_markup_uses_it(rendered: str, applies: bool) -> None:
    ir = validate_artifact(StepContext(item=generated(rendered), params={"rendering": "never"})).ir
    assert (ir["scores"]["tailwind"] is not None) == applies
