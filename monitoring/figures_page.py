"""The admin's page of figures: how runs went, what they took and cost, and which steps are slow or fail."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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
from monitoring.figures import MOST_GROUPS, Figures, Report, prompt_names, report
from monitoring.models import TestRun
from monitoring.windows import Span, Window, moment, window

SPAN = Span(usual=timedelta(days=30), most=timedelta(days=366))
PRESETS = (7, 30, 90)
LATEST_STEPS = 2_000
SHOWN = 20
STEP = "step_run__step_version__step__key"
NOT_PASSED = "failed,error"
ENDED = f"passed,{NOT_PASSED}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Of a chart: its unit, and where it ends unless its values say so."""

    unit: str
    top: float | None = None


SCORE, PERCENT = Scale("of 100", 100), Scale("%", 100)


class FiguresForm(forms.Form):
    """The window and what to narrow it to. ``window`` is set once it is valid."""

    begins = forms.CharField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    ends = forms.CharField(required=False, label="To, with that day", widget=forms.DateInput({"type": "date"}))
    prompt = forms.UUIDField(required=False, widget=forms.HiddenInput)
    model = forms.CharField(required=False, label="Model", max_length=200, strip=False)
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
    context = {**admin.site.each_context(request), "title": "Monitoring", "form": form, "presets": _presets(request)}
    if form.is_valid():
        context |= _figures(form)
    return TemplateResponse(request, "admin/monitoring/figures.html", context)


def _presets(request: HttpRequest) -> list[dict[str, Any]]:
    """Other windows that end today, of what the page is narrowed to."""
    today = timezone.now().date()
    kept = {name: request.GET[name] for name in ("prompt", "model") if request.GET.get(name)}
    begins = {days: today - timedelta(days=days - 1) for days in PRESETS}
    return [
        {"days": days, "url": reverse("admin:monitoring_figures", query={"begins": begin, **kept})}
        for days, begin in begins.items()
    ]


