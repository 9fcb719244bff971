"""The hot path's one door to PostgreSQL: the function ``pipelines_carry``, and reading a run's rows.

``sql/carry.sql`` says what the function takes and gives.
"""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import RunStatus, StepStatus
from pipelines.scheduling import Item
from pipelines.state import Row

MAX_RUNS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: ``outcome`` is ``done``, ``lost`` or ``stale``; ``claimed`` maps ids to attempts."""

    outcome: str
    revision: int
    claimed: Mapping[uuid.UUID, int] = field(default_factory=dict)
    validation_mode: str | None = None


def carry(call: Mapping[str, Any], ir: bytes | None = None) -> Answer:
    """Make one call of ``pipelines_carry``; ``ir`` is JSON text. A statement of its own is a transaction of its own."""
    with connection.cursor() as cursor:
        text = None if ir is None else ir.decode()
        cursor.execute("SELECT pipelines_carry(%s::jsonb, %s::jsonb)", [json.dumps(call, default=str), text])
        answer = cursor.fetchone()[0]
    if isinstance(answer, str):
        answer = json.loads(answer)
    return Answer(
        outcome=answer["outcome"],
        revision=answer["revision"],
        claimed={uuid.UUID(one["id"]): one["attempt"] for one in answer.get("claimed", ())},
        validation_mode=answer.get("validationMode"),
    )


def claim(run_id: uuid.UUID, wanted: Sequence[Mapping[str, Any]]) -> Answer:
    """Take what is ready of the wanted step runs; moves nothing else, so it cannot be stale."""
    return carry({"runId": run_id, "claims": list(wanted)})


def expired(run_id: uuid.UUID) -> list[tuple[Item, uuid.UUID, uuid.UUID, int]]:
    """The run's step runs whose lease has run out: item, id, token and attempt."""
    rows = StepRun.objects.filter(pipeline_run=run_id, status=StepStatus.RUNNING, lease_expires_at__lt=Now())
    columns = rows.order_by("id").values_list("node_key", "map_index", "pk", "lease_token", "attempt")
    return [(Item(key, index), pk, token, attempt) for key, index, pk, token, attempt in columns if token is not None]


def renew(tokens: Collection[uuid.UUID], milliseconds: int) -> None:
    """Hold these attempts for so much longer, those of them that are still held."""
    held = StepRun.objects.filter(lease_token__in=tokens, status=StepStatus.RUNNING)
    held.update(lease_expires_at=Now() + timedelta(milliseconds=milliseconds))


def runs_with_work() -> list[uuid.UUID]:
    """Unfinished runs with a step that is due, or whose lease has run out; the oldest first."""
    due = Q(status=StepStatus.READY) & (Q(not_before=None) | Q(not_before__lte=Now()))
    lapsed = Q(status=StepStatus.RUNNING, lease_expires_at__lt=Now())
    steps = StepRun.objects.filter(due | lapsed, pipeline_run__status=RunStatus.RUNNING)
    return list(steps.order_by("pipeline_run").values_list("pipeline_run", flat=True).distinct()[:MAX_RUNS])


def read_rows(run_id: uuid.UUID) -> tuple[dict[Item, Row], int, bool]:
    """The run's rows, its revision, and whether its cancellation was requested: one consistent state.

    The revision is read first: a row that is newer than it makes the next call ``stale``, never wrong.
    """
    revision, cancel_requested_at = PipelineRun.objects.values_list("revision", "cancel_requested_at").get(pk=run_id)
    rows = StepRun.objects.filter(pipeline_run=run_id).order_by("id")
    waits = ExpressionWrapper(Q(not_before__isnull=False, not_before__gt=Now()), BooleanField())
    columns = rows.values_list(
        "node_key", "map_index", "id", "status", "held", "reason_code", "attempt", "lost_count", waits
    )
    found = {
        Item(node_key, map_index): Row(pk, status, held, reason_code, attempt, lost_count, backs_off)
        for node_key, map_index, pk, status, held, reason_code, attempt, lost_count, backs_off in columns
    }
    return found, revision, cancel_requested_at is not None
