"""What runs by the clock."""

import pghistory
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from config.models import Record
from pipelines.models.definitions import PipelineDefinition, PipelineVersion
from pipelines.models.runs import PipelineRun


@pghistory.track(exclude=["created_at", "taken_until"])
class PipelineSchedule(Record):
    """Starts a run of a pipeline whenever its cron expression says so. Its runs carry its id as their run group.

    The ``last_…`` columns say what became of the latest time that came; the row's history has those before it. While
    ``taken_until`` lies ahead somebody is starting its run.
    """

    name = models.CharField(max_length=200, unique=True)
    pipeline = models.ForeignKey(PipelineDefinition, on_delete=models.PROTECT, related_name="schedules")
    pipeline_version = models.ForeignKey(
        PipelineVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="schedules",
        help_text="Empty: the version that is active when the time comes.",
    )
    cron = models.CharField(
        max_length=100, help_text="Minute, hour, day of the month, month, day of the week: 30 2 * * mon-fri"
    )
    timezone = models.CharField(max_length=64, default="UTC", help_text="The clock it goes by, such as Europe/Berlin.")
    source_url = models.CharField(
        max_length=2000,
        blank=True,
        validators=[RegexValidator(r"^https?://\S+\Z", "An address begins with http:// or https://.")],
        help_text="The page or picture to work on, fetched each time.",
    )
    inputs = models.JSONField(default=dict, blank=True)
    params = models.JSONField(default=dict, blank=True, help_text="Parameters by node key.")
    priority = models.SmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    taken_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_slot = models.DateTimeField(null=True, blank=True, editable=False, help_text="The time that last came.")
    last_run = models.ForeignKey(
        PipelineRun, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    last_missed = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="How many times before the last had passed while nobody looked; they were not made up for.",
    )
    last_error = models.JSONField(null=True, blank=True, editable=False, help_text="Why no run was started.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta(Record.Meta):
        verbose_name = "schedule"
        indexes = [
            models.Index(fields=["next_run_at"], condition=Q(next_run_at__isnull=False), name="schedule_by_next_run")
        ]
        constraints = [
            models.CheckConstraint(
                name="schedule_next_run_iff_enabled",
                condition=Q(enabled=True, next_run_at__isnull=False) | Q(enabled=False, next_run_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name
