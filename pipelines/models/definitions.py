"""What can be run: pipelines and their DAGs, steps and their code."""

import pghistory
import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models

from config.models import Record

KEY_VALIDATOR = RegexValidator(
    r"^[a-z][a-z0-9_]{0,79}\Z",
    "A key is lower case letters, digits and underscores, begins with a letter, and has at most 80 characters.",
)


class ValidationMode(models.TextChoices):
    """What an invalid IR does: nothing is checked, it is recorded, or it fails the step."""

    OFF = "off", "Off"
    LOG = "log", "Log"
    ENFORCE = "enforce", "Enforce"


@pghistory.track(exclude=["created_at"])
class ConcurrencyPool(Record):
    """How much may be under way at once, of the steps and of the runs that name this pool, each by its weight."""

    key = models.CharField(max_length=100, unique=True)
    limit = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    description = models.CharField(max_length=500, blank=True)

    class Meta(Record.Meta):
        verbose_name = "pool"
        constraints = [models.CheckConstraint(name="pool_limit_from_one", condition=models.Q(limit__gte=1))]

    def __str__(self) -> str:
        return self.key


@pghistory.track(exclude=["created_at"])
class PipelineDefinition(Record):
    """A pipeline by its key; its versions carry the DAGs."""

    key = models.CharField(max_length=80, unique=True, validators=[KEY_VALIDATOR])
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    ir_validation_mode = models.CharField(
        "IR validation mode",
        max_length=10,
        blank=True,
        choices=ValidationMode,
        help_text="Overrides the installation's IR_VALIDATION_MODE for this pipeline. Empty: no override.",
    )
    run_pool = models.ForeignKey(
        ConcurrencyPool,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pipelines",
        help_text="Runs of this pipeline wait in the queue while this pool is full.",
    )
    run_weight = models.PositiveSmallIntegerField(
        db_default=1, default=1, validators=[MinValueValidator(1)], help_text="How much of the pool one run takes."
    )

    class Meta(Record.Meta):
        verbose_name = "pipeline"
        constraints = [
            models.CheckConstraint(
                name="pipeline_validation_mode_known",
                condition=models.Q(ir_validation_mode__in=["", *ValidationMode.values]),
            )
        ]

    def __str__(self) -> str:
        return self.key


@pghistory.track(exclude=["created_at"])
class PipelineVersion(Record):
    """One DAG of a pipeline. Frozen once it has run: change it by making the next version."""

    pipeline = models.ForeignKey(PipelineDefinition, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    dag = models.JSONField("DAG", help_text="Nodes, edges and groups; see docs/dag.md.")
    is_active = models.BooleanField(default=False)
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "version"], name="pipeline_version_unique"),
            models.UniqueConstraint(
                fields=["pipeline"], condition=models.Q(is_active=True), name="one_active_version_per_pipeline"
            ),
            models.CheckConstraint(name="pipeline_version_from_one", condition=models.Q(version__gte=1)),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="freeze_dag_once_run",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__dag__df=pgtrigger.F("new__dag")),
                func="""
                    IF EXISTS (SELECT 1 FROM pipelines_pipelinerun WHERE pipeline_version_id = OLD.id) THEN
                        RAISE EXCEPTION 'This pipeline version has run and is frozen. Make the next version.'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.pipeline.key}@{self.version}"


@pghistory.track(exclude=["created_at"])
class StepDefinition(Record):
    """A step by its key; its versions name the code."""

    key = models.CharField(max_length=80, unique=True, validators=[KEY_VALIDATOR])
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)

    class Meta(Record.Meta):
        verbose_name = "step"

    def __str__(self) -> str:
        return self.key


@pghistory.track(exclude=["created_at"])
class StepVersion(Record):
    """One version of a step: the handler that runs it and the configuration it starts from."""

    step = models.ForeignKey(StepDefinition, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    handler = models.CharField(max_length=80, help_text="The name under which the step's function is registered.")
    default_config = models.JSONField(default=dict, blank=True)

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["step", "version"], name="step_version_unique"),
            models.CheckConstraint(name="step_version_from_one", condition=models.Q(version__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.step.key}@{self.version}"
