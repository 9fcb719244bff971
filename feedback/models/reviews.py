"""Reviews of outputs, and the ground truth that is made of them."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from config.models import Record
from feedback.models.work import ReviewAnswer, ReviewItem


class FeedbackQuerySet(models.QuerySet["ReviewFeedback"]):
    def visible_to(self, user: Any) -> "FeedbackQuerySet":
        """All but what others answered on items that are not settled: nobody is led by another's opinion."""
        is_own = Q(answer__assignment__reviewer=user.pk)
        is_settled = Q(answer__assignment__item__state__in=ReviewItem.SETTLED)
        return self.filter(Q(answer=None) | is_own | is_settled)


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
