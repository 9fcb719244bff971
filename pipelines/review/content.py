"""What a reviewer sees of an item: the output beside what it was made of, in a few queries whatever the item."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet

from feedback.models import ReviewItem
from feedback.models.judges import METRIC_PREFIX
from feedback.models.queues import ItemKind
from ir_schemas.active import Contract
from ir_schemas.models import IRArtifact
from metrics.documents import COMPARATORS
from metrics.models import MetricDefinition, MetricResult
from pipelines.columns import of_columns
from pipelines.models import AIProcess, AIPrompt, PromptData, SplitAsset, StepRun
from pipelines.review.contracts import answers_are_outputs, contract_of
from pipelines.review.given import Given, given_to

PICTURES = "SELECT asset::text FROM pipelines_review_pictures(%s, %s) asset"


@dataclass
class Content:
    """An item with its output. ``document`` is JSON, None where the output is gone; ``faults`` are those recorded.

    ``prompt_data`` is the prompt behind the output, where one was recorded. ``metrics`` are what was measured of the
    step's last attempt, by their keys; no scores of judges or against ground truth, which would lead.
    """

    item: ReviewItem
    document: Any = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    fault_count: int = 0
    prompt_data: PromptData | None = None
    metrics: list[MetricResult] = field(default_factory=list)

    @property
    def step_run(self) -> StepRun | None:
        return self.item.step_run

    @property
    def is_text(self) -> bool:
        return isinstance(self.document, str)

    @cached_property
    def contract(self) -> Contract | None:
        """The schema in force for outputs of this kind now; None where there is none."""
        step_run = self.step_run
        is_answer = self.item.kind == ItemKind.PROMPT_RESULT
        if is_answer and step_run is not None and not answers_are_outputs(step_run.step_version):
            step_run = None
        return contract_of(step_run, self.prompt_data)

    @cached_property
    def given(self) -> Given:
        """What the output was made of, as far as it is recorded."""
        return Given() if self.step_run is None else given_to(self.step_run)

    @cached_property
    def pictures(self) -> dict[str, SplitAsset]:
        """``page`` is the whole page's, ``part`` that of the part the output was made of; those that are stored."""
        if self.step_run is None or self.item.design_split_id is None:
            return {}
        item = self.given.item
        part = item.get("key") if isinstance(item, Mapping) else None
        with connection.cursor() as cursor:
            cursor.execute(PICTURES, (self.item.design_split_id, json.dumps(part or "page")))
            assets = [of_columns(SplitAsset, json.loads(row)) for (row,) in cursor.fetchall()]
        return {"page" if asset.kind == "page" else "part": asset for asset in assets}


def load_content(item: ReviewItem) -> Content:
    """``item`` should come with its step run, and that with its run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pipelines_review_content(%s)::text", [item.pk])
        return read_content(item, json.loads(cursor.fetchone()[0]))


def read_content(item: ReviewItem, found: Mapping[str, Any]) -> Content:
    """From what ``pipelines_review_content`` answers."""
    metrics = [_measured(*each) for each in found["metrics"]]
    unled = [each for each in metrics if not _leads(each.metric.key)]
    prompt_data = _asked(*found["promptData"]) if found["promptData"] else None
    output = found["output"] or {"document": None, "faults": [], "faultCount": 0}
    return Content(item, output["document"], output["faults"], output["faultCount"], prompt_data, unled)


def artifacts_of(item: ReviewItem) -> QuerySet[IRArtifact]:
    """The one artifact that reviewers see and correct, while it is kept: a module's is the document it was made of."""
    if item.kind == ItemKind.MODULE:
        return IRArtifact.objects.filter(step_run=item.step_run_id, attempt=F("step_run__attempt"))
    return IRArtifact.objects.filter(pk=item.target_id)


def _leads(metric: str) -> bool:
    """Whether it says what others made of the output."""
    return metric.startswith(METRIC_PREFIX) or metric in COMPARATORS


def _asked(data: Mapping[str, Any], prompt: Mapping[str, Any] | None, process: Mapping[str, Any] | None) -> PromptData:
    asked = of_columns(PromptData, data)
    if prompt and process:
        asked.ai_prompt = of_columns(AIPrompt, prompt)
        asked.ai_prompt.process = of_columns(AIProcess, process)
    return asked


def _measured(result: Mapping[str, Any], metric: Mapping[str, Any]) -> MetricResult:
    measured = of_columns(MetricResult, result)
    measured.metric = of_columns(MetricDefinition, metric)
    return measured
