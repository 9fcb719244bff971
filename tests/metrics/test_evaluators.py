import json
import math
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.evaluators import EVALUATORS, MAX_HTML_CHARACTERS, Evidence, Measurement, ValidationCounts, evaluate

CARD = "<h2>Wheels</h2><p>True and tight</p><img src=w.png><a href=/w>More</a>"


@dataclass
class Usage:
    tokens_in: int | None = None
    tokens_out: int | None = None
    total_cost_usd: str | None = None


def split(*bounds: tuple[float, float, float, float]) -> dict[str, Any]:
    return {"parts": [{"bounds": dict(zip(("x", "y", "width", "height"), each, strict=True))} for each in bounds]}


def module(source: str, rendered: str) -> dict[str, Any]:
    return {"sourceHtml": source, "renderedHtml": rendered, "tokens": {"total": 8, "fromFields": 6}}


def measure(key: str, ir: dict[str, Any] | None = None, **more: Any) -> Measurement:
    return evaluate(key, Evidence(ir or {}, **more))


fractions = st.floats(0, 1)
splits = st.lists(st.tuples(fractions, fractions, fractions, fractions), min_size=1, max_size=6)
fragments = st.lists(
    st.sampled_from(
        ["<p>one two</p>", "<h2>Head</h2>", "<img src=a.png>", "<a href=/x>link</a>", "<form>f</form>", "<b>", "</p>"]
    ),
    max_size=8,
).map("".join)


def test_split_coverage_and_overlap() -> None:
    halves_over_a_fifth = split((0, 0, 1, 0.6), (0, 0.4, 1, 0.4))
    assert measure("split_coverage", halves_over_a_fifth).value == pytest.approx(0.8)
    overlap = measure("overlap_ratio", halves_over_a_fifth)
    assert overlap.value == pytest.approx(0.2)
    assert overlap.details["maxPairIou"] == pytest.approx(0.25)


def test_boxes_are_clipped_to_the_design() -> None:
    assert measure("split_coverage", split((-1, -1, 3, 1.5))).value == pytest.approx(0.5)


def test_one_box_does_not_overlap_and_no_box_has_no_overlap() -> None:
    assert measure("overlap_ratio", split((0, 0, 1, 1))).value == 0
    nothing = measure("overlap_ratio", {"parts": []})
    assert nothing.value is None
    assert "no part" in nothing.details["reason"]
    assert measure("split_coverage", {"parts": []}).value == 0


@given(splits, st.randoms())
def test_split_metrics_are_ratios_and_know_no_order(bounds: list[tuple[float, ...]], random: Random) -> None:
    shuffled = random.sample(bounds, len(bounds))
    for key in ("split_coverage", "overlap_ratio"):
        value = measure(key, split(*bounds)).value
        assert value is None or 0 <= value <= 1
        assert measure(key, split(*shuffled)).value == pytest.approx(value, abs=1e-9)


@given(fragments)
def test_a_module_that_shows_its_source_is_faithful(html: str) -> None:
    assert measure("faithfulness_v1", module(html, html)).value == 1


@given(fragments, fragments)
def test_faithfulness_is_a_ratio(source: str, rendered: str) -> None:
    measurement = measure("faithfulness_v1", module(source, rendered))
    assert measurement.value is not None
    assert 0 <= measurement.value <= 1
    json.dumps(measurement.details)


def test_faithfulness_weighs_each_kind() -> None:
    without_image = CARD.replace("<img src=w.png>", "")
    other_heading = CARD.replace("h2", "h3")
    assert measure("faithfulness_v1", module(CARD, without_image)).value == pytest.approx(0.9)
    assert measure("faithfulness_v1", module(CARD, other_heading)).value == pytest.approx(0.9)
    # Half of the words kept in order: token F1 and ROUGE-L are both 2*2/(4+2).
    assert measure("faithfulness_v1", module("<p>a b c d", "<p>a b")).value == pytest.approx(2 / 3)


def test_faithfulness_renormalises_over_what_the_source_has() -> None:
    assert measure("faithfulness_v1", module("<img src=a><a href=b></a>", "<img src=a>")).value == pytest.approx(0.5)
    assert measure("faithfulness_v1", module("<p>a</p>", "<p>a</p><img src=new>")).value == 1


