"""The pages of the review screen. Whoever may review sees the queues, and of the items those they have claimed.

What is posted is answered with the address of the next item. The screen's script, which says ``here``, gets the page at
once and puts its address into the browser's bar; sent again, it leads to the same item, as the reviewer then holds it.
"""

import uuid
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.problems import DomainError, InvalidInput, problem
from config.texts import as_uuid
from feedback import services
from feedback.models import ReviewAssignment, ReviewQueue
from feedback.permissions import CURATE, REVIEW, may_adjudicate, may_review
from pipelines.admin.module_preview import preview_response
from pipelines.admin.pictures import is_picture, picture_response
from pipelines.review.adjudication import answers_so_far
from pipelines.review.corrections import MOST_CHARACTERS, judge_text
from pipelines.review.filling import fill
from pipelines.review.opening import Opened, open_assignment
from pipelines.review.screen.form import Fields, answer_of, fields_of_answer, fields_of_draft, fields_sent, read_draft
from pipelines.review.screen.page import item_context
from pipelines.review.screen.rail import read_rail
from pipelines.review.submitting import submit


def reviewing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For staff who may review or adjudicate."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_review(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return cast(Callable[..., HttpResponse], admin.site.admin_view(guarded))


@reviewing
@require_GET
def queues(request: HttpRequest) -> HttpResponse:
    """The queues, with what waits in each."""
    return _page(request, "queues", title="Review", queues=read_rail(_user(request)).queues)


@reviewing
@require_http_methods(["GET", "POST"])
def queue(request: HttpRequest, key: str) -> HttpResponse:
    """A queue's instructions and one's own work in it; posting claims the next item."""
    found = get_object_or_404(ReviewQueue, key=key)
    if request.method == "POST":
        if not request.user.has_perm(REVIEW):
            raise PermissionDenied
        return _next(request, found, besides=as_uuid(request.POST.get("besides", "")))
    return _queue_page(request, "queue", found, may_review=request.user.has_perm(REVIEW))


@reviewing
@require_http_methods(["GET", "POST"])
def adjudicate(request: HttpRequest, key: str) -> HttpResponse:
    """The items of a queue whose reviewers disagree, for those who may decide; posting claims the next one."""
    if not may_adjudicate(_user(request)):
        raise PermissionDenied
    found = get_object_or_404(ReviewQueue, key=key)
    if request.method == "POST":
        return _next(request, found, besides=as_uuid(request.POST.get("besides", "")), adjudicates=True)
    return _queue_page(request, "adjudicate", found)


@reviewing
@require_POST
def fill_queue(request: HttpRequest, key: str) -> HttpResponse:
    """Follow the queue's rule now, for those who may curate."""
    if not request.user.has_perm(CURATE):
        raise PermissionDenied
    found = get_object_or_404(ReviewQueue, key=key)
    try:
        filled = fill(found)
        messages.success(request, f"{_items(filled.added)} added. {filled.why_none}".strip())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return redirect("review:queue", key)


