"""Conditions: what they come to, what they name, and that no hostile one takes long."""

import contextlib
import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.conditions import ConditionError, Verdict, compile_condition, condition_context, json_context
from pipelines.conditions.cel_tree import Call, Constant, Identifier, Literal, Loop, Select, walk
from pipelines.conditions.condition import MAX_LENGTH


def context(**variables: Any) -> dict[str, Any]:
    return {"metrics": {}, "ir": {}, "status": {}, "inputs": {}, **variables}


def evaluate(text: str, **variables: Any) -> Verdict:
    return compile_condition(text).evaluate(context(**variables))


def refusal(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ir.a &&", "Line 1, column 8: Syntax error: something is missing at the end"),
        ("(1 == 1", "Line 1, column 8: Syntax error: missing ')' at the end"),
        ("ir.a ir.b", "Line 1, column 6: Syntax error: unexpected 'ir'"),
        ("ir.a = 1", "Line 1, column 6: Syntax error: this is no part of an expression: '= '"),
    ],
)
def test_a_slip_is_said_in_words(text: str, message: str) -> None:
    assert refusal(text).message == message


def test_one_equals_sign_is_told_of_the_other() -> None:
    assert refusal("ir.a = 1").hint == "Two values are compared with ==."


# What they come to.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("metrics.split.split_coverage >= 0.9", True),
        ("metrics.split.overlap_ratio > 1", False),
        ("metrics.split.parts == 12", True),
        ("size(ir.split.parts) > 1 && ir.split.parts[0].kind == 'hero'", True),
        ("ir.split.parts.exists(part, part.kind == 'footer')", True),
        ("ir.split.parts.all(part, part.kind in ['hero', 'footer'])", True),
        ("ir.split.parts.filter(part, part.kind == 'hero').size() == 1", True),
        ("ir.split.parts.map(part, part.kind) == ['hero', 'footer']", True),
        ("ir['my-node'].ok", True),
        ("has(ir.split.title)", False),
        ("'split' in ir && !('other' in ir)", True),
        ("status.split == 'completed'", True),
        ("inputs.locale.startsWith('en')", True),
        ("inputs.locale.matches('^[a-z]{2}-[A-Z]{2}$')", True),
        ("metrics.split.missing > 1 || true", True),
        ("double(metrics.split.parts) + double(metrics.split.split_coverage) > 12.5", True),
    ],
)
def test_what_a_condition_comes_to(text: str, value: bool) -> None:
    verdict = evaluate(
        text,
        metrics={"split": {"split_coverage": 0.97, "overlap_ratio": 0.1, "parts": 12}},
        ir={"split": {"parts": [{"kind": "hero"}, {"kind": "footer"}]}, "my-node": {"ok": True}},
        status={"split": "completed"},
        inputs={"locale": "en-GB"},
    )
    assert (verdict.value, verdict.error) == (value, None)


def test_a_false_condition_says_so() -> None:
    assert evaluate("inputs.a > 1", inputs={"a": 1}) == Verdict(False, "inputs.a > 1 is false")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("metrics.split.x > 1", "split"),
        ("metrics.there.x > 1", "x"),
        ("ir['no such'].x == 1", "no such"),
        ('inputs["a\\nb"] == 1', "a\\nb"),
    ],
)
def test_a_key_that_is_not_there_makes_it_false_with_that_reason(text: str, key: str) -> None:
    verdict = evaluate(text, metrics={"there": {}})
    assert verdict == Verdict(False, f"'{key}' is not there")


@pytest.mark.parametrize(
    "text",
    [
        "inputs.text > 1",
        "inputs.none > 1",
        "inputs.list[5] == 1",
        "1 / inputs.zero == 1",
        "9223372036854775807 + inputs.one > 0",
        "inputs.text",
        "inputs.one",
        "inputs.list",
        "inputs.none",
        "int(inputs.text) > 1",
        "timestamp(inputs.text).getFullYear() == 1",
    ],
)
def test_any_other_fault_is_an_error_and_not_false(text: str) -> None:
    verdict = evaluate(text, inputs={"text": "a", "none": None, "list": [1], "zero": 0, "one": 1})
    assert verdict.error
    assert not verdict.value


