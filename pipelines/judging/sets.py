"""A judge's view of what versions of a pipeline gave on a set of ground truth, item by item.

The outputs are those that ``evaluate`` has scored: of each answer the latest of the version as it is, so of runs
without parameters of their own.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef

from config.problems import DomainError
from feedback.models import Evaluation, GroundTruth, GroundTruthSet, Judge, Judgement
from feedback.models.queues import ItemKind
from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from metrics.paired import Comparison, compare_scores
from pipelines.judging.asking import Subject
from pipelines.judging.working import USUAL_LIMITS, Limits, Observer, Worked, work
from pipelines.models import PipelineVersion, StepRun
from pipelines.review.given import given_to

MOST_JUDGES = 10
SCORED_BY = "truth_json_exact"  # the metric that every output that was compared with its truth has


class NotEvaluated(DomainError):
    """Nothing that the version gave on the set was compared with it yet."""

    code = "ground-truth-not-evaluated"


@dataclass(frozen=True, slots=True)
class VersionScores:
    """By answer the score that the judge gave the version's output; None where it has none.

    ``name`` is the version's, or the prompt's. ``missing`` answers have no output of it that was evaluated.
    """

    name: str
    scores: Mapping[uuid.UUID, float | None]
    missing: int

    @property
    def given(self) -> list[float]:
        return [score for score in self.scores.values() if score is not None]

    @property
    def mean(self) -> float | None:
        """Of the scores that there are; those that are missing count as nothing, not as 0."""
        return sum(self.given) / len(self.given) if self.given else None

    @property
    def without_score(self) -> int:
        return len(self.scores) - len(self.given)


@dataclass(frozen=True, slots=True)
class SetReport:
    """``compared`` is over the answers that the judge scored for both versions; None without a second version."""

    new: VersionScores
    old: VersionScores | None = None
    compared: Comparison | None = None


def judge_set(
    *,
    judge: Judge,
    truth_set: GroundTruthSet,
    version: PipelineVersion,
    against: PipelineVersion | None = None,
    limits: Limits = USUAL_LIMITS,
    observe: Observer | None = None,
) -> tuple[Worked, SetReport]:
    """Judge the version's evaluated outputs, and those of ``against`` beside them, that it has not judged yet.

    Raises ``NotEvaluated`` where nothing was evaluated, and ``JudgeBusy``.
    """
    truths = list(truth_set.members.order_by("scope", "reference_id"))
    gave = [_Gave(str(each), _outputs(truth_set, truths, each)) for each in (version, against) if each is not None]
    for each in gave:
        if not each.outputs:
            raise NotEvaluated(
                f"Nothing of {each.name} that is still stored was evaluated on {truth_set.key}. Do so first: "
                f"manage.py evaluate --set {truth_set.key} --pipeline {each.name}"
            )
    return _judge(judge, truths, gave, limits, observe)


def judge_evaluation(
    *, judge: Judge, evaluation: Evaluation, limits: Limits = USUAL_LIMITS, observe: Observer | None = None
) -> tuple[Worked, SetReport]:
    """Judge the very outputs of an evaluation, of both its sides, that the judge has not judged yet.

    Raises ``NotEvaluated`` for one that is not completed, and ``JudgeBusy``.
    """
    if evaluation.status != Evaluation.Status.COMPLETED:
        raise NotEvaluated(
            f"This evaluation is {evaluation.get_status_display().lower()}. Only completed ones can be judged."
        )
    truths, gave = _gave(evaluation)
    return _judge(judge, truths, gave, limits, observe)


def evaluation_reports(evaluation: Evaluation) -> list[tuple[Judge, SetReport]]:
    """What judges that have judged outputs of a completed evaluation make of it, by key; at most ``MOST_JUDGES``."""
    truths, gave = _gave(evaluation)
    targets = [artifact.pk for each in gave for artifact in each.outputs.values()]
    judged = Judgement.objects.filter(judge=OuterRef("pk"), kind=ItemKind.IR_ARTIFACT, target_id__in=targets)
    judges = Judge.objects.filter(Exists(judged.exclude(outcome=Judgement.Outcome.FAILED))).order_by("key")
    return [(judge, _report(judge, truths, gave)) for judge in judges[:MOST_JUDGES]]


@dataclass(frozen=True, slots=True)
class _Gave:
    """What one side gave, by answer."""

    name: str
    outputs: Mapping[uuid.UUID, IRArtifact]


def _gave(evaluation: Evaluation) -> tuple[list[GroundTruth], list[_Gave]]:
    """The answers, and what each side gave."""
    items = list(evaluation.items.select_related("ground_truth").order_by("pk"))
    gave = [_Gave(evaluation.candidate, _stored({item.ground_truth_id: item.step_run_id for item in items}))]
    if evaluation.baseline:
        made_by = {item.ground_truth_id: item.baseline_step_run_id for item in items}
        gave.append(_Gave(evaluation.baseline, _stored(made_by)))
    return [item.ground_truth for item in items], gave


def _judge(
    judge: Judge, truths: Sequence[GroundTruth], gave: Sequence[_Gave], limits: Limits, observe: Observer | None
) -> tuple[Worked, SetReport]:
    worked = Worked()
    work(judge, _subjects(judge, truths, [each.outputs for each in gave]), worked, limits, observe)
    return worked, _report(judge, truths, gave)


def _report(judge: Judge, truths: Sequence[GroundTruth], gave: Sequence[_Gave]) -> SetReport:
    new, *others = [_scores(judge, truths, each) for each in gave]
    return SetReport(new, others[0], _compared(others[0], new)) if others else SetReport(new)


def _outputs(
    truth_set: GroundTruthSet, truths: Sequence[GroundTruth], version: PipelineVersion
) -> dict[uuid.UUID, IRArtifact]:
    """By answer the latest output of the version that was compared with it; those that are still stored."""
    results = MetricResult.objects.filter(
        metric__key=SCORED_BY,
        step_run__pipeline_run__pipeline_version=version,
        step_run__pipeline_run__params={},
        attempt=F("step_run__attempt"),
        details__setKey=truth_set.key,
        details__groundTruthId__in=[str(truth.pk) for truth in truths],
    )
    rows = results.order_by("pk").values_list("details__groundTruthId", "step_run")
    return _stored({uuid.UUID(key): step_run_id for key, step_run_id in rows})


def _stored(made_by: Mapping[uuid.UUID, uuid.UUID | None]) -> dict[uuid.UUID, IRArtifact]:
    """By answer the output of its step run, where that is still stored; without the document, which may be large."""
    wanted = [step_run_id for step_run_id in made_by.values() if step_run_id is not None]
    artifacts = IRArtifact.objects.filter(
        step_run__in=wanted, attempt=F("step_run__attempt"), ir_json__isnull=False
    ).defer("ir_json")
    by_step = {artifact.step_run_id: artifact for artifact in artifacts}
    return {key: by_step[step] for key, step in made_by.items() if step is not None and step in by_step}


def _subjects(
    judge: Judge, truths: Sequence[GroundTruth], outputs: Sequence[Mapping[uuid.UUID, IRArtifact]]
) -> Iterator[Subject]:
    """What is not judged yet: of each answer one version's output after the other's, so that pairs come first."""
    judged = _judged(judge, [artifact for each in outputs for artifact in each.values()])
    for truth in truths:
        for each in outputs:
            artifact = each.get(truth.pk)
            if artifact is not None and _key(judge, artifact, truth) not in judged:
                yield _subject(artifact, truth)


def _subject(artifact: IRArtifact, truth: GroundTruth) -> Subject:
    step_run = StepRun.objects.select_related("pipeline_run__pipeline_version").get(pk=artifact.step_run_id)
    return Subject(
        kind=ItemKind.IR_ARTIFACT,
        target_id=artifact.pk,
        output=artifact.ir_json,
        step_run=step_run,
        truth=truth,
        given=given_to(step_run),
    )


def _scores(judge: Judge, truths: Sequence[GroundTruth], gave: _Gave) -> VersionScores:
    judged = _judged(judge, list(gave.outputs.values()))
    there = [truth for truth in truths if truth.pk in gave.outputs]
    scores = {truth.pk: judged.get(_key(judge, gave.outputs[truth.pk], truth)) for truth in there}
    return VersionScores(gave.name, scores, len(truths) - len(there))


def _judged(judge: Judge, artifacts: Sequence[IRArtifact]) -> dict[tuple[uuid.UUID, uuid.UUID | None], float | None]:
    rows = judge.judgements.exclude(outcome=Judgement.Outcome.FAILED).filter(
        kind=ItemKind.IR_ARTIFACT, target_id__in=[artifact.pk for artifact in artifacts]
    )
    return {(target, truth): score for target, truth, score in rows.values_list("target_id", "ground_truth", "score")}


def _key(judge: Judge, artifact: IRArtifact, truth: GroundTruth) -> tuple[uuid.UUID, uuid.UUID | None]:
    return artifact.pk, truth.pk if judge.compares else None


def _compared(old: VersionScores, new: VersionScores) -> Comparison | None:
    pairs = [
        (before, after)
        for key, after in new.scores.items()
        if after is not None and (before := old.scores.get(key)) is not None
    ]
    return compare_scores([before for before, _ in pairs], [after for _, after in pairs]) if pairs else None
