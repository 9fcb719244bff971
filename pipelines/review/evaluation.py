"""Running a pipeline over a set of ground truth, and comparing two of its versions item by item."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from config.canonical import content_hash
from config.models import uuid7
from config.problems import DomainError
from feedback.models import GroundTruth, GroundTruthSet
from metrics.documents import COMPARATORS, comparisons
from metrics.models import MetricDefinition, MetricResult
from metrics.paired import Comparison, compare_scores
from monitoring.models import TestResult, TestRun
from pipelines import engine
from pipelines.artifacts import accepted_artifacts
from pipelines.designs.intake import open_bundle
from pipelines.executors import inline
from pipelines.models import DesignSplit, PipelineRun, PipelineVersion, StepRun

CHECK = "Ground truth"
MOST_NAMED = 5


class NotEvaluable(DomainError):
    """The set is empty, or the inputs of some of its answers are not here; the message names them."""

    code = "ground-truth-not-evaluable"


@dataclass(frozen=True, slots=True)
class ItemScores:
    """One answer and what the run gave instead: scores of 0 to 1 by metric key; ``step_run_id`` None: no output."""

    truth: GroundTruth
    scores: dict[str, float]
    run_id: uuid.UUID
    step_run_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A version's scores on a set, in the order of its answers; all runs share ``run_group_id``."""

    version: PipelineVersion
    run_group_id: uuid.UUID
    items: list[ItemScores]

    @property
    def means(self) -> dict[str, float]:
        """The mean of each metric over the answers it applies to."""
        found: dict[str, list[float]] = defaultdict(list)
        for item in self.items:
            for key, score in item.scores.items():
                found[key].append(score)
        return {key: sum(found[key]) / len(found[key]) for key in COMPARATORS if key in found}


@dataclass(frozen=True, slots=True)
class Input:
    """What a run begins with: a design, or inputs alone."""

    design: DesignSplit | None
    inputs: Mapping[str, Any]


Observer = Callable[[int, int], None]


def evaluate(*, truth_set: GroundTruthSet, version: PipelineVersion, observe: Observer | None = None) -> Evaluation:
    """Run the version once for each input of the set, here, and keep how its outputs compare.

    Each output that there is gets a ``MetricResult`` a score, and a ``TestResult`` beside those of its step. A missing
    output scores as an empty one. ``observe`` is told how many inputs of how many are done. Raises ``NotEvaluable``
    and what ``engine.start_run`` raises.
    """
    wanted = inputs_of(truth_set)
    group = uuid7()
    items: list[ItemScores] = []
    metrics = _metrics()
    for done, (given, truths) in enumerate(wanted, 1):
        bundle = open_bundle(given.design) if given.design is not None else None
        run = engine.start_run(version=version, design=bundle, inputs=given.inputs, run_group_id=group)
        if not run.is_finished:
            run = inline.carry(run.pk)
        items += _scored(run, truths)
        _keep(items[-len(truths) :], truth_set, metrics)
        if observe is not None:
            observe(done, len(wanted))
    return Evaluation(version, group, items)


def inputs_of(truth_set: GroundTruthSet) -> list[tuple[Input, list[GroundTruth]]]:
    """The set's answers by the input that they are answers to. Raises ``NotEvaluable``."""
    by_reference: dict[str, list[GroundTruth]] = defaultdict(list)
    for truth in truth_set.members.order_by("scope", "reference_id"):
        by_reference[truth.reference_id.partition("/")[0]].append(truth)
    if not by_reference:
        raise NotEvaluable(f"The set {truth_set.key} is empty. Put ground truth into it first.")
    found = {reference: _input_of(reference, truths) for reference, truths in by_reference.items()}
    missing = [str(by_reference[reference][0]) for reference, given in found.items() if given is None]
    if missing:
        named = ", ".join(missing[:MOST_NAMED])
        raise NotEvaluable(
            f"The inputs of {len(missing)} answers are not in this database: {named}. Run a pipeline on their designs "
            "once, or take the answers out of the set."
        )
    return [(given, by_reference[reference]) for reference, given in found.items() if given is not None]


def _input_of(reference: str, truths: Sequence[GroundTruth]) -> Input | None:
    """The design of that hash, the one the answer was given on where it is still here; else the recorded inputs."""
    designs = DesignSplit.objects.filter(sha256=reference).order_by("-pk")
    recorded = [truth.provenance.get("designSplitId") for truth in truths if truth.provenance.get("designSplitId")]
    design = designs.filter(pk__in=recorded).first() or designs.first()
    inputs: dict[str, Any] = next(
        (truth.provenance["inputs"] for truth in truths if truth.provenance.get("inputs")), {}
    )
    if design is not None:
        return Input(design, inputs)
    return Input(None, inputs) if content_hash(inputs) == reference else None


