"""Providers against a real server that speaks their API: answers, refusals, failures, waits, and what goes where."""

import copy
import email.utils
import gzip
import json
import re
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.ai_providers import read_providers
from monitoring.models import TestResult, TestRun
from pipelines.models import PipelineRun, PromptData, PromptResult, StepLog
from tests.factories import ModelPriceFactory
from tests.pipelines.model_server import ANTHROPIC, OPENAI, ModelServer, Reply, model_server
from tests.pipelines.prompting import TITLE, a_prompt, run_prompt, step_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]

BODIES: dict[str, Any] = {"openai": OPENAI, "anthropic": ANTHROPIC}
KEY = "sk-very-secret-0123456789"
# Whoever waits is looked after by a thread with a connection of its own, which must see the step's rows.
committed = pytest.mark.django_db(transaction=True)
both = pytest.mark.parametrize("kind", ["openai", "anthropic"])


@pytest.fixture
def use(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Name a server as the provider ``remote``."""

    def name(kind: str, server: ModelServer, **entry: Any) -> None:
        monkeypatch.setenv("REMOTE_KEY", KEY)
        entry = {"kind": kind, "baseUrl": server.base_url, "keyVariable": "REMOTE_KEY", "model": "model-1", **entry}
        settings.AI_PROVIDERS = read_providers(json.dumps({"remote": entry}))

    return name


def body(kind: str, text: str, *, ended: str | None = None) -> dict[str, Any]:
    """A reply of that API with another text or another reason to end."""
    made: dict[str, Any] = copy.deepcopy(BODIES[kind])
    if kind == "openai":
        made["choices"][0]["message"]["content"] = text
        made["choices"][0]["finish_reason"] = ended or "stop"
    else:
        made["content"][0]["text"] = text
        made["stop_reason"] = ended or "end_turn"
    return made


@both
def test_an_answer_comes_with_its_tokens_and_its_price(kind: str, use: Any) -> None:
    a_prompt(schema=TITLE)
    ModelPriceFactory(
        provider="remote",
        model="model-1",
        input_per_million=Decimal("2"),
        output_per_million=Decimal("10"),
        cached_per_million=Decimal("0.5"),
    )
    with model_server(Reply(body=BODIES[kind])) as server:
        use(kind, server)
        run = run_prompt(provider="remote", system="Be brief.", temperature=0.2, maxTokens=300)

    assert run.status == PipelineRun.Status.COMPLETED
    result = PromptResult.objects.get()
    assert result.result == {"title": "Swift"}
    assert (result.provider, result.model) == ("remote", "model-1-2026")
    assert (result.tokens_in, result.tokens_out, result.tokens_cached, result.tokens_reasoning) == (100, 20, 60, 5)
    assert result.total_cost_usd == Decimal("0.00031")  # 40 at 2, 60 at 0.5 and 20 at 10 dollars a million
    assert TestRun.objects.get().cost_usd == Decimal("0.00031")
    [sent] = server.bodies
    assert sent["model"] == "model-1"
    assert sent["temperature"] == 0.2
    assert sent["messages"][-1] == {"role": "user", "content": "Name a boat."}
    assert PromptData.objects.get().metadata["settings"] == {"temperature": 0.2, "maxTokens": 300}


def test_openai_is_asked_for_a_structured_output(use: Any) -> None:
    a_prompt(schema={**TITLE, "required": [], "properties": {**TITLE["properties"], "note": {"type": "string"}}})
    with model_server(Reply(body=body("openai", '{"title": "Swift", "note": null}'))) as server:
        use("openai", server)
        run = run_prompt(provider="remote", system="Be brief.", maxTokens=300)

    assert run.status == PipelineRun.Status.COMPLETED
    # The strict subset knows no members left out, so a null stands for one and is taken out again.
    assert PromptResult.objects.get().result == {"title": "Swift"}
    [sent] = server.bodies
    assert server.paths == ["/chat/completions"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["max_completion_tokens"] == 300
    wanted = sent["response_format"]["json_schema"]
    assert (wanted["strict"], sorted(wanted["schema"]["required"])) == (True, ["note", "title"])


def test_anthropic_is_asked_for_a_structured_output(use: Any) -> None:
    a_prompt(schema=TITLE)
    with model_server(Reply(body=ANTHROPIC)) as server:
        use("anthropic", server)
        run_prompt(provider="remote", system="Be brief.")

    [sent] = server.bodies
    assert server.paths == ["/v1/messages"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert (sent["system"], sent["max_tokens"]) == ("Be brief.", 8192)
    assert [message["role"] for message in sent["messages"]] == ["user"]
    assert sent["output_config"]["format"]["schema"]["required"] == ["title"]


@both
def test_a_server_without_structured_outputs_is_not_sent_the_schema(kind: str, use: Any) -> None:
    a_prompt("Answer as {{ schema }}.", schema=TITLE)
    with model_server(Reply(body=BODIES[kind])) as server:
        use(kind, server, structuredOutputs=False)
        run = run_prompt(provider="remote")

    assert run.status == PipelineRun.Status.COMPLETED
    assert {"response_format", "output_config"}.isdisjoint(server.bodies[0])
    said = server.bodies[0]["messages"][0]["content"]
    assert json.loads(said.removeprefix("Answer as ").removesuffix(".")) == TITLE


@both
def test_an_invalid_answer_goes_back_with_the_reasons(kind: str, use: Any) -> None:
    a_prompt(schema=TITLE)
    with model_server(Reply(body=body(kind, '{"title": 3}')), Reply(body=BODIES[kind])) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert run.status == PipelineRun.Status.COMPLETED
    again = server.bodies[1]["messages"]
    assert [message["role"] for message in again] == ["user", "assistant", "user"]
    assert again[1]["content"] == '{"title": 3}'
    assert "/title" in again[2]["content"]


def in_three_seconds() -> str:
    return email.utils.formatdate(time.time() + 3, usegmt=True)


@committed
@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("openai", {"Retry-After": "1"}),
        ("anthropic", {"Retry-After": "1"}),
        ("openai", {"retry-after-ms": "1000", "Retry-After": "600"}),
        ("anthropic", {"Retry-After": in_three_seconds}),
    ],
)
def test_a_limit_is_waited_for_as_long_as_the_server_says(kind: str, headers: dict[str, Any], use: Any) -> None:
    a_prompt()
    limited = Reply(429, {"error": {"message": "slow down", "type": "rate_limit"}}, headers)
    with model_server(limited, Reply(body=BODIES[kind])) as server:
        use(kind, server)
        began = time.monotonic()
        run = run_prompt(provider="remote")
        took = time.monotonic() - began

    assert run.status == PipelineRun.Status.COMPLETED
    assert took >= 1
    assert len(server.bodies) == 2
    assert re.fullmatch(
        r"remote answered 429: slow down\. Asking again in [123]\.\d s\.", StepLog.objects.get().message
    )
    assert PromptResult.objects.count() == 1


@committed
@both
def test_a_limit_that_outlasts_the_step_is_an_error_at_once(kind: str, use: Any) -> None:
    a_prompt()
    limited = Reply(429, {"error": {"message": "slow down", "type": "rate_limit"}}, {"Retry-After": "600"})
    with model_server(limited) as server:
        use(kind, server)
        run = run_prompt(provider="remote", node={"timeoutMs": 20_000})

    assert step_of(run).error["code"] == "provider-rate-limited"
    assert len(server.bodies) == 1


@both
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(400, {"error": {"message": f"no such model for {KEY}"}}), "provider-refused"),
        (Reply(401, {"error": {"message": f"bad key {KEY}"}}), "provider-key-refused"),
        (Reply(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), "provider-refused"),
        (Reply(200, b'{"choices": '), "provider-malformed"),
        (Reply(200, b"hello", {"Content-Type": "text/plain"}), "provider-malformed"),
        (Reply(200, {}), "provider-malformed"),
        (Reply(200, []), "provider-malformed"),
        (Reply(200, {"choices": [{"message": 7}], "content": 7}), "provider-malformed"),
    ],
)
def test_a_failure_that_stays_is_recorded_and_not_tried_again(kind: str, reply: Reply, code: str, use: Any) -> None:
    a_prompt()
    with model_server(reply) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert step_of(run).error["code"] == code
    assert len(server.bodies) == 1
    result = PromptResult.objects.get()
    assert (result.result, result.tokens_in, result.total_cost_usd) == (None, None, None)
    assert result.metrics["error"]["code"] == code
    test_run = TestRun.objects.get()
    assert (test_run.status, test_run.provider, test_run.model) == ("error", "remote", "model-1")
    assert KEY not in json.dumps([step_of(run).error, result.metrics, test_run.summary])


SAYS = {"error": {"message": "no such model"}}


@both
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(404, SAYS), "remote answered 404: no such model."),
        (Reply(422, {"detail": [{"msg": "not a number"}]}), "remote answered 422: not a number."),
        (Reply(403, SAYS), "remote answered 403: no such model. Check what its key in the environment may do."),
        (Reply(401, SAYS), "remote answered 401. Check its key in the environment."),
        (Reply(502, b"<!DOCTYPE html>\n<p>502", {"Content-Type": "text/html"}), "remote answered 502: Bad Gateway."),
        (Reply(529, b"["), "remote answered 529: it does not say why."),
        (Reply(200, {"error": {"message": "the model is away", "code": 502}}), "answered 502: the model is away."),
        (Reply(200, {"error": "gone"}), "remote answered 400: gone."),
    ],
)
def test_a_failure_is_told_in_the_servers_words_or_the_statuses(kind: str, reply: Reply, said: str, use: Any) -> None:
    a_prompt()
    with model_server(reply) as server:
        use(kind, server)
        message = step_of(run_prompt(provider="remote", providerRetries=0)).error["message"]

    assert message.endswith(said)
    assert PromptResult.objects.get().metrics["error"]["message"] == message


@both
@pytest.mark.parametrize("packed", [False, True])
def test_no_more_of_an_answer_is_read_than_there_is_room_for(kind: str, packed: bool, use: Any) -> None:
    a_prompt()
    flood = json.dumps(body(kind, "x" * 20_000_000)).encode()
    reply = Reply(200, gzip.compress(flood, 1), {"Content-Encoding": "gzip"}) if packed else Reply(200, flood)
    with model_server(reply) as server:
        use(kind, server)
        error = step_of(run_prompt(provider="remote")).error

    assert (error["code"], error["message"]) == ("provider-malformed", "The answer is larger than 20,000,000 bytes.")
    assert len(server.bodies) == 1


ODD_USAGE = {
    "prompt_tokens": 100.0,
    "input_tokens": 100.0,
    "completion_tokens": 20,
    "output_tokens": 20,
    "prompt_tokens_details": [],
    "completion_tokens_details": "none",
    "output_tokens_details": [7],
}


@both
@pytest.mark.parametrize("model", [7, None, ["a"], "bad\0name", "m" * 5_000])
def test_an_answer_that_was_paid_for_is_not_lost_over_its_bookkeeping(kind: str, model: Any, use: Any) -> None:
    a_prompt()
    with model_server(Reply(body={**BODIES[kind], "model": model, "usage": ODD_USAGE})) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert run.status == PipelineRun.Status.COMPLETED
    result = PromptResult.objects.get()
    assert result.result == {"title": "Swift"}
    assert (result.tokens_in, result.tokens_out, result.tokens_cached, result.tokens_reasoning) == (100, 20, None, None)
    named = isinstance(model, str)
    assert result.model == (model.replace("\0", "\N{REPLACEMENT CHARACTER}")[:200] if named else "model-1")


@both
def test_the_text_may_come_in_parts(kind: str, use: Any) -> None:
    a_prompt()
    parts = [{"type": "thinking", "thinking": "hm"}, *({"type": "text", "text": t} for t in ('{"title": ', '"Swift"}'))]
    made = copy.deepcopy(BODIES[kind])
    (made["choices"][0]["message"] if kind == "openai" else made)["content"] = parts
    with model_server(Reply(body=made)) as server:
        use(kind, server)
        run_prompt(provider="remote")

    assert PromptResult.objects.get().result == {"title": "Swift"}


@pytest.mark.parametrize("name", ["max_completion_tokens", "max_tokens"])
def test_the_most_tokens_go_by_the_name_that_the_server_knows(name: str, use: Any) -> None:
    a_prompt()
    with model_server(Reply(body=OPENAI)) as server:
        use("openai", server, maxTokensAs=name)
        run_prompt(provider="remote", maxTokens=300)

    sent = server.bodies[0]
    assert {key: value for key, value in sent.items() if key.startswith("max")} == {name: 300}


@committed
@both
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {"error": {"message": "broken"}}),
        Reply(503, b"<html>busy</html>", {"Content-Type": "text/html", "Retry-After": "soon"}),
    ],
)
def test_a_server_that_fails_is_tried_again(kind: str, reply: Reply, use: Any) -> None:
    a_prompt()
    with model_server(reply, reply, Reply(body=BODIES[kind])) as server:
        use(kind, server)
        failed = run_prompt(provider="remote", providerRetries=1)
        completed = run_prompt(provider="remote", providerRetries=1)

    assert step_of(failed).error["code"] == "provider-unavailable"
    assert completed.status == PipelineRun.Status.COMPLETED
    assert PromptResult.objects.count() == 2


@committed
@both
@pytest.mark.parametrize("reply", [Reply(hangs=True), Reply(drips=True)], ids=["hangs", "drips"])
def test_an_answer_that_takes_too_long_is_given_up_before_the_step_is(kind: str, reply: Reply, use: Any) -> None:
    a_prompt()
    with model_server(reply) as server:
        use(kind, server)
        run = run_prompt(provider="remote", node={"timeoutMs": 1_500})

    assert step_of(run).error["code"] == "provider-timeout"
    assert len(server.bodies) == 1
    assert PromptResult.objects.get().metrics["error"]["code"] == "provider-timeout"


@both
def test_a_server_that_is_not_there(kind: str, use: Any) -> None:
    a_prompt()
    with model_server(Reply()) as server:
        use(kind, server)

    run = run_prompt(provider="remote", providerRetries=0)

    assert step_of(run).error["code"] == "provider-unreachable"


@pytest.mark.parametrize(("kind", "ended"), [("openai", "length"), ("anthropic", "max_tokens")])
def test_an_answer_that_was_cut_off_says_what_to_do(kind: str, ended: str, use: Any) -> None:
    a_prompt()
    with model_server(Reply(body=body(kind, '{"title": "Sw', ended=ended))) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert step_of(run).error["code"] == "answer-truncated"
    assert "maxTokens" in step_of(run).error["message"]
    assert len(server.bodies) == 1
    result = PromptResult.objects.get()
    assert (result.result, result.metrics["error"]["code"]) == ('{"title": "Sw', "answer-truncated")


@pytest.mark.parametrize(("kind", "ended"), [("openai", "content_filter"), ("anthropic", "refusal")])
def test_a_refusal_is_on_the_record(kind: str, ended: str, use: Any) -> None:
    a_prompt()
    with model_server(Reply(body=body(kind, "I won't \0 do that.", ended=ended))) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert step_of(run).error["code"] == "answer-refused"
    safety = TestResult.objects.get(name="Safety/Policy")
    assert (safety.status, safety.details["refused"]) == ("warning", True)
    result = PromptResult.objects.get()
    assert result.result == "I won't \N{REPLACEMENT CHARACTER} do that."
    assert result.metrics["error"]["code"] == "answer-refused"


@pytest.mark.parametrize(("kind", "ended"), [("openai", "content_filter"), ("anthropic", "refusal")])
def test_a_refusal_without_a_word_is_told_as_one(kind: str, ended: str, use: Any) -> None:
    a_prompt()
    with model_server(Reply(body=body(kind, "", ended=ended))) as server:
        use(kind, server)
        error = step_of(run_prompt(provider="remote")).error

    assert error["message"] == "remote declined to answer, and did not say why."


@both
def test_an_answer_without_a_word_is_asked_for_again_as_what_it_is(kind: str, use: Any) -> None:
    a_prompt()
    with model_server(Reply(body=body(kind, " \n")), Reply(body=BODIES[kind])) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert run.status == PipelineRun.Status.COMPLETED
    assert "- It is empty." in server.bodies[1]["messages"][2]["content"]


@both
@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "many", "input_tokens": -3, "output_tokens": 2.5}])
def test_unknown_usage_is_unpriced_and_never_free(kind: str, usage: Any, use: Any) -> None:
    a_prompt()
    ModelPriceFactory(provider="remote", model="model-1")
    with model_server(Reply(body={**BODIES[kind], "usage": usage})) as server:
        use(kind, server)
        run = run_prompt(provider="remote")

    assert run.status == PipelineRun.Status.COMPLETED
    result = PromptResult.objects.get()
    assert (result.tokens_in, result.tokens_out, result.total_cost_usd) == (None, None, None)


def test_a_key_that_is_not_set_is_named(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a_prompt()
    with model_server(Reply()) as server:
        use("openai", server)
        monkeypatch.delenv("REMOTE_KEY")
        error = step_of(run_prompt(provider="remote")).error

    assert error["code"] == "provider-key-missing"
    assert "REMOTE_KEY" in error["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must be an object"),
        ('{"echo": {"kind": "openai"}}', "not 'echo'"),
        ('{"Big Name": {"kind": "openai"}}', "lower case"),
        ('{"a": {"kind": "other"}}', "openai, anthropic"),
        ('{"a": {"kind": ["openai"]}}', "openai, anthropic"),
        ('{"a": {"kind": "openai", "baseURL": "x"}}', "there is no 'baseURL'"),
        ('{"a": {"kind": "openai", "baseUrl": "file:///etc/passwd"}}', "http or https"),
        ('{"a": {"kind": "openai", "baseUrl": 3}}', "must be a str"),
        ('{"a": {"kind": "openai", "maxTokensAs": "most"}}', "max_completion_tokens, max_tokens"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_their_place(text: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        read_providers(text)
