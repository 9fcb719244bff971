"""Folding: sums of test runs per hour and day, so that a long window is read from few rows.

Writers only mark the hours they touch (``sql/rollup_marks.sql``); a marked hour is read from its runs until it is over
and ``fold_marked`` has computed its rollups anew. ``monitoring.figures`` is the reader.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from monitoring.models import SCORES

SQL = Path(__file__).parent / "sql"
COUNTS = ("runs", "running", "passed", "failed", "errored", "validated", "valid", "timed", "latency_ms")
COSTS = (
    *("metered", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"),
    *("priced", "unpriced", "cost_usd"),
)
QUALITY = tuple(f"{prefix}_{name}" for name in SCORES for prefix in ("scored", "score"))
AMOUNTS = {"latency_ms", "cost_usd", *(f"score_{name}" for name in SCORES)}
"""Those of the measures that are no counts."""
DAY = timedelta(days=1)
LOCK_SPACE = 0x666F6C64  # "fold": the first half of the lock's key, the day being the second
OVER = "period < date_trunc('hour', clock_timestamp(), 'UTC')"


def statement(name: str, measures: Sequence[str]) -> str:
    """The text of ``sql/name.sql`` with the measures and their sums written out."""
    sums = ", ".join(f"sum({measure}){'' if measure in AMOUNTS else '::bigint'} AS {measure}" for measure in measures)
    return (SQL / f"{name}.sql").read_text().format(measures=", ".join(measures), sums=sums)


MEASURES = (*COUNTS, *COSTS, *QUALITY)
FOLDS = {name: statement(name, MEASURES) for name in ("fold_hours", "fold_day", "fold_slices")}


def fold_marked(limit: int = 31) -> int:
    """Fold the marked hours that are over, of at most ``limit`` days, the oldest first. Returns how many it folded.

    Each day is a transaction of its own. Any number may fold at once: a day that another is folding is left to it.
    """
    return sum(_fold_day(day) for day in _marked_days(limit))


def marked_hours() -> int:
    """How many hours that are over wait to be folded."""
    return int(_fetch(f"SELECT count(DISTINCT period) FROM monitoring_rollupmark WHERE {OVER}")[0][0])  # noqa: S608


def _marked_days(limit: int) -> list[datetime]:
    rows = _fetch(
        "SELECT DISTINCT date_trunc('day', period, 'UTC') AS day FROM monitoring_rollupmark "  # noqa: S608
        f"WHERE {OVER} ORDER BY day LIMIT %s",
        [limit],
    )
    return [day for (day,) in rows]


@transaction.atomic
def _fold_day(day: datetime) -> bool:
    """Take the marks first and read the runs after, so that a run is either read here or keeps its mark."""
    if not _fetch("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK_SPACE, day.toordinal()])[0][0]:
        return False
    hours = _take_marks(day)
    if not hours:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM monitoring_runrollup "
            "WHERE (grain = 'hour' AND period = ANY(%(hours)s)) OR (grain = 'day' AND period = %(day)s)",
            {"hours": hours, "day": day},
        )
        cursor.execute(FOLDS["fold_hours"], {"hours": hours})
        cursor.execute(FOLDS["fold_day"], {"day": day})
        for grain, periods in (("hour", hours), ("day", [day])):
            cursor.execute(FOLDS["fold_slices"], {"grain": grain, "periods": periods})
    return True


def _take_marks(day: datetime) -> list[datetime]:
    rows = _fetch(
        "WITH taken AS (DELETE FROM monitoring_rollupmark "  # noqa: S608
        f"WHERE period >= %s AND period < %s AND {OVER} RETURNING period) SELECT DISTINCT period FROM taken",
        [day, day + DAY],
    )
    return [hour for (hour,) in rows]


def _fetch(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
