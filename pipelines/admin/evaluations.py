"""Evaluations: started here, followed, and read."""

import uuid
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from config.admin_base import BaseAdmin, ReadOnlyAdmin, badge, linked
from config.problems import DomainError
from feedback.admin.gate import GatedAdmin
from feedback.models import Evaluation, EvaluationItem
from feedback.models.evaluations import OUTCOME_COLOURS, STATUS_COLOURS
from pipelines.admin.evaluation_page import etag_of, load_page
from pipelines.review.evaluating.services import RELATIONS, begin_evaluation, cancel_evaluation, carry_on, progress

PAGE = "admin/feedback/evaluation"
LABELS = {
    "truth_set": "Set",
    "version": "Pipeline version",
    "baseline_version": "Compare with",
    "baseline_prompt": "Compare with",
}


@admin.register(Evaluation)
class EvaluationAdmin(GatedAdmin, BaseAdmin):
    why_frozen = "An evaluation is a record of what was measured. Add another to measure again."
    list_display = (
        "started",
        linked("truth_set", "Set"),
        "candidate",
        "baseline",
        badge("status", STATUS_COLOURS),
        badge("outcome", OUTCOME_COLOURS),
        linked("started_by"),
    )
    list_select_related = RELATIONS
    list_filter = ("status", "outcome", "truth_set", "version__pipeline", "created_at")
    search_fields = ("=id", "truth_set__key", "version__pipeline__key", "prompt__process__key")
    date_hierarchy = "created_at"
    autocomplete_fields = ("truth_set", "version", "prompt", "baseline_version", "baseline_prompt")
    fieldsets = (
        (None, {"fields": ("truth_set", "version", "baseline_version")}),
        (
            "Two prompts in the same version",
            {
                "description": "The version above runs with each of them where it asks the active one.",
                "fields": ("prompt", "baseline_prompt"),
            },
        ),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        return super().get_form(request, obj, change=change, labels=LABELS, **kwargs)

    @admin.display(description="Started", ordering="id")
    def started(self, obj: Evaluation) -> Any:
        return obj.created_at

    @admin.display(description="Evaluated", ordering="version")
    def candidate(self, obj: Evaluation) -> str:
        return obj.candidate

    @admin.display(description="Compared with", ordering="baseline_version")
    def baseline(self, obj: Evaluation) -> str:
        return obj.baseline

    def is_frozen(self, obj: Evaluation) -> bool:
        return True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*RELATIONS)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:pk>/live/", wrap(self.live_view), name="feedback_evaluation_live"),
            path("<uuid:pk>/cancel/", wrap(self._door(_cancel)), name="feedback_evaluation_cancel"),
            path("<uuid:pk>/carry-on/", wrap(self._door(_carry_on)), name="feedback_evaluation_carry_on"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Evaluation, form: Any, change: bool) -> None:
        saved = begin_evaluation(
            truth_set=obj.truth_set,
            version=obj.version,
            prompt=obj.prompt,
            baseline_version=obj.baseline_version,
            baseline_prompt=obj.baseline_prompt,
            started_by=cast(User, request.user),
        )
        if saved.is_replay:
            messages.info(request, "The same evaluation is under way already. This is it.")
        obj.__dict__.update(saved.__dict__)

    def response_add(self, request: HttpRequest, obj: Evaluation, post_url_continue: Any = None) -> HttpResponse:
        return redirect(_url(obj))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The evaluation's own page, in place of a form that could not be sent anyway."""
        evaluation = self.get_object(request, unquote(object_id))
        if evaluation is None:
            return cast(HttpResponse, self._get_obj_does_not_exist_redirect(request, self.opts, object_id))
        if request.method != "GET" or not self.has_view_permission(request, evaluation):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "page": load_page(request, evaluation, progress(evaluation)),
            "opts": self.opts,
            "title": str(evaluation),
            **(extra_context or {}),
        }
        return TemplateResponse(request, f"{PAGE}/page.html", context)

    def live_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """What the page shows, without what stands around it; 304 while nothing has changed."""
        evaluation = self._of(request, pk)
        scored = progress(evaluation)
        headers = {"ETag": etag_of(evaluation, scored), "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return HttpResponseNotModified(headers=headers)
        context = {"page": load_page(request, evaluation, scored)}
        return TemplateResponse(request, f"{PAGE}/content.html", context, headers=headers)

    def _of(self, request: HttpRequest, pk: uuid.UUID) -> Evaluation:
        evaluation: Evaluation | None = self.get_object(request, str(pk))
        if evaluation is None:
            raise Http404("There is no such evaluation.")
        if not self.has_view_permission(request, evaluation):
            raise PermissionDenied
        return evaluation

    def _door(self, action: Any) -> Any:
        return require_POST(partial(self._act, action))

    def _act(self, action: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        evaluation = self._of(request, pk)
        if not request.user.has_perm("feedback.change_evaluation"):
            raise PermissionDenied
        try:
            messages.success(request, action(evaluation))
            self.log_change(request, evaluation, action.__doc__)
        except DomainError as refusal:
            messages.error(request, refusal.message)
        return redirect(_url(evaluation))


def _cancel(evaluation: Evaluation) -> str:
    """Cancelled."""
    cancel_evaluation(evaluation)
    return "The evaluation is cancelled, and so are its runs that were under way."


def _carry_on(evaluation: Evaluation) -> str:
    """Carried on."""
    carry_on(evaluation)
    return "It is carried on."


def _url(evaluation: Evaluation) -> str:
    return reverse("admin:feedback_evaluation_change", args=[evaluation.pk])


@admin.register(EvaluationItem)
class EvaluationItemAdmin(GatedAdmin, ReadOnlyAdmin):
    why_read_only = "It is a record of what an evaluation measured."
    list_display = (
        "__str__",
        linked("evaluation"),
        "change",
        linked("run"),
        linked("baseline_run", "Run of the other"),
    )
    list_select_related = (
        "ground_truth",
        *(f"evaluation__{each}" for each in RELATIONS),
        "run__pipeline_version__pipeline",
        "baseline_run__pipeline_version__pipeline",
    )
    list_filter = ("evaluation__status",)
    search_fields = ("=evaluation__id", "reference")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related)
