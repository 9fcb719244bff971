"""What a version must show on ground truth before it is made active."""

import pghistory
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from config.models import Record
from feedback.models.sets import GroundTruthSet

OVERRIDE = "feedback.override_gate"


@pghistory.track(exclude=["created_at"])
class ActivationGate(Record):
    """Asks that a version is not worse than the active one on a frozen set before it is made active.

    It guards the pipeline's versions or, with ``process``, that process's prompts as the pipeline's active version asks
    them. Not worse is: no metric is significantly worse.
    """

    class Unclear(models.TextChoices):
        ALLOW = "allow", "Counts as not worse"
        REFUSE = "refuse", "Counts as worse"

    pipeline = models.ForeignKey("pipelines.PipelineDefinition", on_delete=models.PROTECT, related_name="gates")
    process = models.ForeignKey(
        "pipelines.AIProcess",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="gates",
        help_text="Guard this process's prompts, as the pipeline asks them. Empty: the pipeline's own versions.",
    )
    truth_set = models.ForeignKey(
        GroundTruthSet,
        on_delete=models.PROTECT,
        related_name="gates",
        verbose_name="set",
        help_text="A frozen set of ground truth.",
    )
    minimum_items = models.PositiveIntegerField(
        default=6,
        validators=[MinValueValidator(1)],
        help_text="Answers that were compared, at least. Six that all change are the least that can tell.",
    )
    when_unclear = models.CharField(
        max_length=8,
        choices=Unclear,
        default=Unclear.ALLOW,
        help_text="What a metric counts as whose change may be chance.",
    )
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta(Record.Meta):
        verbose_name = "gate"
        permissions = [("override_gate", "Can make a version active that a gate refuses, with a reason")]
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline", "truth_set"], condition=Q(process__isnull=True), name="one_gate_a_pipeline_and_set"
            ),
            models.UniqueConstraint(
                fields=["process", "pipeline", "truth_set"],
                condition=Q(process__isnull=False),
                name="one_gate_a_process_and_set",
            ),
            models.CheckConstraint(name="gate_when_unclear_known", condition=Q(when_unclear__in=["allow", "refuse"])),
            models.CheckConstraint(name="gate_minimum_from_one", condition=Q(minimum_items__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.process or self.pipeline} on {self.truth_set}"
