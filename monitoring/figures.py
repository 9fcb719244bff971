"""What test runs add up to in a window of time, by prompt, model, hour, day or week, exact to the last commit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from django.db import connection

from monitoring.histogram import percentiles
from monitoring.models import RunRollup, TestRun
from monitoring.rollups import COSTS, COUNTS, QUALITY, statement
from monitoring.windows import Window

By = Literal["prompt", "model", "hour", "day", "week"]
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
MOST_GROUPS = 200
VECTOR_HEADER = 4  # bytes that vector_send puts before the counts
SLICES = {
    (False, False): RunRollup.Slice.ALL,
    (True, False): RunRollup.Slice.PROMPT,
    (False, True): RunRollup.Slice.MODEL,
    (True, True): RunRollup.Slice.PROMPT_MODEL,
}
MEASURES = {TestRun.Type.AI: (*COUNTS, *COSTS), TestRun.Type.QUALITY: (*COUNTS, *QUALITY)}
PIPELINE_HOURS = {kind: statement("pipeline_hours", measures) for kind, measures in MEASURES.items()}
STATEMENTS = {kind: statement("figures", measures) for kind, measures in MEASURES.items()}


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of a group of runs, and what follows from them. Shares are from 0 to 1; None where nothing tells.

    ``latencies`` is a histogram as ``monitoring.histogram`` packs it, empty where no run was timed.
    """

    sums: dict[str, Any] = field(default_factory=dict)
    latencies: bytes = b""

    def count(self, measure: str) -> int:
        counted: int = self.sums.get(measure) or 0
        return counted

    @property
    def pass_rate(self) -> float | None:
        """Of the runs that ended."""
        return _share(self.count("passed"), self.count("runs") - self.count("running"))

    @property
    def validation_rate(self) -> float | None:
        """Of the runs whose IR was checked."""
        return _share(self.count("valid"), self.count("validated"))

    @property
    def cost_usd(self) -> Decimal | None:
        """Of the runs that have a price; None where none has."""
        return Decimal(self.sums["cost_usd"]) if self.count("priced") else None

    def tokens(self, which: str) -> int | None:
        """Tokens ``in``, ``out``, ``cached`` or ``reasoning``; None where no run said how many there were."""
        return self.count(f"tokens_{which}") if self.count("metered") else None

    def score(self, name: str) -> float | None:
        """The mean, from 0 to 100, over the runs that have this score."""
        scored = self.count(f"scored_{name}")
        return float(self.sums[f"score_{name}"]) / scored if scored else None

    @property
    def mean_latency_ms(self) -> float | None:
        return float(self.sums["latency_ms"]) / self.count("timed") if self.count("timed") else None

    def latency_ms(self, percent: int) -> float | None:
        """A percentile, to within ``histogram.ACCURACY``."""
        return percentiles([self.latencies], [percent])[0][0]


@dataclass(frozen=True, slots=True)
class Report:
    """The total of a window and its groups by key, those with the most runs first or in the order of time.

    ``left_out`` says that there were more groups than are shown; the total holds them too.
    """

    total: Figures
    groups: dict[str, Figures]
    left_out: bool = False


def report(window: Window, *, by: By, kind: TestRun.Type, prompt_id: Any = None, model: str | None = None) -> Report:
    """The runs of a kind that began in the window, in one statement and so at one moment.

    Keys are a prompt's id (empty for none), a model's name (empty for none), or when an hour, day or week (from Monday)
    begins, as ``2026-01-31T00:00:00Z``; periods of time are all there, also those without a run.
    """
    params = {
        "start": window.start,
        "stop": window.stop,
        "by": by,
        "unit": by if by in STEPS else "day",
        "by_hour": by == "hour",
        "slice": SLICES[by == "prompt" or prompt_id is not None, by == "model" or model is not None],
        "type": kind,
        "prompt": prompt_id,
        "model": model,
        "most": MOST_GROUPS + 1 if by not in STEPS else None,
    }
    total, *rows = _rows(STATEMENTS[kind], params)
    groups = dict(rows)
    if by in STEPS:
        return Report(total[1], {key: groups.get(key, Figures()) for key in _periods(window, by)})
    return Report(total[1], dict(rows[:MOST_GROUPS]), left_out=len(rows) > MOST_GROUPS)


def pipeline_hours(
    window: Window, *, pipeline_id: Any, kind: TestRun.Type, prompt_id: Any = None, model: str | None = None
) -> dict[datetime, Figures]:
    """A pipeline's runs that began in the window, by when their hour begins, from the runs alone.

    Hours without a run are left out.
    """
    params = {
        "start": window.start,
        "stop": window.stop,
        "pipeline": pipeline_id,
        "type": kind,
        "prompt": prompt_id,
        "model": model,
    }
    return {cast(Any, key): figures for key, figures in _rows(PIPELINE_HOURS[kind], params)}


def prompt_names(ids: Iterable[str]) -> dict[str, str]:
    """How prompts are called, by id, in one query; those that are gone are left out."""
    prompts: Any = RunRollup._meta.get_field("prompt").related_model
    known = prompts._default_manager.select_related("process").in_bulk([each for each in ids if each])
    return {str(pk): str(prompt) for pk, prompt in known.items()}


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[str, Figures]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [_group(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _group(sums: dict[str, Any]) -> tuple[str, Figures]:
    vector = sums.pop("latencies")
    return sums.pop("key"), Figures(latencies=vector[VECTOR_HEADER:] if vector else b"", sums=sums)


def _periods(window: Window, by: By) -> Iterator[str]:
    period, stop = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (window.start, window.stop))
    period = _beginning(period, by)
    while period < stop:
        yield f"{period.isoformat()}Z"
        period += STEPS[by]


def _beginning(moment: datetime, by: By) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if by == "hour":
        return hour
    return hour.replace(hour=0) - timedelta(days=moment.weekday() if by == "week" else 0)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
