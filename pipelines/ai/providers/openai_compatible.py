"""Whatever speaks OpenAI's chat completions: OpenAI itself, and the many servers that took over its API."""

from typing import Any

import openai

from config.ai_providers import ProviderSettings
from pipelines.ai.providers.protocol import Answer, Counts, Question
from pipelines.ai.providers.speaking import OverHTTP, at, count, model_of, text_of


class OpenAICompatible(OverHTTP):
    """With ``structuredOutputs`` it sends the schema along as a structured output, for servers that know them."""

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        super().__init__(settings, key, sdk=openai, client=openai.AsyncOpenAI)

    def ask(self, question: Question, *, seconds: float) -> Answer:
        create = self._client.chat.completions.with_raw_response.create
        return self._answer(self._call(create, self._asked(question), seconds), question)

    def _asked(self, question: Question) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": message.role, "content": message.text} for message in question.messages],
        }
        if question.temperature is not None:
            asked["temperature"] = question.temperature
        if question.max_tokens is not None:
            asked[self._settings.max_tokens_as] = question.max_tokens
        if question.schema is not None and self._settings.structured_outputs:
            schema = {"name": "answer", "strict": True, "schema": question.schema.schema}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        return asked

    def _answer(self, body: Any, question: Question) -> Answer:
        message = at(body, "choices", 0, "message")
        if not isinstance(message, dict):
            raise self.unreadable("it has no choices.")
        refusal, text = message.get("refusal"), text_of(message.get("content"))
        if text is None:
            raise self.unreadable("its content is no text.")
        ended: Any = _ENDED.get(str(at(body, "choices", 0, "finish_reason")), "done")
        if refusal and isinstance(refusal, str):
            text, ended = refusal, "refused"
        return Answer(text, model_of(body, question.model), _counts(at(body, "usage")), ended)


_ENDED = {"length": "truncated", "content_filter": "refused"}


def _counts(usage: Any) -> Counts:
    return Counts(
        tokens_in=count(at(usage, "prompt_tokens")),
        tokens_out=count(at(usage, "completion_tokens")),
        tokens_cached=count(at(usage, "prompt_tokens_details", "cached_tokens")),
        tokens_reasoning=count(at(usage, "completion_tokens_details", "reasoning_tokens")),
    )
