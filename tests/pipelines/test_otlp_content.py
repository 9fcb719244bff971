"""What spans tell of prompts and answers, in each of the ways that senders have used."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.otlp import attributes, content
from pipelines.otlp.content import Event
from pipelines.otlp.model_calls import ai_run
from pipelines.recording import items
from tests.pipelines.otlp import failed, span, value

TEXT = {"type": "text", "content": "A hero."}
PROMPT = "system: Be brief.\n\nuser: A hero."
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A hero."}]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
NAMES = st.sampled_from(
    [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.role",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.cost",
        "gen_ai.response.finish_reasons",
        "gen_ai.operation.name",
        "irline.prompt_id",
        "error.type",
        "message",
        "content",
    ]
)
ATTRIBUTES = st.dictionaries(NAMES, JSON_VALUES, max_size=4)


def run_of(given_attributes: dict[str, Any], *events: tuple[str, dict[str, Any]], **fields: Any) -> dict[str, Any]:
    run = ai_run(span(attributes={"gen_ai.request.model": "gpt-5", **given_attributes}, events=events, **fields), {})
    assert run is not None
    return run


@pytest.mark.parametrize(
    ("told", "events"),
    [
        (
            {
                "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
                "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [TEXT]}]),
            },
            [],
        ),
        (
            {
                "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
                "gen_ai.input.messages": [{"role": "user", "parts": [TEXT]}],
            },
            [],
        ),
        (
            {},
            [
                (
                    "gen_ai.client.inference.operation.details",
                    {
                        "gen_ai.system_instructions": "Be brief.",
                        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [TEXT]}]),
                    },
                )
            ],
        ),
        (
            {},
            [
                ("gen_ai.system.message", {"content": "Be brief."}),
                ("gen_ai.user.message", {"message": json.dumps({"content": "A hero."})}),
            ],
        ),
        ({"gen_ai.prompt": json.dumps(MESSAGES)}, []),
        ({}, [("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(MESSAGES)})]),
        (
            {
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "A hero.",
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "Be brief.",
            },
            [],
        ),
    ],
)
def test_a_prompt_is_read_however_it_is_told(told: dict[str, Any], events: list[Any]) -> None:
    assert run_of(told, *events)["prompt"] == PROMPT


@pytest.mark.parametrize(
    ("told", "events"),
    [
        ({"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [TEXT], "finish_reason": "stop"}])}, []),
        ({"gen_ai.output.messages": [{"role": "assistant", "parts": [TEXT]}]}, []),
        ({}, [("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "A hero."}'})]),
        ({}, [("gen_ai.choice", {"message": "A hero."})]),
        ({"gen_ai.completion": "A hero."}, []),
        ({"gen_ai.completion": json.dumps([{"index": 0, "message": {"role": "assistant", "content": "A hero."}}])}, []),
        ({}, [("gen_ai.content.completion", {"gen_ai.completion": '[{"role": "assistant", "content": "A hero."}]'})]),
        ({"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "A hero."}, []),
    ],
)
def test_an_answer_is_read_however_it_is_told(told: dict[str, Any], events: list[Any]) -> None:
    assert run_of(told, *events)["result"] == "A hero."


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ('{"title": "x"}', {"title": "x"}),
        ('[{"role": "assistant", "parts": [{"type": "text", "content": "{\\"title\\": 1}"}]}]', {"title": 1}),
        ("{not json", "{not json"),
        ('{"a": 1e999}', '{"a": 1e999}'),
        ('{"a": "\\u0000"}', '{"a": "\\u0000"}'),
        ("7", "7"),
        (
            '[{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}]',
            ["One.", "Two."],
        ),
        (
            '[{"role": "assistant", "parts": [{"type": "tool_call", "name": "find"}]}]',
            [{"type": "tool_call", "name": "find"}],
        ),
        (
            '[{"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}]',
            {"tool_calls": [{"id": "1"}]},
        ),
    ],
)
def test_an_answer_keeps_its_form(answer: str, result: Any) -> None:
    assert run_of({"gen_ai.completion": answer})["result"] == result


def test_older_names_are_known() -> None:
    run = run_of(
        {
            "gen_ai.system": "anthropic",
            "gen_ai.usage.prompt_tokens": "12",
            "gen_ai.usage.completion_tokens": 3.0,
            "gen_ai.usage.cache_read_input_tokens": 4,
        }
    )

    assert (run["provider"], run["tokensIn"], run["tokensOut"], run["tokensCached"]) == ("anthropic", 12, 3, 4)


@pytest.mark.parametrize("figure", [-1, 1.5, "many", True, [], "9" * 30])
def test_a_figure_that_is_none_is_unknown(figure: Any) -> None:
    assert "tokensIn" not in run_of({"gen_ai.usage.input_tokens": figure})


@pytest.mark.parametrize(
    ("cost", "kept"),
    [(0.00184, "0.00184000"), ("0.5", "0.50000000"), (0, "0.00000000"), (-1.0, None), ("free", None), (1e300, None)],
)
def test_a_cost_is_a_decimal_amount_or_unknown(cost: Any, kept: str | None) -> None:
    assert run_of({"gen_ai.usage.cost": cost}).get("costUsd") == kept


def test_an_error_says_what_there_is_to_say() -> None:
    raised = ("exception", {"exception.type": "TimeoutError", "exception.message": "It took too long."})

    assert run_of({}, raised, status=failed())["error"] == {"code": "TimeoutError", "message": "It took too long."}
    assert run_of({"error.type": "429"}, status=failed())["error"] == {"code": "429", "message": "429"}
    assert run_of({}, status=failed("No."))["error"] == {"code": None, "message": "No."}
    assert "error" not in run_of({}, raised)


@pytest.mark.parametrize("reasons", [["content_filter"], '["content_filter"]', "content_filter"])
def test_a_refusal_is_seen_in_why_the_model_stopped(reasons: Any) -> None:
    assert run_of({"gen_ai.response.finish_reasons": reasons})["refused"] is True
    assert "refused" not in run_of({"gen_ai.response.finish_reasons": ["stop"]})
    assert run_of({}, ("gen_ai.choice", {"finish_reason": "content_filter"}))["refused"] is True


def test_a_span_that_names_no_model_is_no_call_of_one() -> None:
    assert ai_run(span(attributes={"gen_ai.operation.name": "chat"}), {}) is None


@given(ATTRIBUTES, st.lists(st.tuples(NAMES | st.text(max_size=5), ATTRIBUTES), max_size=2))
def test_whatever_attributes_hold_an_item_comes_of_it_or_a_reason(
    told: dict[str, Any], events: list[tuple[str, Any]]
) -> None:
    run = ai_run(span(attributes={"gen_ai.request.model": "m", **told}, events=events), {})

    if run is not None:
        json.dumps(run, allow_nan=False)
        with suppress(items.ItemInvalid):
            items.check("ai", run)


@given(JSON_VALUES)
def test_a_value_is_as_json_has_it(found: Any) -> None:
    read = attributes.value_of(value(found))

    assert json.loads(json.dumps(read, allow_nan=False)) == read


@given(st.text(), st.text())
def test_texts_of_a_prompt_are_all_in_it(first: str, second: str) -> None:
    events = [Event("gen_ai.user.message", {"content": first}), Event("gen_ai.user.message", {"content": second})]
    prompt = content.sent({}, events)

    if attributes.parsed(first) == first and attributes.parsed(second) == second:
        assert first in prompt
        assert second in prompt
