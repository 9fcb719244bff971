"""The writes of ground truth and its sets, one transaction each."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Max, ProtectedError, Q, QuerySet
from django.utils import timezone

from feedback.errors import SetFrozen, SetInUse, VersionTaken
from feedback.models import GroundTruth, GroundTruthSet, GroundTruthSetItem, ReviewFeedback
from feedback.provenance import check_provenance
from feedback.truth_rules import begin_check

LOCK_VERSIONS = """
    SELECT pg_advisory_xact_lock_shared(hashtextextended('truths', 0)), pg_advisory_xact_lock(hashtextextended(%s, 0))
"""


@transaction.atomic
def add_version(
    *,
    scope: str,
    reference_id: str,
    data: Any,
    provenance: Mapping[str, Any],
    feedback: ReviewFeedback | None = None,
    alike: QuerySet[ReviewFeedback] | None = None,
    created_by: User | None = None,
) -> GroundTruth:
    """The next version of an accepted answer. What came of a review is kept once: then that version is returned.

    It is kept once of all the reviews in ``alike`` too, which say the same. The caller has checked ``data``.
    """
    _lock_versions(scope, reference_id)
    if feedback is not None:
        same = Q(feedback=feedback) if alike is None else Q(feedback=feedback) | Q(feedback__in=alike)
        known = GroundTruth.objects.filter(same).order_by("-version").first()
        if known is not None:
            return known
    versions = GroundTruth.objects.filter(scope=scope, reference_id=reference_id)
    return GroundTruth.objects.create(
        scope=scope,
        reference_id=reference_id,
        version=(versions.aggregate(last=Max("version"))["last"] or 0) + 1,
        data=data,
        provenance=dict(provenance),
        feedback=feedback,
        created_by=created_by,
    )


def write_version(
    *, scope: str, reference_id: str, data: Any, provenance: Mapping[str, Any], created_by: User
) -> GroundTruth:
    """The next version of an answer, as somebody wrote it. Raises ``TruthInvalid``, and ``check_provenance``'s."""
    check_provenance(provenance)
    begin_check()(scope, data)
    return add_version(scope=scope, reference_id=reference_id, data=data, provenance=provenance, created_by=created_by)


@transaction.atomic
def keep_version(truth: GroundTruth) -> None:
    """Keep a version whose number somebody chose. Raises ``VersionTaken``."""
    _lock_versions(truth.scope, truth.reference_id)
    known = GroundTruth.objects.filter(scope=truth.scope, reference_id=truth.reference_id, version=truth.version)
    if known.exists():
        raise VersionTaken(f"{truth} was added meanwhile. Look at it, and give this one the next number.")
    truth.save(force_insert=True)


def lock_all_versions() -> None:
    """Until the transaction ends nobody else adds a version of any answer.

    For those who add many: to lock each takes more than PostgreSQL has room for, and two might wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('truths', 0))")


def _lock_versions(scope: str, reference_id: str) -> None:
    """Until the transaction ends nobody else adds a version of this answer."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_VERSIONS, [f"truth {scope} {reference_id}"])


@transaction.atomic
def put_into_set(*, truth_set: GroundTruthSet, truths: Iterable[GroundTruth]) -> int:
    """Put versions into a set, each in place of another version of its answer. Returns how many are new to the set.

    Raises ``SetFrozen``.
    """
    _lock_thawed(truth_set.pk)
    held = GroundTruthSetItem.objects.filter(truth_set=truth_set)
    before = held.count()
    latest = {(truth.scope, truth.reference_id): truth for truth in truths}
    GroundTruthSetItem.objects.bulk_create(
        (
            GroundTruthSetItem(truth_set=truth_set, ground_truth=truth, scope=scope, reference_id=reference_id)
            for (scope, reference_id), truth in latest.items()
        ),
        update_conflicts=True,
        unique_fields=("truth_set", "scope", "reference_id"),
        update_fields=("ground_truth",),
    )
    return held.count() - before


@transaction.atomic
def take_out_of_set(*, truth_set: GroundTruthSet, ids: Collection[uuid.UUID]) -> int:
    """Take ground truth out of a set. Returns how many of it were in it. Raises ``SetFrozen``."""
    _lock_thawed(truth_set.pk)
    return GroundTruthSetItem.objects.filter(truth_set=truth_set, ground_truth__in=ids).delete()[0]


@transaction.atomic
def change_set(*, truth_set: GroundTruthSet, **changes: Any) -> GroundTruthSet:
    """Other words or another key for a set. Raises ``SetFrozen``."""
    locked = _lock_thawed(truth_set.pk)
    for name, value in changes.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*changes])
    return locked


@transaction.atomic
def delete_set(*, truth_set: GroundTruthSet) -> None:
    """Take a set away; the ground truth in it stays. Raises ``SetFrozen`` and ``SetInUse``."""
    locked = _lock_thawed(truth_set.pk)
    try:
        locked.delete()
    except ProtectedError as refusal:
        users = sorted({str(row._meta.verbose_name) for row in refusal.protected_objects})
        raise SetInUse(f"The set {truth_set.key} is used by: {', '.join(users)}. So it stays.") from refusal


@transaction.atomic
def freeze(*, truth_set: GroundTruthSet) -> GroundTruthSet:
    """Let a set stay as it is, for good. Raises ``SetFrozen`` where it is frozen already."""
    locked = _lock_thawed(truth_set.pk)
    locked.frozen_at = timezone.now()
    locked.save(update_fields=["frozen_at"])
    return locked


def _lock_thawed(pk: uuid.UUID) -> GroundTruthSet:
    locked = GroundTruthSet.objects.select_for_update().get(pk=pk)
    if locked.frozen_at is not None:
        raise SetFrozen(f"The set {locked.key} is frozen since {locked.frozen_at:%Y-%m-%d}. Make another set.")
    return locked
