"""The outputs that a queue's rule asks for and that the queue does not hold yet, the newest first."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Concat

from config.problems import InvalidInput
from feedback.models import Evaluation, ReviewItem, ReviewQueue
from feedback.models.queues import ItemKind
from ir_schemas.models import IRArtifact
from metrics.documents import COMPARATORS
from metrics.models import MetricDefinition, MetricResult
from monitoring.models import TestRun
from pipelines.judging.keeping import JUDGE_ID
from pipelines.models import GeneratedArtifact, ModuleTemplate, PromptData, PromptResult, StepOutputLink
from pipelines.models.runs import OutputType

MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Source:
    """Where the outputs of one kind are: the rows, and in them the lookups of the output's key and of its step run."""

    rows: QuerySet[Any]
    target: str
    step: str

    def under(self, name: str) -> str:
        """A lookup below the step run."""
        return f"{self.step}__{name}"


def candidates(queue: ReviewQueue, *, since: uuid.UUID | None = None) -> QuerySet[Any, dict[str, Any]]:
    """Of each output its ``target``, ``maker``, ``design``, ``design_name``, ``node`` and ``place``; unread as yet.

    ``since`` is the smallest key that is looked at; keys are ordered by time. Raises ``InvalidInput`` for a rule whose
    metric has no target where the queue gives no limit.
    """
    source = SOURCES[ItemKind(queue.kind)]
    rows = source.rows if since is None else source.rows.filter(pk__gte=since)
    held = ReviewItem.objects.filter(queue=queue, kind=queue.kind, target_id=OuterRef(source.target))
    rows = _not_evaluated(rows.filter(~Exists(held)), source, queue)
    rows = _drawn(_by_rule(rows, source, queue), source, queue)
    return rows.order_by("-pk").values(
        target=F(source.target),
        maker=F(source.step),
        design=F(source.under("pipeline_run__design_split")),
        design_name=F(source.under("pipeline_run__design_split__name")),
        node=F(source.under("node_key")),
        place=F(source.under("map_index")),
    )


def as_items(queue: ReviewQueue, found: list[dict[str, Any]]) -> Iterator[ReviewItem]:
    """An unsaved item for each of the ``candidates`` that were read."""
    names, artifacts = _modules(queue, found)
    labels = _prompts(queue, found)
    for row in found:
        target = row["target"]
        what = names.get(target) or labels.get(target) or _node(row)
        title = " · ".join(filter(None, (what, row["design_name"])))
        yield ReviewItem(
            kind=queue.kind,
            target_id=target,
            step_run_id=row["maker"],
            design_split_id=row["design"],
            module_id=target if target in names else None,
            artifact_id=artifacts.get(target),
            title=title[:MAX_TITLE],
        )


def _not_evaluated(rows: QuerySet[Any], source: Source, queue: ReviewQueue) -> QuerySet[Any]:
    """Without outputs of evaluations, whose right answers are known; unless the rule asks for what only they have."""
    if queue.metric is not None and queue.metric.key in COMPARATORS:
        return rows
    evaluation = Evaluation.objects.filter(pk=OuterRef(source.under("pipeline_run__run_group_id")))
    return rows.filter(~Exists(evaluation))


def _by_rule(rows: QuerySet[Any], source: Source, queue: ReviewQueue) -> QuerySet[Any]:
    if queue.pipeline_id:
        rows = rows.filter(**{source.under("pipeline_run__pipeline"): queue.pipeline_id})
    if queue.step_id:
        rows = rows.filter(**{source.under("step_version__step"): queue.step_id})
    if queue.process_id:
        rows = rows.filter(prompt_data__ai_prompt__process=queue.process_id)
    latest = {"step_run": OuterRef(source.step), "attempt": OuterRef(source.under("attempt"))}
    if queue.only_invalid:
        rows = rows.filter(Exists(IRArtifact.objects.filter(**latest, is_valid=False)))
    if queue.metric is not None:
        bad = _bad_side(queue.metric, queue.metric_limit)
        rows = rows.filter(Exists(MetricResult.objects.filter(**latest, metric=queue.metric, **bad)))
    return rows