@pytest.mark.parametrize(("source", "rendered", "value"), [("", "", 1), ("<br>", "<p>new", 0), ("<p>lost", "", 0)])
def test_faithfulness_of_empty_sides(source: str, rendered: str, value: float) -> None:
    assert measure("faithfulness_v1", module(source, rendered)).value == value


def test_faithfulness_lists_the_forms_it_leaves_out() -> None:
    measurement = measure("faithfulness_v1", module(CARD + "<form action=/a>x</form>", CARD))
    assert measurement.value == 1
    assert measurement.details["forms"] == {"source": ["/a"], "rendered": []}


def test_faithfulness_compares_long_texts_up_to_a_bound() -> None:
    long = "word " * 30_000
    measurement = measure("faithfulness_v1", module(long, long))
    assert measurement.value == 1
    assert "first 20000 words" in measurement.details["note"]
    too_long = measure("faithfulness_v1", module("x" * (MAX_HTML_CHARACTERS + 1), "x"))
    assert too_long.value is None
    assert "characters" in too_long.details["reason"]


def test_editable_ratio() -> None:
    assert measure("editable_ratio", module("", "")).value == 0.75
    assert measure("editable_ratio", {"tokens": {"total": 0, "fromFields": 0}}).value is None


def test_html_validity() -> None:
    assert measure("html_validity", {"markup": {"errors": 0, "elements": 40}}).value == 1
    assert measure("html_validity", {"markup": {"errors": 2, "elements": 200}}).value == pytest.approx(0.5)
    assert measure("html_validity", {"markup": {"errors": 0, "elements": 0}}).value is None


def test_time_tokens_and_cost_are_taken_as_reported() -> None:
    usage = Usage(tokens_in=120, tokens_out=0, total_cost_usd="0.000125")
    assert measure("latency_ms", latency_ms=12.5).value == 12.5
    assert measure("tokens_in", usage=usage).value == 120
    assert measure("tokens_out", usage=usage).value == 0
    assert measure("total_cost_usd", usage=usage).value == Decimal("0.000125")


def test_validation_pass_rate() -> None:
    assert measure("validation_pass_rate", validation=ValidationCounts(3, 4)).value == 0.75
    assert measure("validation_pass_rate", validation=ValidationCounts(0, 0)).value is None


def test_quality_scores() -> None:
    ir = {"scores": {"html": 88, "tailwind": None}, "overall": 91.5, "grade": "A"}
    assert measure("quality_html", ir).value == 88
    assert measure("quality_overall", ir) == Measurement(91.5, {"grade": "A"})
    tailwind = measure("quality_tailwind", ir)
    assert tailwind.value is None
    assert "does not apply" in tailwind.details["reason"]


@pytest.mark.parametrize("key", sorted(EVALUATORS))
@pytest.mark.parametrize("usage", [None, Usage()])
def test_what_is_unknown_is_none_with_a_reason(key: str, usage: Usage | None) -> None:
    measurement = measure(key, usage=usage)
    assert measurement.value is None
    assert measurement.details["reason"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["bounds", "x", "total"]), inner),
    max_leaves=6,
)
IR_KEYS = ["parts", "sourceHtml", "renderedHtml", "tokens", "markup", "scores", "overall"]


@given(st.sampled_from(sorted(EVALUATORS)), st.dictionaries(st.sampled_from(IR_KEYS), json_values))
def test_an_ir_of_any_shape_is_measured_or_explained(key: str, ir: dict[str, Any]) -> None:
    measurement = evaluate(key, Evidence(ir))
    if measurement.value is None:
        assert measurement.details.get("reason") or measurement.details.get("error")
    else:
        assert math.isfinite(measurement.value)


def test_an_unknown_metric_is_none_with_a_reason() -> None:
    assert "no evaluator" in measure("sparkle").details["reason"]


def test_a_value_that_is_no_number_is_an_error() -> None:
    assert "inf" in measure("quality_overall", {"overall": math.inf}).details["error"]


def test_a_broken_ir_is_reported_as_an_error() -> None:
    measurement = measure("split_coverage", {"parts": [{"bounds": {"x": "wide", "y": 0, "width": 1, "height": 1}}]})
    assert measurement.value is None
    assert measurement.details["error"].startswith("ValueError")
