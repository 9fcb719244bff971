"""Sets of ground truth that pipelines are evaluated on."""

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q

from config.models import Record
from feedback.models.queues import KEY_VALIDATOR
from feedback.models.reviews import GroundTruth


@pghistory.track(exclude=["created_at"])
class GroundTruthSet(Record):
    """Ground truth to evaluate on, by name. A frozen one stays as it is for good, so that figures can be compared."""

    key = models.CharField(max_length=80, unique=True, validators=[KEY_VALIDATOR])
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True, help_text='A list of texts: ["release 4", "hard"].')
    frozen_at = models.DateTimeField(null=True, blank=True, editable=False)
    members: "models.ManyToManyField[GroundTruth, GroundTruthSetItem]" = models.ManyToManyField(
        GroundTruth, through="GroundTruthSetItem", related_name="sets"
    )

    class Meta(Record.Meta):
        verbose_name = "ground truth set"
        triggers = [
            pgtrigger.Trigger(
                name="set_stays_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__frozen_at__isnull=False)
                & (
                    pgtrigger.Q(old__frozen_at__df=pgtrigger.F("new__frozen_at"))
                    | pgtrigger.Q(old__key__df=pgtrigger.F("new__key"))
                ),
                func="RAISE EXCEPTION 'This set is frozen. Make another.' USING ERRCODE = 'check_violation';",
            )
        ]

    def __str__(self) -> str:
        return self.key


class GroundTruthSetItem(Record):
    """One version of one answer in a set; a set holds each answer once."""

    truth_set = models.ForeignKey(GroundTruthSet, on_delete=models.CASCADE, related_name="items")
    ground_truth = models.ForeignKey(GroundTruth, on_delete=models.PROTECT, related_name="set_items")
    scope = models.CharField(max_length=80, editable=False)
    reference_id = models.CharField(max_length=200, editable=False)

    class Meta(Record.Meta):
        verbose_name = "item of a set"
        verbose_name_plural = "items of a set"
        constraints = [
            models.UniqueConstraint(fields=["truth_set", "scope", "reference_id"], name="answer_once_per_set"),
            models.CheckConstraint(name="set_item_has_a_reference", condition=~Q(reference_id="")),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="items_of_a_frozen_set_stay",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM feedback_groundtruthset truth_set
                        WHERE truth_set.frozen_at IS NOT NULL AND truth_set.id IN (
                            CASE WHEN TG_OP <> 'INSERT' THEN OLD.truth_set_id END,
                            CASE WHEN TG_OP <> 'DELETE' THEN NEW.truth_set_id END
                        )
                    ) THEN
                        RAISE EXCEPTION 'This set is frozen. Make another.' USING ERRCODE = 'check_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.reference_id}"
