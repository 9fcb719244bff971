"""The work in queues: a record of who held what and answered how, hidden from whoever could still be led by it."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from config.admin_base import ReadOnlyAdmin, badge, duration_text, linked, row_link
from feedback import services
from feedback.accepted import accepted_answer
from feedback.admin.gate import GatedAdmin
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem
from feedback.models.work import ASSIGNMENT_COLOURS, STATE_COLOURS, VERDICT_COLOURS
from feedback.permissions import CURATE


@admin.register(ReviewItem)
class ReviewItemAdmin(GatedAdmin, ReadOnlyAdmin):
    why_read_only = (
        "Items come from the rule of their queue. Curators can withdraw them, put them back, or have them handed out "
        "before others."
    )
    actions = ("withdraw_items", "put_items_back", "hand_out_first", "hand_out_in_turn")
    list_display = (
        "__str__",
        linked("queue"),
        "kind",
        badge("state", STATE_COLOURS),
        "answers_needed",
        "free_slots",
        linked("step_run"),
        "created_at",
    )
    list_select_related = ("queue", "step_run")
    list_filter = ("state", "kind", "queue")
    search_fields = ("title", "=id", "=target_id", "=step_run__id")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("queue", "title", "state", "accepted", "priority", "answers_needed", "free_slots")}),
        ("About", {"fields": ("kind", "target_id", "step_run", "design_split", "module", "artifact")}),
        ("Record", {"fields": ("id", "created_at")}),
    )

    @admin.display(description="Accepted answer")
    def accepted(self, obj: ReviewItem) -> Any:
        """The adjudicator's, else that of reviewers who agree."""
        answer = accepted_answer(obj)
        if answer is None:
            return None
        whose = "by the adjudicator" if answer.assignment.is_adjudication else "by reviewers who agree"
        return format_html("{} {}", row_link(answer), whose)

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(CURATE))

    @admin.action(description="Withdraw from their queues", permissions=["curate"])
    def withdraw_items(self, request: HttpRequest, items: QuerySet[ReviewItem]) -> None:
        count = services.withdraw(items=items)
        messages.success(request, f"{count} of them were not done and are withdrawn now.")

    @admin.action(description="Put withdrawn ones back", permissions=["curate"])
    def put_items_back(self, request: HttpRequest, items: QuerySet[ReviewItem]) -> None:
        count = services.put_back(items=items)
        messages.success(request, f"{count} of them were withdrawn and wait again.")

    @admin.action(description="Hand out before others", permissions=["curate"])
    def hand_out_first(self, request: HttpRequest, items: QuerySet[ReviewItem]) -> None:
        self._prioritise(request, items, 1, "come before the others of their queues now")

    @admin.action(description="Hand out in their turn again", permissions=["curate"])
    def hand_out_in_turn(self, request: HttpRequest, items: QuerySet[ReviewItem]) -> None:
        self._prioritise(request, items, 0, "come in their turn again")

    def _prioritise(self, request: HttpRequest, items: QuerySet[ReviewItem], priority: int, what: str) -> None:
        count = services.prioritise(items=items, priority=priority)
        messages.success(request, f"{count} of them were not done and {what}.")


@admin.register(ReviewAssignment)
class ReviewAssignmentAdmin(GatedAdmin, ReadOnlyAdmin):
    why_read_only = "An assignment says who held which slot of an item; reviewing writes it."
    list_display = ("claimed_at", linked("reviewer"), linked("item"), "slot", badge("state", ASSIGNMENT_COLOURS))
    list_select_related = ("reviewer", "item")
    list_filter = ("state", "item__queue")
    search_fields = ("=id", "=item__id", "reviewer__username", "item__title")
    date_hierarchy = "claimed_at"
    fields = ("item", "reviewer", "slot", "state", "claimed_at", "reserved_until", "note", "id", "created_at")

    def __init__(self, model: type[ReviewAssignment], admin_site: Any) -> None:
        """A draft is its reviewer's alone, so its document has no address here."""
        super().__init__(model, admin_site)
        self.json_fields.discard("draft")


@admin.register(ReviewAnswer)
class ReviewAnswerAdmin(GatedAdmin, ReadOnlyAdmin):
    why_read_only = (
        "An answer stays as it was given. Those of others on an item are shown once it takes no more answers."
    )
    list_display = (
        "created_at",
        "reviewer",
        badge("verdict", VERDICT_COLOURS),
        "item",
        "took",
        "comments",
    )
    list_select_related = ("assignment__reviewer", "assignment__item")
    list_filter = ("verdict", "assignment__item__queue", "created_at")
    search_fields = ("=id", "comments", "assignment__reviewer__username", "assignment__item__title")
    date_hierarchy = "created_at"
    fields = (
        "assignment",
        "verdict",
        "answers",
        "correction",
        "corrected_under",
        "comments",
        "remarks",
        "took",
        "id",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(request.user)

    @admin.display(description="Reviewer", ordering="assignment__reviewer")
    def reviewer(self, obj: ReviewAnswer) -> str:
        return str(obj.assignment.reviewer)

    @admin.display(description="Took", ordering="duration_ms")
    def took(self, obj: ReviewAnswer) -> str:
        return duration_text(timedelta(milliseconds=obj.duration_ms))

    @admin.display(description="Item")
    def item(self, obj: ReviewAnswer) -> str:
        return str(obj.assignment.item)