@reviewing
@require_http_methods(["GET", "POST"])
def item(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """An item that the reviewer has claimed; posting answers, skips or gives it back, and goes on to the next."""
    opened = _own(request, pk)
    if request.method == "GET":
        return _item_page(request, opened, begun=request.GET.get("begin", ""))
    assignment = opened.assignment
    sent = fields_sent(request.POST, opened.content)
    try:
        _act(request, opened, sent)
    except DomainError as refusal:
        return _item_page(request, _own(request, pk), sent, error=refusal)
    if request.POST.get("verdict") == "release":
        return redirect(_queue_url(assignment.item.queue, assignment.is_adjudication))
    return _next(request, assignment.item.queue, adjudicates=assignment.is_adjudication)


@reviewing
@require_POST
def draft(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Keep what is in the fields, and the reservation with it."""
    try:
        kept = services.save_draft(assignment_id=pk, reviewer=_user(request), draft=read_draft(request.body))
    except DomainError as refusal:
        return problem(refusal.status, refusal.code, refusal.message)
    return JsonResponse({"reservedUntil": kept.reserved_until})


@reviewing
@require_POST
def check(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What is wrong with a correction as it is typed."""
    content = _own(request, pk).content
    text = request.body[: 4 * MOST_CHARACTERS].decode(errors="replace")
    return JsonResponse(judge_text(content, text))


@reviewing
@require_GET
def preview(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The item's module, for a frame that can do nothing but show it."""
    opened = _own(request, pk)
    return preview_response(opened.content.document, opened.assignment.item.design_split)


@reviewing
@require_GET
def picture(request: HttpRequest, pk: uuid.UUID, which: str) -> HttpResponse:
    """The picture of the item's page, or of the part that it was made of."""
    asset = _own(request, pk).content.pictures.get(which)
    if asset is None or not is_picture(asset.storage_url):
        raise Http404("There is no such picture.")
    return cast(HttpResponse, picture_response(asset.storage_url))


def _act(request: HttpRequest, opened: Opened, sent: Fields) -> None:
    verdict, reviewer, assignment = request.POST.get("verdict"), _user(request), opened.assignment
    if any("\0" in text for _, texts in request.POST.lists() for text in texts):
        raise InvalidInput("One of the texts holds the character U+0000, which cannot be kept. Take it out.")
    if verdict == "skip":
        services.skip(assignment_id=assignment.pk, reviewer=reviewer)
    elif verdict == "release":
        if assignment.state != ReviewAssignment.State.RELEASED:
            services.release(assignment_id=assignment.pk, reviewer=reviewer, draft=asdict(sent))
    else:
        answer = answer_of(sent, request.POST, opened.content, opened.questions)
        submit(assignment=assignment, reviewer=reviewer, answer=answer, content=opened.content)


def _next(
    request: HttpRequest, found: ReviewQueue, besides: uuid.UUID | None = None, *, adjudicates: bool = False
) -> HttpResponse:
    claimed = services.claim(queue=found, reviewer=_user(request), besides=besides, adjudicates=adjudicates)
    if claimed is None:
        left = "to adjudicate " if adjudicates else ""
        messages.info(request, f"Nothing is left {left}for you in this queue now.")
        return redirect(_queue_url(found, adjudicates))
    if "here" in request.POST:
        return _item_page(request, _own(request, claimed))
    return redirect("review:item", claimed)


def _items(count: int) -> str:
    return f"{count} item was" if count == 1 else f"{count} items were"


def _own(request: HttpRequest, pk: uuid.UUID) -> Opened:
    opened = open_assignment(pk, _user(request))
    if opened is None:
        raise Http404("You have no such assignment.")
    return opened


def _queue_url(found: ReviewQueue, adjudicates: bool) -> str:
    return reverse("review:adjudicate" if adjudicates else "review:queue", args=[found.key])


def _queue_page(request: HttpRequest, name: str, found: ReviewQueue, **context: Any) -> HttpResponse:
    rail = read_rail(_user(request), found)
    return _page(
        request,
        name,
        title=found.name,
        queue=found,
        queues=rail.queues,
        mine=rail.mine,
        may_curate=request.user.has_perm(CURATE),
        **context,
    )


def _item_page(
    request: HttpRequest, opened: Opened, sent: Fields | None = None, begun: str = "", error: DomainError | None = None
) -> HttpResponse:
    so_far = answers_so_far(opened.assignment)
    fields = sent or fields_of_answer(so_far, begun) or fields_of_draft(opened.assignment.draft)
    context = item_context(opened, _user(request), fields, so_far, begun, error)
    return _page(request, "item", status=error.status if error else 200, **context)


def _page(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    known = admin.site.each_context(request)
    return TemplateResponse(request, f"review/{name}.html", {**known, **context}, status=status)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
