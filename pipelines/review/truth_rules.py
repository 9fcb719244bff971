"""Ground truth that is written or imported fits a schema that is in force for what its scope names."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from feedback.errors import TruthInvalid
from feedback.truth_rules import Check
from ir_schemas import active
from ir_schemas.active import Contract
from pipelines.ai.prompts import active_prompts
from pipelines.dag import DagError, Node
from pipelines.definitions import parsed
from pipelines.models import AIProcess, PipelineVersion
from pipelines.named import read_step_versions
from pipelines.review.contracts import contract_of_node

MOST_ERRORS = 20


def begin_check() -> Check:
    """Pipelines are read once, and what is in force for a scope once a scope."""

    @cache
    def nodes() -> Mapping[str, list[Node]]:
        return _nodes_by_key()

    @cache
    def contracts(scope: str) -> list[Contract]:
        found = (*_of_nodes(nodes().get(scope, [])), *_of_process(scope))
        return list({contract.schema_id: contract for contract in found}.values())

    def check(scope: str, data: Any) -> None:
        hold_against(data, contracts(scope), at="/data")

    return check


def hold_against(data: Any, contracts: Sequence[Contract], *, at: str = "") -> None:
    """Raises ``TruthInvalid`` with the faults by the first, their places below ``at``, unless the document fits one.

    Without any contract all fit.
    """
    if not contracts or any(contract.compiled.accepts(data) for contract in contracts):
        return
    first, *others = contracts
    errors = [error.as_json() for error in first.compiled.validate(data, max_errors=MOST_ERRORS).errors]
    told = f" At {errors[0]['path'] or '/'}: {errors[0]['message']}" if errors else ""
    besides = f", nor {', nor '.join(f'{each.name}, version {each.version}' for each in others)}" if others else ""
    placed = [{**error, "path": f"{at}{error['path']}"} for error in errors]
    raise TruthInvalid(f"It does not match {first.name}, version {first.version}{besides}.{told}", errors=placed)


def _nodes_by_key() -> Mapping[str, list[Node]]:
    """The nodes of the active versions of all pipelines."""
    found: dict[str, list[Node]] = defaultdict(list)
    for dag in PipelineVersion.objects.filter(is_active=True).order_by("pk").values_list("dag", flat=True):
        try:
            graph = parsed(dag)
        except DagError:  # of rules that were not there when it was kept
            continue
        for node in graph.nodes:
            found[node.key].append(node)
    return found


def _of_nodes(nodes: Sequence[Node]) -> Iterator[Contract]:
    versions = read_step_versions({node.step_version_id for node in nodes})
    for node in nodes:
        version = versions.get(node.step_version_id)
        contract = contract_of_node(node, version) if version else None
        if contract is not None:
            yield contract


def _of_process(key: str) -> Iterator[Contract]:
    """That of the process's active prompt, else the process's own."""
    process = AIProcess.objects.filter(key=key).first()
    if process is None:
        return
    prompt = active_prompts(key).first()
    contract = active.of_prompt(prompt.pk, process.pk) if prompt else active.in_force(process_id=process.pk)
    if contract is not None:
        yield contract
