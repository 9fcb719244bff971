"""What an output was made of: the run's inputs, the step's item of a ``forEach``, its parents' IRs, its parameters."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, F, Sum, When, Window
from django.db.models.functions import Coalesce

from config.canonical import canonical_json
from ir_schemas.models import IRArtifact
from pipelines import artifacts
from pipelines.dag import ForEachError, Graph, Node
from pipelines.definitions import readable_graph
from pipelines.models import StepRun

MOST_INPUT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Given:
    """What a step worked on, as far as it is recorded.

    ``upstream`` are its parents' IRs by node key, a list where the parent ran ``forEach``; without the one that a step
    with an item iterates over. What is larger than ``MOST_INPUT_BYTES`` is left out: the item, or all of ``upstream``.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    has_item: bool = False
    item: Any = None
    upstream: Mapping[str, Any] = field(default_factory=dict)
    is_too_large: bool = False

    @property
    def value(self) -> Any:
        """The item, or where the step has none what its parents gave; None where there is neither."""
        return self.item if self.has_item else self.upstream or None


def given_to(step_run: StepRun) -> Given:
    """``step_run`` should come with its run."""
    run = step_run.pipeline_run
    graph = readable_graph(run)
    if graph is None or step_run.node_key not in graph.by_key:
        return Given(run.inputs, step_run.params)
    node = graph.node(step_run.node_key)
    parents = [graph.node(key) for key in node.parents]
    has_item, item, size = False, None, 0
    if node.for_each is not None and step_run.map_index is not None:
        has_item, item = True, _item(step_run, node, graph)
        parents = [parent for parent in parents if parent.key != node.for_each.source]
        size = len(canonical_json(item))
    is_too_large = size > MOST_INPUT_BYTES
    upstream = _irs(run.pk, parents) if parents else {}
    return Given(
        inputs=run.inputs,
        params=step_run.params,
        has_item=has_item,
        item=None if is_too_large else item,
        upstream=upstream or {},
        is_too_large=is_too_large or upstream is None,
    )


def _item(step_run: StepRun, node: Node, graph: Graph) -> Any:
    if node.for_each is None or step_run.map_index is None:
        return None
    source = graph.node(node.for_each.source)
    try:
        return artifacts.item_at(step_run.pipeline_run_id, node.for_each, source, step_run.map_index)
    except (IRArtifact.DoesNotExist, IndexError, ForEachError):
        return None


def _irs(run_id: uuid.UUID, nodes: Sequence[Node]) -> dict[str, Any] | None:
    """In one query, which reads no document where all of them are too large; then None."""
    kept = artifacts.accepted_artifacts(run_id).filter(step_run__node_key__in=[node.key for node in nodes])
    sizes = kept.filter(pruned_at=None).annotate(size_in_all=Window(Sum("size_bytes")))
    rows = sizes.annotate(document=Case(When(size_in_all__lte=MOST_INPUT_BYTES, then=F("ir_json"))))
    found: dict[str, Any] = {node.key: [] for node in nodes}
    ordered = rows.order_by(Coalesce("step_run__map_index", -1))
    for key, size_in_all, document in ordered.values_list("step_run__node_key", "size_in_all", "document"):
        if size_in_all > MOST_INPUT_BYTES:
            return None
        found[key].append(document)
    mapped = {node.key for node in nodes if node.for_each is not None}
    return {key: each if key in mapped else each[0] for key, each in found.items() if each}