def test_errors_do_not_quote_a_whole_document() -> None:
    assert len(evaluate("inputs.big > 1", inputs={"big": {"a": {1, 2}, "x": "y" * 100_000}}).error or "") <= 300
    assert len(evaluate("inputs['" + "k" * 1500 + "'] > 1").reason) < 150
    assert len(evaluate("inputs.a == '" + "k" * 1500 + "'", inputs={"a": 1}).reason) < 400


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.x > 1.0", Decimal("2.5")),
        ("inputs.x == '0190b6f0-7c3a-7000-8000-000000000001'", UUID("0190b6f0-7c3a-7000-8000-000000000001")),
        ("inputs.x > 1.0", 2**70),
        ("inputs.x > 1.0", 10**400),
        ("inputs.x < -1.0", -(10**400)),
        ("inputs.x > 1", 2**63 - 1),
        ("inputs.x.startsWith('2026')", datetime(2026, 1, 1, tzinfo=UTC)),
        ("inputs.x == 'red'", Colour.RED),
        ("inputs.x == [1, 2]", (1, 2)),
        ("1 in inputs.x", {1}),
    ],
)
def test_what_is_not_json_is_turned_into_it(text: str, value: object) -> None:
    assert evaluate(text, inputs={"x": value}) == Verdict(True)
    assert evaluate("inputs.y == 1", inputs={"x": value, "y": 1}) == Verdict(True)


@pytest.mark.parametrize("value", [object(), {(1, 2): object()}])
def test_what_cannot_be_turned_into_json_is_an_error(value: object) -> None:
    verdict = evaluate("inputs.y == 1 && inputs.x == 1", inputs={"x": value, "y": 1})
    assert verdict.error


def test_a_context_holds_json_and_leaves_unknown_metrics_out() -> None:
    made = condition_context(
        metrics={"a": {"cost": Decimal("0.5"), "tokens": None}}, ir={"a": {}}, status={"a": Colour.RED}, inputs={"x": 1}
    )
    assert made == context(metrics={"a": {"cost": 0.5}}, ir={"a": {}}, status={"a": "red"}, inputs={"x": 1})
    assert type(made["status"]["a"]) is str
    assert compile_condition("metrics.a.tokens > 1").evaluate(made) == Verdict(False, "'tokens' is not there")


# What is refused when it is compiled.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Line 1, column 1"),
        ("1 +", "Line 1, column 4"),
        ("ir.a ==\n  && true", "Line 2"),
        ("foo.x == 1", "undeclared reference to 'foo.x'"),
        ("1 + 1", "It gives INT"),
        ("'text'", "It gives STRING"),
        ("ir", "It gives MAP"),
        ("ir.a == '\ud800'", "surrogate"),
        ("1 == 'a'", "no matching overload"),
        ("x" * 2001, "longer than 2,000"),
        ("(" * 40 + "true" + ")" * 40, "32 deep"),
        ("1" + " + 1" * 40 + " == 41", "32 deep"),
        ("ir.a.all(ir, ir.x == 1)", "can't call its item 'ir'"),
        ("ir.a.all(x, ir.b.all(y, ir.c.all(z, x == z)))", "more than 2 deep"),
        ("ir.a.exists(x, x.a + x.b == 'ab')", "'+' inside a loop"),
        ("ir.a.exists(x, ir.b.map(y, y) == x)", "'map' and 'filter' can't stand inside"),
        ("ir.a.exists(x, x in [" + "0," * 50 + "0])", "at most 50 elements"),
        ("size(" + "+".join(["(" + "+".join(["ir.a"] * 5) + ")"] * 2) + ") > 1", "more than 8 '+'"),
        ("ir.a.matches(ir.b)", "has to be a text literal"),
        ("ir.a.matches('((x{99}){99}){99}')", "repeats too much"),
        ("ir.a.exists(x, x.matches('(x{1,30}){1,30}'))", "repeats too much"),
    ],
)
def test_what_is_refused_when_it_is_compiled(text: str, said: str) -> None:
    assert said in refusal(text).message


