"""Filling queues in the admin: actions on their list."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from config import features
from feedback.admin.queues import ReviewQueueAdmin
from feedback.models import ReviewQueue
from feedback.permissions import CURATE
from pipelines.review.filling import Filled, fill_all

MOST_AT_ONCE = 50

admin.site.unregister(ReviewQueue)


@admin.register(ReviewQueue)
class FillingQueueAdmin(ReviewQueueAdmin):
    """Finding what a rule asks for is the conductor's to do, so it adds the actions."""

    actions = ("fill_queues", "rehearse_filling")

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(CURATE)) and features.is_open(request, features.REVIEW)

    @admin.action(description="Fill by their rules", permissions=["curate"])
    def fill_queues(self, request: HttpRequest, queues: QuerySet[ReviewQueue]) -> None:
        _fill(request, queues, dry_run=False)

    @admin.action(description="Say what filling would add", permissions=["curate"])
    def rehearse_filling(self, request: HttpRequest, queues: QuerySet[ReviewQueue]) -> None:
        _fill(request, queues, dry_run=True)


def _fill(request: HttpRequest, queues: QuerySet[ReviewQueue], *, dry_run: bool) -> None:
    count = queues.count()
    if count > MOST_AT_ONCE:
        messages.error(request, f"Choose {MOST_AT_ONCE} at most: these are {count:,}. Nothing was added.")
        return
    for filled in fill_all(queues.order_by("key"), dry_run=dry_run):
        if filled.refused:
            messages.error(request, f"{filled.queue}: not filled. {filled.refused}")
        else:
            messages.success(request, _said(filled, dry_run=dry_run))


def _said(filled: Filled, *, dry_run: bool) -> str:
    items = "1 item" if filled.added == 1 else f"{filled.added:,} items"
    verb = "would be added" if dry_run else "added"
    return f"{filled.queue}: {items} {verb}. {filled.why_none}".strip()
