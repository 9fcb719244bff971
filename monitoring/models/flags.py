"""What is switched on, and for whom first."""

from typing import Any

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Deferrable, Q

from config.models import Record

MODES = ("off", "log", "enforce")
SWITCH = ("on", "off")
MOST_REASON = 500
WRONG_VALUE = "The value must be on or off; for IR_VALIDATION_MODE: off, log or enforce."


class FlagKey(models.TextChoices):
    PIPELINE_LOGGING_ENABLED = "PIPELINE_LOGGING_ENABLED", "Pipelines may run and write records"
    IR_VALIDATION_MODE = "IR_VALIDATION_MODE", "What an invalid IR does"
    MONITORING_API_ENABLED = "MONITORING_API_ENABLED", "The monitoring endpoints are open"
    REVIEW_ENABLED = "REVIEW_ENABLED", "Review queues are open"


def values_of(key: str) -> tuple[str, ...]:
    """The values that a flag can have."""
    return MODES if key == FlagKey.IR_VALIDATION_MODE else SWITCH


def _value_fits_key(name: str) -> models.CheckConstraint:
    mode = Q(key="IR_VALIDATION_MODE")
    return models.CheckConstraint(
        name=name,
        condition=(mode & Q(value__in=MODES)) | (~mode & Q(value__in=SWITCH)),
        violation_error_message=WRONG_VALUE,
    )


def _events() -> tuple[Any, ...]:
    return pghistory.InsertEvent("insert"), pghistory.UpdateEvent("update"), pghistory.DeleteEvent("delete")


@pghistory.track(*_events(), exclude=["created_at"])
class FeatureFlag(Record):
    """The live value of a setting. Without a row, the environment's default holds."""

    Key = FlagKey

    key = models.CharField(max_length=40, unique=True, choices=FlagKey)
    value = models.CharField(max_length=20, help_text="on or off; for IR_VALIDATION_MODE: off, log or enforce.")
    reason = models.CharField(max_length=MOST_REASON, blank=True, help_text="Why it stands as it does.")
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta(Record.Meta):
        constraints = [_value_fits_key("flag_value_fits_key")]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"


@pghistory.track(*_events(), exclude=["created_at"])
class FlagRule(Record):
    """A flag's value for some before it holds for all. Of the rules that fit, the one with the lowest position counts.

    ``who`` says which of the columns ``user`` to ``percentage`` is filled; the others are null.
    """

    class Who(models.TextChoices):
        USER = "user", "User"
        GROUP = "group", "Group"
        PIPELINE = "pipeline", "Pipeline"
        PROMPT = "prompt", "Prompt"
        PERCENTAGE = "percentage", "Percentage"

    key = models.CharField(max_length=40, choices=FlagKey)
    position = models.PositiveSmallIntegerField(help_text="The lowest comes first.")
    who = models.CharField(max_length=10, choices=Who)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    group = models.ForeignKey("auth.Group", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    pipeline = models.ForeignKey(
        "pipelines.PipelineDefinition", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    prompt = models.ForeignKey("pipelines.AIPrompt", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    percentage = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    value = models.CharField(max_length=20)
    reason = models.CharField(max_length=MOST_REASON, help_text="Why it was made.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta(Record.Meta):
        ordering = ("key", "position")  # type: ignore[assignment]
        constraints = [
            _value_fits_key("flag_rule_value_fits_key"),
            models.UniqueConstraint(
                fields=["key", "position"], name="flag_rule_position_unique", deferrable=Deferrable.DEFERRED
            ),
            models.CheckConstraint(
                name="flag_rule_names_whom_it_is_for",
                condition=Q(who="user", user__isnull=False, group=None, pipeline=None, prompt=None, percentage=None)
                | Q(who="group", user=None, group__isnull=False, pipeline=None, prompt=None, percentage=None)
                | Q(who="pipeline", user=None, group=None, pipeline__isnull=False, prompt=None, percentage=None)
                | Q(who="prompt", user=None, group=None, pipeline=None, prompt__isnull=False, percentage=None)
                | Q(who="percentage", user=None, group=None, pipeline=None, prompt=None, percentage__range=(0, 100)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.get_who_display()} gets {self.value}"
