"""``GET /metrics``: how runs, the queue and the record stand, in Prometheus's text format.

Every figure comes from indexed or bounded reads, whatever the tables hold, and none may take longer than
``TIME_LIMIT_MS``.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from config.http_metrics import http_registry
from config.models import first_uuid7
from monitoring.alerts import watched
from monitoring.figures import report
from monitoring.models import TestRun
from monitoring.windows import Window
from pipelines.models.runs import RunStatus, StepStatus

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
MOST = 10_000
TIME_LIMIT_MS = 2_000

RECENT_RUNS = """
    SELECT status, count(*) FROM (
        SELECT status FROM pipelines_pipelinerun WHERE id >= %s ORDER BY id DESC LIMIT %s
    ) latest GROUP BY status
"""
RECENT_STEPS = """
    SELECT status, count(*), sum(lost_count) FROM (
        SELECT status, lost_count FROM pipelines_steprun WHERE id >= %s ORDER BY id DESC LIMIT %s
    ) latest GROUP BY status
"""
LEASES = """
    SELECT count(*), count(*) FILTER (WHERE lease_expires_at < clock_timestamp()) FROM (
        SELECT lease_expires_at FROM pipelines_steprun WHERE status = 'running' ORDER BY lease_expires_at LIMIT %s
    ) running
"""
QUEUE = """
    SELECT job.queue_name, count(*), EXTRACT(EPOCH FROM clock_timestamp() - min(GREATEST(since.at, job.scheduled_at)))
    FROM (
        SELECT id, queue_name, scheduled_at FROM procrastinate_jobs
        WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp()) ORDER BY id LIMIT %s
    ) job, LATERAL (
        SELECT min(event.at) AS at FROM procrastinate_events event WHERE event.job_id = job.id
    ) since
    GROUP BY job.queue_name
"""


class MayScrape(BasePermission):
    """Whoever may view test runs; anybody where METRICS_OPEN says that the network is guard enough."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return settings.METRICS_OPEN or request.user.has_perm("monitoring.view_testrun")


@extend_schema(exclude=True)
class MetricsView(APIView):
    """What a scraper reads, whatever types it says it accepts."""

    permission_classes = [MayScrape]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(DatabaseFigures())
        text = generate_latest(registry) + generate_latest(http_registry())
        return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


class DatabaseFigures(Collector):
    """What the database says now. ``irline_database_up`` is 0 where it could not be asked in time."""

    def collect(self) -> Iterable[Metric]:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {TIME_LIMIT_MS}")
                figures = [*_runs(cursor), *_queue(cursor), *_record(), _alerts()]
        except Error as error:
            log.warning("The figures for /metrics could not be read: %s", str(error).strip())
            figures = []
        up = GaugeMetricFamily("irline_database_up", "1 where the database answered in time.", value=bool(figures))
        return [up, *figures]


def _runs(cursor: Any) -> Iterator[Metric]:
    since = first_uuid7(timezone.now() - HOUR)
    runs = dict(_fetch(cursor, RECENT_RUNS, [since, MOST]))
    steps = {status: (count, lost) for status, count, lost in _fetch(cursor, RECENT_STEPS, [since, MOST])}
    window = f"begun in the last hour, of the latest {MOST:,} at most"
    yield _by_status("irline_runs", f"Pipeline runs {window}.", {each: runs.get(each, 0) for each in RunStatus})
    yield _by_status("irline_steps", f"Step runs {window}.", {each: steps.get(each, (0, 0))[0] for each in StepStatus})
    lost = sum(each[1] for each in steps.values())
    yield GaugeMetricFamily("irline_leases_lost", f"Attempts whose process died, of step runs {window}.", value=lost)


def _queue(cursor: Any) -> Iterator[Metric]:
    [(running, expired)] = _fetch(cursor, LEASES, [MOST])
    queues = _fetch(cursor, QUEUE, [MOST])
    yield GaugeMetricFamily("irline_steps_running", "Step runs that a process holds now.", value=running)
    yield GaugeMetricFamily("irline_leases_expired", "Of these, those whose lease has run out.", value=expired)
    depth = sum(waiting for _, waiting, _ in queues)
    yield GaugeMetricFamily("irline_queue_depth", f"Jobs that are due, {MOST:,} at most.", value=depth)
    ages = {queue: max(0.0, float(age or 0)) for queue, _, age in queues}
    oldest = max(ages.values(), default=0)
    yield GaugeMetricFamily("irline_queue_oldest_seconds", "How long the oldest due job has waited.", value=oldest)
    by_queue = GaugeMetricFamily(
        "irline_queue_oldest_seconds_by_queue", "The same for each queue that has one.", labels=["queue"]
    )
    for queue, age in sorted(ages.items()):
        by_queue.add_metric([queue], age)
    yield by_queue


def _record() -> Iterator[Metric]:
    """From the rollups, exact to the last commit."""
    now = timezone.now()
    found = {
        kind: report(Window(now - HOUR, now), by="hour", kind=kind).total
        for kind in (TestRun.Type.AI, TestRun.Type.QUALITY)
    }
    runs = GaugeMetricFamily("irline_test_runs", "Test runs of the last hour.", labels=("type", "status"))
    invalid = GaugeMetricFamily(
        "irline_validation_failures", "IRs of the last hour that did not fit.", labels=("type",)
    )
    latency = GaugeMetricFamily(
        "irline_test_run_seconds", "Percentiles of the last hour, to within 5 %.", labels=("type", "quantile")
    )
    for kind, figures in found.items():
        for status, measure in (
            ("passed", "passed"),
            ("failed", "failed"),
            ("error", "errored"),
            ("running", "running"),
        ):
            runs.add_metric((kind, status), figures.count(measure))
        invalid.add_metric((kind,), figures.count("validated") - figures.count("valid"))
        for percent in (50, 95, 99):
            milliseconds = figures.latency_ms(percent)
            latency.add_metric((kind, f"0.{percent:02}"), float("nan") if milliseconds is None else milliseconds / 1000)
    ai = found[TestRun.Type.AI]
    cost = GaugeMetricFamily(
        "irline_ai_cost_dollars", "What AI runs of the last hour cost.", value=float(ai.cost_usd or 0)
    )
    unpriced = GaugeMetricFamily(
        "irline_ai_unpriced_runs", "AI runs of the last hour without a price.", value=ai.count("unpriced")
    )
    yield from (runs, invalid, latency, cost, unpriced)


def _alerts() -> Metric:
    family = GaugeMetricFamily("irline_alert_firing", "1 where the alert fires.", labels=("alert", "severity"))
    for alert, firing in watched():
        family.add_metric((alert.name, alert.severity), firing)
    return family


def _by_status(name: str, about: str, counts: dict[Any, int]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=("status",))
    for status, count in counts.items():
        family.add_metric((str(status),), count)
    return family


def _fetch(cursor: Any, statement: str, params: Sequence[Any]) -> list[Any]:
    cursor.execute(statement, params)
    return list(cursor.fetchall())