def _bad_side(metric: MetricDefinition, limit: float | None) -> dict[str, float]:
    limit = metric.target if limit is None else limit
    if limit is None:
        raise InvalidInput(f"The metric {metric.key} has no target. Give it one, or give the queue a limit.")
    return {"value__lt" if metric.direction == MetricDefinition.Direction.HIGHER else "value__gt": limit}


def _drawn(rows: QuerySet[Any], source: Source, queue: ReviewQueue) -> QuerySet[Any]:
    """A share that is the same whenever it is drawn, and another one for another queue."""
    if queue.share_percent >= 100:
        return rows
    salted = Concat(Value(str(queue.pk)), Cast(F(source.target), TextField()))
    draw = Func(
        salted,
        template="MOD(('x' || left(md5(%(expressions)s), 8))::bit(32)::bigint, 100)",
        output_field=IntegerField(),
    )
    drawn: QuerySet[Any] = rows.alias(draw=draw).filter(draw__lt=queue.share_percent)
    return drawn


def _node(row: Mapping[str, Any]) -> str:
    return row["node"] if row["place"] is None else f"{row['node']} {row['place'] + 1}"


def _modules(queue: ReviewQueue, found: list[dict[str, Any]]) -> tuple[dict[Any, str], dict[Any, Any]]:
    """Of modules their names, and the files that were generated with them."""
    if queue.kind != ItemKind.MODULE:
        return {}, {}
    ids = [row["target"] for row in found]
    names = dict(ModuleTemplate.objects.filter(pk__in=ids).values_list("pk", "name"))
    files = GeneratedArtifact.objects.filter(module__in=ids).order_by("-pk").values_list("module_id", "pk")
    return names, dict(files)


def _prompts(queue: ReviewQueue, found: list[dict[str, Any]]) -> dict[Any, str]:
    """Of prompt results the process and the model."""
    if queue.kind != ItemKind.PROMPT_RESULT:
        return {}
    rows = PromptResult.objects.filter(pk__in=[row["target"] for row in found])
    named = rows.values_list("pk", "prompt_data__ai_prompt__process__name", "model")
    return {pk: " · ".join(filter(None, (process, model))) or "prompt result" for pk, process, model in named}


def _not_copies(rows: QuerySet[Any], step: str) -> QuerySet[Any]:
    """A step that was reused stands in several runs; its output is reviewed in the first."""
    return rows.filter(**{f"{step}__reused_from": None})


def _prompt_results() -> QuerySet[PromptResult]:
    """Of each step the last answer of its last attempt, and what was recorded from outside; nothing of judges."""
    by_a_judge = Q(prompt_data__source=TestRun.Source.ENGINE, prompt_data__metadata__has_key=JUDGE_ID)
    later = PromptData.objects.filter(step_run=OuterRef("prompt_data__step_run"), pk__gt=OuterRef("prompt_data"))
    answers = PromptResult.objects.filter(~by_a_judge, ~Exists(later), pruned_at=None, result__isnull=False)
    last_attempt = Cast("prompt_data__step_run__attempt", TextField())
    of_attempt = Coalesce(KeyTextTransform("attempt", "prompt_data__metadata"), last_attempt)
    of_last = Q(prompt_data__step_run=None) | Q(of_attempt=F("last_attempt"))
    return answers.alias(of_attempt=of_attempt, last_attempt=last_attempt).filter(of_last)


ARTIFACTS = IRArtifact.objects.filter(attempt=F("step_run__attempt"), pruned_at=None)
MODULES = StepOutputLink.objects.filter(target_type=OutputType.MODULE_TEMPLATE)
SOURCES: Mapping[ItemKind, Source] = {
    ItemKind.IR_ARTIFACT: Source(_not_copies(ARTIFACTS, "step_run"), "pk", "step_run"),
    ItemKind.MODULE: Source(_not_copies(MODULES, "step_run"), "target_id", "step_run"),
    ItemKind.PROMPT_RESULT: Source(
        _not_copies(_prompt_results(), "prompt_data__step_run"), "pk", "prompt_data__step_run"
    ),
}
