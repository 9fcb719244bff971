"""The life of an evaluation: started, taken on until every answer is scored, completed. One transaction a write."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from config.outages import OUTAGE
from config.problems import DomainError
from feedback.models import Evaluation, EvaluationItem, GroundTruthSet
from pipelines import engine
from pipelines.errors import EvaluationFinished, NotEvaluable, RunFinished
from pipelines.executors import inline
from pipelines.models import AIPrompt, PipelineRun, PipelineVersion
from pipelines.models.runs import RunStatus
from pipelines.review.evaluating.comparing import change_of, outcome_of, pair_of, report_of
from pipelines.review.evaluating.due import due
from pipelines.review.evaluating.inputs import bundle_of, check_have_runs, inputs_of, reference_of
from pipelines.review.evaluating.scoring import score_items
from pipelines.review.evaluating.sides import Side, sides_of
from pipelines.switches import require_logging

logger = logging.getLogger(__name__)

RELATIONS = (
    "truth_set", "started_by", "version__pipeline", "prompt__process", "baseline_version__pipeline",
    "baseline_prompt__process",
)  # fmt: skip
MOST_UNDER_WAY = 4
MOST_AT_ONCE = 20
MOST_INLINE = 200  # runs
Observer = Callable[[int, int], None]


@transaction.atomic
def start_evaluation(
    *,
    truth_set: GroundTruthSet,
    version: PipelineVersion,
    prompt: AIPrompt | None = None,
    baseline_version: PipelineVersion | None = None,
    baseline_prompt: AIPrompt | None = None,
    started_by: User | None = None,
) -> Evaluation:
    """Make an evaluation with an item for each answer of the set. No run is started yet: see ``advance``.

    Two prompts are compared in the same version. Where the same is under way already, that one is given.

    Raises ``NotEvaluable``, ``LoggingDisabled``, and ``InvalidDag`` for a version that cannot run.
    """
    require_logging(pipeline_id=version.pipeline_id, user=started_by)
    locked = GroundTruthSet.objects.select_for_update().get(pk=truth_set.pk)
    wanted: dict[str, Any] = {
        "truth_set": locked,
        "version": version,
        "prompt": prompt,
        "baseline_version": version if baseline_prompt is not None else baseline_version,
        "baseline_prompt": baseline_prompt,
    }
    under_way = Evaluation.objects.select_related(*RELATIONS)
    made = under_way.filter(**wanted, status=Evaluation.Status.RUNNING).first()
    if made is not None:
        made.is_replay = True
        return made
    evaluation = Evaluation(**wanted, set_was_frozen=locked.frozen_at is not None, started_by=started_by)
    truths = list(truth_set.members.order_by("scope", "reference_id"))
    if not truths:
        raise NotEvaluable(f"The set {truth_set.key} is empty. Put ground truth into it first.")
    check_have_runs(truths)
    sides = _checked_sides(evaluation)
    inputs_of(truths)
    for side in sides:
        side.check_scopes({truth.scope for truth in truths})
    evaluation.save(force_insert=True)
    EvaluationItem.objects.bulk_create(
        EvaluationItem(evaluation=evaluation, ground_truth=truth, reference=reference_of(truth)) for truth in truths
    )
    return evaluation


def begin_evaluation(**wanted: Any) -> Evaluation:
    """As ``start_evaluation``, and have it taken on: by the workers, or by a thread of this process.

    Raises ``NotEvaluable`` also for what would keep this process too long.
    """
    with transaction.atomic():
        evaluation = start_evaluation(**wanted)
        _, runs = progress(evaluation)
        if settings.PIPELINE_EXECUTOR == "inline" and runs > MOST_INLINE:
            raise NotEvaluable(
                f"It takes {runs} runs, and without workers a page may start {MOST_INLINE} at most. Use manage.py "
                "evaluate, or start workers with PIPELINE_EXECUTOR=distributed."
            )
        carry_on(evaluation)
    return evaluation


def carry_on(evaluation: Evaluation) -> None:
    """See to it that it goes on once this transaction is committed, as workers do by themselves."""
    if settings.PIPELINE_EXECUTOR == "inline":
        work = partial(carry, evaluation.pk)
        transaction.on_commit(lambda: inline.in_background(f"evaluation {evaluation.pk}", work))


def advance(evaluation_id: uuid.UUID, *, most: int = MOST_UNDER_WAY) -> list[uuid.UUID]:
    """Look once: score what has run, start runs until ``most`` are under way, and complete it where nothing is left.

    Returns the runs that are under way. What cannot be started ends the evaluation as failed.
    """
    evaluation = Evaluation.objects.select_related(*RELATIONS).get(pk=evaluation_id)
    if evaluation.is_finished:
        return []
    sides = sides_of(evaluation)
    try:
        for side in sides:
            for run_id in _runs(evaluation, side, **{f"{side.run}__finished_at__isnull": False}):
                _score(evaluation, side, run_id)
        while _start_next(evaluation, sides, most):
            pass
    except DomainError as refusal:
        _fail(evaluation_id, {"code": refusal.code, "message": refusal.message})
        return []
    under_way = [run_id for side in sides for run_id in _runs(evaluation, side)]
    if not under_way:
        _complete(evaluation)
    return under_way


def carry(evaluation_id: uuid.UUID, observe: Observer | None = None) -> Evaluation:
    """Take it on to its end here, run after run; returns it as it then stands.

    That is unfinished where a run waits for a person. ``observe`` is told how many runs of how many are scored.
    """
    goes_on = True
    while goes_on:
        goes_on = False
        under_way: list[uuid.UUID] = []
        with _ending_what_crashes(evaluation_id):
            under_way = advance(evaluation_id, most=1)
        evaluation = Evaluation.objects.select_related(*RELATIONS).get(pk=evaluation_id)
        if observe is not None:
            observe(*progress(evaluation))
        with _ending_what_crashes(evaluation_id):
            goes_on = any(run.is_finished for run in [inline.carry(run_id) for run_id in under_way])
    return Evaluation.objects.select_related(*RELATIONS).get(pk=evaluation_id)


def look() -> None:
    """The workers' duty: take on those for which there is something to do."""
    for evaluation_id in due(under_way=MOST_UNDER_WAY).values_list("pk", flat=True)[:MOST_AT_ONCE]:
        with _ending_what_crashes(evaluation_id):
            advance(evaluation_id)


