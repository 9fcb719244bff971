"""The ``prompt`` step: renders a prompt, asks a provider, and hands over the answer as its IR.

1. find the prompt's version; 2. retrieve its context; 3. render it; 4. ask; 5. read the answer and check it against the
prompt's schema; 6. where it can't be used, ask again with the reasons, ``repairAttempts`` times.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from config.texts import storable
from ir_schemas import active
from ir_schemas.active import Contract
from ir_schemas.exporting import ExportError, StrictSubset, to_strict_subset
from ir_schemas.validation import JsonFault, SchemaFault, parse_json
from pipelines.ai.asking import Patience, ask
from pipelines.ai.config import PromptConfig, read_config
from pipelines.ai.prices import cost_of, price_of
from pipelines.ai.prompts import find_prompt
from pipelines.ai.providers import Answer, Message, Provider, ProviderError, Question, provider
from pipelines.ai.template import TemplateFault, render
from pipelines.embeddings.retrieval import Found, retrieve
from pipelines.models import AIPrompt
from pipelines.outages import through_outages
from pipelines.recording.prompts import total_usage
from pipelines.steps.contract import ModelCall, Prompted, StepContext, StepError, StepResult, Usage, sees

MAX_ERRORS_TOLD = 20
MAX_REFUSAL_TOLD = 300
SPARE_SECONDS = 0.5
"""Left at the end of a step's time, so that what was asked is recorded before the engine gives the step up."""


class _Material(NamedTuple):
    """What rows say: the prompt's version, its schema in force, and what was retrieved."""

    version: AIPrompt
    contract: Contract | None
    values: Mapping[str, Any]
    found: list[Found]


def _material(config: PromptConfig, context: StepContext, otherwise: Contract | None = None) -> _Material:
    return through_outages("reading a prompt", lambda _: _read(config, context, otherwise))


def _read(config: PromptConfig, context: StepContext, otherwise: Contract | None) -> _Material:
    version = find_prompt(config.prompt)
    contract = active.of_prompt(version.pk, version.process_id) or otherwise
    values = _values(context, contract)
    with _naming(_prompted(version)):
        found = _retrieved(config, values)
    return _Material(version, contract, {**values, "context": [one.content for one in found]}, found)


def seen(context: StepContext) -> dict[str, Any]:
    """What a step reads beyond its context: the prompt, its schema, and what is retrieved for it."""
    version, contract, _, found = _material(read_config(context.params), context)
    return {
        "prompt": str(version.pk),
        "content": version.content,
        "validationMode": _own_mode(version, context),
        "schema": str(contract.schema_id) if contract else None,
        "retrieved": [one.reference | {"content": one.content} for one in found],
    }


@sees(seen)
def prompt(context: StepContext) -> StepResult:
    """The step's function. Raises ``StepError`` where no answer can be handed over; what was asked is in it."""
    return converse(context)


def converse(context: StepContext, *, otherwise: Contract | None = None) -> StepResult:
    """What the step does, also outside a run. ``otherwise`` is the contract of a prompt that has none in force.

    Raises ``StepError``.
    """
    config = read_config(context.params)
    version, contract, values, found = _material(config, context, otherwise)
    if config.retrieval is not None and not found:
        context.reporter.log(f"Nothing was retrieved: the namespace {config.retrieval.namespace!r} has no text for it.")
    prompted = _prompted(version, found)
    with _naming(prompted):
        messages = _messages(config, version, values)
        asked = _provider(config)
    mode = _own_mode(version, context) or context.validation_mode
    shown = {"retrieved": [one.reference | {"content": one.content} for one in found]} if found else {}
    checked = contract if mode != "off" else None
    return _Talk(context, config, asked, checked, _subset(contract, context), messages, prompted, shown).run()


def _prompted(version: AIPrompt, found: Sequence[Found] = ()) -> Prompted:
    """What the record says of a step that asks with this prompt, before it has asked."""
    return Prompted(
        prompt_id=version.pk,
        process_id=version.process_id,
        version=version.version,
        validation_mode=version.ir_validation_mode,
        references=[one.reference for one in found],
    )


