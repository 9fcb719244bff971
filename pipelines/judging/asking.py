"""Asking a judge what it makes of one output. Writes nothing."""

import json
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from config.texts import storable
from feedback.models import GroundTruth, Judge, Judgement
from feedback.models.queues import ItemKind
from ir_schemas import active
from ir_schemas.active import Contract
from ir_schemas.validation import compile_schema
from pipelines.ai.step import converse
from pipelines.models import StepRun
from pipelines.recording.prompts import total_usage
from pipelines.review.given import Given
from pipelines.steps.contract import Prompted, StepContext, StepError, StepResult

MOST_REASON = 10_000
ANSWER_MS = 120_000
UNUSABLE = frozenset({"answer-unusable", "answer-truncated", "answer-refused"})
Outcome = Judgement.Outcome


@dataclass(frozen=True, slots=True)
class Subject:
    """One output to be judged: the document, what it was made of, and the ground truth to compare it with, if any."""

    kind: ItemKind
    target_id: uuid.UUID
    output: Any
    step_run: StepRun | None = None
    truth: GroundTruth | None = None
    given: Given = field(default_factory=Given)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said: a score of 0 to 1 with its reason, or ``{code, message}`` of why there is none, never 0.

    ``cost`` is that of all its calls in US dollars, None where one is unknown; ``prompted`` is None where it was not
    asked at all.
    """

    outcome: Judgement.Outcome
    score: float | None = None
    reason: str = ""
    error: dict[str, str] | None = None
    prompted: Prompted | None = None

    @property
    def calls(self) -> int:
        return len(self.prompted.calls) if self.prompted else 0

    @property
    def cost(self) -> Decimal | None:
        if self.prompted is None:
            return Decimal(0)
        cost = total_usage(self.prompted.calls).total_cost_usd
        return None if cost is None else Decimal(cost)


def ask_judge(judge: Judge, subject: Subject) -> Verdict:
    """``judge`` should come with its prompt and process. An answer that can't be used is asked for once more."""
    context = StepContext(params=_params(judge), inputs=_inputs(judge, subject), validation_mode="enforce")
    contract = active.of_prompt(judge.prompt_id, judge.prompt.process_id) or own_contract()
    try:
        result = converse(context, otherwise=own_contract())
    except StepError as refused:
        outcome = Outcome.UNUSABLE if refused.code in UNUSABLE else Outcome.FAILED
        error = {"code": refused.code, "message": storable(refused.message)}
        return Verdict(outcome, error=error, prompted=refused.prompted)
    return _read(result, contract)


@cache
def own_contract() -> Contract:
    """What an answer is held to where neither the prompt nor its process has a schema in force."""
    schema = json.loads((Path(__file__).parent / "schemas" / "judgement.json").read_text("utf-8"))
    return Contract(uuid.UUID(int=0), "", "judgement", 1, compile_schema(schema))


def _params(judge: Judge) -> dict[str, Any]:
    chosen = {"model": judge.model or None, "temperature": judge.temperature}
    return {
        "prompt": f"{judge.prompt.process.key}@{judge.prompt.version}",
        "provider": judge.provider,
        "maxTokens": judge.max_tokens,
        "answerTimeoutMs": ANSWER_MS,
        **{name: value for name, value in chosen.items() if value is not None},
    }


def _inputs(judge: Judge, subject: Subject) -> dict[str, Any]:
    """What the template sees as ``inputs``; ``truth`` is there only for a judge that compares."""
    given = subject.given
    inputs = {
        "output": subject.output,
        "input": given.value,
        "runInputs": dict(given.inputs),
        "upstream": dict(given.upstream),
        "params": dict(given.params),
    }
    return inputs | ({"truth": subject.truth.data} if judge.compares and subject.truth else {})


def _read(result: StepResult, contract: Contract) -> Verdict:
    report = contract.compiled.validate(result.ir, max_errors=1)
    if not report.valid:
        fault = report.errors[0]
        return _unusable(result, f"At {fault.path or '/'}: {fault.message}")
    score, reason = result.ir.get("score"), result.ir.get("reason", "")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        return _unusable(result, "At /score: a judge answers with a number from 0 to 1.")
    text = reason if isinstance(reason, str) else json.dumps(reason, ensure_ascii=False)
    return Verdict(Outcome.SCORED, float(score), storable(text)[:MOST_REASON], prompted=result.prompted)


def _unusable(result: StepResult, message: str) -> Verdict:
    return Verdict(Outcome.UNUSABLE, error={"code": "answer-unusable", "message": message}, prompted=result.prompted)