def cancel_evaluation(evaluation: Evaluation) -> Evaluation:
    """End it, and its runs that are under way. Raises ``EvaluationFinished``."""
    with transaction.atomic():
        locked = _lock(evaluation.pk)
        if locked.is_finished:
            raise EvaluationFinished(f"It has already ended as {locked.status}; there is nothing to cancel.")
        _end(locked, Evaluation.Status.CANCELLED)
    _cancel_runs(evaluation.pk)
    return Evaluation.objects.select_related(*RELATIONS).get(pk=evaluation.pk)


def progress(evaluation: Evaluation) -> tuple[int, int]:
    """How many runs are scored, of how many: one an input and side."""
    sides = sides_of(evaluation)
    scored = {
        f"{side.prefix}scored": Count("reference", distinct=True, filter=Q(**{f"{side.scores}__isnull": False}))
        for side in sides
    }
    counts = evaluation.items.aggregate(inputs=Count("reference", distinct=True), **scored)
    return sum(counts[name] for name in scored), counts["inputs"] * len(sides)


def _checked_sides(evaluation: Evaluation) -> list[Side]:
    """Raises ``NotEvaluable`` for two sides that cannot be compared, and ``InvalidDag``."""
    sides = sides_of(evaluation)
    if len(sides) > 1 and (evaluation.prompt is None) != (evaluation.baseline_prompt is None):
        raise NotEvaluable("A prompt is compared with another prompt. Name both, or none.")
    for side in sides:
        side.params()
        if side.version.pipeline_id != evaluation.version.pipeline_id:
            raise NotEvaluable(f"{side.version} is no version of {evaluation.version.pipeline}.")
        if side.prompt and evaluation.prompt and side.prompt.process_id != evaluation.prompt.process_id:
            raise NotEvaluable(f"{side.prompt} is no prompt of {evaluation.prompt.process}.")
    return sides