def test_an_unknown_variable_is_met_with_the_known_ones() -> None:
    assert refusal("metric.a.b > 1").hint == "The variables are inputs, ir, metrics, status."


def test_a_range_that_the_type_checker_refuses_can_be_wrapped() -> None:
    assert "dyn(" in refusal("ir.a['b'].all(x, x > 0)").hint
    assert evaluate("dyn(ir.a['b']).all(x, x > 0)", ir={"a": {"b": [1]}}).value


def test_numbers_may_be_added_in_a_loop_when_they_are_known_to_be_numbers() -> None:
    text = "ir.a.all(x, double(x.w) + double(x.h) <= 2.0 && x.n + 1 > 0)"
    assert evaluate(text, ir={"a": [{"w": 1.0, "h": 1, "n": 3}]}).value


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ir.a.text.contain('x')", "Did you mean 'contains'?"),
        ("ir.a.x == 1 &&\n  len(ir.a.parts) > 1", "size"),
        ("size(ir.a, 3) > 1", "other values"),
        ("metric.a.x > 1", "metrics"),
        ("ir.a.x and ir.a.y", "&&"),
        ("ir.a.x = 1", "=="),
    ],
)
def test_what_is_refused_is_met_with_what_would_be_right(text: str, hint: str) -> None:
    assert hint in refusal(text).hint


def test_an_error_says_which_condition_it_is_of() -> None:
    verdict = evaluate("inputs.text > 1", inputs={"text": "a"})
    assert verdict.error == "inputs.text > 1: '>' can't be applied to (string, int64)."


# What they name.


@pytest.mark.parametrize(
    ("text", "keys", "looks_up"),
    [
        ("true", set(), False),
        ("inputs.split.x == 1", set(), False),
        ("ir.split.parts[0].a == metrics.gen.b", {"split", "gen"}, False),
        ("ir['my-node'].x == 1 && has(status.other)", {"my-node", "other"}, False),
        ("ir.a.parts.all(p, p.ir.b == 1)", {"a"}, False),
        ("ir[inputs.which].x == 1 && ir.a.x == 1", {"a"}, True),
        ("'a' in ir", set(), True),
        ("ir.exists(key, key == 'a')", set(), True),
        ("{'k': ir.a.x}.k == 1", {"a"}, False),
    ],
)
def test_what_a_condition_names(text: str, keys: set[str], looks_up: bool) -> None:
    condition = compile_condition(text)
    assert condition.references() == keys
    assert condition.looks_up is looks_up


def test_the_tree_is_read_as_it_was_written() -> None:
    condition = compile_condition("ir.a[0].all(x, x > -1.5) ? [1] == [] : has({'k': 'v'}.k)")
    kinds = {type(tree) for tree, _ in walk(condition._tree)}
    assert kinds == {Call, Constant, Identifier, Literal, Loop, Select}


NAMES = st.sampled_from(["a", "split", "x_1"])


@given(variable=st.sampled_from(["ir", "metrics", "status"]), key=NAMES, text=st.text(max_size=400))
def test_every_literal_and_name_is_found_in_the_tree(variable: str, key: str, text: str) -> None:
    with contextlib.suppress(ConditionError):
        condition = compile_condition(f"{variable}.{key}.x == {json.dumps(text)}")
        assert condition.references() == {key}
        assert Constant(text) in [tree for tree, _ in walk(condition._tree)]


# Hostile expressions and large data.


def large(items: int) -> dict[str, Any]:
    part = {"kind": "hero", "label": "a label", "bounds": {"x": 0.5, "y": 1}, "tags": [1, 2, 3]}
    return {
        "a": {"parts": [{**part, "n": index} for index in range(items)], "text": "x" * 300_000},
        "b": [*range(items)],
    }


