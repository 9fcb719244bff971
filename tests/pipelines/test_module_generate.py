"""The step ``module_generate``: what it hands over, what it refuses, which fields it makes of what."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pipelines.hubspot.fields import RESERVED_NAMES, check_fields, check_meta, default_values, leaf_paths
from pipelines.hubspot.template import parse_hubl
from pipelines.steps.contract import GeneratedArtifactOutput, ModuleTemplateOutput, StepContext, StepError
from pipelines.steps.module_generate import module_generate
from tests.pipelines.parts import field_named, generate, module_of, page, part, words

SCHEMA = jsonschema_rs.Draft202012Validator(Path("pipelines/steps/schemas/module_generate.json").read_text())

WORKSHOP = """
<section class="features py-5" id="services">
  <!-- Services -->
  <h2 class="title">What we mend</h2>
  <p class="lead">Every bicycle, <strong>any</strong> age. <a href="/prices">See prices</a></p>
  <div class="row">
    <div class="col"><div class="card"><img src="wheel.jpg" alt="A wheel" width="300" height="200"><h3>Wheels</h3>
      <p>Trued in a day.</p><a class="btn btn-primary" href="/wheels">Book wheels</a></div></div>
    <div class="col"><div class="card"><img src="brake.jpg" alt="A brake" width="300" height="200"><h3>Brakes</h3>
      <p>Bled and set.</p><a class="btn btn-light" href="/brakes" target="_blank">Book brakes</a></div></div>
    <div class="col"><div class="card"><img src="chain.jpg" alt="A chain" width="300" height="200"><h3>Chains</h3>
      <p>Cleaned and oiled.</p><a class="btn btn-primary" href="mailto:chains@example.org">Write to us</a></div></div>
  </div>
  <iframe src="https://maps.example.org/workshop" title="Map"></iframe>
  <form action="/send"><label for="mail">E-mail</label><input id="mail" type="email" placeholder="you@example.org">
    <button type="submit">Send</button></form>
  <script>track()</script>
