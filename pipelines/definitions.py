"""Pipelines and their versions: making one, activating it, and resolving what its DAG names."""

import json
import uuid
from collections.abc import Callable, Container, Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Q

from config.canonical import canonical_json
from config.json_pointer import escape_token
from config.problems import InvalidInput
from ir_schemas.validation import JsonFault, check_document
from metrics.models import MetricProfile
from pipelines import gates
from pipelines.conditions import compile_condition
from pipelines.dag import DagError, Graph, Node, Reference, parse_dag
from pipelines.dag.problems import Problems, did_you_mean, shorten
from pipelines.errors import DagUnreadable, InvalidDag, NoActiveVersion, UnknownPipeline
from pipelines.models import ConcurrencyPool, PipelineDefinition, PipelineRun, PipelineVersion, StepVersion
from pipelines.named import Named, read_named

MAX_INPUT_BYTES = 1_000_000
MOST_NAMES = 500
MOST_HINT = 300
REMEDY = "The run can be cancelled; start a new one of an active version."


def active_version(key: str) -> PipelineVersion:
    """The version that runs when one starts the pipeline. ``key`` may name one: ``design_to_modules@2``.

    Raises ``UnknownPipeline`` or ``NoActiveVersion``.
    """
    name, _, number = key.partition("@")
    pipeline = PipelineDefinition.objects.filter(key=name).first()
    if pipeline is None:
        known = ", ".join(PipelineDefinition.objects.order_by("key").values_list("key", flat=True)[:20])
        raise UnknownPipeline(
            f"There is no pipeline {shorten(name)!r}. There are: {known or 'none; run manage.py seed first'}."
        )
    wanted = Q(version=int(number[:9])) if number.isascii() and number.isdigit() else Q(is_active=True)
    if number and not number.isdigit():
        raise UnknownPipeline(f"{shorten(number)!r} is no version number. Write {name} or {name}@1.")
    version = pipeline.versions.select_related("pipeline").filter(wanted).first()
    if version is None:
        raise NoActiveVersion(f"The pipeline {name!r} has no {'version ' + number if number else 'active version'}.")
    return version


@transaction.atomic
def create_version(
    *, pipeline: PipelineDefinition, dag: Any, notes: str = "", created_by: User | None = None
) -> PipelineVersion:
    """Check the DAG and keep it as the next version, not active yet. Raises ``InvalidDag`` with every fault."""
    check_dag(dag)
    PipelineDefinition.objects.select_for_update().get(pk=pipeline.pk)
    last = pipeline.versions.aggregate(last=Max("version"))["last"] or 0
    return PipelineVersion.objects.create(
        pipeline=pipeline, version=last + 1, dag=dag, notes=notes, created_by=created_by
    )


@transaction.atomic
def activate_version(version: PipelineVersion, *, by: User | None = None, override_reason: str = "") -> PipelineVersion:
    """Make this the version that new runs take. Runs under way keep theirs.

    Raises ``InvalidDag``, ``GateRefused`` where a gate of the pipeline does not let it pass, and ``MayNotOverride``.
    """
    check_dag(version.dag)
    PipelineDefinition.objects.select_for_update().get(pk=version.pipeline_id)
    active = PipelineVersion.objects.filter(pipeline=version.pipeline_id, is_active=True)
    verdicts = gates.verdicts_on_version(version, active.select_related("pipeline").first())
    with gates.enforce(verdicts, by=by, override_reason=override_reason):
        active.update(is_active=False)
        PipelineVersion.objects.filter(pk=version.pk).update(is_active=True)
    version.refresh_from_db()
    return version


@transaction.atomic
def change_version(version: PipelineVersion) -> PipelineVersion:
    """Keep a version's changed DAG or notes. Raises ``GateRefused`` for the DAG that a gate compares others with."""
    PipelineDefinition.objects.select_for_update().get(pk=version.pipeline_id)
    kept = PipelineVersion.objects.select_related("pipeline").get(pk=version.pk)
    if kept.dag != version.dag:
        _refuse_guarded(kept, "keeps its DAG. Make the next version")
    version.is_active = kept.is_active
    version.save()
    return version


