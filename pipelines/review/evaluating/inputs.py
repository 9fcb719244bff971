"""What the runs of an evaluation begin with."""

import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from config.canonical import content_hash
from config.texts import as_uuid
from feedback.models import GroundTruth
from feedback.provenance import recorded
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.intake import open_bundle
from pipelines.errors import NotEvaluable
from pipelines.models import DesignSplit

MOST_NAMED = 5
MOST_OPENED = 5


@dataclass(frozen=True, slots=True)
class Input:
    """What a run begins with: a design, or inputs alone."""

    design: DesignSplit | None
    inputs: Mapping[str, Any]


def reference_of(truth: GroundTruth) -> str:
    """The hash of the input that it is an answer to: of a design, of inputs, or ``design+inputs``."""
    return truth.reference_id.partition("/")[0]


def index_of(truth: GroundTruth) -> int | None:
    """The item of a ``forEach`` that it is the answer for."""
    index = truth.reference_id.partition("/")[2]
    return int(index) if index.isascii() and index.isdigit() else None


def check_have_runs(truths: Iterable[GroundTruth]) -> None:
    """Raises ``NotEvaluable``, with the first by name, for answers to a prompt that no step asked."""
    alone = [str(truth) for truth in truths if _is_without_run(truth)]
    if alone:
        raise NotEvaluable(
            f"{len(alone)} answers are to a prompt by itself, so no pipeline gives another output to compare with: "
            f"{', '.join(alone[:MOST_NAMED])}. Take them out of the set, or make another one without them."
        )


def inputs_of(truths: Iterable[GroundTruth]) -> dict[str, Input]:
    """By reference.

    Raises ``NotEvaluable``, with the first answers by name, where inputs are not in this database or cannot be used.
    """
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


def bundle_of(given: Input, truth: GroundTruth) -> DesignBundle | None:
    """The design, from whichever of its rows storage still has the file. Raises ``NotEvaluable`` where it has none."""
    if given.design is None:
        return None
    others = DesignSplit.objects.filter(sha256=given.design.sha256).exclude(pk=given.design.pk).order_by("-pk")
    for design in chain([given.design], others[:MOST_OPENED]):
        try:
            return open_bundle(design)
        except (OSError, ValueError, zipfile.BadZipFile):
            continue
    raise NotEvaluable(
        f"The file of the design {given.design} of {truth} can't be read from storage. Run a pipeline on the design "
        "once, or take the answer out of the set."
    )


def _designs(truths: Mapping[str, Sequence[GroundTruth]]) -> dict[str, DesignSplit]:
    """The design of each hash: the one the answer was given on where it is still here, else the latest."""
    named = [str(recorded(each.provenance).get("designSplitId")) for several in truths.values() for each in several]
    stored = DesignSplit.objects.filter(sha256__in={reference.partition("+")[0] for reference in truths})
    latest = stored.order_by("sha256", "-pk").distinct("sha256")
    of_the_answer = stored.filter(pk__in=filter(None, map(as_uuid, named))).order_by("pk")
    return {design.sha256: design for design in (*latest, *of_the_answer)}


def _is_without_run(truth: GroundTruth) -> bool:
    """Whether it is kept under a process by what was asked, not under a node by what its run began with."""
    told = recorded(truth.provenance)
    return bool(told.get("promptResultId")) and told.get("nodeKey") != truth.scope


def _input(reference: str, truths: Sequence[GroundTruth], designs: Mapping[str, DesignSplit]) -> Input | None:
    given = [inputs for inputs in map(_inputs_of, truths) if inputs]
    of_design, _, of_inputs = reference.partition("+")
    if of_inputs:
        inputs = next((each for each in given if content_hash(each) == of_inputs), None)
        return None if inputs is None or of_design not in designs else Input(designs[of_design], inputs)
    inputs = given[0] if given else {}
    if reference in designs:
        return Input(designs[reference], inputs)
    return Input(None, inputs) if content_hash(inputs) == reference else None


def _inputs_of(truth: GroundTruth) -> dict[str, Any]:
    """What its run began with; nothing where nothing is recorded."""
    inputs = recorded(truth.provenance).get("inputs") or {}
    if not isinstance(inputs, dict):
        raise NotEvaluable(
            f"The provenance of {truth} has inputs that are no object, so no run can begin with them. Take it out of "
            "the set, and add its next version with the inputs as an object."
        )
    return inputs
