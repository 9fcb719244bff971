"""How good versions are on ground truth."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from config.models import Record
from feedback.models.reviews import GroundTruth
from feedback.models.sets import GroundTruthSet

NO_ROW = Value("00000000-0000-0000-0000-000000000000", output_field=models.UUIDField())


class Evaluation(Record):
    """A version of a pipeline on a set of ground truth, perhaps beside another: the baseline.

    With ``prompt`` both sides run the same version, whose nodes ask this prompt, and on the other side
    ``baseline_prompt``. The items are the set's answers as they were when it began. Its runs carry its id as their run
    group. ``report`` is ``{answers, withoutOutput, means, metrics…}``, once it is completed.
    """

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Outcome(models.TextChoices):
        BETTER = "better", "Better"
        WORSE = "worse", "Worse"
        EQUAL = "equal", "The same"
        UNCLEAR = "unclear", "Can't tell"

    truth_set = models.ForeignKey(GroundTruthSet, on_delete=models.PROTECT, related_name="evaluations")
    set_was_frozen = models.BooleanField(
        default=False, editable=False, help_text="Whether the set was frozen when its answers were taken."
    )
    version = models.ForeignKey("pipelines.PipelineVersion", on_delete=models.PROTECT, related_name="evaluations")
    prompt = models.ForeignKey(
        "pipelines.AIPrompt", on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations"
    )
    baseline_version = models.ForeignKey(
        "pipelines.PipelineVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    baseline_prompt = models.ForeignKey(
        "pipelines.AIPrompt", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING, editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True, default="", editable=False)
    report = models.JSONField(null=True, blank=True, editable=False)
    error = models.JSONField(null=True, blank=True, editable=False, help_text="Why it failed.")
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    is_replay = False  # whether one that was under way already was given for it

    class Meta(Record.Meta):
        indexes = [models.Index(fields=["id"], condition=Q(status="running"), name="evaluation_under_way")]
        constraints = [
            models.CheckConstraint(
                name="evaluation_status_known", condition=Q(status__in=["running", "completed", "failed", "cancelled"])
            ),
            models.CheckConstraint(
                name="evaluation_outcome_known", condition=Q(outcome__in=["", "better", "worse", "equal", "unclear"])
            ),
            models.CheckConstraint(
                name="evaluation_finished_iff_over",
                condition=Q(status="running", finished_at__isnull=True)
                | (~Q(status="running") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="evaluation_report_iff_completed",
                condition=Q(status="completed", report__isnull=False)
                | (~Q(status="completed") & Q(report__isnull=True)),
            ),
            models.CheckConstraint(
                name="evaluation_compares_like_with_like",
                condition=Q(baseline_version__isnull=True, baseline_prompt__isnull=True)
                | Q(baseline_version__isnull=False, prompt__isnull=True, baseline_prompt__isnull=True)
                | Q(prompt__isnull=False, baseline_prompt__isnull=False, baseline_version=F("version")),
            ),
            models.UniqueConstraint(
                F("truth_set"),
                F("version"),
                Coalesce(F("prompt"), NO_ROW),
                Coalesce(F("baseline_version"), NO_ROW),
                Coalesce(F("baseline_prompt"), NO_ROW),
                condition=Q(status="running"),
                name="one_evaluation_of_a_kind_under_way",
            ),
        ]

    @property
    def is_finished(self) -> bool:
        return self.status != self.Status.RUNNING

    @property
    def candidate(self) -> str:
        """What is evaluated, by name."""
        return f"{self.prompt} in {self.version}" if self.prompt else str(self.version)

    @property
    def baseline(self) -> str:
        """What it is compared with, by name; empty for nothing."""
        return str(self.baseline_prompt or self.baseline_version or "")

    def __str__(self) -> str:
        against = f" against {self.baseline}" if self.baseline else ""
        return f"{self.candidate}{against} on {self.truth_set}"


class EvaluationItem(Record):
    """One answer of an evaluation, with what each side gave: scores of 0 to 1 by metric, null until they are known.

    ``reference`` names the input; answers to the same input share their runs. No step run: there was no output.
    ``change`` is the metric's change that lost most, else that won most; 0 where nothing changed.
    """

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="items")
    ground_truth = models.ForeignKey(GroundTruth, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=200)
    run = models.ForeignKey("pipelines.PipelineRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    scores = models.JSONField(null=True, blank=True)
    baseline_run = models.ForeignKey(
        "pipelines.PipelineRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    baseline_step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    baseline_scores = models.JSONField(null=True, blank=True)
    change = models.FloatField(null=True, blank=True)

    class Meta(Record.Meta):
        verbose_name = "item of an evaluation"
        verbose_name_plural = "items of evaluations"
        indexes = [models.Index(fields=["evaluation", "reference"], name="evaluation_item_by_reference")]
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "ground_truth"], name="answer_once_per_evaluation")
        ]

    def __str__(self) -> str:
        return str(self.ground_truth)


STATUS_COLOURS: dict[str, str] = {
    "running": "info",
    "completed": "success",
    "failed": "danger",
    "cancelled": "default",
}
OUTCOME_COLOURS: dict[str, str] = {"better": "success", "worse": "danger", "equal": "default", "unclear": "warning"}