def _runs(evaluation: Evaluation, side: Side, **filters: Any) -> Any:
    """The runs of this side that are not scored, by id."""
    begun = {f"{side.run}__isnull": False, f"{side.scores}__isnull": True}
    return evaluation.items.filter(**begun, **filters).order_by().values_list(side.run, flat=True).distinct()


def _lock(evaluation_id: uuid.UUID) -> Evaluation:
    return Evaluation.objects.select_for_update().get(pk=evaluation_id)


@transaction.atomic
def _score(evaluation: Evaluation, side: Side, run_id: uuid.UUID) -> None:
    _lock(evaluation.pk)
    mine = {side.run: run_id, f"{side.scores}__isnull": True}
    items = list(evaluation.items.filter(**mine).select_related("ground_truth"))
    score_items(items, side, run_id, evaluation.truth_set.key)


@transaction.atomic
def _start_next(evaluation: Evaluation, sides: list[Side], most: int) -> bool:
    """Start the run of the next input that lacks one, of either side. False where none may be started now."""
    if _lock(evaluation.pk).is_finished:
        return False
    if sum(_runs(evaluation, side).count() for side in sides) >= most:
        return False
    for side in sides:
        item = evaluation.items.filter(**{f"{side.run}__isnull": True}).order_by("reference").first()
        if item is not None:
            break
    else:
        return False
    same = evaluation.items.filter(reference=item.reference)
    truths = [each.ground_truth for each in same.select_related("ground_truth")]
    given = inputs_of(truths)[item.reference]
    run = engine.start_run(
        version=side.version,
        design=bundle_of(given, truths[0]),
        inputs=given.inputs,
        params=side.params(),
        started_by=evaluation.started_by,
        run_group_id=evaluation.pk,
        idempotency_key=f"evaluation:{evaluation.pk}:{side.run}:{item.reference}",
    )
    same.update(**{side.run: run})
    return True


@transaction.atomic
def _complete(evaluation: Evaluation) -> None:
    locked = _lock(evaluation.pk)
    has_baseline = locked.baseline_version_id is not None
    items = list(evaluation.items.all())
    unscored = [item for item in items if item.scores is None or (has_baseline and item.baseline_scores is None)]
    if locked.is_finished or unscored:
        return
    report = report_of(items, has_baseline=has_baseline)
    if has_baseline:
        for item in items:
            item.change = change_of(*pair_of(item))
        EvaluationItem.objects.bulk_update(items, ["change"], batch_size=500)
        locked.outcome = outcome_of(report)
    _end(locked, Evaluation.Status.COMPLETED, report=report)


def _fail(evaluation_id: uuid.UUID, error: dict[str, Any]) -> None:
    with transaction.atomic():
        locked = _lock(evaluation_id)
        if locked.is_finished:
            return
        _end(locked, Evaluation.Status.FAILED, error=error)
    _cancel_runs(evaluation_id)


def _cancel_runs(evaluation_id: uuid.UUID) -> None:
    """Once it has ended, so that no other run of it is started meanwhile."""
    runs = PipelineRun.objects.filter(run_group_id=evaluation_id, status=RunStatus.RUNNING)
    for run_id in runs.values_list("pk", flat=True):
        try:
            engine.cancel(run_id=run_id)
        except RunFinished:
            continue


def _end(locked: Evaluation, status: Evaluation.Status, **more: Any) -> None:
    for name, value in {"status": status, "finished_at": Now(), **more}.items():
        setattr(locked, name, value)
    locked.save(update_fields=["status", "finished_at", "outcome", "report", "error"])


@contextmanager
def _ending_what_crashes(evaluation_id: uuid.UUID) -> Iterator[None]:
    """Whatever goes wrong ends this one in words, and keeps no other from its turn."""
    try:
        yield
    except OUTAGE:
        raise
    except Exception:
        logger.exception("evaluation %s could not be taken on", evaluation_id)
        _fail(evaluation_id, {"code": "evaluation-crashed", "message": "It crashed. The log has the details."})
