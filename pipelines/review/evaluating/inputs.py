"""What the runs of an evaluation begin with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.canonical import content_hash
from feedback.models import GroundTruth
from pipelines.errors import NotEvaluable
from pipelines.models import DesignSplit

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Input:
    """What a run begins with: a design, or inputs alone."""

    design: DesignSplit | None
    inputs: Mapping[str, Any]


def reference_of(truth: GroundTruth) -> str:
    """The hash of the input that it is an answer to."""
    return truth.reference_id.partition("/")[0]


def index_of(truth: GroundTruth) -> int | None:
    """The item of a ``forEach`` that it is the answer for."""
    index = truth.reference_id.partition("/")[2]
    return int(index) if index.isdigit() else None


def inputs_of(truths: Iterable[GroundTruth]) -> dict[str, Input]:
    """By reference. Raises ``NotEvaluable``, with the first answers by name, where inputs are not in this database."""
    by_reference: dict[str, list[GroundTruth]] = defaultdict(list)
    for truth in truths:
        by_reference[reference_of(truth)].append(truth)
    designs = _designs(by_reference)
    found = {reference: _input(reference, each, designs) for reference, each in by_reference.items()}
    missing = [str(by_reference[reference][0]) for reference, given in found.items() if given is None]
    if missing:
        named = ", ".join(missing[:MOST_NAMED])
        raise NotEvaluable(
            f"The inputs of {len(missing)} answers are not in this database: {named}. Run a pipeline on their designs "
            "once, or take the answers out of the set."
        )
    return {reference: given for reference, given in found.items() if given is not None}


def _designs(truths: Mapping[str, Sequence[GroundTruth]]) -> dict[str, DesignSplit]:
    """The design of each hash: the one the answer was given on where it is still here, else the latest."""
    recorded = [each.provenance.get("designSplitId") for several in truths.values() for each in several]
    stored = DesignSplit.objects.filter(sha256__in=truths)
    latest = stored.order_by("sha256", "-pk").distinct("sha256")
    of_the_answer = stored.filter(pk__in=filter(None, recorded)).order_by("pk")
    return {design.sha256: design for design in (*latest, *of_the_answer)}


def _input(reference: str, truths: Sequence[GroundTruth], designs: Mapping[str, DesignSplit]) -> Input | None:
    inputs: dict[str, Any] = next(
        (truth.provenance["inputs"] for truth in truths if truth.provenance.get("inputs")), {}
    )
    if reference in designs:
        return Input(designs[reference], inputs)
    return Input(None, inputs) if content_hash(inputs) == reference else None
