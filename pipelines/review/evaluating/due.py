"""Which evaluations have something to be done now: read in one query, so that none that waits is in another's way."""

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config import features
from feedback.models import Evaluation, EvaluationItem


def due(*, under_way: int) -> QuerySet[Evaluation]:
    """Those whose runs have ended or may be started, ``under_way`` at a time, the oldest first; of owners with review.

    One whose runs all wait, for a person or in a pool, is left out until one of them has ended.
    """
    running = Evaluation.objects.filter(status=Evaluation.Status.RUNNING)
    items = EvaluationItem.objects.filter(evaluation=OuterRef("pk")).order_by()
    ended = Q(run__finished_at__isnull=False, scores__isnull=True) | Q(
        baseline_run__finished_at__isnull=False, baseline_scores__isnull=True
    )
    lacks_run = Q(run__isnull=True) | Q(baseline_run__isnull=True, evaluation__baseline_version__isnull=False)
    going = running.annotate(going=_going(items, "") + _going(items, "baseline_"))
    may_start = Q(going__lt=under_way) & Exists(items.filter(lacks_run))
    has_work = Q(going=0) | may_start | Exists(items.filter(ended))
    return going.filter(_of_open_owners(running), has_work).order_by("pk")


def _going(items: QuerySet[EvaluationItem], prefix: str) -> Coalesce:
    """How many runs of a side are not scored."""
    begun = items.filter(**{f"{prefix}run__isnull": False, f"{prefix}scores__isnull": True})
    counted = begun.values("evaluation").annotate(count=Count(F(f"{prefix}run"), distinct=True)).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _of_open_owners(running: QuerySet[Evaluation]) -> Q:
    """Whom review is on for; nobody started what a command did."""
    one_of_each = running.order_by("started_by").distinct("started_by").select_related("started_by")
    owners = [each.started_by for each in one_of_each]
    open_to = [owner for owner in owners if features.is_on(features.REVIEW, owner)]
    is_theirs = Q(started_by__in=[owner.pk for owner in open_to if owner is not None])
    return is_theirs | Q(started_by=None) if None in open_to else is_theirs
