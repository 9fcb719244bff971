"""What reviewers said, and the accepted answers made of it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.admin_base import BaseAdmin, badge, linked
from feedback.models import GroundTruth, ReviewFeedback

STATUS_COLOURS = {"pending": "info", "approved": "success", "changes_requested": "warning", "rejected": "danger"}


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
        return super().get_queryset(request).visible_to(request.user)

    def is_frozen(self, obj: ReviewFeedback) -> bool:
        return obj.answer_id is not None


@admin.register(GroundTruth)
class GroundTruthAdmin(BaseAdmin):
    """An accepted answer stays as it is; a correction is added as the next version."""

    why_frozen = "An accepted answer stays as it is. Add a correction as the next version."
    list_display = ("scope", "reference_id", "version", linked("feedback"), linked("created_by"), "created_at")
    list_select_related = ("feedback", "created_by")
    list_filter = ("scope", "created_at")
    search_fields = ("scope", "reference_id")
    date_hierarchy = "created_at"
    raw_id_fields = ("feedback",)
    fields = ("scope", "reference_id", "version", "data", "provenance", "feedback", "created_by", "created_at")
    readonly_fields = ("created_by", "created_at")

    def is_frozen(self, obj: GroundTruth) -> bool:
        return True

    def save_model(self, request: HttpRequest, obj: GroundTruth, form: Any, change: bool) -> None:
        obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
