"""Taking the bodies of old IR artifacts and prompts away, and what steps said.

Rows with a body stay, with size, hash, verdict, tokens and cost; a line that a step said goes whole.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import BigIntegerField, Exists, F, Func, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from config.models import first_uuid7
from feedback.accepted import awaited_items, uncurated_items
from feedback.models.queues import ItemKind
from ir_schemas.models import IRArtifact
from pipelines.models import PromptData, PromptResult, StepLog
from pipelines.models.runs import RunStatus


@dataclass(frozen=True, slots=True)
class Kind:
    """``empty`` are the columns of the body and what they hold without it, None where the row goes with it; ``size``
    is how many bytes that has; ``run`` is the lookup of the row's run.

    ``results`` are the prompt's results that the row is or has, for a query two levels below it.
    """

    model: type[models.Model]
    empty: Mapping[str, Any] | None
    run: str
    results: QuerySet[PromptResult, Any] | None = None
    size: str | Func = "size_bytes"
    name: str = "bodies"


RESULTS = PromptResult.objects.values("pk")
KINDS = {
    "artifacts": Kind(IRArtifact, {"ir_json": None}, "step_run__pipeline_run"),
    "prompts": Kind(
        PromptData,
        {"prompt": "", "context": {}},
        "step_run__pipeline_run",
        RESULTS.filter(prompt_data=OuterRef(OuterRef("pk"))),
    ),
    "results": Kind(
        PromptResult,
        {"result": None},
        "prompt_data__step_run__pipeline_run",
        RESULTS.filter(pk=OuterRef(OuterRef("pk"))),
    ),
    "logs": Kind(
        StepLog, None, "step_run__pipeline_run", size=Func(F("message"), function="octet_length"), name="lines"
    ),
}


def prunable(kind: Kind, before: datetime, *, reviewed: bool = False) -> tuple[int, int]:
    """How many bodies or lines would go, and how many bytes they say they have."""
    rows = _rows(kind, before, reviewed)
    return rows.count(), rows.aggregate(size=Sum(kind.size, output_field=BigIntegerField()))["size"] or 0


def prune(kind: Kind, before: datetime, *, batch: int = 500, reviewed: bool = False) -> Iterator[int]:
    """Take the bodies of rows made before ``before`` away, oldest first; gives how many went, after each batch.

    A batch is a transaction of its own, so it can be stopped and taken up again at any time. Rows that somebody else
    holds are left for the next time, and so is what a run under way may still read, and all of a run one of whose
    outputs waits in a review queue, or, but for ``reviewed``, was accepted or corrected there and is no ground truth.
    """
    after: uuid.UUID | None = None
    while True:
        with transaction.atomic():
            rows = _rows(kind, before, reviewed).select_for_update(skip_locked=True, of=("self",))
            found = list((rows.filter(pk__gt=after) if after else rows).values_list("pk", flat=True)[:batch])
            if not found:
                return
            chosen = kind.model._default_manager.filter(pk__in=found)
            if kind.empty is None:
                chosen.delete()
            else:
                chosen.update(**kind.empty, pruned_at=Now())
        after = found[-1]
        yield len(found)


def _rows(kind: Kind, before: datetime, reviewed: bool) -> QuerySet[Any]:
    # Keys are ordered by time, so the key's index finds what is old.
    old = kind.model._default_manager.filter(pk__lt=first_uuid7(before), created_at__lt=before)
    if kind.empty is not None:
        old = old.filter(pruned_at=None)
    under_way = Q(**{f"{kind.run}__status": RunStatus.RUNNING})
    return old.exclude(under_way).exclude(_in_review(kind, reviewed)).order_by("pk")


def _in_review(kind: Kind, reviewed: bool) -> Q:
    """A reviewer sees an output beside what it was made of, so all of its run is needed."""
    found = Q()
    for items in (awaited_items(),) if reviewed else (awaited_items(), uncurated_items()):
        found |= Q(Exists(items.filter(step_run__pipeline_run=OuterRef(kind.run))))
        if kind.results is not None:  # what was recorded from outside belongs to no run
            found |= Q(Exists(items.filter(kind=ItemKind.PROMPT_RESULT, target_id__in=kind.results)))
    return found
