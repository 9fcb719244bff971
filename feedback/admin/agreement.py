"""The page of a queue's agreement."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from config.admin_base import number_text, row_link
from feedback.agreement_report import MOST_ANSWERS, MOST_RESULTS, MetricFit, QuestionAgreement, agreement_report
from feedback.models import ReviewQueue
from feedback.permissions import CURATE
from metrics.models import MetricDefinition


def agreement_page(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """For curators: how reviewers agree on each question, where they do not, and what the metrics make of it."""
    if not request.user.has_perm(CURATE):
        raise PermissionDenied
    queue = get_object_or_404(ReviewQueue, pk=object_id)
    report = agreement_report(queue)
    context = {
        **admin.site.each_context(request),
        "title": f"{queue}: agreement",
        "queue": queue,
        "report": report,
        "most": f"{MOST_ANSWERS:,}",
        "most_results": f"{MOST_RESULTS:,}",
        "questions": [_question(each) for each in report.questions],
        "metrics": [_metric(each) for each in report.metrics],
    }
    return TemplateResponse(request, "admin/feedback/reviewqueue/agreement.html", context)


def _question(each: QuestionAgreement) -> dict[str, Any]:
    most = max((count for row in each.matrix for count in row), default=0)
    return {
        "key": each.key,
        "label": each.label,
        "answers": f"{each.answers:,}",
        "items": f"{each.items:,}",
        "measures": [
            ("of pairs agree", _percent(each.percent)),
            ("Cohen's kappa", _measure(each.kappa)),
            ("Krippendorff's alpha", _measure(each.alpha)),
        ],
        "values": each.values,
        "raters": each.raters,
        "rows": [
            {
                "value": value,
                "cells": [
                    {"count": count, "shade": round(5 * count / most) if most else 0, "agrees": row == column}
                    for column, count in enumerate(counts)
                ],
            }
            for row, (value, counts) in enumerate(zip(each.values, each.matrix, strict=True))
        ],
        "biases": [
            {"name": name, "answers": bias.answers, "agreement": _percent(bias.agreement), "leans": _leans(bias.lean)}
            for name, bias in each.biases
        ],
        "disputes": [{"link": row_link(item), "spread": _spread(each, spread)} for item, spread in each.disputes],
    }


def _metric(found: MetricFit) -> dict[str, Any]:
    fit, is_higher = found.fit, found.metric.direction == MetricDefinition.Direction.HIGHER
    return {
        "name": found.metric.name,
        "auc": f"{fit.auc:.2f}",
        "passes": f"{'from' if is_higher else 'up to'} {number_text(fit.threshold)} {found.metric.unit}",
        "caught": _percent(fit.sensitivity),
        "spared": _percent(fit.specificity),
        "rejected": fit.rejected,
        "items": fit.rejected + fit.kept,
    }


def _spread(each: QuestionAgreement, spread: float) -> str:
    return f"variance {number_text(spread)}" if each.is_number else f"{_percent(spread)} of pairs differ"


def _leans(lean: dict[Any, float]) -> str:
    """The strongest first; differences of less than a point are left out."""
    if None in lean:
        return f"{lean[None]:+.2f} on average"
    strong = sorted(lean.items(), key=lambda each: -abs(each[1]))
    return ", ".join(f"{value} {100 * share:+.0f} points" for value, share in strong if abs(share) >= 0.01) or "none"


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f} %"


def _measure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"
