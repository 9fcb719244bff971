"""What an alert's page shows beside its fields: when the rule would have fired, drawn over the figure it watches."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from config.admin_base import number_text
from config.clock import database_now
from monitoring.alerts import Preview, preview, why
from monitoring.charts import SIZE, line, top_of
from monitoring.models import Alert

DAYS, DAYS_OF_ROWS = 14, 3
HOUR = timedelta(hours=1)
FIELDS = (
    *("watches", "measure", "metric", "prompt", "model", "pipeline"),
    *("comparison", "threshold", "window_hours", "hold_minutes", "at_least", "no_data"),
)
TEMPLATE = "admin/monitoring/alert_preview.html"
SHOWN = 20


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """The fields of a rule that say when it fires."""

    class Meta:
        model = Alert
        fields = FIELDS


def preview_page(request: HttpRequest) -> HttpResponse:
    """The preview alone, of the rule in the address: what the form asks for while it is filled in."""
    if not request.user.has_perm("monitoring.view_alert"):
        raise PermissionDenied
    form = RuleForm(request.GET)
    if form.is_valid():
        return render(request, TEMPLATE, shown(form.instance))
    faults = [
        f"{form.fields[name].label or name}: {errors[0]}" if name in form.fields else errors[0]
        for name, errors in form.errors.items()
    ]
    return render(request, TEMPLATE, {"faults": faults})


def shown(alert: Alert) -> dict[str, Any]:
    """What the template needs. Fewer days are shown of what is read row by row."""
    days = DAYS_OF_ROWS if alert.is_read_from_rows else DAYS
    now = database_now()
    try:
        found = preview(alert, hours=days * 24, now=now)
    except DatabaseError:
        return {"faults": ["There is too much to read in time. Give the alert a shorter window."]}
    return {
        "days": days,
        "chart": _chart(alert, found),
        "fired": _fired(alert, found),
        "more": len(found.episodes) - SHOWN,
    }


def _chart(alert: Alert, found: Preview) -> dict[str, Any]:
    values = [seen.value for _, seen in found.readings]
    texts = [f"{at:%m-%d %H:%M}: {number_text(seen.value)}" for at, seen in found.readings]
    known = [value for value in values if value is not None]
    bottom = min([0.0, alert.threshold, *known])
    top = top_of([value - bottom for value in [*known, alert.threshold]]) + bottom
    raised = [None if value is None else value - bottom for value in values]
    times = len(found.episodes)
    return {
        "top": number_text(top),
        "unit": alert.unit,
        "path": line("", "info", raised, texts, top=top - bottom).path,
        "threshold": round(SIZE - SIZE * (alert.threshold - bottom) / (top - bottom), 2),
        "bands": _bands(found),
        "first": f"{found.readings[0][0]:%Y-%m-%d}",
        "last": f"{found.readings[-1][0]:%Y-%m-%d}",
        "says": f"{alert.measure} by the hour, threshold {alert.threshold:g}: it would have fired {times} times",
    }


def _bands(found: Preview) -> list[dict[str, float]]:
    """Where it would have fired, from left to right."""
    first, last = found.readings[0][0], found.readings[-1][0] + HOUR
    whole = (last - first) / SIZE
    return [
        {"x": round((each.began - first) / whole, 2), "width": round(((each.ended or last) - each.began) / whole, 2)}
        for each in found.episodes
    ]


def _fired(alert: Alert, found: Preview) -> list[dict[str, Any]]:
    return [
        {"began": each.began, "ended": each.ended, "why": why(alert, each.first)}
        for each in reversed(found.episodes[-SHOWN:])
    ]
