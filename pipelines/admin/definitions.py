"""Pipelines and steps, and their versions."""

from functools import partial
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from config.admin_base import BaseAdmin, ReadOnlyInline, linked, opens, rows_link
from config.problems import DomainError
from pipelines import pools
from pipelines.admin.guarded import GuardedAdmin
from pipelines.admin.operating.starting import start_page
from pipelines.admin.versions import views
from pipelines.admin.versions.forms import PipelineVersionForm
from pipelines.admin.versions.page import pipeline_page, version_page
from pipelines.ai.config import PROMPT_HANDLER, config_faults, template_faults
from pipelines.ai.providers import provider_names
from pipelines.definitions import activate_version, change_version, create_version, delete_version
from pipelines.gates import guards_version
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
    fields = (opens("version"), "is_active", "notes", "created_at")
    readonly_fields = fields
    ordering = ("-version",)


@admin.register(ConcurrencyPool)
class ConcurrencyPoolAdmin(BaseAdmin):
    list_display = ("key", "limit", "description")
    search_fields = ("key", "description")
    ordering = ("key",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """DAGs name a pool by its key, so that stays."""
        return () if obj is None else ("key",)

    def save_model(self, request: HttpRequest, obj: ConcurrencyPool, form: Any, change: bool) -> None:
        pools.save_pool(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What names a pool keeps it."""
        *found, protected = super().get_deleted_objects(objs, request)
        users = [str(version) for pool in objs for version in pools.named_by(pool)]
        return (*found, [*protected, *users])


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
    change_form_outer_before_template = "admin/pipelines/pipelinedefinition/head.html"

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view(partial(start_page, self))
        return [path("<uuid:pk>/run/", door, name="pipelines_pipelinedefinition_run"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if obj is not None:
            context["page"] = pipeline_page(request, obj)
        return cast(HttpResponse, super().render_change_form(request, context, *args, **kwargs))

    @admin.display(description="Runs")
    def runs(self, obj: PipelineDefinition) -> Any:
        return rows_link(PipelineRun, "Runs of this pipeline", pipeline__id__exact=obj.pk) if obj.key else None


@admin.register(PipelineVersion)
class PipelineVersionAdmin(GuardedAdmin, BaseAdmin):
    """A version that has run is frozen; which one is active is switched by the action."""

    form = PipelineVersionForm
    change_form_template = "admin/pipelines/pipelineversion/version_form.html"
    add_form_template = "admin/pipelines/pipelineversion/version_form.html"
    change_form_outer_before_template = "admin/pipelines/pipelineversion/head.html"
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

    class Media:
        css = {"all": ("irline/schema-editor.css",)}

    def get_urls(self) -> list[URLPattern]:
        return [
            path("check/", self._door(views.check), name="pipelines_pipelineversion_check"),
            *(
                path(f"<uuid:pk>/{verb}/", self._door(view), name=f"pipelines_pipelineversion_{verb}")
                for verb, view in views.PAGES.items()
            ),
            *super().get_urls(),
        ]

    def _door(self, view: Any) -> Any:
        return self.admin_site.admin_view(partial(view, self))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=<id>`` begins the next version with the DAG of an earlier one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        key = initial.pop("from", None)
        earlier = self.get_object(request, key) if key and self.has_view_permission(request) else None
        return {**initial, "pipeline": earlier.pipeline_id, "dag": earlier.dag} if earlier else initial

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["page"] = version_page(request, kwargs.get("obj"))
        return cast(HttpResponse, super().render_change_form(request, context, *args, **kwargs))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A version stays with the pipeline it was made for."""
        return [*super().get_readonly_fields(request, obj), *(["pipeline"] if obj else [])]

    def is_frozen(self, obj: PipelineVersion) -> bool:
        return obj.runs.exists()

    def save_model(self, request: HttpRequest, obj: PipelineVersion, form: Any, change: bool) -> None:
        if change:
            change_version(obj)
            return
        user = cast(User, request.user)
        saved = create_version(pipeline=obj.pipeline, dag=obj.dag, notes=obj.notes, created_by=user)
        obj.__dict__.update(saved.__dict__)

    def is_guarded(self, obj: PipelineVersion) -> bool:
        return guards_version(obj)

    def delete_row(self, obj: PipelineVersion, by: User) -> None:
        delete_version(obj)

    @admin.display(description="Runs")
    def runs(self, obj: PipelineVersion) -> Any:
        return rows_link(PipelineRun, "Runs of this version", pipeline_version__id__exact=obj.pk)

    @admin.action(description="Make active: new runs take this version", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: Any) -> None:
        if queryset.count() != 1:
            messages.error(request, "Choose exactly one version to make active.")
            return
        try:
            version = activate_version(queryset.get(), by=cast(User, request.user))
        except DomainError as error:
            messages.error(request, error.message)
            return
        messages.success(request, f"New runs of {version.pipeline} now take version {version.version}.")


class StepVersionInline(ReadOnlyInline):
    model = StepVersion
    fields = (opens("version"), "handler", "created_at")
    readonly_fields = fields
    ordering = ("-version",)


@admin.register(StepDefinition)
class StepDefinitionAdmin(BaseAdmin):
    list_display = ("key", "name", "description", "created_at")
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description")
    inlines = (StepVersionInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """DAGs name a step by its key, so that stays."""
        return () if obj is None else ("key",)


class StepVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Says what can be named here; a worker elsewhere may have more."""
        super().__init__(*args, **kwargs)
        handlers, providers = ", ".join(sorted(settings.PIPELINE_STEPS)), ", ".join(provider_names())
        helps = {
            "handler": f"The name of the step's function. Here there are {handlers}.",
            "default_config": f"For {PROMPT_HANDLER}, see docs/ai-steps.md. Providers here are {providers}.",
        }
        for name in helps.keys() & self.fields.keys():
            self.fields[name].help_text = helps[name]

    def clean(self) -> dict[str, Any]:
        """Refuses a default config that the handler ``prompt`` could never use."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        config = cleaned.get("default_config")
        if cleaned.get("handler") == PROMPT_HANDLER and isinstance(config, dict):
            for fault in config_faults(config) or template_faults(config):
                self.add_error("default_config", fault)
        return cleaned


@admin.register(StepVersion)
class StepVersionAdmin(BaseAdmin):
    """A version that has run keeps its handler and configuration; runs that name it stay explainable."""

    form = StepVersionForm
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