@contextmanager
def _naming(prompted: Prompted) -> Iterator[None]:
    """Have a refusal say with which prompt a model was to be asked."""
    try:
        yield
    except StepError as error:
        error.prompted = prompted
        raise


def _provider(config: PromptConfig) -> Provider:
    """Whom the step asks. Raises ``StepError`` where nobody can be, and where no model is named."""
    try:
        asked = provider(config.provider)
    except ProviderError as error:
        raise StepError(error.code, error.message) from error
    if not (config.model or asked.default_model):
        raise StepError("prompt-model-missing", f"Name a model: neither the step nor {config.provider} has one.")
    return asked


def _own_mode(version: AIPrompt, context: StepContext) -> str:
    """How answers to this prompt are checked by its row, or else by a rule for it; empty where it has neither."""
    return version.ir_validation_mode or context.prompt_modes.get(str(version.pk), "")


def _values(context: StepContext, contract: Contract | None) -> dict[str, Any]:
    """What a template sees, besides ``context``."""
    return {
        "inputs": dict(context.inputs),
        "upstream": dict(context.upstream),
        "item": context.item,
        "schema": contract.compiled.schema if contract else None,
    }


def _retrieved(config: PromptConfig, values: Mapping[str, Any]) -> list[Found]:
    wanted = config.retrieval
    if wanted is None:
        return []
    text = _rendered("retrieve.query", wanted.query, values)
    return retrieve(namespace=wanted.namespace, text=text, top_k=wanted.top_k)


def _messages(config: PromptConfig, version: AIPrompt, values: Mapping[str, Any]) -> list[Message]:
    system = [Message("system", _rendered("system", config.system, values))] if config.system else []
    return [*system, Message("user", _rendered(str(version), version.content, values))]


def _rendered(what: str, source: str, values: Mapping[str, Any]) -> str:
    try:
        return render(source, values)
    except TemplateFault as fault:
        raise StepError("prompt-template-failed", f"The template {what} can't be rendered: {fault}.") from fault


def _subset(contract: Contract | None, context: StepContext) -> StrictSubset | None:
    if contract is None:
        return None
    try:
        return to_strict_subset(contract.compiled.schema)
    except (ExportError, SchemaFault) as fault:
        context.reporter.log(f"{contract.name} is not sent to the provider as a structured output: {fault}")
        return None


