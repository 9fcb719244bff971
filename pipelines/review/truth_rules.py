"""Ground truth that is written or imported fits a schema that is in force for what its scope names."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from feedback.errors import TruthInvalid
from feedback.truth_rules import Check
from ir_schemas import active
from ir_schemas.active import Contract
from pipelines.dag import DagError
from pipelines.definitions import parsed
from pipelines.models import AIProcess, AIPrompt, PipelineVersion
from pipelines.named import read_step_versions

MOST_ERRORS = 20


def begin_check() -> Check:
    """Pipelines are read once, and what is in force for a scope once a scope."""

    @cache
    def nodes() -> dict[str, set[str]]:
        return _steps_by_node()

    @cache
    def contracts(scope: str) -> list[Contract]:
        return [*_of_steps(nodes().get(scope, set())), *_of_process(scope)]

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


def _steps_by_node() -> dict[str, set[str]]:
    """The names of the step versions that the nodes of each key run in the active versions of all pipelines."""
    found: dict[str, set[str]] = defaultdict(set)
    for dag in PipelineVersion.objects.filter(is_active=True).order_by("pk").values_list("dag", flat=True):
        try:
            graph = parsed(dag)
        except DagError:  # of rules that were not there when it was kept
            continue
        for node in graph.nodes:
            found[node.key].add(node.step_version_id)
    return found


def _of_steps(names: set[str]) -> Iterator[Contract]:
    for version in read_step_versions(names) if names else ():
        contract = active.in_force(step_version_id=version.pk)
        if contract is not None:
            yield contract


def _of_process(key: str) -> Iterator[Contract]:
    """That of the process's active prompt, else the process's own."""
    process = AIProcess.objects.filter(key=key).first()
    if process is None:
        return
    prompt = AIPrompt.objects.filter(process=process, is_active=True).first()
    contract = active.of_prompt(prompt.pk, process.pk) if prompt else active.in_force(process_id=process.pk)
    if contract is not None:
        yield contract
