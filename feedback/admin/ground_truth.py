"""Ground truth, what changed from version to version, and its sets."""

import uuid
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from config import features
from config.admin_base import BaseAdmin, linked, rows_link
from config.admin_fields import CodeTextarea
from config.json_html import pretty_json
from config.problems import DomainError, NotFound
from feedback import ground_truth
from feedback.admin.gate import GatedAdmin
from feedback.comparing import compare
from feedback.models import GroundTruth, GroundTruthSet, GroundTruthSetItem
from feedback.permissions import CURATE

HASH_SHOWN = 12  # characters
MOST_READ = 1_000  # sets, for their tags
MOST_TAG = 80  # characters
MOST_TAGS = 50  # that can be chosen from
MOST_TAGS_OF_SET = 20
MOST_TEXT = 500
MOST_VERSIONS = 100  # that a link leads to
MOST_SETS = 20  # that the list offers to put answers into


def short_reference(reference: str) -> str:
    """The beginnings of the hashes that it is, and the item's number."""
    hashes, slash, number = reference.partition("/")
    shown = "+".join(f"{each[:HASH_SHOWN]}…" if len(each) > HASH_SHOWN else each for each in hashes.split("+"))
    return f"{shown}{slash}{number}"


@admin.register(GroundTruth)
class GroundTruthAdmin(BaseAdmin):
    """An accepted answer stays as it is; a correction is added as the next version."""

    why_frozen = "An accepted answer stays as it is. Add a correction as the next version."
    list_display = (
        "scope",
        "reference_id",
        "version",
        linked("feedback"),
        linked("created_by"),
        "created_at",
        "changes",
    )
    list_select_related = ("feedback", "created_by")
    list_filter = ("scope", "sets", "created_at")
    search_fields = ("scope", "reference_id")
    date_hierarchy = "created_at"
    raw_id_fields = ("feedback",)
    fields = (
        "scope",
        "reference_id",
        "version",
        "changes",
        "data",
        "provenance",
        "feedback",
        "created_by",
        "created_at",
    )
    readonly_fields = ("changes", "created_by", "created_at")
    written = ("scope", "reference_id", "data", "provenance")

    def is_frozen(self, obj: GroundTruth) -> bool:
        return True

    def get_list_display(self, request: HttpRequest) -> Any:
        """Most references are hashes, which leave no room for the other columns."""
        shown = super().get_list_display(request)
        is_open = features.is_open(request, features.REVIEW)
        return tuple("reference" if is_open and each == "reference_id" else each for each in shown)

    @admin.display(description="Reference id", ordering="reference_id")
    def reference(self, obj: GroundTruth) -> Any:
        return format_html('<span title="{}">{}</span>', obj.reference_id, short_reference(obj.reference_id))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One action for each of the latest sets that are not frozen: which answers they take is chosen in the list."""
        known: dict[str, Any] = super().get_actions(request)
        if not (request.user.has_perm(CURATE) and features.is_open(request, features.REVIEW)):
            return known
        thawed = GroundTruthSet.objects.filter(frozen_at=None).order_by("-pk")[:MOST_SETS]
        return {**known, **{f"put_into_{each.key}": _action_into(each) for each in thawed}}

    def get_fields(self, request: HttpRequest, obj: GroundTruth | None = None) -> Any:
        """While review is on, an answer that is added gets its number by itself and belongs to no review."""
        return self.written if obj is None and features.is_open(request, features.REVIEW) else self.fields

    def save_model(self, request: HttpRequest, obj: GroundTruth, form: Any, change: bool) -> None:
        obj.created_by = cast(User, request.user)
        if not features.is_open(request, features.REVIEW):
            ground_truth.keep_version(obj)
            return
        written = {name: getattr(obj, name) for name in self.written}
        kept = ground_truth.write_version(**written, created_by=obj.created_by)
        obj.pk, obj.version = kept.pk, kept.version

    @admin.display(description="Changes")
    def changes(self, obj: GroundTruth) -> Any:
        if not obj.version or obj.version < 2:  # the page that adds one has none yet
            return None
        url = reverse("admin:feedback_groundtruth_compare", args=[obj.pk])
        return format_html('<a class="text-link" href="{}">from version {}</a>', url, obj.version - 1)

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "<uuid:object_id>/compare/",
            self.admin_site.admin_view(self.compare_view),
            name="feedback_groundtruth_compare",
        )
        return [page, *super().get_urls()]

    def compare_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """What changed since the version before, or since the one that ``?against=`` numbers."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        truth = get_object_or_404(GroundTruth, pk=object_id)
        try:
            found = compare(truth, request.GET.get("against"))
        except NotFound as refusal:
            raise Http404(refusal.message) from refusal
        others = GroundTruth.objects.filter(scope=truth.scope, reference_id=truth.reference_id).exclude(pk=truth.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{truth.scope} {short_reference(truth.reference_id)} v{truth.version}: changes",
            "truth": truth,
            "other": found.other,
            "others": others.order_by("version").values_list("version", flat=True)[:MOST_VERSIONS],
            "rows": [_row(each) for each in found.differences],
            "is_cut": found.is_cut,
        }
        return TemplateResponse(request, "admin/feedback/groundtruth/compare.html", context)


