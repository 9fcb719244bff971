"""Schema versions: their lists, their editor, and the pages on which a version's life goes on."""

from functools import partial
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.html import format_html

from config.admin_base import BaseAdmin, Display, badge, is_list, linked, rows_link
from ir_schemas.admin import editor_views, life_views, trial_views
from ir_schemas.admin.forms import SchemaForm, text_of
from ir_schemas.admin.permissions import may
from ir_schemas.admin.version_list import VersionChangeList
from ir_schemas.admin.version_page import page_context, why_frozen
from ir_schemas.models import STATE_COLOURS, AbstractIRSchema, IRArtifact, IRSchema, IRSchemaDefinition
from ir_schemas.services import create_version, owner_of, update_version

OWNERS = ("step_version", "process", "prompt")
RECORD = ("artifacts_link", "content_hash", "created_by", "created_at", "updated_at", "activated_at", "id")


class SchemaAdmin(BaseAdmin):
    """A draft that no artifact was checked against may be edited; everything else is there to be read."""

    form = SchemaForm
    change_form_template = "admin/ir_schemas/version_form.html"
    add_form_template = "admin/ir_schemas/version_form.html"
    change_form_outer_before_template = "admin/ir_schemas/head.html"
    search_fields: tuple[str, ...] = ("description", "content_hash")
    list_filter: tuple[str, ...] = ("state", "created_at")
    list_display_links: tuple[str, ...] = ("version_name",)
    date_hierarchy = "created_at"
    sortable_by = ()
    readonly_fields: tuple[str, ...] = RECORD
    facts: tuple[str, ...] = ()

    class Media:
        css = {"all": ("irline/schema-editor.css",)}

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        texts = {"check": editor_views.check, "example": editor_views.example}
        pages = {**trial_views.PAGES, **life_views.PAGES}
        return [
            *(path(f"{verb}/", self._door(view), name=f"{name}_{verb}") for verb, view in texts.items()),
            *(path(f"<uuid:pk>/{verb}/", self._door(view), name=f"{name}_{verb}") for verb, view in pages.items()),
            *super().get_urls(),
        ]

    def _door(self, view: Any) -> Any:
        return self.admin_site.admin_view(partial(view, self))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[VersionChangeList]:
        return VersionChangeList

    def get_queryset(self, request: HttpRequest) -> Any:
        versions = super().get_queryset(request)
        return versions.defer("schema", "source") if is_list(request) else versions

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return super().get_fieldsets(request, obj) if obj else [(None, {"fields": list(self.facts)})]

    @property
    def fieldsets(self) -> Any:
        return ((None, {"fields": self.facts}), ("Record", {"fields": self.readonly_fields, "classes": ("collapse",)}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A version stays with the owner it was made for."""
        owner = [name for name in OWNERS if obj and hasattr(obj, name)]
        return [*super().get_readonly_fields(request, obj), *owner]

    def is_frozen(self, obj: Any) -> bool:
        return bool(why_frozen(obj))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=<id>`` begins the next version with the text and the owner of an earlier one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        key = initial.pop("from", None)
        earlier = self.get_object(request, key) if key and may(request, "view", self.model) else None
        if earlier is None:
            return initial
        kept = {name: getattr(earlier, f"{name}_id") for name in OWNERS if hasattr(earlier, name)}
        name = {"name": earlier.name} if isinstance(earlier, IRSchemaDefinition) else {}
        return {**initial, **kept, **name, "schema": text_of(earlier)}

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["page"] = page_context(self, request, kwargs.get("obj"))
        return cast(HttpResponse, super().render_change_form(request, context, *args, **kwargs))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        user = cast(User, request.user)
        written = {"schema": obj.schema, "source": form.text, "description": obj.description}
        written |= {"name": obj.name} if isinstance(obj, IRSchemaDefinition) else {}
        if change:
            etag = form.cleaned_data["etag"]
            saved = update_version(schema=obj, changes=written, etag=etag, updated_by=user)
        else:
            saved = create_version(model=type(obj), owner=owner_of(obj), created_by=user, **written)
        obj.__dict__.update(saved.__dict__)

    def _display_of(self, name: str) -> Display:
        """The schema as its author wrote it, with line numbers, also where it cannot be edited."""

        @admin.display(description="Schema")
        def show(obj: AbstractIRSchema) -> Any:
            return render_to_string("admin/ir_schemas/fixed_text.html", {"text": text_of(obj)})

        return show

    @admin.display(description="Version")
    def version_name(self, obj: AbstractIRSchema) -> str:
        return f"Version {obj.version}"

    @admin.display(description="Passed, last 7 days")
    def pass_rate(self, obj: Any) -> Any:
        return obj.pass_rate or format_html('<span class="muted">{}</span>', "none checked")


@admin.register(IRSchemaDefinition)
class IRSchemaDefinitionAdmin(SchemaAdmin):
    list_display = (
        "version_name",
        "name",
        badge("state", STATE_COLOURS),
        "pass_rate",
        "description",
        linked("created_by"),
        "updated_at",
    )
    list_select_related = ("process__schema_line", "prompt__process", "prompt__schema_line", "created_by")
    search_fields = ("name", "process__key", "prompt__process__key", *SchemaAdmin.search_fields)
    ordering = (Coalesce("process__key", "prompt__process__key"), "prompt__version", "-version")
    autocomplete_fields = ("process", "prompt")
    facts = ("name", "process", "prompt", "description", "schema")

    @admin.display(description="Artifacts")
    def artifacts_link(self, obj: IRSchemaDefinition) -> Any:
        return rows_link(IRArtifact, "IRs checked against this version", schema_definition__id__exact=obj.pk)


@admin.register(IRSchema)
class IRSchemaAdmin(SchemaAdmin):
    list_display = (
        "version_name",
        badge("state", STATE_COLOURS),
        "pass_rate",
        "description",
        linked("created_by"),
        "updated_at",
    )
    list_select_related = ("step_version__step", "step_version__schema_line", "created_by")
    search_fields = ("step_version__step__key", *SchemaAdmin.search_fields)
    ordering = ("step_version__step__key", "-step_version__version", "-version")
    autocomplete_fields = ("step_version",)
    facts = ("step_version", "description", "schema")

    @admin.display(description="Artifacts")
    def artifacts_link(self, obj: IRSchema) -> Any:
        return rows_link(IRArtifact, "IRs checked against this version", schema__id__exact=obj.pk)
