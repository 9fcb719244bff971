"""The admin's page of figures: how runs went, what they took and cost, and which steps are slow or fail."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from config.admin_base import duration_text, number_text, rows_link
from config.problems import InvalidInput
from monitoring.charts import line, shares, top_of
from monitoring.figures import Figures, Report, prompt_names, report
from monitoring.models import TestRun
from monitoring.windows import Span, Window, moment, window

SPAN = Span(usual=timedelta(days=30), most=timedelta(days=366))
PRESETS = (7, 30, 90)
LATEST_STEPS = 2_000
SHOWN = 20
STEP = "step_run__step_version__step__key"


class FiguresForm(forms.Form):
    """The window and what to narrow it to. ``window`` is set once it is valid."""

    begins = forms.CharField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    ends = forms.CharField(required=False, label="To, with that day", widget=forms.DateInput({"type": "date"}))
    prompt = forms.UUIDField(required=False, widget=forms.HiddenInput)
    model = forms.CharField(required=False, label="Model", max_length=200)
    window: Window

    def clean_begins(self) -> datetime | None:
        return self._moment("begins", ends=False)

    def clean_ends(self) -> datetime | None:
        return self._moment("ends", ends=True)

    def clean(self) -> None:
        if self.errors:
            return
        try:
            self.window = window(self.cleaned_data["begins"], self.cleaned_data["ends"], span=SPAN, now=timezone.now())
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from error

    def _moment(self, field: str, *, ends: bool) -> datetime | None:
        text = self.cleaned_data[field]
        try:
            return moment(text, ends=ends) if text else None
        except ValueError as error:
            raise forms.ValidationError("Give a date, as 2026-01-31.") from error


def figures_page(request: HttpRequest) -> HttpResponse:
    """For those who may view test runs."""
    if not request.user.has_perm("monitoring.view_testrun"):
        raise PermissionDenied
    form = FiguresForm(request.GET)
    context = {**admin.site.each_context(request), "title": "Monitoring", "form": form, "presets": _presets()}
    if form.is_valid():
        context |= _figures(form)
    return TemplateResponse(request, "admin/monitoring/figures.html", context)


def _presets() -> list[dict[str, Any]]:
    today = timezone.now().date()
    page = reverse("admin:monitoring_figures")
    return [{"days": days, "url": f"{page}?begins={today - timedelta(days=days - 1)}"} for days in PRESETS]


def _figures(form: FiguresForm) -> dict[str, Any]:
    within, prompt, model = form.window, form.cleaned_data["prompt"], form.cleaned_data["model"]
    narrowed = {"prompt_id": prompt, "model": model or None}
    days = report(within, by="day", kind=TestRun.Type.AI, **narrowed)
    prompts = report(within, by="prompt", kind=TestRun.Type.AI, **narrowed)
    models = report(within, by="model", kind=TestRun.Type.AI, **narrowed)
    quality = report(within, by="day", kind=TestRun.Type.QUALITY)
    names = prompt_names(prompts.groups)
    of_quality = _Days(quality, within, {"type__exact": TestRun.Type.QUALITY})
    lookups = {"type__exact": TestRun.Type.AI, "prompt__id__exact": prompt, "model__exact": model}
    of_ai = _Days(days, within, {name: value for name, value in lookups.items() if value})
    return {
        "window": within,
        "narrowed_to": _narrowed_to(form, names),
        "tiles": _tiles(days.total, quality.total),
        "charts": [
            _chart("Quality: mean score", of_quality, lambda each: each.score("overall"), top=100, unit="of 100"),
            _chart("Quality: runs that passed", of_quality, _pass_percent, top=100, unit="%"),
            _chart("AI: runs that passed", of_ai, _pass_percent, top=100, unit="%"),
            _chart("AI: 95 % were done in", of_ai, _p95_seconds, unit="s"),
            _chart("AI: cost of priced runs", of_ai, _cost, unit="US$"),
        ],
        "tables": [
            {
                "title": "Prompt",
                "rows": _rows(prompts, names, "prompt__id__exact", within),
                "left_out": prompts.left_out,
            },
            {"title": "Model", "rows": _rows(models, {}, "model__exact", within), "left_out": models.left_out},
        ],
        "steps": _steps(within),
        "latest_steps": LATEST_STEPS,
    }


def _narrowed_to(form: FiguresForm, names: dict[str, str]) -> list[str]:
    prompt, model = form.cleaned_data["prompt"], form.cleaned_data["model"]
    return [
        text for text in (prompt and f"prompt {names.get(str(prompt), prompt)}", model and f"model {model}") if text
    ]


def _tiles(ai: Figures, quality: Figures) -> list[dict[str, str]]:
    unpriced = ai.count("unpriced")
    return [
        {"value": f"{ai.count('runs'):,}", "label": "AI runs"},
        {"value": _percent(ai.pass_rate), "label": "of AI runs passed"},
        {"value": _latency(ai.latency_ms(95)), "label": "took 95 % of AI runs at most"},
        {"value": _dollars(ai.cost_usd), "label": f"spent; {unpriced:,} unpriced" if unpriced else "spent"},
        {"value": f"{quality.count('runs'):,}", "label": "quality runs"},
        {"value": _percent(quality.pass_rate), "label": "of quality runs passed"},
        {"value": number_text(quality.score("overall")), "label": "mean quality of 100"},
    ]


@dataclass(frozen=True, slots=True)
class _Days:
    """The figures of each day of a window, and what narrows the list of runs to those that they tell of."""

    found: Report
    within: Window
    lookups: Mapping[str, Any]

    def link(self, day: str) -> Any:
        """The day, leading to its runs within the window."""
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        stop = min(start + timedelta(days=1), self.within.stop)
        return _runs_link(day, Window(max(start, self.within.start), stop), **self.lookups)


def _chart(title: str, shown: _Days, value: Any, *, unit: str, top: float | None = None) -> dict[str, Any]:
    days = [start[:10] for start in shown.found.groups]
    values: list[float | None] = [value(each) for each in shown.found.groups.values()]
    texts = [f"{day}: {number_text(each)} {unit}" for day, each in zip(days, values, strict=True)]
    known = [each for each in values if each is not None]
    top = top or top_of(values)
    return {
        "title": title,
        "unit": unit,
        "top": number_text(top),
        "line": line(title, "info", values, texts, top=top),
        "first": days[0],
        "last": days[-1],
        "says": f"{title}, {days[0]} to {days[-1]}: {_range(known, unit)}",
        "rows": [
            (shown.link(day), number_text(each)) for day, each in zip(days, values, strict=True) if each is not None
        ],
    }


def _range(known: Sequence[float], unit: str) -> str:
    if not known:
        return "nothing to show"
    return f"from {number_text(min(known))} to {number_text(max(known))} {unit}, last {number_text(known[-1])} {unit}"


def _rows(found: Report, names: dict[str, str], lookup: str, within: Window) -> list[dict[str, Any]]:
    shown = list(found.groups.items())[:SHOWN]
    slow = shares([each.latency_ms(95) for _, each in shown])
    dear = shares([each.cost_usd for _, each in shown])
    return [
        {
            "link": _runs_link(names.get(key, key) or "none", within, **{lookup: key}) if key else "none",
            "runs": f"{each.count('runs'):,}",
            "passed": _percent(each.pass_rate),
            "valid": _percent(each.validation_rate),
            "p50": _latency(each.latency_ms(50)),
            "p95": _latency(each.latency_ms(95)),
            "slow": slow[place],
            "cost": _dollars(each.cost_usd),
            "dear": dear[place],
            "unpriced": each.count("unpriced"),
            "not_passed": _runs_link("failed", within, status__exact="failed", **{lookup: key})
            if key and each.count("failed")
            else "",
        }
        for place, (key, each) in enumerate(shown)
    ]


def _steps(within: Window) -> list[dict[str, Any]]:
    """The steps of the window's latest ``LATEST_STEPS`` step runs: those that fail most first, then the slowest."""
    runs = TestRun.objects.filter(
        started_at__gte=within.start, started_at__lt=within.stop, step_run__isnull=False
    ).order_by("-started_at", "-pk")
    grouped: dict[str, list[tuple[str, float | None]]] = defaultdict(list)
    for step, status, latency in runs.values_list(STEP, "status", "latency_ms")[:LATEST_STEPS]:
        grouped[step].append((status, latency))
    rows = [_step(step, each, within) for step, each in grouped.items()]
    return sorted(rows, key=lambda row: (-row["share"], -row["slowest"]))[:SHOWN]


