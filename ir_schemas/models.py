"""Schemas and their versions, and the IRs that were checked against them."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from config.canonical import content_hash
from config.models import Record, Weighed


class SchemaState(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


CHANGES_CHANNEL = "ir_schema_changed"
STATE_COLOURS: dict[str, str] = {"draft": "info", "active": "success", "retired": "default"}


def freeze_trigger(artifact_column: str) -> pgtrigger.Trigger:
    """The database's refusal to edit a version that any artifact was checked against."""
    return pgtrigger.Trigger(
        name="freeze_schema_once_used",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__content_hash__df=pgtrigger.F("new__content_hash"))
        | pgtrigger.Q(old__schema__df=pgtrigger.F("new__schema")),
        func=f"""
            IF EXISTS (SELECT 1 FROM ir_schemas_irartifact WHERE {artifact_column} = OLD.id) THEN
                RAISE EXCEPTION 'An artifact was checked against this schema version. Make a new version.'
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        """,  # noqa: S608 - the column is a literal of this module
    )


def announce_trigger(*owner_columns: str) -> pgtrigger.Trigger:
    """Tells every process that caches the schema in force, at the commit that changes it."""
    owner = ", ".join(f"NEW.{column}" for column in owner_columns)
    return pgtrigger.Trigger(
        name="announce_schema_change",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func=f"""
            PERFORM pg_notify('{CHANGES_CHANNEL}', COALESCE({owner})::text);
            RETURN NULL;
        """,
    )


class AbstractIRSchema(Record):
    """One version of a contract. ``source`` is the text as written; ``schema`` the JSON that validates.

    ``content_hash`` is the SHA-256 of the canonical form, so an identical schema is recognised.
    """

    State = SchemaState

    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    schema = models.JSONField()
    source = models.TextField(blank=True, editable=False)
    content_hash = models.CharField(max_length=64, editable=False)
    state = models.CharField(max_length=8, choices=SchemaState, default=SchemaState.DRAFT, editable=False)
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(Record.Meta):
        abstract = True
        constraints = [
            models.CheckConstraint(name="%(class)s_state_known", condition=Q(state__in=SchemaState.values)),
            models.CheckConstraint(name="%(class)s_version_from_one", condition=Q(version__gte=1)),
        ]

    @property
    def etag(self) -> str:
        """Changes with every write of the row."""
        return f'"{self.content_hash[:16]}-{self.updated_at.timestamp():.6f}"'

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.content_hash = content_hash(self.schema)
        super().save(*args, **kwargs)


