"""The admin's first page: what ran lately, and what to do where nothing has."""

from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone

from config.admin_base import duration_text
from pipelines.models import PipelineRun
from pipelines.models.runs import STATUS_COLOURS, RunStatus

DAYS = 7
RECENT = 10


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the run counts of the last ``DAYS`` days and the latest runs, for those who may view runs."""
    if not request.user.has_perm("pipelines.view_pipelinerun"):
        return context
    return {**context, "days": DAYS, "tiles": _tiles(), "recent_runs": _recent_runs()}


def _tiles() -> list[dict[str, Any]]:
    since = timezone.now() - timedelta(days=DAYS)
    rows = PipelineRun.objects.filter(created_at__gte=since).order_by().values_list("status").annotate(n=Count("pk"))
    counts = dict(rows)
    return [
        {"status": status.value, "label": status.label, "count": counts.get(status.value, 0)} for status in RunStatus
    ]


def _recent_runs() -> list[dict[str, Any]]:
    runs = PipelineRun.objects.select_related("pipeline_version__pipeline", "design_split", "started_by")
    return [
        {
            "run": run,
            "status": {"text": run.get_status_display(), "colour": STATUS_COLOURS[run.status]},
            "took": duration_text(run.finished_at - run.created_at if run.finished_at else None),
        }
        for run in runs.defer("dag", "inputs", "params")[:RECENT]
    ]