@dataclass
class _Talk:
    """One step's exchange with a provider. ``contract`` is what an answer is checked against, if it is."""

    context: StepContext
    config: PromptConfig
    provider: Provider
    contract: Contract | None
    subset: StrictSubset | None
    messages: list[Message]
    prompted: Prompted
    shown: Mapping[str, Any]
    calls: list[ModelCall] = field(default_factory=list)

    def run(self) -> StepResult:
        """Ask, and again where the answer can't be used.

        The last answer is handed over also where the schema refuses it: what becomes of it is the engine's to say.
        """
        for attempt in range(self.config.repair_attempts + 1):
            text, document, faults = self._ask(attempt + 1)
            if not faults:
                break
            if attempt < self.config.repair_attempts:
                self.context.reporter.log(f"The answer can't be used, asking again: {faults[0]}")
                self.messages += [Message("assistant", text or "(empty)"), Message("user", _complaint(faults))]
        if not isinstance(document, dict):
            raise self._failed("answer-unusable", f"The answer can't be used. {faults[0]}")
        return StepResult(ir=document, usage=total_usage(self.calls), prompted=self._so_far())

    def _ask(self, number: int) -> tuple[str, Any, list[str]]:
        """The answer's text, the document in it, and what is wrong with it."""
        answer, seconds = self._answer(number)
        document, faults = self._read(answer.text)
        final = self._final(answer, faults)
        error = final or (None if not faults else {"code": "answer-unusable", "message": faults[0]})
        kept = answer.text if document is None else document
        self._keep(answer, kept, seconds, error)
        if final is not None:
            self.prompted = replace(self.prompted, refused=answer.ended == "refused")
            raise self._failed(**final)
        return answer.text, document, faults

    def _final(self, answer: Answer, faults: Sequence[str]) -> dict[str, str] | None:
        """Why asking again is of no use; None where it is, or there is no need to."""
        if answer.ended == "refused":
            said = storable(answer.text).strip()[:MAX_REFUSAL_TOLD]
            message = f"{self.provider.name} declined to answer{f': {said}' if said else ', and did not say why.'}"
            return {"code": "answer-refused", "message": message}
        if answer.ended == "truncated" and faults:
            message = "The answer was cut off at its most tokens. Raise maxTokens."
            return {"code": "answer-truncated", "message": message}
        return None

    def _answer(self, number: int) -> tuple[Answer, float]:
        config, until = self.config, self.context.give_up_at
        question = Question(
            model=config.model or self.provider.default_model,
            messages=tuple(self.messages),
            schema=self.subset,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            number=number,
            script=config.script,
        )
        until = None if until is None else until - SPARE_SECONDS
        patience = Patience(config.answer_seconds, config.provider_retries, until)
        began = time.monotonic()
        try:
            answer = ask(self.provider, question, patience, self.context.reporter)
        except ProviderError as error:
            fault = {"code": error.code, "message": error.message}
            self._keep(Answer("", question.model), None, time.monotonic() - began, fault)
            raise self._failed(error.code, error.message) from error
        return answer, time.monotonic() - began

    def _read(self, text: str) -> tuple[Any, list[str]]:
        """The document that the text spells, and what is wrong with it."""
        if not text.strip():
            return None, ["It is empty."]
        try:
            document = parse_json(_unfenced(text))
        except JsonFault as fault:
            return None, [fault.message]
        if self.subset is not None:
            document = self.subset.restore(document)
        if not isinstance(document, dict):
            return document, ["The answer must be a JSON object."]
        if self.contract is None:
            return document, []
        report = self.contract.compiled.validate(document, checked=True, max_errors=MAX_ERRORS_TOLD)
        return document, [f"At {error.path or '/'}: {error.message}" for error in report.errors]

    def _keep(self, answer: Answer, kept: Any, seconds: float, error: Mapping[str, Any] | None) -> None:
        models = (answer.model, self.config.model or self.provider.default_model)
        cost = None
        if answer.counts.tokens_in is not None:
            # The answer is paid for: it must not be lost, nor asked for again.
            find = partial(price_of, provider=self.provider.priced_as, models=models)
            cost = cost_of(answer.counts, through_outages("reading a price", lambda _: find()))
        usage = Usage(
            tokens_in=answer.counts.tokens_in,
            tokens_out=answer.counts.tokens_out,
            tokens_cached=answer.counts.tokens_cached,
            tokens_reasoning=answer.counts.tokens_reasoning,
            total_cost_usd=None if cost is None else f"{cost:f}",
        )
        self.calls.append(
            ModelCall(
                prompt=storable("\n\n".join(message.text for message in self.messages)),
                answer=storable(kept) if isinstance(kept, str) else kept,
                provider=self.provider.name,
                model=answer.model,
                latency_ms=seconds * 1000,
                usage=usage,
                context=self.shown,
                settings=self._settings(),
                error=error,
            )
        )

    def _settings(self) -> dict[str, Any]:
        said = {"temperature": self.config.temperature, "maxTokens": self.config.max_tokens}
        return {name: value for name, value in said.items() if value is not None}

    def _so_far(self) -> Prompted:
        return replace(self.prompted, calls=tuple(self.calls))

    def _failed(self, code: str, message: str) -> StepError:
        return StepError(code, message, prompted=self._so_far())


def _complaint(faults: Sequence[str]) -> str:
    listed = "\n".join(f"- {fault}" for fault in faults[:MAX_ERRORS_TOLD])
    return f"Your answer can't be used:\n{listed}\nAnswer again with the whole JSON document and nothing else."


def _unfenced(text: str) -> str:
    """The text without the fence of Markdown that models like to put around JSON."""
    text = text.strip()
    if not (text.startswith("```") and text.endswith("```")) or "\n" not in text:
        return text
    return text[text.index("\n") + 1 : -3].strip()
