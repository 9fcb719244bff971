"""How the reviewers of one queue agree, and which metrics foretell what they reject: read from settled items only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F

from feedback.agreement import (
    Bias,
    Judgements,
    Separation,
    biases,
    cohen_kappa,
    confusion,
    disputes,
    krippendorff_alpha,
    percent,
    separation,
)
from feedback.models import ReviewAnswer, ReviewItem, ReviewQuestion, ReviewQueue
from feedback.models.queues import VERDICT
from feedback.models.work import ADJUDICATION_SLOT
from metrics.models import MetricDefinition, MetricResult

MOST_ANSWERS = 100_000
MOST_RESULTS = 200_000  # of metrics
MOST_DISPUTES = 50
MOST_REVIEWERS = 50
MOST_SIZE = 12  # different answers that a matrix shows

Row = tuple[Any, Any, int, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """What came of one question; measures are None where they are not defined.

    ``matrix`` counts ``values`` against each other, and is empty for numbers and for more than ``MOST_SIZE`` values.
    ``raters`` names whose answers the rows and the columns are, where there were two.
    """

    key: str
    label: str
    is_number: bool
    answers: int
    items: int
    percent: float | None
    kappa: float | None
    alpha: float | None
    values: tuple[Any, ...]
    matrix: list[list[int]]
    raters: tuple[str, ...]
    biases: list[tuple[str, Bias]]
    disputes: list[tuple[ReviewItem, float]]


@dataclass(frozen=True, slots=True)
class MetricFit:
    """How well one metric tells the rejected items from the others."""

    metric: MetricDefinition
    fit: Separation


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """``is_cut`` says that only the latest ``MOST_ANSWERS`` answers were read, ``metrics_cut`` that only
    ``MOST_RESULTS`` results of metrics were, of the latest items. ``texts`` are not compared, as they are seldom equal.

    ``adjudicated`` of the items read were decided by an adjudicator, whose answers count in no measure of agreement;
    ``undecided`` items of the queue wait for one.
    """

    questions: list[QuestionAgreement]
    texts: list[ReviewQuestion]
    metrics: list[MetricFit]
    is_cut: bool
    metrics_cut: bool
    adjudicated: int
    undecided: int


def agreement_report(queue: ReviewQueue) -> AgreementReport:
    """In a number of queries that grows neither with the answers nor with the reviewers."""
    answers = ReviewAnswer.objects.filter(
        assignment__item__queue=queue, assignment__item__state__in=ReviewItem.SETTLED
    ).order_by("-pk")
    columns = ("assignment__item_id", "assignment__reviewer_id", "assignment__slot", "verdict", "answers")
    rows: list[Row] = list(answers.values_list(*columns)[: MOST_ANSWERS + 1])
    kept = rows[:MOST_ANSWERS]
    asked = list(queue.questions.all())
    judged = [
        (key, label, Judgements.of(given, is_number=is_number)) for key, label, given, is_number in _asked(asked, kept)
    ]
    worst = [disputes(each, most=MOST_DISPUTES) for _, _, each in judged]
    names = _reviewers({rater for _, _, each in judged for rater in each.raters})
    items = ReviewItem.objects.in_bulk({item for found in worst for item, _ in found})
    metrics, metrics_cut = _metrics(queue, kept)
    return AgreementReport(
        questions=[
            _question(key, label, each, found, names, items)
            for (key, label, each), found in zip(judged, worst, strict=True)
        ],
        texts=[question for question in asked if question.kind == ReviewQuestion.Kind.TEXT],
        metrics=metrics,
        is_cut=len(rows) > MOST_ANSWERS,
        metrics_cut=metrics_cut,
        adjudicated=sum(row[2] == ADJUDICATION_SLOT for row in kept),
        undecided=queue.items.filter(state=ReviewItem.State.DISPUTED).count(),
    )


def _asked(
    questions: Iterable[ReviewQuestion], rows: Sequence[Row]
) -> Iterable[tuple[str, str, list[tuple[Any, Any, Any]], bool]]:
    """The verdict and each question but texts, which agree on nothing: key, label, answers, whether they are numbers.

    An adjudicator saw the answers of the others, so theirs is not compared.
    """
    independent = [row for row in rows if row[2] != ADJUDICATION_SLOT]
    yield VERDICT, "Verdict", [(item, rater, verdict) for item, rater, _, verdict, _ in independent], False
    for question in questions:
        if question.kind == ReviewQuestion.Kind.TEXT:
            continue
        given = [(item, rater, told[question.key]) for item, rater, _, _, told in independent if question.key in told]
        yield question.key, question.label, given, question.kind == ReviewQuestion.Kind.NUMBER


def _question(
    key: str,
    label: str,
    judged: Judgements,
    worst: Sequence[tuple[Any, float]],
    names: dict[Any, str],
    items: dict[Any, ReviewItem],
) -> QuestionAgreement:
    has_matrix = not judged.is_number and 0 < len(judged.values) <= MOST_SIZE
    return QuestionAgreement(
        key=key,
        label=label,
        is_number=judged.is_number,
        answers=len(judged.item),
        items=len(judged.items),
        percent=percent(judged),
        kappa=None if judged.is_number else cohen_kappa(judged),
        alpha=krippendorff_alpha(judged),
        values=judged.values if has_matrix else (),
        matrix=confusion(judged).tolist() if has_matrix else [],
        raters=tuple(names[rater] for rater in judged.raters) if len(judged.raters) == 2 else (),
        biases=[(names[bias.rater], bias) for bias in biases(judged)[:MOST_REVIEWERS]],
        disputes=[(items[item], spread) for item, spread in worst],
    )


def _reviewers(keys: set[Any]) -> dict[Any, str]:
    return dict(get_user_model().objects.filter(pk__in=keys).values_list("pk", "username"))


def rejected_items(rows: Iterable[Row]) -> dict[Any, bool]:
    """Whether each item was rejected: by its adjudicator, or by more than half of its reviewers."""
    votes: dict[Any, list[bool]] = defaultdict(list)
    decided: dict[Any, bool] = {}
    for item, _, slot, verdict, _ in rows:
        if slot == ADJUDICATION_SLOT:
            decided[item] = verdict == ReviewAnswer.Verdict.REJECT
        votes[item].append(verdict == ReviewAnswer.Verdict.REJECT)
    return {item: decided.get(item, 2 * sum(given) > len(given)) for item, given in votes.items()}


def _metrics(queue: ReviewQueue, rows: Sequence[Row]) -> tuple[list[MetricFit], bool]:
    """Every metric measured on both rejected and other items, the best foreteller first; and whether these are cut."""
    rejected = rejected_items(rows)
    found = MetricResult.objects.filter(
        step_run__review_items__queue=queue,
        step_run__review_items__state__in=ReviewItem.SETTLED,
        attempt=F("step_run__attempt"),
        value__isnull=False,
    ).order_by("-step_run__review_items__pk", "metric_id")
    results = list(found.values_list("metric_id", "step_run__review_items__pk", "value")[: MOST_RESULTS + 1])
    measured: dict[Any, list[tuple[float, bool]]] = defaultdict(list)
    for metric_id, item, value in results[:MOST_RESULTS]:
        if value is not None and item in rejected:
            measured[metric_id].append((value, rejected[item]))
    fits = []
    for metric in MetricDefinition.objects.filter(pk__in=measured.keys()).order_by("key"):
        values, bad = zip(*measured[metric.pk], strict=True)
        is_higher = metric.direction == MetricDefinition.Direction.HIGHER
        fit = separation(values, bad, higher_is_better=is_higher)
        if fit is not None:
            fits.append(MetricFit(metric, fit))
    return sorted(fits, key=lambda fit: -fit.fit.auc), len(results) > MOST_RESULTS
