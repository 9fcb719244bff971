"""From what a reviewer said of an output to ground truth that fits the schema in force and says where it is from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from config.canonical import content_hash
from config.problems import DomainError
from feedback import ground_truth
from feedback.accepted import adjudicated
from feedback.models import GroundTruth, ReviewAnswer, ReviewFeedback, ReviewItem
from ir_schemas import active
from ir_schemas.active import Contract
from metrics.documents import differences
from pipelines.models import PipelineRun, PromptResult
from pipelines.review.content import artifacts_of
from pipelines.review.truth_rules import hold_against

MOST_DIFFERENCES = 200


WAITS: dict[str, str] = {
    ReviewItem.State.OPEN: "Its reviewers have not all answered. It can become ground truth once they have.",
    ReviewItem.State.DISPUTED: "Its reviewers disagree. It can become ground truth once an adjudicator has decided.",
    ReviewItem.State.WITHDRAWN: "Its item was withdrawn. Put it back, and curate it once its reviewers have answered.",
}


class NotCuratable(DomainError):
    """No accepted document can be made of this feedback; the message says why."""

    code = "feedback-not-curatable"


@dataclass(frozen=True, slots=True)
class _Output:
    """What was reviewed: whose answer it is, the document, the schema in force, and where it is from."""

    scope: str
    reference_id: str
    document: Any
    contract: Contract | None
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Curated:
    """What became of many: the ground truth made or found, and why the others were refused."""

    truths: list[GroundTruth]
    refusals: list[tuple[ReviewFeedback, DomainError]]


@transaction.atomic
def curate(*, feedback: ReviewFeedback, curator: User) -> GroundTruth:
    """Make the output that a reviewer accepted, or corrected, the next version of its ground truth.

    Curating the same feedback again gives the version that it made. Raises ``NotCuratable`` and ``TruthInvalid``.
    """
    answer = feedback.answer
    if answer is None:
        raise NotCuratable("This feedback came of no review queue, so no output stands behind it.")
    if answer.verdict == ReviewAnswer.Verdict.REJECT:
        raise NotCuratable("This output was rejected and not corrected. Curate a review that accepts or corrects it.")
    item = answer.assignment.item
    _check_accepted(answer, item)
    output = _output_of(item)
    is_corrected = answer.verdict == ReviewAnswer.Verdict.CORRECT
    data = answer.correction if is_corrected else output.document
    if output.contract is not None:
        hold_against(data, [output.contract])
    provenance = {
        **output.provenance,
        "queueKey": item.queue.key,
        "reviewItemId": str(item.pk),
        "reviewFeedbackId": str(feedback.pk),
        "reviewer": feedback.reviewer,
        "reviewedAt": answer.created_at.isoformat(),
        "verdict": answer.verdict,
        "adjudicated": answer.assignment.is_adjudication,
        "curator": curator.get_username(),
        "schemaId": str(output.contract.schema_id) if output.contract else None,
        "schemaVersion": output.contract.version if output.contract else None,
        "changes": differences(output.document, data, most=MOST_DIFFERENCES) if is_corrected else [],
    }
    return ground_truth.add_version(
        scope=output.scope,
        reference_id=output.reference_id,
        data=data,
        provenance=provenance,
        feedback=feedback,
        created_by=curator,
    )


def reference_of_item(item: ReviewItem) -> tuple[str, str]:
    """The scope and the reference that ground truth of the item's output has. Raises ``NotCuratable``."""
    output = _output_of(item)
    return output.scope, output.reference_id


def curate_many(*, feedback: Iterable[ReviewFeedback], curator: User) -> Curated:
    """Each in a transaction of its own, so that one that is refused holds up no other."""
    curated = Curated([], [])
    for each in feedback:
        try:
            curated.truths.append(curate(feedback=each, curator=curator))
        except DomainError as refusal:
            curated.refusals.append((each, refusal))
    return curated


def _check_accepted(answer: ReviewAnswer, item: ReviewItem) -> None:
    """Once its reviewers have all answered; where they disagree, only the adjudicator's answer is accepted."""
    if item.state in WAITS:
        raise NotCuratable(WAITS[item.state])
    if not answer.assignment.is_adjudication and adjudicated(item):
        raise NotCuratable("An adjudicator decided this item. Curate the adjudicator's review.")


def _output_of(item: ReviewItem) -> _Output:
    return _of_prompt(item) if item.kind == ReviewItem.Kind.PROMPT_RESULT else _of_artifact(item)


def _of_artifact(item: ReviewItem) -> _Output:
    artifacts = artifacts_of(item).select_related("step_run__pipeline_run", "step_run__step_version__step")
    artifact = artifacts.first()
    if artifact is None or artifact.ir_json is None:
        raise NotCuratable("The output was deleted or pruned since it was reviewed.")
    step_run = artifact.step_run
    run, version = step_run.pipeline_run, step_run.step_version
    return _Output(
        scope=step_run.node_key,
        reference_id=reference_of(run, step_run.map_index),
        document=artifact.ir_json,
        contract=active.in_force(step_version_id=version.pk),
        provenance={
            "pipelineRunId": str(run.pk),
            "pipelineKey": run.pipeline.key,
            "pipelineVersion": run.pipeline_version.version,
            "stepRunId": str(step_run.pk),
            "stepKey": version.step.key,
            "stepVersion": version.version,
            "nodeKey": step_run.node_key,
            "mapIndex": step_run.map_index,
            "artifactId": str(artifact.pk),
            "designSplitId": str(run.design_split_id) if run.design_split_id else None,
            "inputs": run.inputs,
        },
    )


def reference_of(run: PipelineRun, map_index: int | None) -> str:
    """What a step's output is an answer to: the design, else the inputs, by hash; and the item's number."""
    design = run.design_split
    reference = design.sha256 if design is not None else content_hash(run.inputs)
    return reference if map_index is None else f"{reference}/{map_index}"


def _of_prompt(item: ReviewItem) -> _Output:
    results = PromptResult.objects.select_related("prompt_data__ai_prompt__process")
    result = results.filter(pk=item.target_id).first()
    if result is None or result.result is None:
        raise NotCuratable("The output was deleted or pruned since it was reviewed.")
    data, prompt = result.prompt_data, result.prompt_data.ai_prompt
    if prompt is None:
        raise NotCuratable("The result belongs to no prompt, so nothing says what it should be measured against.")
    contract = active.of_prompt(prompt.pk, prompt.process_id)
    return _Output(
        scope=prompt.process.key[:80],
        reference_id=content_hash([data.prompt, data.context]),
        document=result.result,
        contract=contract,
        provenance={
            "promptResultId": str(result.pk),
            "promptDataId": str(data.pk),
            "promptId": str(prompt.pk),
            "promptVersion": prompt.version,
            "processKey": prompt.process.key,
            "stepRunId": str(data.step_run_id) if data.step_run_id else None,
        },
    )
