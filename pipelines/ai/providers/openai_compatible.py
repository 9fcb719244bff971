"""Whatever speaks OpenAI's chat completions: OpenAI itself, and the many servers that took over its API."""

from typing import Any

import openai
from openai.types.chat import ChatCompletion

from config.ai_providers import ProviderSettings
from pipelines.ai.providers.protocol import Answer, Counts, Question
from pipelines.ai.providers.speaking import OverHTTP, count, told


class OpenAICompatible(OverHTTP):
    """With ``structuredOutputs`` it sends the schema along as a structured output, for servers that know them."""

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        super().__init__(settings, key, client=openai.OpenAI, transport=openai.DefaultHttpxClient)

    def ask(self, question: Question, *, seconds: float) -> Answer:
        with told(openai, self.name, self._key):
            completion = self._client.chat.completions.create(**self._asked(question), stream=False, timeout=seconds)
            return _answer(completion, question)

    def _asked(self, question: Question) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": message.role, "content": message.text} for message in question.messages],
        }
        if question.temperature is not None:
            asked["temperature"] = question.temperature
        if question.max_tokens is not None:
            asked["max_completion_tokens"] = question.max_tokens
        if question.schema is not None and self._structured:
            schema = {"name": "answer", "strict": True, "schema": question.schema.schema}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        return asked


def _answer(completion: ChatCompletion, question: Question) -> Answer:
    if not completion.choices:
        raise ValueError("it has no choices")
    choice = completion.choices[0]
    refusal = choice.message.refusal
    if not isinstance(refusal or choice.message.content or "", str):
        raise ValueError("its content is no text")
    ended = _ENDED.get(choice.finish_reason, "done") if not refusal else "refused"
    text = refusal or choice.message.content or ""
    return Answer(text, completion.model or question.model, _counts(completion.usage), ended)  # type: ignore[arg-type]


_ENDED = {"length": "truncated", "content_filter": "refused"}


def _counts(usage: Any) -> Counts:
    if usage is None:
        return Counts()
    within, beyond = usage.prompt_tokens_details, usage.completion_tokens_details
    return Counts(
        tokens_in=count(usage.prompt_tokens),
        tokens_out=count(usage.completion_tokens),
        tokens_cached=count(within.cached_tokens) if within else None,
        tokens_reasoning=count(beyond.reasoning_tokens) if beyond else None,
    )