@transaction.atomic
def delete_version(version: PipelineVersion) -> None:
    """Raises ``GateRefused`` for the one that a gate compares others with, and ``ProtectedError`` once it has run."""
    PipelineDefinition.objects.select_for_update().get(pk=version.pipeline_id)
    kept = PipelineVersion.objects.select_related("pipeline").get(pk=version.pk)
    _refuse_guarded(kept, "is not deleted. Make another one active first")
    kept.delete()


def _refuse_guarded(version: PipelineVersion, what: str) -> None:
    if gates.guards_version(version):
        raise gates.GateRefused(f"{version} is active and a gate compares others with it, so it {what}.")


def check_dag(dag: Any) -> Graph:
    """Parse a DAG and look up what it names. Raises ``InvalidDag``: ``{path, code, message, hint}`` for each fault."""
    try:
        graph = parse_dag(dag)
        _check_effect(graph, _look_up(graph))
    except DagError as error:
        raise _invalid(error) from error
    return graph


def resolve(version: PipelineVersion) -> tuple[Graph, Named]:
    """The graph, and all that it names. Raises ``InvalidDag``."""
    try:
        graph = parsed(version.dag)
        return graph, _look_up(graph)
    except DagError as error:
        raise _invalid(error) from error


def _look_up(graph: Graph) -> Named:
    """What the graph names. Raises ``DagError`` for each name that stands for nothing."""
    named = read_named(graph)
    problems = Problems()
    _add_unknown(problems, graph.step_references(), named.steps, "step version", _step_versions)
    _add_unknown(problems, graph.profile_references(), named.profiles, "metric profile", _keys_of(MetricProfile))
    _add_unknown(problems, graph.pool_references(), named.pools, "pool", _keys_of(ConcurrencyPool))
    problems.raise_if_any()
    return named


def _add_unknown(
    problems: Problems,
    references: Iterable[Reference],
    known: Container[str],
    what: str,
    names: Callable[[], Iterable[str]],
) -> None:
    unknown = [reference for reference in references if reference.value not in known]
    there = list(names()) if unknown else []
    for reference in unknown:
        if problems.full():
            break
        message = f"Node {reference.node_key!r} names the {what} {reference.value!r}, which does not exist."
        hint = did_you_mean(reference.value, there) or f"Make the {what} first, or name one that exists."
        problems.add(reference.path, f"{what.replace(' ', '-')}-unknown", message, hint)


def _step_versions() -> Iterable[str]:
    versions = StepVersion.objects.order_by("-created_at").values_list("step__key", "version")
    return (f"{key}@{version}" for key, version in versions[:MOST_NAMES])


def _keys_of(model: type[MetricProfile] | type[ConcurrencyPool]) -> Callable[[], Iterable[str]]:
    return lambda: model.objects.order_by("-created_at").values_list("key", flat=True)[:MOST_NAMES]


def _check_effect(graph: Graph, named: Named) -> None:
    """Raises ``DagError`` for each part that can never have an effect.

    A run doesn't ask this: what a profile lost after the version was saved makes a condition false.
    """
    problems = Problems()
    _add_unmeasured(problems, graph, named)
    for node in graph.nodes:
        if node.pool is None and node.weight != 1:
            message = f"Node {node.key!r} has a weight and no pool, so nothing is limited by it."
            problems.add(
                f"{node.pointer}/weight", "weight-without-pool", message, "Name its 'pool', or leave this out."
            )
    problems.raise_if_any()


def _add_unmeasured(problems: Problems, graph: Graph, named: Named) -> None:
    """A metric in a condition that no profile measures can never be there."""
    for node in graph.nodes:
        for source_key, key in sorted(compile_condition(node.condition).metrics()) if node.condition else ():
            source = graph.node(source_key)
            measured = {item.metric.key for item in named.profiles.get(source.metric_profile_id or "", ())}
            if source.for_each is not None:
                hint = "It runs forEach, and metrics are those of its items. Let a node behind it measure all of them."
            elif source.metric_profile_id is None:
                hint = f"Give {source_key!r} a 'metricProfileId'."
            elif key not in measured:
                hint = (
                    did_you_mean(key, measured) or f"Its profile measures {', '.join(sorted(measured)) or 'nothing'}."
                )
            else:
                continue
            message = f"Node {source_key!r} has no metric {key!r}, so this can never be there."
            problems.add(f"{node.pointer}/condition", "metric-not-measured", message, shorten(hint, MOST_HINT))