HOSTILE = [
    "ir.a.parts.all(x, ir.a == ir.a)",
    "ir.a.parts.all(x, x.n in ir.b)",
    "ir.b.all(x, ir.b.all(y, x >= 0 || y >= 0))",
    "ir == ir" + " && ir == ir" * 150,
    "[ir, ir, ir, ir, ir, ir, ir, ir].all(x, x == x)",
    "[1, 2, 3, 4, 5, 6, 7, 8].all(x, [1, 2, 3, 4, 5, 6, 7, 8].all(y, ir.a == ir.a))",
    "(ir.b + ir.b + ir.b).all(x, x in ir.b)",
    "ir.b.filter(x, x >= 0).size() > 0",
    "ir.b.map(x, ir.a.text).size() > 0",
    "size(ir.a.text + ir.a.text + ir.a.text + ir.a.text) > 0",
    "ir.a.parts.all(x, size(ir.a.text) > 0)",
    "ir.a.parts.all(x, string(bytes(ir.a.text)) != x.label)",
    "ir.a.text.matches('" + "(x{1,9}){1,9}" * 9 + "')",
    "ir.a.text.matches('" + "(x|y)*" * 200 + "z')",
    "ir.a.parts.all(x, x.label.matches('" + "(a|b)*" * 30 + "'))",
    "ir.a.parts.all(x, " + " && ".join(["x == x"] * 100) + ")",
    "[[ir.b, ir.b], [ir.b, ir.b]] == [[ir.b, ir.b], [ir.b, ir.b]]",
]


@pytest.mark.parametrize("items", [100, 3000, 40_000])
def test_no_hostile_condition_takes_long(items: int) -> None:
    data = large(items)
    for text in HOSTILE:
        with contextlib.suppress(ConditionError):
            condition = compile_condition(text)
            begun = time.thread_time()
            verdict = condition.evaluate(context(ir=data))
            assert time.thread_time() - begun < 5, text
            assert verdict.value or verdict.reason or verdict.error


def test_ordinary_conditions_are_not_refused_beside_a_large_ir() -> None:
    data = large(3000)
    for text in (
        "ir.a.parts.all(x, x.kind == 'hero')",
        "ir.a.parts.exists(x, x.label.contains('zzz')) == false",
        "size(ir.b) == 3000",
        "ir.a.text != ''",
    ):
        assert evaluate(text, ir=data) == Verdict(True), text


def test_deep_data_are_refused_before_they_are_walked() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    verdict = evaluate("ir.a == ir.b", ir={"a": deep, "b": deep})
    assert "nested" in (verdict.error or "")


ATOMS = st.sampled_from(
    ["ir.a", "ir['b'].c", "metrics.a.m", "inputs", "inputs.x", "1", "-2", "0.5", "'t'", "true", "null", "x"]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(
            inner, st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", " in "]), inner
        ).map(lambda parts: f"({''.join(parts)})"),
        st.tuples(inner, st.sampled_from(["all", "exists", "exists_one", "map", "filter"]), inner).map(
            lambda parts: f"{parts[0]}.{parts[1]}(x, {parts[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        st.tuples(st.sampled_from(["size", "string", "int", "double", "!", "-", "type"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
    ),
    max_leaves=10,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcmx"), inner, max_size=3),
    max_leaves=10,
)


@given(text=EXPRESSIONS, ir=JSON, inputs=JSON)
@settings(max_examples=150)
def test_no_expression_raises_whatever_the_data(text: str, ir: Any, inputs: Any) -> None:
    for wrapped in (text, f"({text}) == inputs.x"):
        with contextlib.suppress(ConditionError):
            verdict = compile_condition(wrapped).evaluate(context(ir={"a": ir, "b": {"c": ir}}, inputs={"x": inputs}))
            assert isinstance(verdict.value, bool)
            assert verdict.value or verdict.reason or verdict.error


@given(text=st.text(max_size=MAX_LENGTH + 10))
@settings(max_examples=150)
def test_no_text_raises_anything_but_a_condition_error(text: str) -> None:
    with contextlib.suppress(ConditionError):
        compile_condition(text)


@given(JSON)
def test_json_within_64_bits_stays_as_it_is(data: Any) -> None:
    text = json.dumps(data)
    assert json.dumps(json.loads(text, parse_int=float)) == json.dumps(
        json.loads(json.dumps(json_context(data)), parse_int=float)
    )
