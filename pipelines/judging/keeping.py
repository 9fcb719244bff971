"""Keeping what a judge said: its calls, the judgement and the metric's result, in one transaction."""

import uuid
from typing import Any

from django.db import transaction

from config.models import uuid7
from config.problems import DomainError
from feedback.models import Judge, Judgement
from metrics.models import MetricDefinition, MetricResult
from monitoring.models import TestRun
from pipelines.judging.asking import Subject, Verdict
from pipelines.recording.services import Sender, record_ai_runs
from pipelines.steps.contract import ModelCall, Prompted

ITSELF = Sender(None, TestRun.Source.ENGINE)
JUDGE_ID = "judgeId"  # in the metadata of what a judge was asked


@transaction.atomic
def keep(judge: Judge, subject: Subject, verdict: Verdict) -> Judgement:
    """The calls become ``PromptData``, ``PromptResult`` and entries of the audit log, as those of other AI runs do.

    The score is the metric's result of the output's step run, null with its reason where there is none.
    """
    key = uuid7()
    score = verdict.score
    judgement = Judgement.objects.create(
        pk=key,
        judge=judge,
        kind=subject.kind,
        target_id=subject.target_id,
        step_run=subject.step_run,
        ground_truth=subject.truth if judge.compares else None,
        outcome=verdict.outcome,
        score=score,
        passed=None if score is None else judge.passes(score),
        reason=verdict.reason,
        error=verdict.error,
        prompt_data_id=_record(judge, subject, key, verdict.prompted),
        calls=verdict.calls,
        cost_usd=verdict.cost,
    )
    if subject.step_run is not None:
        _measure(judge, judgement, subject)
    return judgement


def metric_of(judge: Judge) -> MetricDefinition:
    """The metric that the judge's scores are kept under, made where it is not there yet."""
    metric, _ = MetricDefinition.objects.get_or_create(
        key=judge.metric_key,
        defaults={
            "name": f"Judge {judge.key}"[:200],
            "description": f"What the judge {judge.key} makes of an output, by {judge.prompt}; 1 is as it should be.",
            "direction": MetricDefinition.Direction.HIGHER,
            "target": judge.pass_from,
        },
    )
    return metric


def _measure(judge: Judge, judgement: Judgement, subject: Subject) -> None:
    """The latest judgement of a step run's output is the metric's result."""
    told = {"reason": judgement.reason} if judgement.error is None else {"why": judgement.error["message"]}
    result = MetricResult(
        step_run=subject.step_run,
        attempt=subject.step_run.attempt if subject.step_run else 1,
        metric=metric_of(judge),
        value=judgement.score,
        passed=judgement.passed,
        details={**told, "judgementId": str(judgement.pk), "prompt": str(judge.prompt)},
    )
    MetricResult.objects.bulk_create(
        [result],
        update_conflicts=True,
        unique_fields=("step_run", "attempt", "metric"),
        update_fields=("value", "passed", "details"),
    )


def _record(judge: Judge, subject: Subject, key: uuid.UUID, prompted: Prompted | None) -> uuid.UUID | None:
    """The key of the last call's ``PromptData``; None where nothing was asked."""
    if prompted is None or not prompted.calls:
        return None
    sent = [_item(judge, subject, f"{key}/{n}", prompted, call) for n, call in enumerate(prompted.calls, 1)]
    kept = record_ai_runs(sent=sent, sender=ITSELF)[-1]
    if isinstance(kept, DomainError):
        raise kept
    return kept.prompt_data_id


def _item(judge: Judge, subject: Subject, key: str, prompted: Prompted, call: ModelCall) -> dict[str, Any]:
    usage = call.usage
    return {
        "idempotencyKey": key,
        "promptId": str(prompted.prompt_id),
        "sectionId": judge.metric_key,
        "prompt": call.prompt,
        "context": dict(call.context),
        "metadata": {JUDGE_ID: str(judge.pk), "targetId": str(subject.target_id), "settings": dict(call.settings)},
        "result": call.answer,
        "error": None if call.error is None else dict(call.error),
        "metrics": {} if call.error is None else {"error": dict(call.error)},
        "refused": prompted.refused,
        "model": call.model,
        "provider": call.provider,
        "latencyMs": call.latency_ms,
        "tokensIn": usage.tokens_in,
        "tokensOut": usage.tokens_out,
        "tokensCached": usage.tokens_cached,
        "tokensReasoning": usage.tokens_reasoning,
        "costUsd": usage.total_cost_usd,
    }
