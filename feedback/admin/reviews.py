"""What reviewers said."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.admin_base import BaseAdmin, badge, linked
from feedback.models import ReviewFeedback

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
