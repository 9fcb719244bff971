"""The accepted IRs of a run in the database: what later steps, conditions and screens read."""

import json
import uuid
from typing import Any

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


def accepted_items(run_id: uuid.UUID, node_key: str) -> dict[int | None, Any]:
    """The IRs of the items of a node with ``forEach``, by their index."""
    artifacts = accepted_artifacts(run_id).filter(step_run__node_key=node_key)
    return dict(artifacts.values_list("step_run__map_index", "ir_json"))


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
