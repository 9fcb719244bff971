"""Taking the bodies of old IR artifacts and prompts away. Rows stay, with size, hash, verdict, tokens and cost."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now

from config.models import first_uuid7
from ir_schemas.models import IRArtifact
from pipelines.models import PromptData, PromptResult
from pipelines.models.runs import RunStatus


@dataclass(frozen=True, slots=True)
class Kind:
    """``empty`` are the columns of the body and what they hold without it; ``kept`` are rows that are still needed."""

    model: type[models.Model]
    empty: Mapping[str, Any]
    kept: Q


UNDER_WAY = Q(step_run__pipeline_run__status=RunStatus.RUNNING)
KINDS = {
    "artifacts": Kind(IRArtifact, {"ir_json": None}, UNDER_WAY),
    "prompts": Kind(PromptData, {"prompt": "", "context": {}}, UNDER_WAY),
    "results": Kind(PromptResult, {"result": None}, Q(prompt_data__step_run__pipeline_run__status=RunStatus.RUNNING)),
}


def prunable(kind: Kind, before: datetime) -> tuple[int, int]:
    """How many bodies would go, and how many bytes they say they have."""
    rows = _rows(kind, before)
    return rows.count(), rows.aggregate(size=Sum("size_bytes"))["size"] or 0


def prune(kind: Kind, before: datetime, *, batch: int = 500) -> Iterator[int]:
    """Take the bodies of rows made before ``before`` away, oldest first; gives how many went, after each batch.

    A batch is a transaction of its own, so it can be stopped and taken up again at any time. Rows that somebody else
    holds are left for the next time, and so is what a run under way may still read.
    """
    after: uuid.UUID | None = None
    while True:
        with transaction.atomic():
            rows = _rows(kind, before).select_for_update(skip_locked=True, of=("self",))
            found = list((rows.filter(pk__gt=after) if after else rows).values_list("pk", flat=True)[:batch])
            if not found:
                return
            kind.model._default_manager.filter(pk__in=found).update(**kind.empty, pruned_at=Now())
        after = found[-1]
        yield len(found)


def _rows(kind: Kind, before: datetime) -> QuerySet[Any]:
    # Keys are ordered by time, so the key's index finds what is old.
    old = kind.model._default_manager.filter(pk__lt=first_uuid7(before), created_at__lt=before, pruned_at=None)
    return old.exclude(kind.kept).order_by("pk")
