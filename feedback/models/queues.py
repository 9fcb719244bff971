"""What is reviewed, by how many, and what reviewers are asked."""

from typing import Any

import pghistory
import pgtrigger
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from config.models import Record

KEY_VALIDATOR = RegexValidator(
    r"^[a-z][a-z0-9_]{0,79}\Z",
    "A key is lower case letters, digits and underscores, begins with a letter, and has at most 80 characters.",
)
MOST_REVIEWERS = 20
MOST_OPEN_ITEMS = 100_000
MOST_QUESTIONS = 30
MOST_TEXT = 10_000  # characters of an answer
VERDICT = "verdict"  # what the agreement report calls it, so no question


class ItemKind(models.TextChoices):
    """The outputs that can be reviewed."""

    IR_ARTIFACT = "ir_artifact", "IR artifact"
    MODULE = "module", "Module"
    PROMPT_RESULT = "prompt_result", "Prompt result"


@pghistory.track(exclude=["created_at"])
class ReviewQueue(Record):
    """A stream of outputs that people review, and the rule that fills it.

    The rule takes outputs of ``kind``, the newest first, that meet all of its conditions, until ``most_open`` items
    wait. ``metric`` asks for results on the bad side of ``metric_limit``, or of the metric's own target where it is
    empty. ``share_percent`` is drawn by a stable hash, so that filling again draws the same outputs.
    """

    class Adjudication(models.TextChoices):
        NEVER = "never", "Never"
        ON_DISAGREEMENT = "on_disagreement", "Where reviewers disagree"
        ALWAYS = "always", "Always"

    key = models.CharField(max_length=80, unique=True, validators=[KEY_VALIDATOR])
    name = models.CharField(max_length=200)
    instructions = models.TextField(blank=True, help_text="What reviewers read before they begin. Plain text.")
    rubric = models.TextField(blank=True, help_text="What each answer means; shown beside the questions. Plain text.")
    reviewers_per_item = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_REVIEWERS)]
    )
    reservation_minutes = models.PositiveSmallIntegerField(
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
        help_text="After so long without a sign of life from its reviewer, an item goes to somebody else.",
    )
    adjudication = models.CharField(
        max_length=16,
        choices=Adjudication,
        default=Adjudication.ON_DISAGREEMENT,
        help_text="When another person decides which answer is accepted. Only with more than one reviewer an item.",
    )
    is_active = models.BooleanField(default=True, help_text="Nothing is added to or handed out from a queue at rest.")

    kind = models.CharField(max_length=16, choices=ItemKind, default=ItemKind.IR_ARTIFACT)
    pipeline = models.ForeignKey(
        "pipelines.PipelineDefinition", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    step = models.ForeignKey(
        "pipelines.StepDefinition", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    process = models.ForeignKey(
        "pipelines.AIProcess",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="For prompt results: the process whose prompts gave them.",
    )
    only_invalid = models.BooleanField(default=False, help_text="Only outputs whose IR broke its schema.")
    metric = models.ForeignKey(
        "metrics.MetricDefinition", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    metric_limit = models.FloatField(null=True, blank=True, help_text="Empty: the metric's own target.")
    share_percent = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    most_open = models.PositiveIntegerField(
        default=200,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_OPEN_ITEMS)],
        help_text="Filling stops when so many items wait.",
    )

    class Meta(Record.Meta):
        permissions = [
            ("review_item", "Can review the items of queues"),
            ("adjudicate_item", "Can decide items whose reviewers disagree"),
            ("curate_review", "Can fill queues, withdraw items and curate answers"),
        ]
        constraints = [
            models.CheckConstraint(
                name="queue_reviewers_in_bounds",
                condition=Q(reviewers_per_item__gte=1, reviewers_per_item__lte=MOST_REVIEWERS),
            ),
            models.CheckConstraint(
                name="queue_reservation_in_bounds",
                condition=Q(reservation_minutes__gte=1, reservation_minutes__lte=1440),
            ),
            models.CheckConstraint(name="queue_kind_known", condition=Q(kind__in=ItemKind.values)),
            models.CheckConstraint(
                name="queue_adjudication_known",
                condition=Q(adjudication__in=["never", "on_disagreement", "always"]),
            ),
            models.CheckConstraint(
                name="queue_share_in_bounds", condition=Q(share_percent__gte=1, share_percent__lte=100)
            ),
            models.CheckConstraint(
                name="queue_most_open_in_bounds", condition=Q(most_open__gte=1, most_open__lte=MOST_OPEN_ITEMS)
            ),
            models.CheckConstraint(
                name="queue_limit_of_a_metric",
                condition=Q(metric__isnull=False) | Q(metric_limit__isnull=True),
                violation_error_message="A limit needs its metric: choose one, or leave the limit empty.",
            ),
            models.CheckConstraint(
                name="queue_process_of_prompts",
                condition=Q(process__isnull=True) | Q(kind="prompt_result"),
                violation_error_message="Only prompt results come from a process: choose that kind, or no process.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


UNLESS_ANSWERED = """
                    IF EXISTS (
                        SELECT 1 FROM feedback_reviewanswer answer
                        JOIN feedback_reviewassignment assignment ON assignment.id = answer.assignment_id
                        JOIN feedback_reviewitem item ON item.id = assignment.item_id
                        WHERE item.queue_id = OLD.queue_id AND jsonb_exists(answer.answers, OLD.key)
                    ) THEN
                        RAISE EXCEPTION '{why}'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN {row};
                """
"""Of a trigger on a question; indented as the triggers were that the migrations made."""


@pghistory.track(exclude=["created_at"])
class ReviewQuestion(Record):
    """One question that every reviewer of a queue answers. Its kind and key are fixed once anybody has answered."""

    class Kind(models.TextChoices):
        PASS_FAIL = "pass_fail", "Pass or fail"
        CATEGORY = "category", "One of several"
        NUMBER = "number", "Number"
        TEXT = "text", "Text"

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="questions")
    key = models.CharField(max_length=80, validators=[KEY_VALIDATOR])
    label = models.CharField(max_length=200)
    help_text = models.CharField(max_length=500, blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PASS_FAIL)
    options = models.JSONField(default=list, blank=True, help_text='For "one of several": a list of texts, 2 to 9.')
    minimum = models.FloatField(null=True, blank=True, help_text="For a number: the smallest allowed.")
    maximum = models.FloatField(null=True, blank=True, help_text="For a number: the largest allowed.")
    is_required = models.BooleanField(default=True)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta(Record.Meta):
        ordering = ("order", "id")  # type: ignore[assignment]
        constraints = [
            models.UniqueConstraint(fields=["queue", "key"], name="question_key_unique_in_queue"),
            models.CheckConstraint(
                name="question_kind_known", condition=Q(kind__in=["pass_fail", "category", "number", "text"])
            ),
            models.CheckConstraint(
                name="question_bounds_of_a_number",
                condition=Q(kind="number") | Q(minimum__isnull=True, maximum__isnull=True),
                violation_error_message="Only a number has a minimum and a maximum.",
            ),
            models.CheckConstraint(
                name="question_bounds_in_order",
                condition=Q(minimum__isnull=True) | Q(maximum__isnull=True) | Q(minimum__lte=F("maximum")),
                violation_error_message="The minimum is above the maximum.",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="question_fixed_once_answered",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__key__df=pgtrigger.F("new__key"))
                | pgtrigger.Q(old__kind__df=pgtrigger.F("new__kind")),
                func=UNLESS_ANSWERED.format(
                    why="This question has been answered. Add another instead of changing its kind.", row="NEW"
                ),
            ),
            pgtrigger.Trigger(
                name="question_stays_once_answered",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func=UNLESS_ANSWERED.format(why="This question has been answered, so it stays.", row="OLD"),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """One that has the key already keeps it."""
        if self.key == VERDICT and not ReviewQuestion.objects.filter(pk=self.pk, key=VERDICT).exists():
            raise ValidationError({"key": f"Every answer has a {VERDICT} already. Give the question another key."})

    def is_answered(self) -> bool:
        """Whether anybody has answered it."""
        return self.queue.items.filter(assignments__answer__answers__has_key=self.key).exists()

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of an answer."""
        if self.kind == self.Kind.PASS_FAIL:
            return {"enum": ["pass", "fail"]}
        if self.kind == self.Kind.CATEGORY:
            return {"enum": list(self.options)}
        if self.kind == self.Kind.NUMBER:
            bounds = {"minimum": self.minimum, "maximum": self.maximum}
            return {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}
        return {"type": "string", "minLength": 1, "maxLength": MOST_TEXT}
