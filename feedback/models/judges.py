"""Models that judge outputs as reviewers do, and what they said."""

from decimal import Decimal

import pghistory
import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from config.models import Record
from feedback.models.queues import ItemKind
from feedback.models.reviews import GroundTruth

METRIC_PREFIX = "judge_"
FIXED = ("key", "prompt_id", "provider", "model", "temperature", "max_tokens", "compares", "pass_from")


@pghistory.track(exclude=["created_at", "held_by", "held_until"])
class Judge(Record):
    """A model with a version of a prompt that rates outputs from 0 to 1.

    It is an instrument: once it has judged, what it measures with stays as it is, and another takes another row. Its
    scores are the results of the metric ``metric_key``. ``calibration`` is how well it agreed with reviewers when that
    was last worked out (``calibrated_at``), as ``pipelines.judging.calibration`` writes it; null before. ``held_by`` is
    the process that works for it, until ``held_until`` at most unless it renews that.
    """

    key = models.CharField(
        max_length=60,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z][a-z0-9_]{0,59}\Z",
                "A key is lower case letters, digits and underscores, begins with a letter, and has at most 60 "
                "characters.",
            )
        ],
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    prompt = models.ForeignKey(
        "pipelines.AIPrompt",
        on_delete=models.PROTECT,
        related_name="judges",
        help_text="This version. It sees inputs.output, inputs.truth, inputs.input, inputs.params and schema.",
    )
    provider = models.CharField(max_length=80, default="echo", help_text="echo, or a name from AI_PROVIDERS.")
    model = models.CharField(max_length=200, blank=True, help_text="Empty: the provider's own.")
    temperature = models.FloatField(
        null=True, blank=True, default=0.0, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    max_tokens = models.PositiveIntegerField(
        default=1_000, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    compares = models.BooleanField(
        default=False, help_text="It compares with ground truth, and judges only outputs that have some."
    )
    pass_from = models.FloatField(
        default=0.5,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="From which score on it says what a reviewer says by accepting.",
    )
    question_key = models.CharField(
        max_length=80,
        blank=True,
        help_text="The pass or fail question whose answers it should meet. Empty: the verdicts.",
    )
    calibration = models.JSONField(null=True, blank=True, editable=False)
    calibrated_at = models.DateTimeField(null=True, blank=True, editable=False)
    held_by = models.UUIDField(null=True, blank=True, editable=False)
    held_until = models.DateTimeField("at work until", null=True, blank=True, editable=False)

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(name="judge_pass_from_a_share", condition=Q(pass_from__gte=0, pass_from__lte=1)),
            models.CheckConstraint(
                name="judge_temperature_in_bounds",
                condition=Q(temperature__isnull=True) | Q(temperature__gte=0, temperature__lte=2),
            ),
            models.CheckConstraint(
                name="judge_max_tokens_in_bounds", condition=Q(max_tokens__gte=1, max_tokens__lte=100_000)
            ),
            models.CheckConstraint(
                name="judge_calibrated_iff_calibration",
                condition=Q(calibration__isnull=True, calibrated_at__isnull=True)
                | Q(calibration__isnull=False, calibrated_at__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="judge_fixed_once_used",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf(*FIXED),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Condition(
                    " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in FIXED)
                ),
                func="""
                    IF EXISTS (SELECT 1 FROM feedback_judgement judgement WHERE judgement.judge_id = OLD.id) THEN
                        RAISE EXCEPTION 'This judge has judged. Add another instead of changing it.'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def metric_key(self) -> str:
        """The key of the metric that its scores are kept under."""
        return f"{METRIC_PREFIX}{self.key}"

    @property
    def has_judged(self) -> bool:
        return self.judgements.exists()

    def passes(self, score: float) -> bool:
        """Whether a score says what a reviewer says by accepting."""
        return score >= self.pass_from


class Judgement(Record):
    """What a judge said of one output: a ``score`` of 0 to 1 with its ``reason``, or why there is none.

    ``target_id`` is the key of a row of the table that ``kind`` names. An output is judged once (beside each ground
    truth); one that failed for the moment can be judged again. ``error`` is ``{code, message}``.
    """

    class Outcome(models.TextChoices):
        SCORED = "scored", "Scored"
        UNUSABLE = "unusable", "Answer not usable"
        FAILED = "failed", "No answer"

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, db_index=False, related_name="judgements")
    kind = models.CharField(max_length=16, choices=ItemKind)
    target_id = models.UUIDField()
    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="judgements"
    )
    ground_truth = models.ForeignKey(
        GroundTruth, on_delete=models.PROTECT, null=True, blank=True, related_name="judgements"
    )
    outcome = models.CharField(max_length=8, choices=Outcome)
    score = models.FloatField(null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    reason = models.TextField(blank=True)
    error = models.JSONField(null=True, blank=True)
    prompt_data = models.ForeignKey(
        "pipelines.PromptData",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="judgements",
        help_text="What it was asked last.",
    )
    calls = models.PositiveSmallIntegerField(default=0, help_text="How often it was asked.")
    cost_usd = models.DecimalField(
        max_digits=16, decimal_places=8, null=True, blank=True, help_text="Of all its calls; null where one is unknown."
    )

    class Meta(Record.Meta):
        indexes = [models.Index(fields=["judge", "-id"], name="judgement_by_judge")]
        constraints = [
            models.UniqueConstraint(
                fields=["judge", "kind", "target_id", "ground_truth"],
                condition=~Q(outcome="failed"),
                nulls_distinct=False,
                name="judged_once",
            ),
            models.CheckConstraint(
                name="judgement_kind_known", condition=Q(kind__in=["ir_artifact", "module", "prompt_result"])
            ),
            models.CheckConstraint(
                name="judgement_scored_iff_a_score",
                condition=Q(outcome="scored", score__gte=0, score__lte=1, passed__isnull=False, error__isnull=True)
                | Q(
                    outcome__in=["unusable", "failed"],
                    score__isnull=True,
                    passed__isnull=True,
                    error__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="judgement_cost_not_negative", condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=Decimal(0))
            ),
        ]

    def __str__(self) -> str:
        return self.get_outcome_display() if self.score is None else f"{self.score:g}"


OUTCOME_COLOURS: dict[str, str] = {"scored": "success", "unusable": "warning", "failed": "danger"}


def is_judges(metric_key: str) -> bool:
    """Whether a metric's results are scores of a judge."""
    return metric_key.startswith(METRIC_PREFIX)
