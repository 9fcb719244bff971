"""Giving a step run the records of another one in whose place it stands, so that each run is whole by itself."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from config.models import uuid7
from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from pipelines.models import StepOutputLink, StepRun

BATCH = 1000
OWN_COLUMNS = ("id", "created_at", "step_run_id", "attempt")


def copy_records(sources: Mapping[uuid.UUID, uuid.UUID]) -> int:
    """Copy the accepted artifact, the metric results and the output links; ``sources`` maps new ids to earlier ones.

    The copies carry the new row's attempt. Returns the number of artifacts; one whose body was pruned is not copied.
    The caller holds the transaction. The number of statements does not grow with the rows, but for batches.
    """
    if not sources:
        return 0
    copied = _copy_artifacts(sources)
    _copy_metrics(sources)
    _copy_links(sources)
    return copied


def keep_alive(step_run_ids: Collection[uuid.UUID]) -> bool:
    """Whether all of these step runs are there; none is then deleted before the caller's transaction ends."""
    wanted = set(step_run_ids)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM pipelines_steprun WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(wanted)])
        return len(cursor.fetchall()) == len(wanted)


def _copy_artifacts(sources: Mapping[uuid.UUID, uuid.UUID]) -> int:
    """The bodies can be large, so they never leave the database."""
    columns = [str(field.column) for field in IRArtifact._meta.concrete_fields if field.column not in OWN_COLUMNS]
    statement = f"""
        INSERT INTO {IRArtifact._meta.db_table} (id, created_at, step_run_id, attempt, {", ".join(columns)})
        SELECT pair.id, clock_timestamp(), new.id, new.attempt, {", ".join(f"artifact.{name}" for name in columns)}
        FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS pair(id, new_id, earlier_id)
        JOIN pipelines_steprun new ON new.id = pair.new_id
        JOIN pipelines_steprun earlier ON earlier.id = pair.earlier_id
        JOIN {IRArtifact._meta.db_table} artifact
          ON artifact.step_run_id = earlier.id AND artifact.attempt = earlier.attempt
        WHERE artifact.ir_json IS NOT NULL
    """  # noqa: S608 - made of the model's own column names
    with connection.cursor() as cursor:
        cursor.execute(statement, [[uuid7() for _ in sources], list(sources), list(sources.values())])
        return int(cursor.rowcount)


def _copy_metrics(sources: Mapping[uuid.UUID, uuid.UUID]) -> None:
    new_ids = _by_earlier(sources)
    attempts = dict(StepRun.objects.filter(pk__in=sources.keys()).values_list("pk", "attempt"))
    results = MetricResult.objects.filter(step_run__in=new_ids.keys(), attempt=F("step_run__attempt")).order_by("id")
    copies = []
    for result in results.iterator(chunk_size=BATCH):
        result.step_run_id = new_ids[result.step_run_id]
        result.attempt = attempts[result.step_run_id]
        copies.append(_renewed(result))
    MetricResult.objects.bulk_create(copies, batch_size=BATCH)


def _copy_links(sources: Mapping[uuid.UUID, uuid.UUID]) -> None:
    new_ids = _by_earlier(sources)
    copies = []
    for link in StepOutputLink.objects.filter(step_run__in=new_ids.keys()).order_by("id").iterator(chunk_size=BATCH):
        link.step_run_id = new_ids[link.step_run_id]
        copies.append(_renewed(link))
    StepOutputLink.objects.bulk_create(copies, batch_size=BATCH)


def _by_earlier(sources: Mapping[uuid.UUID, uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    return {earlier: new for new, earlier in sources.items()}


def _renewed(row: Any) -> Any:
    """The same row under a key of its own. Keys are in order of time, so copies made in order keep it."""
    row.pk = uuid7()
    row.created_at = timezone.now()
    row._state.adding = True
    return row