def _action_into(truth_set: GroundTruthSet) -> tuple[Any, str, str]:
    def put(admin_page: GroundTruthAdmin, request: HttpRequest, truths: QuerySet[GroundTruth]) -> None:
        try:
            added = ground_truth.put_into_set(truth_set=truth_set, truths=truths.order_by("version"))
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"{truth_set} holds them now; {added} of its answers are new.")

    return put, f"put_into_{truth_set.key}", f"Put into the set {truth_set}"


def _row(difference: dict[str, Any]) -> dict[str, str]:
    row: dict[str, str] = {"path": difference["path"] or "/", "operation": difference["operation"]}
    for side in ("before", "after"):
        if side in difference:
            row[side] = pretty_json(difference[side])[:MOST_TEXT]
    return row


class TagFilter(admin.SimpleListFilter):
    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Of the latest sets."""
        several = GroundTruthSet.objects.order_by("-pk").values_list("tags", flat=True)[:MOST_READ]
        known = {tag for tags in several if isinstance(tags, list) for tag in tags if isinstance(tag, str)}
        return [(tag, tag) for tag in sorted(known)[:MOST_TAGS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[GroundTruthSet]) -> QuerySet[GroundTruthSet]:
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


class GroundTruthSetForm(forms.ModelForm):  # type: ignore[type-arg]
    """Tags are what they are over REST."""

    class Meta:
        model = GroundTruthSet
        fields = ("key", "name", "description", "tags")
        widgets = {"tags": CodeTextarea({"rows": 4})}

    def clean_tags(self) -> list[str]:
        tags = self.cleaned_data["tags"] or []
        if not isinstance(tags, list) or len(tags) > MOST_TAGS_OF_SET or not all(map(_is_tag, tags)):
            raise ValidationError(f'Give {MOST_TAGS_OF_SET} texts at most, as a list: ["release 4", "hard"].')
        return tags


def _is_tag(tag: Any) -> bool:
    return isinstance(tag, str) and 0 < len(tag.strip()) <= MOST_TAG


@admin.register(GroundTruthSet)
class GroundTruthSetAdmin(GatedAdmin, BaseAdmin):
    why_frozen = "This set is frozen, so that figures measured on it can be compared. Make another."
    list_display = ("key", "name", "tagged", "frozen_at", "items")
    form = GroundTruthSetForm
    list_filter = (TagFilter, "frozen_at")
    search_fields = ("key", "name", "description", "tags")
    ordering = ("key",)
    fields = ("key", "name", "description", "tags", "frozen_at", "items")
    readonly_fields = ("frozen_at", "items")
    actions = ("freeze_sets",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(count=Count("items"))

    def is_frozen(self, obj: GroundTruthSet) -> bool:
        return obj.frozen_at is not None

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(CURATE))

    @admin.display(description="Tags")
    def tagged(self, obj: GroundTruthSet) -> str:
        return ", ".join(map(str, obj.tags))

    @admin.display(description="Items", ordering="count")
    def items(self, obj: GroundTruthSet) -> Any:
        count = getattr(obj, "count", 0)
        return rows_link(GroundTruth, f"{count:,}", sets__id__exact=obj.pk) if obj.pk else None

    @admin.action(description="Freeze, for good", permissions=["curate"])
    def freeze_sets(self, request: HttpRequest, sets: QuerySet[GroundTruthSet]) -> None:
        for truth_set in sets:
            try:
                ground_truth.freeze(truth_set=truth_set)
                messages.success(request, f"{truth_set} is frozen now.")
            except DomainError as refusal:
                messages.error(request, refusal.message)


@admin.register(GroundTruthSetItem)
class GroundTruthSetItemAdmin(GatedAdmin, BaseAdmin):
    """Which version of an answer a set holds; adding one puts it in place of another version."""

    why_frozen = "Its set is frozen."
    list_display = (linked("truth_set", "Set"), linked("ground_truth"), "created_at")
    list_display_links = ("created_at",)
    list_select_related = ("truth_set", "ground_truth")
    list_filter = ("truth_set",)
    search_fields = ("scope", "reference_id")
    fields = ("truth_set", "ground_truth")
    raw_id_fields = ("ground_truth",)

    def is_frozen(self, obj: GroundTruthSetItem) -> bool:
        return obj.truth_set.frozen_at is not None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: GroundTruthSetItem, form: Any, change: bool) -> None:
        ground_truth.put_into_set(truth_set=obj.truth_set, truths=[obj.ground_truth])
        obj.pk = GroundTruthSetItem.objects.get(truth_set=obj.truth_set, ground_truth=obj.ground_truth).pk
