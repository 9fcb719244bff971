"""What reviewers said, and while review is on what it is of and what was made of it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from config import features
from config.admin_base import BaseAdmin, badge, linked, row_link, row_url
from feedback.models import GroundTruth, ReviewFeedback
from feedback.models.reviews import FeedbackQuerySet

STATUS_COLOURS = {"pending": "info", "approved": "success", "changes_requested": "warning", "rejected": "danger"}
OF_REVIEW = ("item", "verdict", "ground_truth")


class GroundTruthFilter(admin.SimpleListFilter):
    title = "ground truth"
    parameter_name = "ground_truth"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("made", "Made"), ("open", "Can still be made")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ReviewFeedback]) -> Any:
        found: Any = queryset
        narrowed = {"made": FeedbackQuerySet.curated, "open": FeedbackQuerySet.to_be_curated}.get(self.value() or "")
        return narrowed(found) if narrowed else found


@admin.register(ReviewFeedback)
class ReviewFeedbackAdmin(BaseAdmin):
    list_display = (
        "created_at",
        "reviewer",
        badge("status", STATUS_COLOURS),
        linked("design_split", "Design"),
        linked("artifact"),
        linked("module"),
        "comments",
    )
    list_select_related = ("design_split", "artifact", "module")
    list_filter = ("status", "reviewer", "created_at")
    search_fields = ("reviewer", "comments", "design_split__name", "module__name")
    date_hierarchy = "created_at"
    raw_id_fields = ("design_split", "artifact", "module")
    fieldsets = (
        (None, {"fields": ("reviewer", "status", "ratings", "comments", "findings")}),
        ("About", {"fields": ("design_split", "artifact", "module")}),
        ("Record", {"fields": ("id", "created_at")}),
    )
    readonly_fields = ("id", "created_at")
    why_frozen = "This was answered in a review queue, so it stays as it was given."

    def get_queryset(self, request: HttpRequest) -> Any:
        visible = super().get_queryset(request).visible_to(request.user)
        if not features.is_open(request, features.REVIEW):
            return visible
        return visible.select_related("answer__assignment__item").with_truth()

    def get_list_display(self, request: HttpRequest) -> Any:
        """Comments stay the last, as they are the widest."""
        *shown, comments = super().get_list_display(request)
        return (*shown, *(OF_REVIEW if features.is_open(request, features.REVIEW) else ()), comments)

    def get_list_filter(self, request: HttpRequest) -> Any:
        shown = super().get_list_filter(request)
        if not features.is_open(request, features.REVIEW):
            return shown
        return ("answer__assignment__queue", "answer__verdict", GroundTruthFilter, *shown)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        first, *others = super().get_fieldsets(request, obj)
        is_reviewed = obj is not None and obj.answer_id is not None and features.is_open(request, features.REVIEW)
        return [first, *([("Review", {"fields": OF_REVIEW})] if is_reviewed else []), *others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), *OF_REVIEW]

    def is_frozen(self, obj: ReviewFeedback) -> bool:
        return obj.answer_id is not None

    @admin.display(description="Item")
    def item(self, obj: ReviewFeedback) -> Any:
        return None if obj.answer is None else row_link(obj.answer.assignment.item)

    @admin.display(description="Verdict", ordering="answer__verdict")
    def verdict(self, obj: ReviewFeedback) -> Any:
        """The answer, which says all of it."""
        if obj.answer is None:
            return None
        return row_link(obj.answer, obj.answer.get_verdict_display())

    @admin.display(description="Ground truth")
    def ground_truth(self, obj: ReviewFeedback) -> Any:
        """The latest that was made of the item."""
        truth: dict[str, Any] | None = getattr(obj, "truth", None)
        if truth is None:
            return None
        link = '<a class="text-link" href="{}">{} v{}</a>'
        return format_html(link, row_url(GroundTruth, truth["id"]), truth["scope"], truth["version"])
