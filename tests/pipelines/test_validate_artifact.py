"""The step ``validate_artifact`` as the engine calls it."""

import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.contract import StepContext, StepError, StepResult, ValidationResultOutput
from pipelines.steps.validate_artifact import validate_artifact
from pipelines.steps.validate_artifact.findings import CATEGORIES, Category, Engine, Finding, Severity, Verdict
from pipelines.steps.validate_artifact.nu import JAR_VARIABLE
from pipelines.steps.validate_artifact.scoring import (
    COSTS,
    WEIGHTS,
    grade_of,
    overall_score,
    recommendations,
    score_of,
)
from tests.pipelines.generated_modules import generated

SCHEMA = jsonschema_rs.Draft202012Validator(Path("pipelines/steps/schemas/validate_artifact.json").read_text())

FAULTY = """
<center><img src="a.png"><a href="#"></a></center>
<h2 id="a">One</h2><h4 id="a">Two</h4>
<p class="flex-1 md:p-13 navbar-nav">Lorem ipsum dolor sit amet</p>
"""


@pytest.fixture(autouse=True)
def _without_the_nu_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(JAR_VARIABLE, raising=False)


def judge(item: Any, **params: Any) -> StepResult:
    return validate_artifact(StepContext(item=item, params={"rendering": "never", **params}))


def outputs(result: StepResult) -> dict[str, ValidationResultOutput]:
    return {output.validator: output for output in result.outputs if isinstance(output, ValidationResultOutput)}


def test_a_sound_module_gets_full_marks_and_leaves_out_what_does_not_apply() -> None:
    ir = judge(generated()).ir
    assert ir["scores"] == {
        "html": 100.0,
        "accessibility": 100.0,
        "performance": 100.0,
        "hubspot": 100.0,
        "seo": None,
        "tailwind": None,
    }
    assert (ir["overall"], ir["grade"]) == (100.0, "A")
    assert (ir["findings"], ir["recommendations"], ir["findingCount"]) == ([], [], 0)
    assert ir["markup"] == {"errors": 0, "elements": 1}


def test_a_faulty_module_is_marked_down_in_every_category_that_applies() -> None:
    ir = judge(generated(FAULTY)).ir
    assert all(ir["scores"][category] < 100 for category in CATEGORIES if category != "seo")
    assert ir["findingCount"] == len(ir["findings"])
    assert [finding["severity"] for finding in ir["findings"]] == sorted(
        (finding["severity"] for finding in ir["findings"]), key=["error", "warning", "info"].index
    )
    assert ir["markup"]["errors"] == sum(
        1 for finding in ir["findings"] if (finding["category"], finding["severity"]) == ("html", "error")
    )


def test_each_finding_names_its_place_and_its_remedy() -> None:
    finding = next(finding for finding in judge(generated(FAULTY)).ir["findings"] if finding["rule"] == "image-alt")
    assert finding["place"] == "rendered module, line 2: center > img"
    assert finding["remedy"]


def test_every_category_becomes_a_validation_result() -> None:
    by_category = outputs(judge(generated(FAULTY)))
    assert list(by_category) == list(CATEGORIES)
    assert {category: output.status for category, output in by_category.items()} == {
        "html": "failed",
        "accessibility": "failed",
        "performance": "warning",
        "hubspot": "warning",
        "seo": "not_applicable",
        "tailwind": "warning",
    }
    assert by_category["seo"].details["score"] is None
    assert by_category["html"].details["findings"][0]["category"] == "html"


def test_the_engines_say_who_judged_and_what_was_not_looked_at() -> None:
    engines = {engine["category"]: engine for engine in judge(generated()).ir["engines"]}
    assert engines["html"]["name"] == "justhtml"
    assert "Colour contrast" in engines["accessibility"]["note"]
    assert engines["tailwind"]["version"].startswith("4.")


def test_the_results_point_at_the_artifact_of_the_same_map_index() -> None:
    sources = {
        "split": [{"mapIndex": None, "SplitAsset": ["asset"]}],
        "generate": [
            {"mapIndex": 0, "GeneratedArtifact": ["first"]},
            {"mapIndex": 1, "ModuleTemplate": ["template"], "GeneratedArtifact": ["second"]},
        ],
    }
    context = StepContext(item=generated(), map_index=1, sources=sources, params={"rendering": "never"})
    assert {output.artifact_id for output in outputs(validate_artifact(context)).values()} == {"second"}
    unknown = StepContext(item=generated(), map_index=7, sources=sources, params={"rendering": "never"})
    assert {output.artifact_id for output in outputs(validate_artifact(unknown)).values()} == {None}


@pytest.mark.parametrize("item", [None, "module", {}, {"module": {"name": "x"}}])
def test_an_item_that_is_no_module_is_refused(item: Any) -> None:
    with pytest.raises(StepError) as refusal:
        judge(item)
    assert refusal.value.code == "module-missing"


def test_an_unknown_param_value_is_refused() -> None:
    with pytest.raises(StepError, match=r"subject.*module or page") as refusal:
        judge(generated(), subject="site")
    assert refusal.value.code == "param-invalid"


def test_findings_are_capped_and_still_counted() -> None:
    ir = judge(generated("<font>x</font>" * 600)).ir
    assert len(ir["findings"]) == 500
    assert ir["findingCount"] >= 600
    assert ir["markup"]["errors"] == 600


