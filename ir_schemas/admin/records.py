"""Schemas, their versions, and the IRs that were checked against them."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from config.admin_base import BaseAdmin, ReadOnlyAdmin, badge, linked, refusal, rows_link
from config.problems import DomainError
from ir_schemas.models import (
    OUTCOME_COLOURS,
    STATE_COLOURS,
    AbstractIRSchema,
    IRArtifact,
    IRSchema,
    IRSchemaDefinition,
    SchemaEvent,
    SchemaLine,
)
from ir_schemas.services import activate_version, check_schema, create_version, owner_of, update_version

ACTION_COLOURS = {"created": "info", "updated": "info", "activated": "success", "retired": "default"}


class SchemaForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refuses a schema that no document could be checked against."""

    def clean_schema(self) -> Any:
        schema = self.cleaned_data["schema"]
        try:
            check_schema(schema)
        except DomainError as error:
            raise refusal(error) from error
        return schema


class SchemaAdmin(BaseAdmin):
    """A draft that no artifact was checked against may be edited; everything else is there to be read."""

    form = SchemaForm
    why_frozen = (
        "This version is no draft any more, or an IR was checked against it. Add the next version to change it."
    )
    search_fields: tuple[str, ...] = ("description", "content_hash")
    list_filter: tuple[str, ...] = ("state", "created_at")
    date_hierarchy = "created_at"
    actions = ("put_in_force",)
    readonly_fields: tuple[str, ...] = (
        "version",
        "state",
        "artifacts_link",
        "content_hash",
        "created_by",
        "created_at",
        "updated_at",
        "activated_at",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A version stays with the owner it was made for."""
        owner = [name for name in ("step_version", "process", "prompt") if obj and hasattr(obj, name)]
        return [*super().get_readonly_fields(request, obj), *owner]

    def is_frozen(self, obj: Any) -> bool:
        return bool(obj.state != AbstractIRSchema.State.DRAFT or obj.artifacts.exists())

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ir_schemas.activate_irschema")

    @admin.action(description="Put in force, in place of the version that is", permissions=["activate"])
    def put_in_force(self, request: HttpRequest, queryset: Any) -> None:
        if queryset.count() != 1:
            messages.error(request, "Choose exactly one version to put in force.")
            return
        try:
            schema = activate_version(schema=queryset.get(), activated_by=cast(User, request.user))
        except DomainError as error:
            messages.error(request, error.message)
            return
        messages.success(request, f"{schema} is in force now.")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        user = cast(User, request.user)
        written = {"schema": obj.schema, "source": form["schema"].data, "description": obj.description}
        written |= {"name": obj.name} if isinstance(obj, IRSchemaDefinition) else {}
        if change:
            saved = update_version(schema=obj, changes=written, updated_by=user)
        else:
            saved = create_version(model=type(obj), owner=owner_of(obj), created_by=user, **written)
        obj.__dict__.update(saved.__dict__)


@admin.register(IRSchemaDefinition)
class IRSchemaDefinitionAdmin(SchemaAdmin):
    list_display = (
        "name",
        "version",
        badge("state", STATE_COLOURS),
        linked("process", "AI process"),
        linked("prompt"),
        linked("created_by"),
        "updated_at",
    )
    list_select_related = ("process", "prompt__process", "created_by")
    search_fields = ("name", "process__key", "prompt__process__key", *SchemaAdmin.search_fields)
    autocomplete_fields = ("process", "prompt")
    fields = ("name", "process", "prompt", "description", "schema", *SchemaAdmin.readonly_fields)

    @admin.display(description="Artifacts")
    def artifacts_link(self, obj: IRSchemaDefinition) -> Any:
        return rows_link(IRArtifact, "IRs checked against this version", schema_definition__id__exact=obj.pk)


@admin.register(IRSchema)
class IRSchemaAdmin(SchemaAdmin):
    list_display = (
        linked("step_version"),
        "version",
        badge("state", STATE_COLOURS),
        "description",
        linked("created_by"),
        "updated_at",
    )
    list_display_links = ("version",)
    list_select_related = ("step_version__step", "created_by")
    search_fields = ("step_version__step__key", *SchemaAdmin.search_fields)
    autocomplete_fields = ("step_version",)
    fields = ("step_version", "description", "schema", *SchemaAdmin.readonly_fields)

    @admin.display(description="Artifacts")
    def artifacts_link(self, obj: IRSchema) -> Any:
        return rows_link(IRArtifact, "IRs checked against this version", schema__id__exact=obj.pk)


@admin.register(SchemaLine)
class SchemaLineAdmin(BaseAdmin):
    list_display = (
        "__str__",
        "compatibility",
        linked("step_version"),
        linked("prompt"),
        linked("process", "AI process"),
    )
    list_select_related = ("step_version__step", "prompt__process", "process")
    list_filter = ("compatibility",)
    search_fields = ("step_version__step__key", "prompt__process__key", "process__key")
    autocomplete_fields = ("step_version", "prompt", "process")
    fields = ("step_version", "prompt", "process", "compatibility")


@admin.register(SchemaEvent)
class SchemaEventAdmin(ReadOnlyAdmin):
    why_read_only = "Who did what to a schema is evidence, so nobody can change it here."
    list_display = (
        "created_at",
        badge("action", ACTION_COLOURS),
        linked("schema", "Step schema"),
        linked("schema_definition", "Prompt or process schema"),
        linked("actor"),
        "reason",
    )
    list_select_related = ("schema__step_version__step", "schema_definition", "actor")
    list_filter = ("action", "actor", "created_at")
    search_fields = ("reason", "schema__step_version__step__key", "schema_definition__name", "actor__username")
    date_hierarchy = "created_at"
    fields = ("action", "schema", "schema_definition", "actor", "reason", "details", "id", "created_at")


@admin.register(IRArtifact)
class IRArtifactAdmin(ReadOnlyAdmin):
    why_read_only = "An IR and its verdict are evidence of what a step handed over, so nobody can change them here."
    list_display = (
        "created_at",
        linked("step_run"),
        badge("outcome", OUTCOME_COLOURS),
        "error_count",
        linked("schema", "Step schema"),
        "validation_mode",
        "size_bytes",
    )
    list_display_links = ("created_at",)
    list_select_related = ("step_run", "schema__step_version__step")
    list_filter = ("outcome", "validation_mode", "step_run__step_version__step", "created_at")
    search_fields = ("=id", "=step_run__id", "=step_run__pipeline_run__id", "step_run__node_key", "content_hash")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("step_run", "attempt", "outcome", "error_count", "validation_errors")}),
        ("Intermediate representation", {"fields": ("ir_json",)}),
        (
            "Checked by",
            {"fields": ("schema", "schema_definition", "validation_mode", "engine", "engine_version")},
        ),
        ("Record", {"fields": ("id", "created_at", "size_bytes", "content_hash", "pruned_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("schema__schema", "schema__source", *_bodies(request))


def _bodies(request: HttpRequest) -> tuple[str, ...]:
    """A list does not read the documents; a row's own page does."""
    match = request.resolver_match
    return ("ir_json", "validation_errors") if match and str(match.url_name).endswith("_changelist") else ()