def frozen_document(graph: Graph, named: Named) -> dict[str, Any]:
    """The canonical DAG with every step version by its id, as a run keeps it."""
    document = graph.to_document()
    for node in document["nodes"]:
        node["stepVersionId"] = str(named.steps[node["stepVersionId"]].pk)
    return document


def frozen_graph(run: PipelineRun) -> Graph:
    """The graph of the run's own copy of its DAG. Raises ``DagUnreadable`` where today's rules refuse it."""
    try:
        return parsed(run.dag)
    except DagError as error:
        raise DagUnreadable(
            f"The DAG that run {run.pk} keeps cannot be read by this version of irline. {error} {REMEDY}",
            errors=[dict(problem) for problem in error.as_dicts()],
        ) from error


def frozen_names(run: PipelineRun, graph: Graph) -> Named:
    """What the graph of the run names. Raises ``DagUnreadable`` where a step version of it has been deleted since."""
    named = read_named(graph)
    gone = [reference for reference in graph.step_references() if reference.value not in named.steps]
    if gone:
        first = f"The step version of node {gone[0].node_key!r} of run {run.pk} has been deleted."
        raise DagUnreadable(f"{first} {REMEDY}", errors=[{"path": one.path, "message": first} for one in gone[:1]])
    return named


def readable_graph(run: PipelineRun) -> Graph | None:
    """As ``frozen_graph``; None for a document that today's rules refuse, as its run is shown all the same."""
    try:
        return frozen_graph(run)
    except DagUnreadable:
        return None


def parsed(dag: Any) -> Graph:
    """The graph of a DAG that is kept. Raises ``DagError``."""
    return _parsed(canonical_json(dag))


@lru_cache(maxsize=64)
def _parsed(document: bytes) -> Graph:
    return parse_dag(json.loads(document))


def frozen_step_version(node: Node) -> uuid.UUID:
    """The step version of a node of a frozen document."""
    return uuid.UUID(node.step_version_id)


def check_inputs(inputs: Mapping[str, Any]) -> None:
    """Raises ``InvalidInput`` unless they are JSON that can be kept, of at most ``MAX_INPUT_BYTES``."""
    _check_json(inputs, "inputs")


def check_params(graph: Graph, params: Mapping[str, Any]) -> None:
    """Raises ``InvalidInput`` unless every key is a node's, every value an object, and all of it can be kept."""
    _check_json(params, "params")
    for key, value in params.items():
        path = f"/params/{escape_token(key)}"
        check_node(graph, key, path)
        if not isinstance(value, Mapping):
            raise _refusal(path, f"The params of {key!r} must be an object of parameter names and values.")


def _check_json(value: Any, what: str) -> None:
    try:
        check_document(value)
    except JsonFault as fault:
        said = f"The {what} cannot be kept: at {fault.path or '/'}, {fault.message}"
        raise _refusal(f"/{what}{fault.path}", said) from fault
    if len(canonical_json(value)) > MAX_INPUT_BYTES:
        said = f"The {what} are larger than {MAX_INPUT_BYTES:,} bytes of JSON. Name large data by address."
        raise _refusal(f"/{what}", said)


def check_node(graph: Graph, key: str, path: str) -> None:
    """Raises ``InvalidInput`` unless the graph has a node of this key; ``path`` is where it was named."""
    if key not in graph.by_key:
        nodes = ", ".join(node.key for node in graph.nodes[:20])
        raise _refusal(path, f"{key[:80]!r} is no node of this pipeline. Its nodes: {nodes}.")


def _refusal(path: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors=[{"path": path, "message": message}])


def _invalid(error: DagError) -> InvalidDag:
    return InvalidDag(f"The DAG cannot be used. {error}", errors=[dict(problem) for problem in error.as_dicts()])