def _figures(form: FiguresForm) -> dict[str, Any]:
    within, prompt, model = form.window, form.cleaned_data["prompt"], form.cleaned_data["model"]
    narrowed = {"prompt_id": prompt, "model": model or None}
    days = report(within, by="day", kind=TestRun.Type.AI, **narrowed)
    prompts = report(within, by="prompt", kind=TestRun.Type.AI, **narrowed)
    models = report(within, by="model", kind=TestRun.Type.AI, **narrowed)
    quality = report(within, by="day", kind=TestRun.Type.QUALITY)
    names = prompt_names(prompts.groups)
    quality_runs = _Runs(within, {"type__exact": TestRun.Type.QUALITY})
    lookups = {"type__exact": TestRun.Type.AI, "prompt__id__exact": prompt, "model__exact": model}
    ai_runs = _Runs(within, {name: value for name, value in lookups.items() if value})
    return {
        "window": within,
        "narrowed_to": _narrowed_to(form, names),
        "tiles": _tiles(days.total, quality.total),
        "charts": [
            _chart("Quality: mean score", quality, quality_runs.of(score_overall__isnull=False), _score, SCORE),
            _chart("Quality: runs that passed", quality, quality_runs.of(status__in=ENDED), _pass_percent, PERCENT),
            _chart("AI: runs that passed", days, ai_runs.of(status__in=ENDED), _pass_percent, PERCENT),
            _chart("AI: 95 % were done in", days, ai_runs.of(latency_ms__isnull=False), _p95_seconds, Scale("s")),
            _chart("AI: cost of priced runs", days, ai_runs.of(cost_usd__isnull=False), _cost, Scale("US$")),
        ],
        "tables": [
            _table("Prompt", prompts, ai_runs, names, of_key=_of_prompt),
            _table("Model", models, ai_runs, {}, of_key=_of_model),
        ],
        "steps": _steps(within),
        "latest_steps": LATEST_STEPS,
        "steps_shown": SHOWN,
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
        {"value": _cost_text(ai), "label": f"spent; {unpriced:,} unpriced" if unpriced else "spent"},
        {"value": f"{quality.count('runs'):,}", "label": "quality runs"},
        {"value": _percent(quality.pass_rate), "label": "of quality runs passed"},
        {"value": number_text(quality.score("overall")), "label": "mean quality of 100"},
    ]


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs that a figure is of: those that began in a window, narrowed by the lookups of their list."""

    within: Window
    lookups: Mapping[str, Any]

    def of(self, **lookups: Any) -> "_Runs":
        """Some of them."""
        return replace(self, lookups={**self.lookups, **lookups})

    def of_day(self, start: str) -> "_Runs":
        """Those of a day, or of as much of it as is in the window."""
        day = datetime.fromisoformat(start)
        stop = min(day + timedelta(days=1), self.within.stop)
        return replace(self, within=Window(max(day, self.within.start), stop))

    def link(self, text: str) -> Any:
        """Leads to the list of them."""
        dates = {"started_at__gte": self.within.start.isoformat(), "started_at__lt": self.within.stop.isoformat()}
        return rows_link(TestRun, text, **self.lookups, **dates)


def _chart(title: str, found: Report, runs: _Runs, value: Callable[[Figures], float | None], scale: Scale) -> Any:
    """``runs`` are all that the values are of."""
    days = [start[:10] for start in found.groups]
    values = [value(each) for each in found.groups.values()]
    texts = [f"{day}: {number_text(each)} {scale.unit}" for day, each in zip(days, values, strict=True)]
    known = [each for each in values if each is not None]
    top = scale.top or top_of(values)
    return {
        "title": title,
        "unit": scale.unit,
        "top": number_text(top),
        "line": line(title, "info", values, texts, top=top),
        "first": days[0],
        "last": days[-1],
        "says": f"{title}, {days[0]} to {days[-1]}: {_range(known, scale.unit)}",
        "rows": [
            (runs.of_day(start).link(start[:10]), number_text(each))
            for start, each in zip(found.groups, values, strict=True)
            if each is not None
        ],
    }


def _range(known: Sequence[float], unit: str) -> str:
    if not known:
        return "nothing to show"
    return f"from {number_text(min(known))} to {number_text(max(known))} {unit}, last {number_text(known[-1])} {unit}"


def _table(
    title: str, found: Report, runs: _Runs, names: dict[str, str], of_key: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    shown = list(found.groups.items())[:SHOWN]
    slow = shares([each.latency_ms(95) for _, each in shown])
    dear = shares([each.cost_usd for _, each in shown])
    rows = [
        {**_row(names.get(key, key) or "none", each, runs.of(**of_key(key))), "slow": slow[place], "dear": dear[place]}
        for place, (key, each) in enumerate(shown)
    ]
    there_are = f"more than {MOST_GROUPS}" if found.left_out else len(found.groups)
    return {"title": title, "rows": rows, "there_are": there_are if len(found.groups) > SHOWN else 0}


def _row(name: str, each: Figures, runs: _Runs) -> dict[str, Any]:
    not_passed, unpriced = each.count("failed") + each.count("errored"), each.count("unpriced")
    return {
        "link": runs.link(name),
        "runs": f"{each.count('runs'):,}",
        "passed": _percent(each.pass_rate),
        "not_passed": runs.of(status__in=NOT_PASSED).link(f"{not_passed:,}") if not_passed else "0",
        "valid": _percent(each.validation_rate),
        "p50": _latency(each.latency_ms(50)),
        "p95": _latency(each.latency_ms(95)),
        "cost": _cost_text(each),
        "unpriced": runs.of(cost_usd__isnull=True, model__gt="").link(f"{unpriced:,}") if unpriced else "0",
    }


def _of_prompt(key: str) -> dict[str, Any]:
    return {"prompt__id__exact": key} if key else {"prompt__isnull": True}


def _of_model(key: str) -> dict[str, Any]:
    return {"model__exact": key}


def _steps(within: Window) -> list[dict[str, Any]]:
    """The steps of the window's latest ``LATEST_STEPS`` step runs: those that fail most first, then the slowest."""
    found = TestRun.objects.filter(started_at__gte=within.start, started_at__lt=within.stop, step_run__isnull=False)
    latest = list(
        found.order_by("-started_at", "-pk").values_list("started_at", STEP, "status", "latency_ms")[:LATEST_STEPS]
    )
    since = latest[-1][0] if len(latest) == LATEST_STEPS else within.start
    runs = _Runs(Window(since, within.stop), {})
    grouped: dict[str, list[tuple[str, float | None]]] = defaultdict(list)
    for _, step, status, latency in latest:
        grouped[step].append((status, latency))
    rows = [_step(step, each, runs.of(**{f"{STEP}__exact": step})) for step, each in grouped.items()]
    return sorted(rows, key=lambda row: (-row["share"], -row["slowest"]))[:SHOWN]


def _step(step: str, ran: list[tuple[str, float | None]], runs: _Runs) -> dict[str, Any]:
    failed = sum(status in (TestRun.Status.FAILED, TestRun.Status.ERROR) for status, _ in ran)
    times = sorted(latency for _, latency in ran if latency is not None)
    p95 = times[-(-95 * len(times) // 100) - 1] if times else None
    return {
        "link": runs.link(step),
        "runs": len(ran),
        "failed": runs.of(status__in=NOT_PASSED).link(str(failed)) if failed else "0",
        "share": failed / len(ran),
        "rate": _percent(failed / len(ran)),
        "p95": _latency(p95),
        "slowest": p95 or 0.0,
    }


def _score(each: Figures) -> float | None:
    return each.score("overall")


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


def _cost_text(each: Figures) -> str:
    if each.cost_usd is None:
        return "unpriced" if each.count("unpriced") else "n/a"
    return _dollars(each.cost_usd)


def _dollars(cost: Decimal) -> str:
    return f"${cost:,.2f}" if cost >= 1 else f"${cost.normalize():f}"
