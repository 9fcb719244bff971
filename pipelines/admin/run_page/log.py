"""What the steps said while they ran: the last lines of each."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Subquery, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from pipelines.models import PipelineRun, StepLog
from pipelines.models.runs import StepStatus

MOST_LINES = 200
"""Of one step run."""
MOST_OF_ALL = 2_000
FEWEST_LINES = 5


@dataclass(frozen=True, slots=True)
class Lines:
    """The last lines of one step run, in the order in which they were said; ``total`` counts those before them too."""

    lines: list[StepLog]
    total: int
    url: str

    @property
    def hidden(self) -> int:
        return self.total - len(self.lines)


def load_lines(step_runs: list[uuid.UUID]) -> Mapping[uuid.UUID, Lines]:
    """Of each of the step runs that said something: at most ``MOST_LINES``, and fewer where many of them did."""
    logs = StepLog.objects.filter(step_run__in=step_runs)
    totals = dict(logs.order_by().values_list("step_run").annotate(n=Count("pk")))
    if not totals:
        return {}
    most = max(FEWEST_LINES, min(MOST_LINES, MOST_OF_ALL // len(totals)))
    place = Window(RowNumber(), partition_by=F("step_run_id"), order_by=F("id").desc())
    lines: dict[uuid.UUID, list[StepLog]] = {pk: [] for pk in totals}
    for line in logs.annotate(place=place).filter(place__lte=most).order_by("id"):
        lines[line.step_run_id].append(line)
    return {pk: Lines(lines[pk], total, _url(pk)) for pk, total in totals.items()}


def last_words(run: PipelineRun) -> list[tuple[uuid.UUID, uuid.UUID | None]]:
    """The newest line of each step that is running: what tells whether anything was said since."""
    newest = StepLog.objects.filter(step_run=OuterRef("pk")).order_by("-id").values("pk")[:1]
    running = run.step_runs.filter(status=StepStatus.RUNNING).order_by("pk")
    return list(running.values_list("pk", Subquery(newest)))


def _url(pk: uuid.UUID) -> str:
    return reverse("admin:pipelines_steplog_changelist", query={"step_run__id__exact": str(pk)})