</section>
"""


@pytest.fixture(scope="module")
def made() -> Any:
    return generate(WORKSHOP, heading="What we mend in 24 hours")


def test_the_ir_fits_its_schema_and_the_module_hubspots_rules(made: Any) -> None:
    SCHEMA.validate(made.ir)
    module = made.ir["module"]
    assert check_fields(module["fields"]) == []
    assert check_meta(module["meta"]) == []
    template = parse_hubl(module["html"])
    assert [path for path in leaf_paths(module["fields"]) if not template.reads(path)] == []
    assert template.fields == {field["name"] for field in module["fields"]}


def test_the_module_renders_every_word_of_its_source_from_fields(made: Any) -> None:
    ir = made.ir
    template = parse_hubl(ir["module"]["html"])
    assert template.render(default_values(ir["module"]["fields"])) == ir["renderedHtml"]
    assert words(ir["renderedHtml"]) == words(WORKSHOP)
    assert ir["tokens"] == {"total": words(WORKSHOP).total(), "fromFields": words(WORKSHOP).total()}


def test_like_siblings_become_one_repeating_group(made: Any) -> None:
    group = field_named(made.ir["module"]["fields"], "features")
    assert group["occurrence"]["default"] == 3
    assert [item["title"] for item in group["default"]] == ["Wheels", "Brakes", "Chains"]
    assert [item["button_text"] for item in group["default"]] == ["Book wheels", "Book brakes", "Write to us"]
    assert group["default"][0]["image"] == {
        "src": "wheel.jpg", "alt": "A wheel", "size_type": "exact", "loading": "lazy", "width": 300, "height": 200,
    }  # fmt: skip


def test_links_keep_where_and_how_they_lead(made: Any) -> None:
    links = [item["button_link"] for item in field_named(made.ir["module"]["fields"], "features")["default"]]
    assert [link["open_in_new_tab"] for link in links] == [False, True, False]
    assert links[2]["url"] == {"content_id": None, "type": "EMAIL_ADDRESS", "href": "chains@example.org"}
    assert 'href="mailto:chains@example.org"' in made.ir["renderedHtml"]
    assert 'href="/brakes" target="_blank"' in made.ir["renderedHtml"]


def test_each_content_gets_the_field_that_fits_it(made: Any) -> None:
    kinds = {field["name"]: field["type"] for field in made.ir["module"]["fields"]}
    assert kinds == {
        "heading": "text", "subheading": "richtext", "features": "group", "frame_url": "url",
        "form": "form", "input_label": "text", "input_hint": "text", "button_text": "text",
    }  # fmt: skip
    assert field_named(made.ir["module"]["fields"], "subheading")["default"] == (
        'Every bicycle, <strong>any</strong> age. <a href="/prices">See prices</a>'
    )


def test_an_attribute_that_differs_is_a_field_that_editors_do_not_see(made: Any) -> None:
    group = field_named(made.ir["module"]["fields"], "features")
    style = field_named(group["children"], "style_class")
    assert style["locked"]
    assert [item["style_class"] for item in group["default"]] == ["btn-primary", "btn-light", "btn-primary"]


def test_a_form_of_hubspot_replaces_the_designs_own(made: Any) -> None:
    template = parse_hubl(made.ir["module"]["html"])
    values = default_values(made.ir["module"]["fields"])
    assert "E-mail" in template.render(values)
    values["form"] = {**values["form"], "form_id": "f1"}
    assert "E-mail" not in template.render(values)


def test_every_field_has_a_name_a_label_and_help(made: Any) -> None:
    def check(fields: list[dict[str, Any]]) -> None:
        for field in fields:
            assert field["name"] not in RESERVED_NAMES
            assert field["label"]
            assert field.get("help_text") or field.get("inline_help_text")
            check(field.get("children", []))

    check(made.ir["module"]["fields"])


def test_the_module_is_labelled_for_editors_without_digits(made: Any) -> None:
    meta = made.ir["module"]["meta"]
    assert meta["label"] == "Features section with heading, form and text: What we mend in hours"
    assert meta["icon"].startswith("fontawesome-")
    assert meta["categories"] == ["body_content"]


def test_the_outputs_are_a_template_and_the_folder_of_the_module(made: Any) -> None:
    template, artifact = made.outputs
    assert isinstance(template, ModuleTemplateOutput)
    assert isinstance(artifact, GeneratedArtifactOutput)
    assert artifact.type == "hubspot_module"
    assert artifact.module_key == template.key == "features"
    assert artifact.content == template.html_content == made.ir["module"]["html"]
    assert {file.path for file in artifact.files} == {
        f"features.module/{name}" for name in ("module.html", "fields.json", "meta.json", "module.css", "module.js")
    }
    assert dict(artifact.meta) == {
        "name": "features", "label": made.ir["module"]["label"], "fieldCount": 14, "partKey": "features",
    }  # fmt: skip


def test_the_same_part_gives_the_same_module(made: Any) -> None:
    assert generate(WORKSHOP, heading="What we mend in 24 hours").ir == made.ir


def test_scripts_and_comments_stay_behind(made: Any) -> None:
    assert made.ir["module"]["js"] == ""
    assert "track" not in made.ir["module"]["html"]
    assert "<!--" not in made.ir["module"]["html"]
    assert "Left out: <script> (1 times)." in made.ir["notes"]


def test_a_part_of_a_picture_becomes_an_image_field() -> None:
    made = generate(None, kind="hero", label="Shop front", image="crops/part-1.png")
    assert made.ir["module"]["fields"][0]["default"]["src"] == "crops/part-1.png"
    assert made.ir["module"]["fields"][0]["default"]["alt"] == "Shop front"
    assert [field["type"] for field in made.ir["module"]["fields"]] == ["image"]
    assert made.ir["tokens"] == {"total": 2, "fromFields": 2}


def test_image_addresses_are_absolute_where_the_pages_own_is_known() -> None:
    html = '<img src="a.png" alt=""><p>x</p><div style="background: url(b.png) center">y</div><a href="c">c</a>'
    made = generate(html, design=page(base_url="https://example.org/shop/index.html"))
    defaults = [field["default"] for field in made.ir["module"]["fields"] if field["type"] == "image"]
    assert [default["src"] for default in defaults] == [
        "https://example.org/shop/a.png",
        "https://example.org/shop/b.png",
    ]
    assert "https://example.org/shop/b.png" in made.ir["sourceHtml"]
    assert 'href="c"' in made.ir["renderedHtml"]


def test_a_background_picture_is_an_image_field() -> None:
    module = module_of(
        "<header style=\"color: red; background-image: url('a b.jpg')\"><h1>Hi</h1></header>", kind="hero"
    )
    assert field_named(module["fields"], "background_image")["default"]["src"] == "a b.jpg"


def test_running_text_is_one_formatted_field() -> None:
    module = module_of(
        "<article><h1>News</h1><p>One.</p><p>Two <em>and</em> three.</p><h2>More</h2><p>Four.</p></article>"
    )
    assert {field["name"]: field["type"] for field in module["fields"]} == {"heading": "text", "rich_text": "richtext"}


def test_preformatted_text_keeps_its_lines() -> None:
    module = module_of("<div><h2>Code</h2><pre>a\n  b\n    c</pre></div>")
    assert [field["default"] for field in module["fields"]] == ["Code", "a\n  b\n    c"]


@pytest.mark.parametrize("kind", ["header", "pricing", "faq", "nosuch"])
def test_every_kind_of_part_has_a_valid_configuration(kind: str) -> None:
    assert check_meta(module_of("<p>Text</p>", kind=kind)["meta"]) == []


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (None, "part-missing"),
        ({}, "part-missing"),
        (part(None), "part-without-content"),
        (part(" \n "), "part-without-content"),
        (part("<!-- nothing -->"), "part-without-content"),
        (part("<script>x()</script><noscript>y</noscript>"), "part-without-content"),
        (part("<p>" + "word " * 500_000), "part-too-large"),
        (part("<div>" * 5_000 + "deep"), "part-too-deep"),
    ],
)
def test_a_part_that_makes_no_module_is_refused(item: Any, code: str) -> None:
    with pytest.raises(StepError) as refusal:
        module_generate(StepContext(item=item))
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(StepError, match="deterministic") as refusal:
        module_generate(StepContext(item=part("<p>x</p>"), params={"provider": "nosuch"}))
    assert refusal.value.code == "provider-unknown"