class IRSchemaDefinition(AbstractIRSchema):
    """A version of the contract of a prompt or of a process, whichever one it belongs to."""

    name = models.CharField(max_length=200)
    process = models.ForeignKey(
        "pipelines.AIProcess", on_delete=models.PROTECT, null=True, blank=True, related_name="ir_schemas"
    )
    prompt = models.ForeignKey(
        "pipelines.AIPrompt", on_delete=models.PROTECT, null=True, blank=True, related_name="ir_schemas"
    )

    class Meta(AbstractIRSchema.Meta):
        verbose_name = "prompt or process schema"
        constraints = [
            *AbstractIRSchema.Meta.constraints,
            models.CheckConstraint(
                name="schema_of_prompt_or_process",
                condition=Q(process__isnull=False, prompt__isnull=True) | Q(process__isnull=True, prompt__isnull=False),
                violation_error_message="A schema belongs to one prompt or to one process: choose exactly one.",
            ),
            models.UniqueConstraint(
                fields=["prompt", "version"], condition=Q(prompt__isnull=False), name="prompt_schema_version_unique"
            ),
            models.UniqueConstraint(
                fields=["process", "version"], condition=Q(process__isnull=False), name="process_schema_version_unique"
            ),
            models.UniqueConstraint(
                fields=["prompt"],
                condition=Q(prompt__isnull=False, state="active"),
                name="one_active_schema_per_prompt",
            ),
            models.UniqueConstraint(
                fields=["process"],
                condition=Q(process__isnull=False, state="active"),
                name="one_active_schema_per_process",
            ),
        ]
        triggers = [freeze_trigger("schema_definition_id"), announce_trigger("prompt_id", "process_id")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class IRSchema(AbstractIRSchema):
    """A version of the contract of one step version."""

    step_version = models.ForeignKey("pipelines.StepVersion", on_delete=models.PROTECT, related_name="ir_schemas")

    class Meta(AbstractIRSchema.Meta):
        verbose_name = "step schema"
        permissions = [
            ("activate_irschema", "Can put schema versions in force and retire them"),
            ("override_compatibility", "Can activate a version that breaks its line's compatibility level"),
        ]
        constraints = [
            *AbstractIRSchema.Meta.constraints,
            models.UniqueConstraint(fields=["step_version", "version"], name="step_schema_version_unique"),
            models.UniqueConstraint(
                fields=["step_version"], condition=Q(state="active"), name="one_active_schema_per_step_version"
            ),
        ]
        triggers = [freeze_trigger("schema_id"), announce_trigger("step_version_id")]

    def __str__(self) -> str:
        return f"{self.step_version} v{self.version}"


class CompatibilityLevel(models.TextChoices):
    """What a version must keep of the one in force, when it is activated."""

    NONE = "none", "None"
    BACKWARD = "backward", "Backward: valid documents stay valid"
    FULL = "full", "Full: backward, and new documents are valid under the old version"


class SchemaLine(Record):
    """The versions of one owner together, and the compatibility level that their activation requires."""

    step_version = models.OneToOneField(
        "pipelines.StepVersion", on_delete=models.CASCADE, null=True, blank=True, related_name="schema_line"
    )
    prompt = models.OneToOneField(
        "pipelines.AIPrompt", on_delete=models.CASCADE, null=True, blank=True, related_name="schema_line"
    )
    process = models.OneToOneField(
        "pipelines.AIProcess", on_delete=models.CASCADE, null=True, blank=True, related_name="schema_line"
    )
    compatibility = models.CharField(max_length=8, choices=CompatibilityLevel, default=CompatibilityLevel.NONE)

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(
                name="schema_line_has_one_owner",
                condition=Q(step_version__isnull=False, prompt=None, process=None)
                | Q(step_version=None, prompt__isnull=False, process=None)
                | Q(step_version=None, prompt=None, process__isnull=False),
                violation_error_message="A line belongs to one step version, prompt or process: choose exactly one.",
            ),
            models.CheckConstraint(
                name="schema_line_level_known", condition=Q(compatibility__in=CompatibilityLevel.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_version or self.prompt or self.process}: {self.compatibility}"


class SchemaEvent(Record):
    """Who did what to which schema version, when and why. Append-only."""

    class Action(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Edited"
        ACTIVATED = "activated", "Put in force"
        RETIRED = "retired", "Retired"

    schema = models.ForeignKey(IRSchema, on_delete=models.CASCADE, null=True, blank=True, related_name="events")
    schema_definition = models.ForeignKey(
        IRSchemaDefinition, on_delete=models.CASCADE, null=True, blank=True, related_name="events"
    )
    action = models.CharField(max_length=10, choices=Action)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(
                name="schema_event_of_one_schema",
                condition=Q(schema__isnull=False, schema_definition=None)
                | Q(schema=None, schema_definition__isnull=False),
            ),
            models.CheckConstraint(
                name="schema_event_action_known",
                condition=Q(action__in=["created", "updated", "activated", "retired"]),
            ),
        ]
        triggers = [pgtrigger.Protect(name="schema_events_stay", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.action} {self.created_at:%Y-%m-%d %H:%M}"


class ValidationOutcome(models.TextChoices):
    """``skipped`` means that no schema was active or the mode was off; it is never a pass."""

    VALID = "valid", "Valid"
    INVALID = "invalid", "Invalid"
    SKIPPED = "skipped", "Not checked"
    ERROR = "error", "Could not be checked"


OUTCOME_COLOURS: dict[str, str] = {"valid": "success", "invalid": "danger", "skipped": "default", "error": "warning"}


class IRArtifact(Record, Weighed):
    """An IR that a step handed over, and what its validation said.

    ``is_valid`` is null where nothing was checked. ``validation_errors`` holds at most 50; ``error_count`` is the
    true count. ``ir_json`` is null once pruned; hash, size and verdict stay.
    """

    Outcome = ValidationOutcome

    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.CASCADE, db_index=False, related_name="ir_artifacts"
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    ir_json = models.JSONField(null=True)
    outcome = models.CharField(max_length=8, choices=ValidationOutcome)
    is_valid = models.BooleanField(null=True)
    validation_errors = models.JSONField(default=list, blank=True)
    error_count = models.PositiveIntegerField(default=0)
    schema = models.ForeignKey(
        IRSchema, on_delete=models.PROTECT, null=True, blank=True, related_name="artifacts", db_index=True
    )
    schema_definition = models.ForeignKey(
        IRSchemaDefinition, on_delete=models.PROTECT, null=True, blank=True, related_name="artifacts"
    )
    validation_mode = models.CharField(max_length=10)
    engine = models.CharField(max_length=80, blank=True)
    engine_version = models.CharField(max_length=40, blank=True)

    class Meta(Record.Meta):
        verbose_name = "IR artifact"
        constraints = [
            models.UniqueConstraint(fields=["step_run", "attempt"], name="one_artifact_per_attempt"),
            models.CheckConstraint(
                name="artifact_valid_matches_outcome",
                condition=Q(outcome="valid", is_valid=True, error_count=0)
                | Q(outcome="invalid", is_valid=False, error_count__gte=1)
                | Q(outcome__in=["skipped", "error"], is_valid__isnull=True),
            ),
            models.CheckConstraint(
                name="artifact_body_or_pruned", condition=Q(ir_json__isnull=False) | Q(pruned_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_run_id} {self.outcome}"
