"""Anthropic's messages."""

from typing import Any

import anthropic

from config.ai_providers import ProviderSettings
from pipelines.ai.providers.protocol import Answer, Counts, Question
from pipelines.ai.providers.speaking import OverHTTP, at, count, model_of, text_of

MAX_TOKENS = 8_192
"""Asked for where a step doesn't say, as the API wants a number."""


class Anthropic(OverHTTP):
    """With ``structuredOutputs`` it sends the schema along as a structured output."""

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        super().__init__(settings, key, sdk=anthropic, client=anthropic.AsyncAnthropic)

    def ask(self, question: Question, *, seconds: float) -> Answer:
        create = self._client.messages.with_raw_response.create
        return self._answer(self._call(create, self._asked(question), seconds), question)

    def _asked(self, question: Question) -> dict[str, Any]:
        system = "\n\n".join(message.text for message in question.messages if message.role == "system")
        asked: dict[str, Any] = {
            "model": question.model,
            "max_tokens": question.max_tokens or MAX_TOKENS,
            "messages": [
                {"role": message.role, "content": message.text}
                for message in question.messages
                if message.role != "system"
            ],
        }
        if system:
            asked["system"] = system
        if question.temperature is not None:
            # This client has no argument for it any more; models that take one still read it.
            asked["extra_body"] = {"temperature": question.temperature}
        if question.schema is not None and self._settings.structured_outputs:
            asked["output_config"] = {"format": {"type": "json_schema", "schema": question.schema.schema}}
        return asked

    def _answer(self, body: Any, question: Question) -> Answer:
        content = at(body, "content")
        if not isinstance(content, list):
            raise self.unreadable("it has no content.")
        ended: Any = _ENDED.get(str(at(body, "stop_reason")), "done")
        return Answer(text_of(content) or "", model_of(body, question.model), _counts(at(body, "usage")), ended)


_ENDED = {"max_tokens": "truncated", "model_context_window_exceeded": "truncated", "refusal": "refused"}


def _counts(usage: Any) -> Counts:
    """Its input tokens leave out those read from and written to the cache; ours are all that went in."""
    fresh, read = count(at(usage, "input_tokens")), count(at(usage, "cache_read_input_tokens"))
    written = count(at(usage, "cache_creation_input_tokens")) or 0
    return Counts(
        tokens_in=None if fresh is None else count(fresh + (read or 0) + written),
        tokens_out=count(at(usage, "output_tokens")),
        tokens_cached=read,
        tokens_reasoning=count(at(usage, "output_tokens_details", "thinking_tokens")),
    )
