"""Anthropic's messages."""

from typing import Any

import anthropic
from anthropic.types import Message

from config.ai_providers import ProviderSettings
from pipelines.ai.providers.protocol import Answer, Counts, Question
from pipelines.ai.providers.speaking import OverHTTP, count, told

MAX_TOKENS = 8_192
"""Asked for where a step doesn't say, as the API wants a number."""


class Anthropic(OverHTTP):
    """With ``structuredOutputs`` it sends the schema along as a structured output."""

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        super().__init__(settings, key, client=anthropic.Anthropic, transport=anthropic.DefaultHttpxClient)

    def ask(self, question: Question, *, seconds: float) -> Answer:
        with told(anthropic, self.name, self._key):
            message = self._client.messages.create(**self._asked(question), stream=False, timeout=seconds)
            return _answer(message, question)

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
        if question.schema is not None and self._structured:
            asked["output_config"] = {"format": {"type": "json_schema", "schema": question.schema.schema}}
        return asked


def _answer(message: Message, question: Question) -> Answer:
    text = "".join(block.text for block in message.content if block.type == "text")
    ended = _ENDED.get(message.stop_reason or "", "done")
    return Answer(text, message.model or question.model, _counts(message.usage), ended)  # type: ignore[arg-type]


_ENDED = {"max_tokens": "truncated", "model_context_window_exceeded": "truncated", "refusal": "refused"}


def _counts(usage: Any) -> Counts:
    """Its input tokens leave out those read from and written to the cache; ours are all that went in."""
    if usage is None:
        return Counts()
    fresh, read = count(usage.input_tokens), count(usage.cache_read_input_tokens)
    written = count(usage.cache_creation_input_tokens) or 0
    details = usage.output_tokens_details
    return Counts(
        tokens_in=None if fresh is None else count(fresh + (read or 0) + written),
        tokens_out=count(usage.output_tokens),
        tokens_cached=read,
        tokens_reasoning=count(details.thinking_tokens) if details else None,
    )
