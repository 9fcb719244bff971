"""What was run. These rows are the truth about a run; executors only carry them forward."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from config.models import Record, uuid7
from pipelines.models.definitions import PipelineDefinition, PipelineVersion, StepVersion


class RunStatus(models.TextChoices):
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class StepStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    READY = "ready", "Ready"
    WAITING = "waiting", "Waiting for approval"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
    CANCELLED = "cancelled", "Cancelled"


STATUS_COLOURS: dict[str, str] = {
    "pending": "default",
    "ready": "default",
    "waiting": "warning",
    "running": "info",
    "completed": "success",
    "failed": "danger",
    "skipped": "default",
    "cancelled": "warning",
}
STATUS_ICONS: dict[str, str] = {
    "pending": "radio_button_unchecked",
    "ready": "hourglass_top",
    "waiting": "front_hand",
    "running": "progress_activity",
    "completed": "check_circle",
    "failed": "error",
    "skipped": "skip_next",
    "cancelled": "block",
}
FINISHED_RUN = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
FINISHED_STEP = (StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED)


class PipelineRun(Record):
    """One run of one pipeline version, with a copy of its DAG so that no later edit can touch it.

    ``error`` is ``{code, message}`` and, where a step is to blame, ``nodeKey`` and ``mapIndex``. ``is_replay`` is set
    on a run that was found by its idempotency key where one was to be started.
    """

    Status = RunStatus
    is_replay = False

    pipeline = models.ForeignKey(PipelineDefinition, on_delete=models.PROTECT, db_index=False, related_name="runs")
    pipeline_version = models.ForeignKey(PipelineVersion, on_delete=models.PROTECT, related_name="runs")
    design_split = models.ForeignKey(
        "pipelines.DesignSplit", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.RUNNING)
    dag = models.JSONField("DAG", editable=False)
    inputs = models.JSONField(default=dict, blank=True)
    params = models.JSONField(default=dict, blank=True)
    error = models.JSONField(null=True, blank=True)
    run_group_id = models.UUIDField(default=uuid7, db_index=True)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    rerun_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reruns")
    rerun_from = models.JSONField(
        null=True, blank=True, editable=False, help_text="The nodes that were named to run again; null: none were."
    )
    priority = models.SmallIntegerField(default=0)
    pool = models.CharField(max_length=100, blank=True, db_default="", default="", help_text="Runs share its limit.")
    weight = models.PositiveSmallIntegerField(db_default=1, default=1, help_text="How much of the pool the run takes.")
    queued = models.BooleanField(
        db_default=False, default=False, help_text="It has not begun yet, as its pool is full. Its status is running."
    )
    revision = models.PositiveIntegerField(default=0, editable=False, help_text="Counts the moves of its steps.")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(Record.Meta):
        permissions = [("operate_pipelinerun", "Can start, cancel, rerun and approve pipeline runs")]
        indexes = [
            models.Index(fields=["pipeline", "-id"], name="run_by_pipeline"),
            models.Index(fields=["pool", "id"], condition=Q(status="running"), name="run_unfinished"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="run_idempotency_key_unique",
            ),
            models.CheckConstraint(name="run_status_known", condition=Q(status__in=RunStatus.values)),
            models.CheckConstraint(
                name="run_finished_iff_terminal",
                condition=Q(status__in=FINISHED_RUN, finished_at__isnull=False)
                | Q(status=RunStatus.RUNNING, finished_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pipeline_version} {self.id}"

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED_RUN

    @property
    def waits_for_pool(self) -> str:
        """The key of the pool that is full, so that the run has not begun yet; else empty."""
        return self.pool if self.queued and not self.is_finished else ""


class StepRun(Record):
    """One node of one run, or one item of a node that runs ``forEach``.

    Attempts are counted in place. ``lease_token`` is the fence: a result is accepted only from the attempt that
    holds it. ``error`` is ``{code, message}``; ``reason`` says why a row is skipped, waits or is done without running.
    ``revision`` is that of the run when the row last moved. A running row takes ``weight`` of its ``pool``; a ready one
    may stand in the pool's line, by ``pool_priority`` and age.
    ``reused_from`` is the row that really ran, where this one stands for it; its records are copies. ``decided_by``
    approved or declined it.
    """

    Status = StepStatus
    pipeline_run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, db_index=False, related_name="step_runs")
    step_version = models.ForeignKey(StepVersion, on_delete=models.PROTECT, related_name="step_runs")
    node_key = models.CharField(max_length=80)
    map_index = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=StepStatus, default=StepStatus.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    lost_count = models.PositiveSmallIntegerField(default=0)
    released_count = models.PositiveSmallIntegerField(
        db_default=0, default=0, editable=False, help_text="Attempts that a worker gave back because it was stopped."
    )
    revision = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    pool = models.CharField(max_length=100, blank=True, db_default="", default="", editable=False)
    weight = models.PositiveSmallIntegerField(db_default=1, default=1, editable=False)
    pool_priority = models.SmallIntegerField(
        null=True, blank=True, editable=False, help_text="Set while it is ready and stands in its pool's line."
    )
    pool_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="How long its place in the pool is kept; its turn, or it asks."
    )
    progress_done = models.PositiveIntegerField(null=True, blank=True, editable=False)
    progress_total = models.PositiveIntegerField(null=True, blank=True, editable=False)
    ready_at = models.DateTimeField(null=True, blank=True, editable=False)
    past_attempts = models.JSONField(default=list, blank=True)
    params = models.JSONField(default=dict, blank=True)
    error = models.JSONField(null=True, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    held = models.BooleanField(default=False, editable=False, help_text="Released, but its parallel group is full.")
    reused_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    cache_key = models.CharField(max_length=64, blank=True, db_default="", default="", editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_comment = models.CharField(max_length=2000, blank=True, db_default="", default="")
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    not_before = models.DateTimeField(null=True, blank=True, editable=False)
    deadline = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(Record.Meta):
        # A step's row is written three times, each time into every index it belongs to, so there are few.
        indexes = [
            models.Index(fields=["reused_from"], condition=Q(reused_from__isnull=False), name="step_run_reused"),
            models.Index(fields=["decided_by"], condition=Q(decided_by__isnull=False), name="step_run_decided"),
            models.Index(fields=["lease_expires_at"], condition=Q(status="running"), name="step_run_leases"),
            models.Index(fields=["not_before"], condition=Q(status="ready"), name="step_run_ready"),
            models.Index(
                fields=["pool"], include=["weight"], condition=Q(status="running") & ~Q(pool=""), name="step_run_pools"
            ),
            models.Index(
                fields=["pool", "-pool_priority", "id"],
                condition=Q(status="ready", pool_priority__isnull=False),
                name="step_run_lines",
            ),
            models.Index(fields=["-id"], condition=Q(status="waiting"), name="step_run_waiting"),
            models.Index(
                fields=["cache_key", "-id"], condition=Q(status="completed") & ~Q(cache_key=""), name="step_run_cached"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                "pipeline_run", "node_key", Coalesce("map_index", -1), name="step_run_by_node_once"
            ),
            models.CheckConstraint(name="step_run_status_known", condition=Q(status__in=StepStatus.values)),
            models.CheckConstraint(name="step_run_held_while_pending", condition=Q(held=False) | Q(status="pending")),
            models.CheckConstraint(
                name="step_run_leased_iff_running",
                condition=Q(status="running", lease_token__isnull=False, lease_expires_at__isnull=False)
                | (~Q(status="running") & Q(lease_token__isnull=True, lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="step_run_finished_iff_terminal",
                condition=Q(status__in=FINISHED_STEP, finished_at__isnull=False)
                | (~Q(status__in=FINISHED_STEP) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="step_run_ends_after_start",
                condition=Q(finished_at__isnull=True)
                | Q(started_at__isnull=True)
                | Q(finished_at__gte=F("started_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.node_key if self.map_index is None else f"{self.node_key}[{self.map_index}]"

    @property
    def waits_for_pool(self) -> str:
        """The key of the pool in whose line it stands; else empty."""
        return self.pool if self.status == StepStatus.READY and self.pool_priority is not None else ""


class StepLog(Record):
    """A line that a step wrote while it ran."""

    step_run = models.ForeignKey(StepRun, on_delete=models.CASCADE, related_name="log_lines")
    attempt = models.PositiveSmallIntegerField()
    message = models.CharField(max_length=2000)

    class Meta(Record.Meta):
        indexes = [models.Index(fields=["step_run", "id"], name="step_log_by_step")]

    def __str__(self) -> str:
        return self.message


class OutputType(models.TextChoices):
    """The domain tables a step's outputs go to, by model name."""

    SPLIT_ASSET = "SplitAsset", "Split asset"
    MODULE_TEMPLATE = "ModuleTemplate", "Module template"
    GENERATED_ARTIFACT = "GeneratedArtifact", "Generated artifact"
    VALIDATION_RESULT = "ValidationResult", "Validation result"
    PROMPT_RESULT = "PromptResult", "Prompt result"


class StepOutputLink(Record):
    """From a step run to one domain row it made."""

    step_run = models.ForeignKey(StepRun, on_delete=models.CASCADE, related_name="output_links")
    target_type = models.CharField(max_length=40, choices=OutputType)
    target_id = models.UUIDField()

    class Meta(Record.Meta):
        indexes = [models.Index(fields=["target_type", "target_id"], name="output_link_by_target")]
        constraints = [
            models.UniqueConstraint(fields=["step_run", "target_type", "target_id"], name="output_linked_once"),
            models.CheckConstraint(name="output_type_known", condition=Q(target_type__in=OutputType.values)),
        ]

    def __str__(self) -> str:
        return f"{self.target_type} {self.target_id}"
