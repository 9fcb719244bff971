"""What was reviewed: the output behind an item, which answer it is, where it is from, and the schema that holds."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.canonical import content_hash
from config.problems import DomainError
from feedback.models import GroundTruth, ReviewItem
from ir_schemas.active import Contract
from ir_schemas.models import IRArtifact
from pipelines.models import PipelineRun, PromptData, PromptResult, StepRun
from pipelines.review.content import artifacts_of
from pipelines.review.contracts import answers_are_outputs, contract_of, last_question

STEP_RELATIONS = (
    "step_version__step", "pipeline_run__pipeline", "pipeline_run__pipeline_version", "pipeline_run__design_split",
)  # fmt: skip
GONE = "The output was deleted or pruned since it was reviewed."


class NotCuratable(DomainError):
    """No accepted document can be made of this feedback; the message says why."""

    code = "feedback-not-curatable"


@dataclass(frozen=True, slots=True)
class Reference:
    """What ground truth is the answer for. ``inputs`` is what it must come from, where the id does not say it."""

    scope: str
    id: str
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """``earlier`` are the references under which answers were kept before, and still are."""

    reference: Reference
    document: Any
    contract: Contract | None
    provenance: Mapping[str, Any]
    earlier: tuple[Reference, ...] = ()


def output_of(item: ReviewItem) -> Output:
    """Raises ``NotCuratable`` where it is gone or is nobody's answer."""
    return _of_prompt(item) if item.kind == ReviewItem.Kind.PROMPT_RESULT else _of_artifact(item)


def truth_of(item: ReviewItem) -> GroundTruth | None:
    """The latest version of the item's ground truth, if it has any."""
    try:
        output = output_of(item)
    except NotCuratable:
        return None
    for reference in (output.reference, *output.earlier):
        truths = GroundTruth.objects.filter(scope=reference.scope, reference_id=reference.id)
        if reference.inputs is not None:
            truths = truths.filter(provenance__inputs=reference.inputs)
        truth = truths.order_by("-version").first()
        if truth is not None:
            return truth
    return None


def _of_artifact(item: ReviewItem) -> Output:
    artifacts = artifacts_of(item).select_related(*(f"step_run__{name}" for name in STEP_RELATIONS))
    artifact = artifacts.first()
    if artifact is None or artifact.ir_json is None:
        raise NotCuratable(GONE)
    step_run = artifact.step_run
    question = last_question(step_run)
    result = question.results.order_by("-pk").first() if question else None
    return Output(
        reference=_reference(step_run),
        earlier=_earlier(step_run),
        document=artifact.ir_json,
        contract=contract_of(step_run, question),
        provenance=_made_by(step_run, artifact.pk) | _asked_with(question, result),
    )


def _of_prompt(item: ReviewItem) -> Output:
    """Of a step that hands over what the model answers, it is that step's output; else an answer to the prompt."""
    relations = ("ai_prompt__process", *(f"step_run__{name}" for name in STEP_RELATIONS))
    results = PromptResult.objects.select_related(*(f"prompt_data__{name}" for name in relations))
    result = results.filter(pk=item.target_id).first()
    if result is None or result.result is None:
        raise NotCuratable(GONE)
    question, prompt = result.prompt_data, result.prompt_data.ai_prompt
    if prompt is None:
        raise NotCuratable("The result belongs to no prompt, so nothing says what it should be measured against.")
    step_run = question.step_run
    artifact = IRArtifact.objects.filter(step_run=step_run, attempt=step_run.attempt).first() if step_run else None
    provenance = _made_by(step_run, artifact.pk if artifact else None) | _asked_with(question, result)
    of_itself = Reference(prompt.process.key, content_hash([question.prompt, question.context]))
    if step_run is not None and answers_are_outputs(step_run.step_version):
        earlier = (*_earlier(step_run), of_itself)
        contract = contract_of(step_run, question)
        return Output(_reference(step_run), result.result, contract, provenance, earlier)
    if question.pruned_at is not None:
        raise NotCuratable("Its prompt was pruned since it was reviewed, so nothing says what it is the answer for.")
    return Output(of_itself, result.result, contract_of(None, question), provenance)


def _reference(step_run: StepRun) -> Reference:
    """What a step's output is an answer for: the run's design and inputs, by hash, and the item's number."""
    run = step_run.pipeline_run
    design, inputs = run.design_split, content_hash(run.inputs)
    if design is None:
        return Reference(step_run.node_key, _numbered(inputs, step_run))
    return Reference(
        step_run.node_key, _numbered(f"{design.sha256}+{inputs}" if run.inputs else design.sha256, step_run)
    )


def _earlier(step_run: StepRun) -> tuple[Reference, ...]:
    """A run with a design was once named by that alone."""
    run = step_run.pipeline_run
    if run.design_split is None or not run.inputs:
        return ()
    return (Reference(step_run.node_key, _numbered(run.design_split.sha256, step_run), run.inputs),)


def _numbered(reference: str, step_run: StepRun) -> str:
    return reference if step_run.map_index is None else f"{reference}/{step_run.map_index}"


def _made_by(step_run: StepRun | None, artifact_id: uuid.UUID | None) -> dict[str, Any]:
    """The part of the provenance that says which run gave it; nulls where none did."""
    run: PipelineRun | None = step_run.pipeline_run if step_run else None
    version = step_run.step_version if step_run else None
    return {
        "pipelineRunId": str(run.pk) if run else None,
        "pipelineKey": run.pipeline.key if run else None,
        "pipelineVersion": run.pipeline_version.version if run else None,
        "stepRunId": str(step_run.pk) if step_run else None,
        "stepKey": version.step.key if version else None,
        "stepVersion": version.version if version else None,
        "nodeKey": step_run.node_key if step_run else None,
        "mapIndex": step_run.map_index if step_run else None,
        "artifactId": str(artifact_id) if artifact_id else None,
        "designSplitId": str(run.design_split_id) if run and run.design_split_id else None,
        "inputs": run.inputs if run else None,
    }


def _asked_with(question: PromptData | None, result: PromptResult | None) -> dict[str, Any]:
    """The part that says which prompt was asked for it; nulls where none was."""
    prompt = question.ai_prompt if question else None
    return {
        "processKey": prompt.process.key if prompt else None,
        "promptId": str(prompt.pk) if prompt else None,
        "promptVersion": prompt.version if prompt else None,
        "promptDataId": str(question.pk) if question else None,
        "promptResultId": str(result.pk) if result else None,
    }