def _step(step: str, runs: list[tuple[str, float | None]], within: Window) -> dict[str, Any]:
    failed = sum(status in (TestRun.Status.FAILED, TestRun.Status.ERROR) for status, _ in runs)
    times = sorted(latency for _, latency in runs if latency is not None)
    p95 = times[-(-95 * len(times) // 100) - 1] if times else None
    lookup = f"{STEP}__exact"
    return {
        "link": _runs_link(step, within, **{lookup: step}),
        "runs": len(runs),
        "failed": _runs_link(str(failed), within, status__in="failed,error", **{lookup: step}) if failed else "0",
        "share": failed / len(runs),
        "rate": _percent(failed / len(runs)),
        "p95": _latency(p95),
        "slowest": p95 or 0.0,
    }


def _runs_link(text: str, within: Window, **lookups: Any) -> Any:
    dates = {"started_at__gte": within.start.isoformat(), "started_at__lt": within.stop.isoformat()}
    return rows_link(TestRun, text, **lookups, **dates)


def _pass_percent(each: Figures) -> float | None:
    return None if each.pass_rate is None else 100 * each.pass_rate


def _p95_seconds(each: Figures) -> float | None:
    p95 = each.latency_ms(95)
    return None if p95 is None else p95 / 1000


def _cost(each: Figures) -> float | None:
    return None if each.cost_usd is None else float(each.cost_usd)


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f} %"


def _latency(milliseconds: float | None) -> str:
    return duration_text(None if milliseconds is None else timedelta(milliseconds=milliseconds))


def _dollars(cost: Decimal | None) -> str:
    if cost is None:
        return "unpriced"
    return f"${cost:,.2f}" if cost >= 1 else f"${cost.normalize():f}"