def _scored(run: PipelineRun, truths: Sequence[GroundTruth]) -> list[ItemScores]:
    outputs = {
        (node, index): (step_run_id, ir)
        for node, index, step_run_id, ir in accepted_artifacts(run.pk)
        .filter(step_run__node_key__in={truth.scope for truth in truths})
        .values_list("step_run__node_key", "step_run__map_index", "step_run_id", "ir_json")
    }
    scored = []
    for truth in truths:
        step_run_id, ir = outputs.get((truth.scope, _index_of(truth)), (None, None))
        scored.append(ItemScores(truth, comparisons(ir, truth.data), run.pk, step_run_id))
    return scored


def _index_of(truth: GroundTruth) -> int | None:
    index = truth.reference_id.partition("/")[2]
    return int(index) if index.isdigit() else None


def _metrics() -> dict[str, MetricDefinition]:
    """The metrics that scores against ground truth are kept under, made where they are not there yet."""
    for key, compare in COMPARATORS.items():
        name = key.replace("_", " ").capitalize()
        about = (compare.__doc__ or "").strip()
        MetricDefinition.objects.get_or_create(
            key=key,
            defaults={
                "name": name,
                "description": about,
                "direction": MetricDefinition.Direction.HIGHER,
                "target": 1.0,
            },
        )
    return {metric.key: metric for metric in MetricDefinition.objects.filter(key__in=COMPARATORS)}


@transaction.atomic
def _keep(items: Sequence[ItemScores], truth_set: GroundTruthSet, metrics: Mapping[str, MetricDefinition]) -> None:
    there = {item.step_run_id: item for item in items if item.step_run_id is not None}
    attempts = dict(StepRun.objects.filter(pk__in=there).values_list("pk", "attempt"))
    MetricResult.objects.bulk_create(
        MetricResult(
            step_run_id=step_run_id,
            attempt=attempts[step_run_id],
            metric=metrics[key],
            value=score,
            details={"groundTruthId": str(item.truth.pk), "setKey": truth_set.key},
        )
        for step_run_id, item in there.items()
        for key, score in item.scores.items()
    )
    entries = TestRun.objects.filter(step_run__in=there, attempt=F("step_run__attempt"))
    found = [(entry, there[entry.step_run_id]) for entry in entries if entry.step_run_id is not None]
    TestResult.objects.bulk_create(
        TestResult(test_run=entry, name=CHECK, status=_status(item), details=_told(item, truth_set))
        for entry, item in found
    )


def _told(item: ItemScores, truth_set: GroundTruthSet) -> dict[str, Any]:
    return {"groundTruthId": str(item.truth.pk), "setKey": truth_set.key, "scores": item.scores}


def _status(item: ItemScores) -> TestResult.Status:
    return TestResult.Status.PASSED if item.scores["truth_json_exact"] == 1 else TestResult.Status.WARNING


@dataclass(frozen=True, slots=True)
class Change:
    """An answer that one version scores higher on than the other."""

    truth: GroundTruth
    metric: str
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Versus:
    """How a version compares with another on each metric, and the answers that changed, those that lost most first."""

    old: Evaluation
    new: Evaluation
    metrics: dict[str, Comparison]
    changes: list[Change]

    @property
    def is_worse(self) -> bool:
        """Whether any metric is worse beyond chance."""
        return any(found.outcome == "worse" for found in self.metrics.values())


def compare(old: Evaluation, new: Evaluation) -> Versus:
    """Both evaluated the same set."""
    pairs: dict[str, list[Change]] = defaultdict(list)
    before = {item.truth.pk: item for item in old.items}
    for item in new.items:
        for key in item.scores.keys() & before[item.truth.pk].scores.keys():
            pairs[key].append(Change(item.truth, key, before[item.truth.pk].scores[key], item.scores[key]))
    metrics = {
        key: compare_scores([each.old for each in pairs[key]], [each.new for each in pairs[key]])
        for key in COMPARATORS
        if key in pairs
    }
    changes = [each for key in metrics for each in pairs[key] if each.old != each.new]
    return Versus(old, new, metrics, sorted(changes, key=lambda each: each.new - each.old))
