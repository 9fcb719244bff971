"""The domain's own tables: a design, its parts, the modules made of them, and what validators said.

Other software reads these tables; the names of tables and fields are theirs and stay.
"""

from django.db import models
from django.db.models import Q

from config.models import Record, uuid7


class DesignSplit(Record):
    """A design that was taken in, and the small latest summary of its quality in ``metrics``."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        PROCESSING = "processing", "Processing"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"

    class Kind(models.TextChoices):
        HTML = "html", "HTML page"
        IMAGE = "image", "Image"

    design_upload_id = models.UUIDField(default=uuid7, db_index=True)
    name = models.CharField(max_length=500)
    kind = models.CharField(max_length=10, choices=Kind)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    metrics = models.JSONField(default=dict, blank=True)
    base_url = models.URLField(max_length=2000, blank=True)
    entry = models.CharField(max_length=1000, editable=False, help_text="Path of the page or picture in the bundle.")
    bundle = models.FileField(max_length=300, editable=False, help_text="The design and its assets as one zip.")
    sha256 = models.CharField(max_length=64, db_index=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(Record.Meta):
        db_table = "design_splits"
        verbose_name = "design"
        constraints = [
            models.CheckConstraint(
                name="design_status_known", condition=Q(status__in=["pending", "processing", "completed", "failed"])
            )
        ]

    def __str__(self) -> str:
        return self.name


class SplitAsset(Record):
    """One part of a design: its picture or markup under ``storage_url``, its place and text in ``meta``."""

    split = models.ForeignKey(DesignSplit, on_delete=models.CASCADE, related_name="assets")
    kind = models.CharField(max_length=40)
    storage_url = models.CharField(max_length=1000, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    order = models.PositiveIntegerField(default=0)
    project_id = models.UUIDField(null=True, blank=True, db_index=True)

    class Meta(Record.Meta):
        db_table = "split_assets"

    def __str__(self) -> str:
        return f"{self.kind} {self.order}"


class ModuleTemplate(Record):
    """A module as the template library knows it."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    category = models.CharField(max_length=80, blank=True)
    complexity = models.CharField(max_length=20, blank=True)
    html_content = models.TextField(blank=True)
    css_content = models.TextField(blank=True)
    js_content = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True)
    version = models.CharField(max_length=20, default="1.0.0")
    usage_count = models.PositiveIntegerField(default=0)
    rating = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)

    class Meta(Record.Meta):
        db_table = "module_templates"
        constraints = [
            models.CheckConstraint(
                name="module_rating_0_to_5", condition=Q(rating__isnull=True) | Q(rating__gte=0, rating__lte=5)
            )
        ]

    def __str__(self) -> str:
        return self.name


class GeneratedArtifact(Record):
    """What a generation step made for a design: content here, files in storage under ``content_url``."""

    class Status(models.TextChoices):
        GENERATED = "generated", "Generated"
        VALIDATED = "validated", "Validated"
        REJECTED = "rejected", "Rejected"

    design_split = models.ForeignKey(DesignSplit, on_delete=models.CASCADE, null=True, related_name="artifacts")
    module = models.ForeignKey(
        ModuleTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="artifacts"
    )
    type = models.CharField(max_length=40)
    content_url = models.CharField(max_length=1000, blank=True)
    content = models.TextField(blank=True)
    meta = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.GENERATED)

    class Meta(Record.Meta):
        db_table = "generated_artifacts"
        constraints = [
            models.CheckConstraint(
                name="artifact_status_known", condition=Q(status__in=["generated", "validated", "rejected"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.meta.get('name', self.id)}"


class ValidationResult(Record):
    """What one validator said of one artifact."""

    class Status(models.TextChoices):
        PASSED = "passed", "Passed"
        WARNING = "warning", "Warning"
        FAILED = "failed", "Failed"
        NOT_APPLICABLE = "not_applicable", "Not applicable"

    artifact = models.ForeignKey(
        GeneratedArtifact, on_delete=models.CASCADE, null=True, blank=True, related_name="validation_results"
    )
    design_split = models.ForeignKey(
        DesignSplit, on_delete=models.CASCADE, null=True, blank=True, related_name="validation_results"
    )
    validator = models.CharField(max_length=80)
    status = models.CharField(max_length=16, choices=Status)
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta(Record.Meta):
        db_table = "validation_results"
        constraints = [
            models.CheckConstraint(
                name="validation_status_known",
                condition=Q(status__in=["passed", "warning", "failed", "not_applicable"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.validator}: {self.status}"
