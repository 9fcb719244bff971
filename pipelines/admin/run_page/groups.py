"""The nodes of a run: how many of each one's step runs are in which state, and those that are shown."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Max, Min, Q, Sum
from django.urls import reverse

from pipelines.admin.run_page.chips import Chip
from pipelines.admin.run_page.rows import StepRow
from pipelines.models import PipelineRun
from pipelines.models.runs import FINISHED_STEP, STATUS_COLOURS, StepStatus

WORST_FIRST = (
    StepStatus.FAILED,
    StepStatus.WAITING,
    StepStatus.RUNNING,
    StepStatus.CANCELLED,
    StepStatus.READY,
    StepStatus.PENDING,
    StepStatus.COMPLETED,
    StepStatus.SKIPPED,
)


@dataclass(slots=True)
class Tally:
    """The step runs of a node, or of several: how many are in which state, when they ran, and how far they are.

    ``progress`` is (done, total) as those that run say it, summed; (0, 0) where none says.
    """

    counts: dict[str, int] = field(default_factory=dict)
    began: datetime | None = None
    ended: datetime | None = None
    reused: int = 0
    progress: tuple[int, int] = (0, 0)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def finished(self) -> int:
        return sum(count for status, count in self.counts.items() if status in FINISHED_STEP)

    @property
    def state(self) -> str:
        """One status for all: the one to be looked at first; ``pending`` where there is no step run yet.

        What has begun and has something left to do is running.
        """
        if self.began and self.finished and self.finished < self.total and not self.counts.get(StepStatus.FAILED):
            return StepStatus.WAITING if self.counts.get(StepStatus.WAITING) else StepStatus.RUNNING
        return next((status for status in WORST_FIRST if self.counts.get(status)), StepStatus.PENDING)

    def add(self, other: "Tally") -> None:
        """Count the other's step runs, too."""
        for status, count in other.counts.items():
            self.counts[status] = self.counts.get(status, 0) + count
        self.began = min(filter(None, (self.began, other.began)), default=None)
        self.ended = max(filter(None, (self.ended, other.ended)), default=None)
        self.reused += other.reused
        self.progress = (self.progress[0] + other.progress[0], self.progress[1] + other.progress[1])


@dataclass(slots=True)
class NodeGroup:
    """A node of the DAG: one row, or one for each item of its fan-out. ``hidden`` counts rows left out here."""

    key: str
    step: str
    counts: list[Chip]
    total: int
    is_fan_out: bool
    rows: list[StepRow]
    list_url: str

    @property
    def hidden(self) -> int:
        return self.total - len(self.rows)


def load_tallies(run: PipelineRun) -> dict[str, Tally]:
    """Of each node that has a step run, in one query."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    rows = run.step_runs.order_by("node_key", "status").values_list("node_key", "status")
    aggregates = {"n": Count("pk"), "began": Min("started_at"), "ended": Max("finished_at"), "re": Count("reused_from")}
    running = Q(status=StepStatus.RUNNING)
    progress = {name: Sum(f"progress_{name}", filter=running, default=0) for name in ("done", "total")}
    for key, status, count, began, ended, reused, done, total in rows.annotate(**aggregates, **progress):
        tallies[key].add(Tally({status: count}, began, ended, reused, (done, total)))
    return dict(tallies)


def node_groups(
    run: PipelineRun, rows: Iterable[StepRow], tallies: Mapping[str, Tally], order: Mapping[str, int]
) -> list[NodeGroup]:
    """The nodes whose rows are shown, in the order of the DAG."""
    by_node: dict[str, list[StepRow]] = defaultdict(list)
    for row in rows:
        by_node[row.step_run.node_key].append(row)
    return [
        NodeGroup(
            key=key,
            step=str(node_rows[0].step_run.step_version),
            counts=[
                Chip(f"{count} {StepStatus(status).label.lower()}", STATUS_COLOURS[status])
                for status, count in tallies[key].counts.items()
            ],
            total=tallies[key].total,
            is_fan_out=node_rows[0].step_run.map_index is not None,
            rows=node_rows,
            list_url=step_runs_url(run, key),
        )
        for key, node_rows in sorted(by_node.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0]))
    ]


def step_runs_url(run: PipelineRun, key: str = "") -> str:
    """The list of the run's step runs, or of one node's."""
    query = {"pipeline_run__id__exact": str(run.pk), **({"node_key__exact": key} if key else {})}
    return reverse("admin:pipelines_steprun_changelist", query=query)
