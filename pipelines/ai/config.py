"""What a ``prompt`` step can be told: the params of ``schemas/prompt_step.json``, with their defaults."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from config.ai_providers import BUILT_IN
from ir_schemas.validation import CompiledSchema, compile_schema
from pipelines.ai.template import TemplateFault, check
from pipelines.steps.contract import StepError

MAX_ERRORS = 5
PROMPT_HANDLER = "prompt"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What to look for: the ``top_k`` texts of a namespace nearest to ``query``, a template."""

    namespace: str
    query: str
    top_k: int


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """``prompt`` is a process's key or ``key@version``; an empty ``model`` is the provider's own."""

    prompt: str
    provider: str
    model: str
    system: str
    temperature: float | None
    max_tokens: int | None
    repair_attempts: int
    provider_retries: int
    answer_seconds: float
    retrieval: Retrieval | None
    script: Sequence[Any]


def read_config(params: Mapping[str, Any]) -> PromptConfig:
    """Raises ``StepError``, with the places, for params that are not as the schema says."""
    faults = config_faults({"prompt": None, **params})
    if faults:
        raise StepError("prompt-config-invalid", f"The step's config can't be used. {'; '.join(faults)}")
    retrieve = params.get("retrieve")
    return PromptConfig(
        prompt=params["prompt"],
        provider=params.get("provider", BUILT_IN),
        model=params.get("model", ""),
        system=params.get("system", ""),
        temperature=params.get("temperature"),
        max_tokens=_whole(params.get("maxTokens")),
        repair_attempts=int(params.get("repairAttempts", 1)),
        provider_retries=int(params.get("providerRetries", 2)),
        answer_seconds=params.get("answerTimeoutMs", 120_000) / 1000,
        retrieval=None
        if retrieve is None
        else Retrieval(retrieve["namespace"], retrieve["query"], int(retrieve.get("topK", 5))),
        script=params.get("script", ()),
    )


def config_faults(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with a config, each with its place. The prompt may be missing: a node can name it later."""
    report = _compiled().validate({"prompt": "any", **config}, max_errors=MAX_ERRORS)
    return [f"{error.path or '/'}: {error.message}" for error in report.errors]


def template_faults(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with the templates in a config that is as its schema says, each with its place and line."""
    retrieve = config.get("retrieve") or {}
    templates = {"/system": config.get("system", ""), "/retrieve/query": retrieve.get("query", "")}
    return [fault for place, source in templates.items() for fault in _faults(place, source)]


def _faults(place: str, source: str) -> list[str]:
    try:
        check(source)
    except TemplateFault as fault:
        return [f"{place}: {fault}"]
    return []


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


@cache
def _compiled() -> CompiledSchema:
    return compile_schema(json.loads((Path(__file__).parent / "schemas" / "prompt_step.json").read_text("utf-8")))
