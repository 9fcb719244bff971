"""What alerts look at: a figure over a window, and the same hour by hour for the time that has passed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from config.models import first_uuid7
from monitoring.alert_rules import Reading
from monitoring.figures import By, Figures, Report, pipeline_hours, report
from monitoring.histogram import added
from monitoring.models import Alert, TestRun
from monitoring.models.alerts import Watched
from monitoring.rollups import SQL
from monitoring.windows import Window

HOUR = timedelta(hours=1)
METRIC_SUMS = (SQL / "metric_sums.sql").read_text()


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure is read, and of how many runs it tells; ``counted`` is None where 0 is an answer too."""

    value: Callable[[Figures], float | None]
    counted: Callable[[Figures], int] | None = None

    def read(self, figures: Figures) -> Reading:
        value = self.value(figures)
        return Reading(None if value is None else float(value), self.counted(figures) if self.counted else None)


def _sum(*names: str) -> Measure:
    return Measure(lambda each: sum(each.count(name) for name in names))


def _percentile(percent: int) -> Measure:
    return Measure(lambda each: each.latency_ms(percent), lambda each: each.count("timed"))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _mean(total: str, count: str, *, scale: float = 1) -> Measure:
    """A sum over how many it is the sum of; no data where that is none."""

    def value(each: Figures) -> float | None:
        return scale * float(each.sums[total]) / each.count(count) if each.count(count) else None

    return Measure(value, lambda each: each.count(count))


OF_RUNS: Mapping[str, Measure] = {
    "runs": _sum("runs"),
    "failures": _sum("failed", "errored"),
    "pass_rate": Measure(
        lambda each: _percent(each.pass_rate), lambda each: each.count("runs") - each.count("running")
    ),
    "valid_rate": Measure(lambda each: _percent(each.validation_rate), lambda each: each.count("validated")),
    "p50_ms": _percentile(50),
    "p95_ms": _percentile(95),
    "p99_ms": _percentile(99),
    "tokens": _sum("tokens_in", "tokens_out"),
    "cost_usd": Measure(
        lambda each: None if each.cost_usd is None else float(each.cost_usd), lambda each: each.count("priced")
    ),
    "unpriced": _sum("unpriced"),
    "score": Measure(lambda each: each.score("overall"), lambda each: each.count("scored_overall")),
}
OF_RESULTS: Mapping[str, Measure] = {
    "results": _sum("runs"),
    "mean": _mean("value", "measured"),
    "passed": _mean("passed", "judged", scale=100),
}


def reading(alert: Alert, *, now: datetime) -> Reading:
    """The alert's figure over its window, which ends at ``now``; exact to the last commit."""
    return _measure(alert).read(_total(alert, Window(now - alert.window_hours * HOUR, now)))


def past_readings(alert: Alert, *, now: datetime, hours: int) -> list[tuple[datetime, Reading]]:
    """What the alert would have seen at each full hour of the last ``hours``, from the sums of single hours."""
    last = now.replace(minute=0, second=0, microsecond=0)
    window = Window(last - (hours + alert.window_hours - 1) * HOUR, last)
    by_hour = _hours(alert, window)
    moments = [last - (hours - 1 - place) * HOUR for place in range(hours)]
    measure = _measure(alert)
    return [(at, measure.read(each)) for at, each in zip(moments, _rolling(by_hour, alert.window_hours), strict=True)]


def _measure(alert: Alert) -> Measure:
    return (OF_RESULTS if alert.watches == Watched.METRIC else OF_RUNS)[alert.measure]


def _total(alert: Alert, window: Window) -> Figures:
    if alert.is_read_from_rows:
        return _added(list(_hours_of_rows(alert, window).values()))
    return _report(alert, window, by="day").total


def _hours(alert: Alert, window: Window) -> list[Figures]:
    """The sums of each hour of the window, which begins and ends with one."""
    if not alert.is_read_from_rows:
        return list(_report(alert, window, by="hour").groups.values())
    found = _hours_of_rows(alert, window)
    count = (window.stop - window.start) // HOUR
    return [found.get(window.start + place * HOUR, Figures()) for place in range(count)]


def _report(alert: Alert, window: Window, *, by: By) -> Report:
    return report(window, by=by, kind=TestRun.Type(alert.watches), prompt_id=alert.prompt_id, model=alert.model or None)


def _hours_of_rows(alert: Alert, window: Window) -> dict[datetime, Figures]:
    if alert.watches == Watched.METRIC:
        return _result_hours(alert, window)
    return pipeline_hours(
        window,
        pipeline_id=alert.pipeline_id,
        kind=TestRun.Type(alert.watches),
        prompt_id=alert.prompt_id,
        model=alert.model or None,
    )


def _result_hours(alert: Alert, window: Window) -> dict[datetime, Figures]:
    asked = {
        "metric": alert.metric_id,
        # A result is written after its key is made, though never an hour.
        "first": first_uuid7(window.start - HOUR),
        "start": window.start,
        "stop": window.stop,
    }
    with connection.cursor() as cursor:
        cursor.execute(METRIC_SUMS, asked)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row.pop("hour"): Figures(sums=row) for row in rows}


def _rolling(by_hour: Sequence[Figures], width: int) -> Iterator[Figures]:
    """The sums of each ``width`` hours on end."""
    return (_added(by_hour[start : start + width]) for start in range(len(by_hour) - width + 1))


def _added(parts: Sequence[Figures]) -> Figures:
    sums: dict[str, Any] = {}
    for part in parts:
        for name, value in part.sums.items():
            sums[name] = sums.get(name, 0) + (value or 0)
    return Figures(sums=sums, latencies=added([part.latencies for part in parts if part.latencies]))
