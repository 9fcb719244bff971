"""What every admin page shares: JSON shown and edited with care, badges, links between rows, refusals in words."""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, NoReturn, cast

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from config import features
from config.admin_fields import CodeTextarea, JsonFormField
from config.admin_lists import BoundedPaginator, RecordChangeList
from config.history import changes_of
from config.json_html import code_html, json_html, pretty_json
from config.problems import DomainError
from config.texts import as_uuid

Display = Callable[[Any], Any]
READABLE = 1e-9
"""Above this a number is written without a power of ten."""


class BaseAdmin(ModelAdmin):  # type: ignore[misc]
    """JSON fields are shown coloured and edited in ``JsonFormField``; lists do not count the whole table.

    ``code_fields`` are text to be shown and edited as it stands. ``why_frozen`` is the sentence that a row's page
    carries where ``is_frozen`` says that nobody may change or delete the row any more.
    """

    code_fields: tuple[str, ...] = ()
    why_frozen = ""
    change_form_outer_before_template = "irline/row_frozen.html"
    list_per_page = 50
    show_full_result_count = False
    formfield_overrides = {
        models.JSONField: {"form_class": JsonFormField, "widget": CodeTextarea},
        models.TextField: {"widget": UnfoldAdminExpandableTextareaWidget},
    }

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        self.json_fields = {field.name for field in model._meta.get_fields() if isinstance(field, models.JSONField)}
        for name in (*self.json_fields, *self.code_fields):
            setattr(self, _shown(name), self._display_of(name))

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Those that hold text, if any do; ids are looked up in ``get_search_results``."""
        fields: list[str] = list(super().get_search_fields(request))
        return [name for name in fields if name not in self._id_fields] or fields

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """A word that is an id is looked up as one, through an index; Django compares the text of every row's ids."""
        ids = [word for word in search_term.split() if as_uuid(word)]
        if len(ids) == 1 and self._id_fields:
            rows = [self.model._base_manager.filter(**{name[1:]: ids[0]}).values("pk") for name in self._id_fields]
            named = queryset.filter(pk__in=rows[0].union(*rows[1:]))
            if named.exists():
                queryset, search_term = named, search_term.replace(ids[0], "")
        return cast("tuple[Any, bool]", super().get_search_results(request, queryset, search_term))

    @cached_property
    def _id_fields(self) -> list[str]:
        """Of ``search_fields`` those that are UUIDs, which it names with a leading ``=``."""
        exact = (name for name in self.search_fields if name.startswith("="))
        return [name for name in exact if isinstance(get_fields_from_path(self.model, name[1:])[-1], models.UUIDField)]

    def is_frozen(self, obj: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and (obj is None or not self.is_frozen(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and (obj is None or not self.is_frozen(obj))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        frozen = {"why_frozen": self.why_frozen} if obj is not None and self.is_frozen(obj) else {}
        return super().render_change_form(request, {**context, **frozen}, *args, **kwargs)

    def formfield_for_dbfield(self, db_field: "models.Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """A JSON column that may be left empty but holds no null takes its default then."""
        if db_field.name in self.code_fields:
            kwargs["widget"] = CodeTextarea
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, JsonFormField) and not db_field.null:
            field.empty = db_field.get_default
        return field

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Without the way to a list to choose from for those who may not see the list."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if isinstance(getattr(field, "widget", None), ForeignKeyRawIdWidget) and not self._may_choose(
            db_field, request
        ):
            field.widget = UnfoldAdminTextInputWidget()
        return field

    def _may_choose(self, db_field: "models.ForeignKey[Any, Any]", request: HttpRequest) -> bool:
        target = self.admin_site._registry.get(cast(Any, db_field.related_model))
        return target is not None and target.has_view_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_readonly_fields(request, obj)
        return [*names, *(_shown(name) for name in names if self._is_shown_apart(name))]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RecordChangeList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The declared ones, with each field of JSON or code that cannot be edited here replaced by its shown form.

        A row that is yet to be made has nothing to show but what is typed.
        """
        fieldsets = super().get_fieldsets(request, obj)
        fixed = set(super().get_readonly_fields(request, obj))
        if obj is None:
            return [(title, {**options, "fields": _without(fixed, options)}) for title, options in fieldsets]
        if not self.has_change_permission(request, obj):
            fixed = {*self.json_fields, *self.code_fields}
        return [
            (title, {**options, "fields": [self._readable(name) if name in fixed else name for name in _flat(options)]})
            for title, options in fieldsets
        ]

    def get_urls(self) -> list[URLPattern]:
        route = path(
            "<path:object_id>/json/<slug:field>",
            self.admin_site.admin_view(self.json_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_json",
        )
        return [route, *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Where a service refuses while saving, nothing is saved and the form comes back with its reasons."""
        try:
            return cast(HttpResponse, super().changeform_view(request, object_id, form_url, extra_context))
        except DomainError as error:
            request.refused_by_service = error  # type: ignore[attr-defined]
            return cast(HttpResponse, super().changeform_view(request, object_id, form_url, extra_context))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form: type[Any] = super().get_form(request, obj, change=change, **kwargs)
        error = getattr(request, "refused_by_service", None)
        return form if error is None else _refused(form, error)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's list of what was done in the admin, below every change that the table itself recorded."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            return cast(HttpResponse, super().history_view(request, object_id, extra_context))
        changes = {"changes": changes_of(row), **(extra_context or {})}
        return cast(HttpResponse, super().history_view(request, object_id, changes))

    def json_view(self, request: HttpRequest, object_id: str, field: str) -> HttpResponse:
        """One JSON field of a row as a file."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None or field not in self.json_fields:
            raise Http404("There is no such document.")
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        name = f"{self.opts.model_name}-{obj.pk}-{field}.json"
        body = pretty_json(getattr(obj, field))
        return HttpResponse(
            body,
            content_type="application/json; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _is_shown_apart(self, name: Any) -> bool:
        return name in self.json_fields or name in self.code_fields

    def _readable(self, name: Any) -> Any:
        return _shown(name) if self._is_shown_apart(name) else name

    def _display_of(self, name: str) -> Display:
        label = capfirst(self.model._meta.get_field(name).verbose_name)

        @admin.display(description=label)
        def show(obj: models.Model) -> Any:
            if name in self.code_fields:
                return code_html(getattr(obj, name))
            url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_json", args=[obj.pk, name])
            return json_html(getattr(obj, name), full_url=url)

        return show


def is_list(request: HttpRequest) -> bool:
    """Whether the rows are asked for by a list, which has no use for the documents in them."""
    match = request.resolver_match
    return match is not None and str(match.url_name).endswith("_changelist")


class ReadOnlyAdmin(BaseAdmin):
    """A record of what happened: shown to those who may view it, changed by nobody.

    ``why_read_only`` is the sentence that the list and each row's page carry.
    """

    why_read_only = ""
    actions: Any = None
    list_before_template = "irline/list_read_only.html"
    change_form_outer_before_template = "irline/row_read_only.html"

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        """One that counts all only where an action can be told to take all."""
        if self.actions:
            return super().get_paginator(request, queryset, per_page, *args, **kwargs)
        return BoundedPaginator(queryset, per_page, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GatedAdmin:
    """For a ``ModelAdmin``: the table is on no menu while the ``feature`` is off for who asks."""

    feature = ""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        perms: dict[str, bool] = super().get_model_perms(request)  # type: ignore[misc]
        return perms if features.is_open(request, self.feature) else {}


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows below their parent, none of them to be changed here; a field that ``opens`` leads to the row's own page."""

    extra = 0
    hide_title = True
    can_delete = False
    per_page = 20

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def chip(text: str, colour: str) -> str:
    """A label in its colour (``default``, ``info``, ``success``, ``warning`` or ``danger``)."""
    return format_html('<span class="chip chip-{}">{}</span>', colour, text)


def badge(field: str, colours: Mapping[str, str], description: str = "") -> Display:
    """A column that shows a choice as a ``chip``."""

    @admin.display(description=description or capfirst(field.replace("_", " ")), ordering=field)
    def show(obj: Any) -> Any:
        value = getattr(obj, field)
        return chip(getattr(obj, f"get_{field}_display")(), colours.get(value, "default")) if value else None

    show.__name__ = field
    return show


def linked(field: str, description: str = "") -> Display:
    """A list column that shows a related row as a link to its page. The list must select it with its own rows."""

    @admin.display(description=description or capfirst(field.replace("_", " ")), ordering=field)
    def show(obj: Any) -> Any:
        related = getattr(obj, field)
        return None if related is None else row_link(related)

    show.__name__ = field
    return show


def opens(field: str) -> Display:
    """A column whose value leads to the page of its row."""

    @admin.display(description=capfirst(field.replace("_", " ")), ordering=field)
    def show(obj: Any) -> Any:
        return row_link(obj, str(getattr(obj, field)) or "Open")

    show.__name__ = field
    return show


def row_url(model: type[models.Model], pk: Any) -> str:
    """The address of a row's admin page; empty for a model without one."""
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])
    except NoReverseMatch:
        return ""


def row_link(row: models.Model, text: str = "") -> Any:
    """A link to a row's admin page."""
    return format_html('<a class="text-link" href="{}">{}</a>', row_url(type(row), row.pk), text or str(row))


def rows_link(model: type[models.Model], text: str, **filters: Any) -> Any:
    """A link to a model's list, filtered."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters)
    return format_html('<a class="text-link" href="{}">{}</a>', url, text)


def _refused(form: type[Any], error: DomainError) -> type[Any]:
    """The form, refusing whatever it is given for the error's reasons."""

    class RefusedForm(form):  # type: ignore[misc]
        def clean(self) -> NoReturn:
            raise refusal(error)

    return RefusedForm


def refusal(error: DomainError) -> ValidationError:
    """A service's refusal as a form shows it: every fault with its place and its remedy."""
    faults = [f"{each.get('path') or '/'}: {each['message']} {each.get('hint') or ''}".strip() for each in error.errors]
    return ValidationError(faults or error.message)


def duration_text(length: timedelta | None) -> str:
    """``340 ms``, ``4.2 s``, ``3 min 20 s``, ``2 h 5 min``; a dash for None."""
    if length is None:
        return "–"
    seconds = max(0.0, length.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def milliseconds_text(length: float | None) -> str:
    """``0.18 ms``, and from a millisecond on as a duration; a dash for None."""
    if length is not None and 0 < length < 1:
        return f"{length:.2g} ms"
    return duration_text(None if length is None else timedelta(milliseconds=length))


def dollars_text(amount: Decimal | None) -> str:
    """``$0.0042``: at least two decimals, and no zeros behind the others; ``unpriced`` for None."""
    if amount is None:
        return "unpriced"
    whole, _, decimals = f"{amount:,.8f}".rstrip("0").partition(".")
    return f"${whole}.{decimals:0<2}"


def number_text(value: float | None) -> str:
    """Three significant digits, or a whole number from 1,000 on; ``n/a`` for None."""
    if value is None:
        return "n/a"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = f"{value:.3g}"
    return f"{Decimal(digits):f}" if abs(value) > READABLE else digits


def _shown(name: str) -> str:
    return f"{name}_shown"


def _flat(options: Mapping[str, Any]) -> list[Any]:
    return [name for line in options["fields"] for name in (line if isinstance(line, list | tuple) else [line])]


def _without(names: Collection[Any], options: Mapping[str, Any]) -> list[Any]:
    return [name for name in _flat(options) if name not in names]
