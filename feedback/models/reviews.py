"""Reviews of outputs, and the ground truth that is made of them."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, JSONObject

from config.models import Record
from feedback.models.work import ADJUDICATION_SLOT, ReviewAnswer, ReviewAssignment, ReviewItem


class FeedbackQuerySet(models.QuerySet["ReviewFeedback"]):
    def visible_to(self, user: Any) -> "FeedbackQuerySet":
        """All but what others answered on items that are not settled: nobody is led by another's opinion."""
        is_own = Q(answer__assignment__reviewer=user.pk)
        is_settled = Q(answer__assignment__item__state__in=ReviewItem.SETTLED)
        return self.filter(Q(answer=None) | is_own | is_settled)

    def with_truth(self) -> "FeedbackQuerySet":
        """``truth`` is the latest ground truth of its item, ``{id, scope, version}``; null where there is none."""
        told = JSONObject(id="pk", scope="scope", version="version")
        own, items = (Subquery(each.order_by("-version").values(told=told)[:1]) for each in _truths())
        return self.annotate(truth=Coalesce(own, items, output_field=models.JSONField()))

    def curated(self) -> "FeedbackQuerySet":
        """Those of whose item there is ground truth, whoever's answer it was made of."""
        own, items = (Exists(each) for each in _truths())
        return self.filter(own | items)

    def to_be_curated(self) -> "FeedbackQuerySet":
        """Those that accept or correct what no ground truth was made of yet, where no adjudicator decided otherwise."""
        decided = ReviewAssignment.objects.filter(
            item=OuterRef("answer__assignment__item"),
            slot=ADJUDICATION_SLOT,
            state=ReviewAssignment.State.SUBMITTED,
        )
        own, items = (Exists(each) for each in _truths())
        return self.filter(
            Q(answer__assignment__slot=ADJUDICATION_SLOT) | ~Exists(decided),
            ~own,
            ~items,
            answer__verdict__in=[ReviewAnswer.Verdict.ACCEPT, ReviewAnswer.Verdict.CORRECT],
            answer__assignment__item__state=ReviewItem.State.DONE,
        )


def _truths() -> "tuple[models.QuerySet[GroundTruth], models.QuerySet[GroundTruth]]":
    """Of a review, and of its item; apart, as each is found by an index."""
    of_item = GroundTruth.objects.filter(feedback__answer__assignment__item=OuterRef("answer__assignment__item"))
    return GroundTruth.objects.filter(feedback=OuterRef("pk")), of_item


class ReviewFeedback(Record):
    """What one reviewer said of a design, an artifact or a module.

    One that came of a queue has its ``answer``, which says all of it; here stands what every reader understands.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        REJECTED = "rejected", "Rejected"

    design_split = models.ForeignKey(
        "pipelines.DesignSplit", on_delete=models.SET_NULL, null=True, blank=True, related_name="feedback"
    )
    artifact = models.ForeignKey(
        "pipelines.GeneratedArtifact", on_delete=models.SET_NULL, null=True, blank=True, related_name="feedback"
    )
    module = models.ForeignKey(
        "pipelines.ModuleTemplate", on_delete=models.SET_NULL, null=True, blank=True, related_name="feedback"
    )
    reviewer = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    ratings = models.JSONField(default=dict, blank=True)
    comments = models.TextField(blank=True)
    findings = models.JSONField(default=list, blank=True)
    answer = models.OneToOneField(
        ReviewAnswer, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="feedback"
    )

    objects = models.Manager.from_queryset(FeedbackQuerySet)()

    class Meta(Record.Meta):
        db_table = "review_feedback"
        verbose_name_plural = "review feedback"
        constraints = [
            models.CheckConstraint(
                name="feedback_status_known",
                condition=Q(status__in=["pending", "approved", "changes_requested", "rejected"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.status}"


class GroundTruth(Record):
    """An accepted answer for ``reference_id`` within ``scope``; a correction is the next version."""

    scope = models.CharField(max_length=80)
    reference_id = models.CharField(max_length=200)
    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    data = models.JSONField()
    provenance = models.JSONField(default=dict, blank=True)
    feedback = models.ForeignKey(
        ReviewFeedback, on_delete=models.PROTECT, null=True, blank=True, related_name="ground_truths"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta(Record.Meta):
        verbose_name_plural = "ground truth"
        constraints = [
            models.UniqueConstraint(fields=["scope", "reference_id", "version"], name="ground_truth_version_unique"),
            models.CheckConstraint(name="ground_truth_version_from_one", condition=Q(version__gte=1)),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="ground_truth_never_changes",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("scope", "reference_id", "version", "data", "provenance", "feedback_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Condition("OLD.* IS DISTINCT FROM NEW.*"),
                func="RAISE EXCEPTION 'Ground truth never changes. Add the next version.' "
                "USING ERRCODE = 'check_violation';",
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.reference_id} v{self.version}"
