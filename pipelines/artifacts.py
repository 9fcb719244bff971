"""The accepted IRs of a run: what later steps, conditions and screens read."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.fields.json import KeyTransform

from ir_schemas.models import IRArtifact
from pipelines.dag import ForEachPath, Node
from pipelines.models import PipelineRun
from pipelines.models.runs import StepStatus


def accepted_artifacts(run: PipelineRun) -> QuerySet[IRArtifact]:
    """The artifact of each completed step run: that of its last attempt."""
    return IRArtifact.objects.filter(
        step_run__pipeline_run=run, step_run__status=StepStatus.COMPLETED, attempt=F("step_run__attempt")
    )


def accepted_ir(run: PipelineRun, node: Node) -> Any:
    """The node's IR; for a node with ``forEach`` the list of its items' IRs, in order. None where there is none."""
    artifacts = accepted_artifacts(run).filter(step_run__node_key=node.key)
    irs = list(artifacts.order_by("step_run__map_index").values_list("ir_json", flat=True))
    if node.for_each is not None:
        return irs
    return irs[0] if irs else None


def accepted_irs(run: PipelineRun, nodes: Iterable[Node]) -> dict[str, Any]:
    """``accepted_ir`` of each node that has one, by key."""
    found = {node.key: accepted_ir(run, node) for node in nodes}
    return {key: ir for key, ir in found.items() if ir is not None}


def item_at(run: PipelineRun, path: ForEachPath, source: Node, index: int) -> Any:
    """Item ``index`` of a ``forEach``, without reading the whole list where it lies inside one IR."""
    artifacts = accepted_artifacts(run).filter(step_run__node_key=source.key)
    if source.for_each is not None:
        return artifacts.order_by("step_run__map_index").values_list("ir_json", flat=True)[index]
    inner: Any = F("ir_json")
    for step in (*path.steps, index):
        inner = KeyTransform(str(step) if isinstance(step, str) else step, inner)
    return artifacts.annotate(item=inner).values_list("item", flat=True).get()