# A bar stands for a blank.
PIECES = """
<div> </div> <p|class='flex-1|md:p-3|x'> </p> <img|src=a> <img|alt=''|src='a|b'> <table><tr> <td> </table> <h1>
<h4> </h1> text <a|href='#'> </a> <button> </button> <svg> <path/> </svg> <li> <!-- --> <input|id=a> <label|for=b>
<x-y> <b> </b> &amp <iframe> </iframe> <select><option> <style>a{ </style> <font|color=x> <script|src=x> </script>
<div|id=''|id=a|aria-label=x> <html|lang=en> </body> \x00 é <
"""
markup = st.lists(st.sampled_from([piece.replace("|", " ") for piece in PIECES.split()]), max_size=40).map("".join)


@settings(max_examples=150)
@given(
    rendered=st.one_of(markup, st.text(max_size=200)),
    css=st.text(max_size=50),
    subject=st.sampled_from(["module", "page"]),
)
def test_any_markup_gets_a_valid_ir_with_scores_in_range_and_the_same_one_twice(
    rendered: str, css: str, subject: str
) -> None:
    item = generated(rendered, css=css)
    ir = judge(item, subject=subject).ir
    SCHEMA.validate(ir)
    assert all(score is None or 0 <= score <= 100 for score in [*ir["scores"].values(), ir["overall"]])
    assert judge(item, subject=subject).ir == ir


HOSTILE = {
    "long": "<p>x</p>" * 1_000_000,
    "deep": "<div>" * 100_000,
    "deep-inputs": "<div>" * 20_000 + "<input>" * 20_000,
    "open-formatting": "".join(f"<b x={number}><p>" for number in range(20_000)),
    "hidden-formatting": "".join(f"<b x={number}><object></b></object><p>" for number in range(8_000)),
    "nested-drawings": "<svg><foreignObject><div>" * 10_000,
    "many-classes": f'<p class="p-4 {" ".join(f"p-{number}" for number in range(40_000))}">',
    "dashes": f'<p class="m-7 p-7 {" ".join("p-" * 230 + str(number) for number in range(500))}">',
    "brackets": f'<p class="m-7 p-7 {" ".join("[" * 400 + str(number) for number in range(500))}">',
    "attributes": f"<p {' '.join(f'a{number}=1' for number in range(20_000))}>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markup_is_judged_in_bounded_time(name: str) -> None:
    started = time.monotonic()
    ir = judge(generated(HOSTILE[name])).ir
    assert time.monotonic() - started < 30
    SCHEMA.validate(ir)


def test_markup_that_was_not_read_to_its_end_says_so() -> None:
    ir = judge(generated("<p>x</p>" * 100_000)).ir
    assert "markup-cut" in {finding["rule"] for finding in ir["findings"]}


def finding(rule: str, severity: Severity, category: Category = "html", *, fatal: bool = False) -> Finding:
    return Finding(rule, category, severity, "here", "It is wrong.", f"Mend {rule}.", fatal)


severities = st.sampled_from(sorted(COSTS))
findings = st.lists(st.builds(finding, st.sampled_from("abcdef"), severities), max_size=60)


@given(findings)
def test_a_further_finding_never_raises_a_score(found: list[Finding]) -> None:
    assert 0 <= score_of([*found, finding("new", "info")]) <= score_of(found) <= 100


def test_a_repeated_fault_costs_at_most_twice_as_much_as_one() -> None:
    once, often = score_of([finding("a", "error")]), score_of([finding("a", "error")] * 1_000)
    assert once == 100 - COSTS["error"]
    assert often == 100 - 2 * COSTS["error"]


def test_a_fatal_fault_leaves_nothing() -> None:
    assert score_of([finding("a", "info", fatal=True)]) == 0


@given(st.fixed_dictionaries({category: st.none() | st.floats(0, 100) for category in CATEGORIES}))
def test_the_overall_score_lies_between_the_worst_and_the_best_that_apply(scores: dict[Category, float | None]) -> None:
    applying = [score for score in scores.values() if score is not None]
    overall = overall_score(scores)
    if not applying:
        assert overall is None
    else:
        assert overall is not None
        assert min(applying) - 0.06 <= overall <= max(applying) + 0.06


def test_a_category_that_does_not_apply_leaves_the_weights() -> None:
    scores: dict[Category, float | None] = dict.fromkeys(CATEGORIES)
    scores["html"], scores["hubspot"] = 100.0, 0.0
    assert overall_score(scores) == round(100 * WEIGHTS["html"] / (WEIGHTS["html"] + WEIGHTS["hubspot"]), 1)


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (100, "A"),
        (90, "A"),
        (89.9, "B"),
        (80, "B"),
        (79.9, "C"),
        (70, "C"),
        (60, "D"),
        (59.9, "F"),
        (0, "F"),
        (None, None),
    ],
)
def test_grades(score: float | None, grade: str | None) -> None:
    assert grade_of(score) == grade


def test_the_most_valuable_actions_come_first_and_are_at_most_five() -> None:
    broken = [finding(name, "warning") for name in "abcdefg"] + [finding("worst", "error")] * 3
    verdict = Verdict("html", score_of(broken), tuple(broken), Engine("test", "1"))
    advice = recommendations([verdict])
    assert len(advice) == 5
    assert advice[0] == "Mend worst (html, 3 places, about 26.2 points)."
    assert advice[1] == "Mend a (html, 1 place, about 5.0 points)."


def test_one_remedy_for_two_categories_is_one_recommendation() -> None:
    advice = judge(generated("<h2>a</h2><h4>b</h4>")).ir["recommendations"]
    assert advice == ["Go down one heading level at a time (html and accessibility, 1 place, about 2.5 points)."]
