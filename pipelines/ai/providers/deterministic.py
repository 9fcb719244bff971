"""The provider that needs no network: for the demo, for tests, and for trying a prompt's plumbing."""

import json
from typing import Any

from ir_schemas.examples import NoExampleError, example_document
from pipelines.ai.providers.protocol import Answer, Counts, ProviderError, Question


class Deterministic:
    """The same question always gets the same answer.

    That is the script's for this question, else an example of the schema, else the prompt in an object. A script that
    has run out repeats its last answer. It counts words for tokens.
    """

    name = priced_as = "echo"
    default_model = "echo-1"

    def ask(self, question: Question, *, seconds: float) -> Answer:
        text = _text(_chosen(question))
        words_in = sum(len(message.text.split()) for message in question.messages)
        counts = Counts(words_in, len(text.split()), tokens_cached=0, tokens_reasoning=0)
        return Answer(text, question.model, counts)


def _chosen(question: Question) -> Any:
    if question.script:
        return question.script[min(question.number, len(question.script)) - 1]
    if question.schema is None:
        return {"echo": question.messages[-1].text}
    try:
        return example_document(question.schema.original)
    except NoExampleError as error:
        raise ProviderError("no-example", f"echo answers with an example of the schema. {error}") from None


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
