"""What a step is told: its parameters, its parents' IRs, its item, its design."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import QuerySet

from monitoring import flags
from pipelines.attempts import Attempt
from pipelines.claims import Claim
from pipelines.dag import Node
from pipelines.models import PipelineRun, StepOutputLink, StepVersion
from pipelines.models.runs import StepStatus
from pipelines.outages import through_outages
from pipelines.steps.contract import Prompted, StepContext

if TYPE_CHECKING:
    from pipelines.conductor import Conductor


def effective_params(run: PipelineRun, node: Node, version: StepVersion) -> dict[str, Any]:
    """The step version's defaults, under the node's ``config`` and ``params``, under what the run asks of the node."""
    return {**version.default_config, **node.config, **node.params, **run.params.get(node.key, {})}


def validation_mode(run: PipelineRun, claim: Claim, prompted: Prompted | None = None) -> flags.Mode:
    """What an invalid IR does: as the prompt says, or the pipeline, or the installation (for the prompt, if any)."""
    # The claim brought the flag's live value along; without one the environment's default holds, unasked.
    live = claim.validation_mode or settings.IR_VALIDATION_MODE
    if prompted is None:
        return flags.validation_mode(run.pipeline.ir_validation_mode, live)
    live = claim.prompt_modes.get(str(prompted.prompt_id), live)
    return flags.validation_mode(prompted.validation_mode, run.pipeline.ir_validation_mode, live)


def build_context(conductor: Conductor, claim: Claim, attempt: Attempt) -> StepContext:
    """Read everything the step may know. A parent that the step iterates over is not also given whole."""
    run, graph, node = conductor.run, conductor.graph, conductor.node(claim.item)
    parents = [graph.node(key) for key in node.parents]
    item, own = None, None
    if node.for_each is not None and claim.item.map_index is not None:
        source = graph.node(node.for_each.source)
        item = conductor.results.item(node.for_each, source, claim.item.map_index)
        own = conductor.results.step_behind(source, claim.item.map_index)[1] if source.for_each is not None else None
        parents = [parent for parent in parents if parent.key != source.key]
    return StepContext(
        params=claim.params,
        inputs=run.inputs,
        upstream=conductor.results.irs(parents, conductor.ended(parents)),
        item=item,
        map_index=claim.item.map_index,
        design=conductor.design,
        sources=_Sources(run, node, own),
        give_up_at=attempt.give_up_at,
        idempotency_key=str(claim.step_run_id),
        validation_mode=validation_mode(run, claim),
        prompt_modes={} if run.pipeline.ir_validation_mode else claim.prompt_modes,
        reporter=attempt,
    )


class _Sources(Mapping[str, Any]):
    """The ids of the domain outputs behind the parents' IRs, by node key; read when a step first asks for them.

    Behind this item's IR only, where the step has an item: those of its ``own`` step run.
    """

    def __init__(self, run: PipelineRun, node: Node, own: uuid.UUID | None) -> None:
        self._run = run
        self._node = node
        self._own = own

    def __getitem__(self, key: str) -> Any:
        return self._found[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @cached_property
    def _found(self) -> dict[str, list[dict[str, Any]]]:
        return through_outages("reading a step's sources", lambda _: self._read())

    def _read(self) -> dict[str, list[dict[str, Any]]]:
        source = self._node.for_each.source if self._node.for_each is not None else None
        whole = [key for key in self._node.parents if self._own is None or key != source]
        of_run = StepOutputLink.objects.filter(step_run__pipeline_run=self._run, step_run__status=StepStatus.COMPLETED)
        found = _by_step(of_run.filter(step_run__node_key__in=whole)) if whole else {}
        return found if self._own is None else {**found, **_by_step(of_run.filter(step_run=self._own))}


def _by_step(links: QuerySet[StepOutputLink]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, dict[int | None, dict[str, Any]]] = {}
    rows = links.order_by("step_run__map_index", "id").values_list(
        "step_run__node_key", "step_run__map_index", "target_type", "target_id"
    )
    for node_key, map_index, target_type, target_id in rows:
        entry = found.setdefault(node_key, {}).setdefault(map_index, {"mapIndex": map_index})
        entry.setdefault(target_type, []).append(str(target_id))
    return {node_key: list(entries.values()) for node_key, entries in found.items()}
