"""What is measured, by which profile, and what came out."""

import pghistory
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from config.models import Record


@pghistory.track(exclude=["created_at"])
class MetricDefinition(Record):
    """A measurable quantity. ``key`` names its evaluator; ``target`` is what one hopes for, in ``unit``."""

    class Direction(models.TextChoices):
        HIGHER = "higher", "Higher is better"
        LOWER = "lower", "Lower is better"

    class Aggregation(models.TextChoices):
        AVG = "avg", "Mean"
        SUM = "sum", "Sum"
        MIN = "min", "Minimum"
        MAX = "max", "Maximum"
        P95 = "p95", "95th percentile"

    class Scope(models.TextChoices):
        STEP = "step", "Step"
        RUN = "run", "Run"

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    unit = models.CharField(max_length=40, blank=True)
    target = models.FloatField(null=True, blank=True)
    direction = models.CharField(max_length=8, choices=Direction)
    aggregation = models.CharField(max_length=8, choices=Aggregation, default=Aggregation.AVG)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.STEP)

    class Meta(Record.Meta):
        verbose_name = "metric"
        constraints = [
            models.CheckConstraint(name="metric_direction_known", condition=Q(direction__in=["higher", "lower"])),
            models.CheckConstraint(
                name="metric_aggregation_known", condition=Q(aggregation__in=["avg", "sum", "min", "max", "p95"])
            ),
            models.CheckConstraint(name="metric_scope_known", condition=Q(scope__in=["step", "run"])),
        ]

    def __str__(self) -> str:
        return self.key


@pghistory.track(exclude=["created_at"])
class MetricProfile(Record):
    """A named set of metrics that a node is measured by."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)

    class Meta(Record.Meta):
        verbose_name = "profile"

    def __str__(self) -> str:
        return self.key


@pghistory.track(exclude=["created_at"])
class MetricProfileItem(Record):
    """One metric of a profile. With a ``threshold`` a result passes on its good side; without one it has no verdict."""

    profile = models.ForeignKey(MetricProfile, on_delete=models.CASCADE, related_name="items")
    metric = models.ForeignKey(MetricDefinition, on_delete=models.PROTECT, related_name="profile_items")
    threshold = models.FloatField(null=True, blank=True)
    weight = models.FloatField(default=1.0, validators=[MinValueValidator(0)])

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["profile", "metric"], name="metric_once_per_profile"),
            models.CheckConstraint(name="profile_item_weight_not_negative", condition=Q(weight__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.profile.key}: {self.metric.key}"


class MetricResult(Record):
    """One measured value. ``value`` is null where the metric did not apply; ``details`` then says why."""

    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.CASCADE, db_index=False, related_name="metric_results"
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    metric = models.ForeignKey(MetricDefinition, on_delete=models.PROTECT, db_index=False, related_name="results")
    profile = models.ForeignKey(MetricProfile, on_delete=models.PROTECT, null=True, blank=True, related_name="results")
    value = models.FloatField(null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta(Record.Meta):
        indexes = [models.Index(fields=["metric", "-id"], name="result_by_metric")]
        constraints = [
            models.UniqueConstraint(fields=["step_run", "attempt", "metric"], name="metric_once_per_attempt"),
            models.CheckConstraint(
                name="no_verdict_without_value", condition=Q(value__isnull=False) | Q(passed__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric_id} = {self.value}"


class MetricResultRow(models.Model):
    """A row of the view ``metrics_results_v``: a result beside its metric, profile, step and run. Read-only."""

    id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField()
    metric_key = models.CharField(max_length=80)
    unit = models.CharField(max_length=40)
    direction = models.CharField(max_length=8)
    target = models.FloatField(null=True)
    profile_key = models.CharField(max_length=80, null=True)
    threshold = models.FloatField(null=True)
    weight = models.FloatField(null=True)
    value = models.FloatField(null=True)
    passed = models.BooleanField(null=True)
    details = models.JSONField()
    node_key = models.CharField(max_length=80)
    map_index = models.PositiveIntegerField(null=True)
    attempt = models.PositiveSmallIntegerField()
    step_run_id = models.UUIDField()
    step_key = models.CharField(max_length=80)
    step_version = models.PositiveIntegerField()
    pipeline_run_id = models.UUIDField()
    pipeline_key = models.CharField(max_length=80)
    pipeline_version = models.PositiveIntegerField()
    run_group_id = models.UUIDField()
    design_split_id = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "metrics_results_v"
        verbose_name = "joined metric result"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.pipeline_key} {self.node_key} {self.metric_key}"

    def save(self, *args: object, **kwargs: object) -> None:
        raise TypeError("metrics_results_v is a view. Write a MetricResult instead.")

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise TypeError("metrics_results_v is a view. Delete the MetricResult instead.")
