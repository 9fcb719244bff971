"""What a step is told: its parameters, its parents' IRs, its item, its design."""

from typing import Any

from pipelines.artifacts import accepted_irs, item_at
from pipelines.dag import Graph, Node
from pipelines.designs.intake import open_bundle
from pipelines.models import PipelineRun, StepOutputLink, StepRun, StepVersion
from pipelines.models.runs import StepStatus
from pipelines.steps.contract import Reporter, StepContext


def effective_params(run: PipelineRun, node: Node, version: StepVersion) -> dict[str, Any]:
    """The step version's defaults, under the node's ``config`` and ``params``, under what the run asks of the node."""
    return {**version.default_config, **node.config, **node.params, **run.params.get(node.key, {})}


def build_context(run: PipelineRun, graph: Graph, step_run: StepRun, reporter: Reporter) -> StepContext:
    """Read everything the step may know. A parent that the step iterates over is not also given whole."""
    node = graph.node(step_run.node_key)
    parents = [graph.node(key) for key in node.parents]
    item = None
    if node.for_each is not None and step_run.map_index is not None:
        source = graph.node(node.for_each.source)
        item = item_at(run, node.for_each, source, step_run.map_index)
        parents = [parent for parent in parents if parent.key != source.key]
    return StepContext(
        params=step_run.params,
        inputs=run.inputs,
        upstream=accepted_irs(run, parents),
        item=item,
        map_index=step_run.map_index,
        design=open_bundle(run.design_split) if run.design_split else None,
        sources=_sources(run, node, step_run),
        reporter=reporter,
    )


def _sources(run: PipelineRun, node: Node, step_run: StepRun) -> dict[str, list[dict[str, Any]]]:
    """The ids of the domain outputs behind the parents' IRs; behind this item's only, where the step has one."""
    links = StepOutputLink.objects.filter(
        step_run__pipeline_run=run, step_run__node_key__in=node.parents, step_run__status=StepStatus.COMPLETED
    ).order_by("step_run__map_index", "id")
    rows = links.values_list("step_run__node_key", "step_run__map_index", "target_type", "target_id")
    found: dict[str, dict[int | None, dict[str, Any]]] = {}
    for node_key, map_index, target_type, target_id in rows:
        entry = found.setdefault(node_key, {}).setdefault(map_index, {"mapIndex": map_index})
        entry.setdefault(target_type, []).append(str(target_id))
    sources = {node_key: list(entries.values()) for node_key, entries in found.items()}
    if node.for_each is not None and step_run.map_index is not None:
        listed = sources.get(node.for_each.source, [])
        if len(listed) > 1:
            sources[node.for_each.source] = listed[step_run.map_index : step_run.map_index + 1]
    return sources
