"""Which evaluations have something to be done now, so that none that waits is in another's way."""

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config import features
from feedback.models import Evaluation, EvaluationItem

LACKS_RUN = Q(run__isnull=True) | Q(baseline_run__isnull=True, evaluation__baseline_version__isnull=False)


def due(*, under_way: int) -> QuerySet[Evaluation]:
    """Those whose runs have ended or may be started, ``under_way`` at a time, the oldest first; of owners with review.

    One whose runs all wait, for a person or in a pool, is left out until one of them has ended.
    """
    running = Evaluation.objects.filter(status=Evaluation.Status.RUNNING)
    counted = running.annotate(
        going=_going("run", "scores") + _going("baseline_run", "baseline_scores"),
        ended=_ended("run", "scores") + _ended("baseline_run", "baseline_scores"),
        lacking=_count(LACKS_RUN, F("pk")),
    )
    has_work = Q(going=0) | Q(ended__gt=0) | Q(going__lt=under_way, lacking__gt=0)
    return counted.filter(_of_open_owners(running), has_work).order_by("pk")


def _going(run: str, scores: str) -> Coalesce:
    """How many runs of a side are not scored."""
    return _count(Q(**{f"{run}__isnull": False, f"{scores}__isnull": True}), F(run))


def _ended(run: str, scores: str) -> Coalesce:
    """How many of these have ended."""
    return _count(Q(**{f"{run}__finished_at__isnull": False, f"{scores}__isnull": True}), F(run))


def _count(which: Q, what: F) -> Coalesce:
    """Of the items of one evaluation.

    A number, as PostgreSQL would read every item of all times for whether there are any.
    """
    items = EvaluationItem.objects.filter(which, evaluation=OuterRef("pk")).order_by()
    counted = items.values("evaluation").annotate(count=Count(what, distinct=True)).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _of_open_owners(running: QuerySet[Evaluation]) -> Q:
    """Whom review is on for; nobody started what a command did."""
    one_of_each = running.order_by("started_by").distinct("started_by").select_related("started_by")
    owners = [each.started_by for each in one_of_each]
    open_to = [owner for owner in owners if features.is_on(features.REVIEW, owner)]
    is_theirs = Q(started_by__in=[owner.pk for owner in open_to if owner is not None])
    return is_theirs | Q(started_by=None) if None in open_to else is_theirs
