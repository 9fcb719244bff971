"""Pipelines and steps, and their versions."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from config.admin_base import BaseAdmin, ReadOnlyInline, linked, refusal, rows_link
from config.problems import DomainError
from pipelines.definitions import activate_version, check_dag, create_version
from pipelines.models import (
    ConcurrencyPool,
    PipelineDefinition,
    PipelineRun,
    PipelineVersion,
    StepDefinition,
    StepVersion,
)


class PipelineVersionInline(ReadOnlyInline):
    model = PipelineVersion
    fields = ("version", "is_active", "notes", "created_at")
    readonly_fields = fields
    ordering = ("-version",)


@admin.register(ConcurrencyPool)
class ConcurrencyPoolAdmin(BaseAdmin):
    list_display = ("key", "limit", "description")
    search_fields = ("key", "description")
    ordering = ("key",)


@admin.register(PipelineDefinition)
class PipelineDefinitionAdmin(BaseAdmin):
    list_display = ("key", "name", "ir_validation_mode", "created_at")
    autocomplete_fields = ("run_pool",)
    list_filter = ("ir_validation_mode",)
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description", "ir_validation_mode", "run_pool", "run_weight", "runs")
    readonly_fields = ("runs",)
    inlines = (PipelineVersionInline,)

    @admin.display(description="Runs")
    def runs(self, obj: PipelineDefinition) -> Any:
        return rows_link(PipelineRun, "Runs of this pipeline", pipeline__id__exact=obj.pk) if obj.key else None


class PipelineVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Checks the DAG before it is saved, and says every fault with its place."""

    def clean_dag(self) -> Any:
        dag = self.cleaned_data["dag"]
        try:
            check_dag(dag)
        except DomainError as error:
            raise refusal(error) from error
        return dag


@admin.register(PipelineVersion)
class PipelineVersionAdmin(BaseAdmin):
    """A version that has run is frozen; which one is active is switched by the action."""

    form = PipelineVersionForm
    why_frozen = "This version has run, so its DAG stays as it is. Add the next version to change the pipeline."
    list_display = ("__str__", linked("pipeline"), "version", "is_active", "notes", linked("created_by"), "created_at")
    list_select_related = ("pipeline", "created_by")
    list_filter = ("is_active", "pipeline")
    search_fields = ("pipeline__key", "notes")
    autocomplete_fields = ("pipeline",)
    date_hierarchy = "created_at"
    fields = ("pipeline", "dag", "notes", "version", "is_active", "runs", "created_by", "created_at")
    readonly_fields = ("version", "is_active", "runs", "created_by", "created_at")
    actions = ("activate",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A version stays with the pipeline it was made for."""
        return [*super().get_readonly_fields(request, obj), *(["pipeline"] if obj else [])]

    def is_frozen(self, obj: PipelineVersion) -> bool:
        return obj.runs.exists()

    def save_model(self, request: HttpRequest, obj: PipelineVersion, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        user = cast(User, request.user)
        saved = create_version(pipeline=obj.pipeline, dag=obj.dag, notes=obj.notes, created_by=user)
        obj.__dict__.update(saved.__dict__)

    @admin.display(description="Runs")
    def runs(self, obj: PipelineVersion) -> Any:
        return rows_link(PipelineRun, "Runs of this version", pipeline_version__id__exact=obj.pk)

    @admin.action(description="Make active: new runs take this version", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: Any) -> None:
        if queryset.count() != 1:
            messages.error(request, "Choose exactly one version to make active.")
            return
        try:
            version = activate_version(queryset.get())
        except DomainError as error:
            messages.error(request, error.message)
            return
        messages.success(request, f"New runs of {version.pipeline} now take version {version.version}.")


class StepVersionInline(ReadOnlyInline):
    model = StepVersion
    fields = ("version", "handler", "created_at")
    readonly_fields = fields
    ordering = ("-version",)


@admin.register(StepDefinition)
class StepDefinitionAdmin(BaseAdmin):
    list_display = ("key", "name", "description", "created_at")
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description")
    inlines = (StepVersionInline,)


@admin.register(StepVersion)
class StepVersionAdmin(BaseAdmin):
    """A version that has run keeps its handler and configuration; runs that name it stay explainable."""

    why_frozen = "This version has run, so it stays as it is. Add the next version to change the step."
    list_display = ("__str__", linked("step"), "version", "handler", "created_at")
    list_select_related = ("step",)
    list_filter = ("handler",)
    search_fields = ("step__key", "handler")
    autocomplete_fields = ("step",)
    fields = ("step", "version", "handler", "default_config", "created_at")
    readonly_fields = ("created_at",)

    def is_frozen(self, obj: StepVersion) -> bool:
        return obj.step_runs.exists()
