"""Judges, what they said, and how far they agree with reviewers."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from config.admin_base import BaseAdmin, ReadOnlyAdmin, badge, dollars_text, linked, number_text, row_link, rows_link
from feedback.admin.gate import GatedAdmin
from feedback.models import Judge, Judgement
from feedback.models.judges import FIXED, OUTCOME_COLOURS
from metrics.calibration import Calibration, Interval
from pipelines.judging.calibration import (
    MOST_JUDGEMENTS,
    Disagreement,
    Report,
    calibration_report,
    hundredths,
    in_words,
)
from pipelines.judging.making import save_judge

MOST_DISAGREEMENTS = 50
MOST_REASON = 200


@admin.register(Judge)
class JudgeAdmin(GatedAdmin, BaseAdmin):
    list_display = ("key", "name", linked("prompt"), "provider", "model", "compares", "agreement", "calibrated_at")
    list_select_related = ("prompt__process",)
    list_filter = ("provider", "compares")
    search_fields = ("key", "name", "description", "prompt__process__key")
    ordering = ("key",)
    raw_id_fields = ("prompt",)
    fieldsets = (
        (None, {"fields": ("key", "name", "description")}),
        ("What it asks", {"fields": ("prompt", ("provider", "model"), ("temperature", "max_tokens"))}),
        ("What it says", {"fields": ("compares", "pass_from", "question_key")}),
        ("What came of it", {"fields": ("agreement", "calibrated_at", "judgements")}),
    )
    readonly_fields = ("agreement", "calibrated_at", "judgements")

    def get_readonly_fields(self, request: HttpRequest, obj: Judge | None = None) -> list[str]:
        """What a judge measures with is fixed once it has judged."""
        fixed = FIXED if obj is not None and obj.has_judged else ()
        return [*super().get_readonly_fields(request, obj), *(name.removesuffix("_id") for name in fixed)]

    def save_model(self, request: HttpRequest, obj: Judge, form: Any, change: bool) -> None:
        save_judge(obj)

    @admin.display(description="Agreement with reviewers")
    def agreement(self, obj: Judge) -> Any:
        """As last worked out, with a link to how it stands now."""
        if obj._state.adding:
            return None
        url = reverse("admin:feedback_judge_calibration", args=[obj.pk])
        words = in_words(obj.calibration)
        return format_html('<a class="text-link" href="{}">{}</a>', url, words[0].upper() + words[1:])

    @admin.display(description="Judgements")
    def judgements(self, obj: Judge) -> Any:
        if obj._state.adding:
            return None
        why = " What it measures with is fixed, as it has judged. Add another judge to change it."
        link = rows_link(Judgement, "What it said", judge__id__exact=obj.pk)
        return format_html("{}.{}", link, why if obj.has_judged else "")

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "<uuid:object_id>/calibration/",
            self.admin_site.admin_view(self.calibration_view),
            name="feedback_judge_calibration",
        )
        return [page, *super().get_urls()]

    def calibration_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """How far the judge agrees with reviewers now, and on which items they differ."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        judge = get_object_or_404(Judge.objects.select_related("prompt__process"), pk=object_id)
        report = calibration_report(judge)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{judge}: agreement with reviewers",
            "judge": judge,
            "report": report,
            "most": MOST_JUDGEMENTS,
            "tiles": _tiles(report.calibration),
            "rows": _matrix(report),
            "disagreements": [_disagreement(each) for each in report.disagreements[:MOST_DISAGREEMENTS]],
        }
        return TemplateResponse(request, "admin/feedback/judge/calibration.html", context)


@admin.register(Judgement)
class JudgementAdmin(GatedAdmin, ReadOnlyAdmin):
    why_read_only = (
        "What a judge said stays as it was said. manage.py judge and POST /api/judges/:id/runs have it judge more."
    )
    list_display = (
        "created_at",
        linked("judge"),
        badge("outcome", OUTCOME_COLOURS),
        "scored",
        "passed",
        linked("step_run"),
        "cost",
        "said",
    )
    list_select_related = ("judge", "step_run")
    list_filter = ("outcome", "passed", "judge")
    search_fields = ("=id", "=target_id", "=step_run__id", "judge__key", "reason")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("judge", "outcome", "score", "passed", "reason", "error", "agreement")}),
        ("About", {"fields": ("kind", "target_id", "step_run", "ground_truth")}),
        ("Asked", {"fields": ("prompt_data", "calls", "cost")}),
        ("Record", {"fields": ("id", "created_at")}),
    )

    @admin.display(description="The judge")
    def agreement(self, obj: Judgement) -> str:
        """How far it agreed with reviewers when that was last worked out."""
        return in_words(obj.judge.calibration)

    @admin.display(description="Score", ordering="score")
    def scored(self, obj: Judgement) -> str:
        return "no score" if obj.score is None else number_text(obj.score)

    @admin.display(description="Cost (USD)", ordering="cost_usd")
    def cost(self, obj: Judgement) -> str:
        return dollars_text(obj.cost_usd)

    @admin.display(description="Said")
    def said(self, obj: Judgement) -> str:
        return _short(obj)


def _tiles(found: Calibration) -> list[tuple[str, str, str]]:
    """What it is, the figure, and its interval of 95 %."""
    percent = "n/a" if found.percent is None else f"{found.percent:.0%}"
    kappa = "n/a" if found.kappa is None else hundredths(found.kappa)
    return [
        ("of the outputs alike", percent, _interval(found.percent_interval, "{:.0%}".format)),
        ("Cohen's kappa", kappa, _interval(found.kappa_interval, hundredths)),
        ("outputs that both judged", f"{found.items:,}", ""),
    ]


def _interval(interval: Interval | None, write: Callable[[float], str]) -> str:
    return "" if interval is None else f"{write(interval[0])} to {write(interval[1])}"


def _matrix(report: Report) -> list[dict[str, Any]]:
    most = max(count for row in report.calibration.table for count in row) or 1
    return [
        {
            "name": f"Reviewers: {('fails', 'passes')[person]}",
            "cells": [
                {"count": count, "shade": round(5 * count / most), "agrees": person == judge}
                for judge, count in enumerate(counts)
            ],
        }
        for person, counts in enumerate(report.calibration.table)
    ]


def _disagreement(each: Disagreement) -> dict[str, Any]:
    return {
        "item": row_link(each.item),
        "judgement": row_link(each.judgement, number_text(each.judgement.score)),
        "people": "fails" if each.judgement.passed else "passes",
        "reason": _short(each.judgement),
    }


def _short(judgement: Judgement) -> str:
    text = judgement.error["message"] if judgement.error else judgement.reason
    return text if len(text) <= MOST_REASON else f"{text[:MOST_REASON]}…"
