"""The accepted IRs of a run in the database: what later steps, conditions and screens read."""

import json
import uuid
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, QuerySet

from ir_schemas.models import IRArtifact
from pipelines.dag import ForEachPath, Node
from pipelines.models.runs import StepStatus

ITEM_AT = "SELECT item::text FROM pipelines_item_at(%s, %s, %s) item"


def accepted_artifacts(run_id: uuid.UUID) -> QuerySet[IRArtifact]:
    """The artifact of each completed step run: that of its last attempt."""
    return IRArtifact.objects.filter(
        step_run__pipeline_run=run_id, step_run__status=StepStatus.COMPLETED, attempt=F("step_run__attempt")
    )


def accepted_ir(run_id: uuid.UUID, node_key: str) -> Any:
    """The IR of a node without ``forEach``, or None."""
    artifacts = accepted_artifacts(run_id).filter(step_run__node_key=node_key, step_run__map_index=None)
    return artifacts.values_list("ir_json", flat=True).first()


class SizedIr(NamedTuple):
    """An IR and how many bytes it has as JSON."""

    ir: Any
    size: int


def accepted_items(run_id: uuid.UUID, node_key: str) -> dict[int, SizedIr]:
    """The IRs of the items of a node with ``forEach``, by their index."""
    rows = _items(run_id, node_key).values_list("step_run__map_index", "ir_json", "size_bytes")
    return {index: SizedIr(ir, size) for index, ir, size in rows if index is not None}


def accepted_steps(run_id: uuid.UUID, node_key: str) -> list[tuple[int, uuid.UUID]]:
    """The index and the step run of each item of a node with ``forEach`` that has an IR, in order."""
    rows = _items(run_id, node_key).order_by("step_run__map_index").values_list("step_run__map_index", "step_run")
    return [(index, step_run_id) for index, step_run_id in rows if index is not None]


def ir_of(step_run_id: uuid.UUID) -> Any:
    """The accepted IR of one step run. Raises ``IRArtifact.DoesNotExist`` where it has none."""
    artifacts = IRArtifact.objects.filter(step_run=step_run_id, attempt=F("step_run__attempt"))
    return artifacts.values_list("ir_json", flat=True).get()


def _items(run_id: uuid.UUID, node_key: str) -> QuerySet[IRArtifact]:
    return accepted_artifacts(run_id).filter(step_run__node_key=node_key, step_run__map_index__isnull=False)


def item_at(run_id: uuid.UUID, path: ForEachPath, source: Node, index: int) -> Any:
    """Item ``index`` of a ``forEach``, without reading the whole list where it lies inside one IR.

    Raises ``IRArtifact.DoesNotExist`` or ``IndexError`` while there is none.
    """
    if source.for_each is not None:
        artifacts = accepted_artifacts(run_id).filter(step_run__node_key=source.key)
        return artifacts.order_by("step_run__map_index").values_list("ir_json", flat=True)[index]
    with connection.cursor() as cursor:
        cursor.execute(ITEM_AT, (run_id, source.key, [*path.steps, str(index)]))
        found = cursor.fetchone()
    if found is None:
        raise IRArtifact.DoesNotExist(f"The run has no accepted IR of {source.key}.")
    return json.loads(found[0]) if found[0] else None
