"""Everything the run page shows, read in a number of queries that does not grow with the run."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from config.admin_base import duration_text
from config.json_html import code_html, pretty_json
from ir_schemas.models import OUTCOME_COLOURS, IRArtifact
from pipelines.admin.dag_picture import Picture
from pipelines.admin.run_page.chips import Chip, pool_chip, status_chip
from pipelines.admin.run_page.groups import NodeGroup, Tally, node_groups, step_runs_url
from pipelines.admin.run_page.log import last_words
from pipelines.admin.run_page.picture import run_picture
from pipelines.admin.run_page.rows import StepRow, load_rows
from pipelines.admin.run_page.time_line import TimeLine, run_time_line
from pipelines.definitions import readable_graph
from pipelines.models import PipelineRun
from pipelines.models.runs import StepStatus

MOST_FAILURES = 20
MOST_UNSORTED = 100
MOST_RERUNS = 5
TICK_SECONDS = 10
"""While a run goes on its page changes at least this often, as time passes on it."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """What of the page is shown to the one who looks at it."""

    may_operate: bool = False
    may_read_log: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A document that the run was started with; ``url`` leads to it as a file."""

    label: str
    html: SafeString
    url: str = ""


@dataclass(frozen=True, slots=True)
class RunPage:
    """``may_fail`` are the nodes whose failures do not stop the run."""

    run: PipelineRun
    viewer: Viewer
    status: Chip
    waits: Chip | None
    took: str
    given: list[Given]
    error: Mapping[str, Any] | None
    waiting: list[StepRow]
    more_waiting: int
    failures: list[StepRow]
    more_failures: int
    may_fail: Collection[str]
    groups: list[NodeGroup]
    has_modules: bool
    ir_counts: list[Chip]
    picture: Picture | None
    time_line: TimeLine
    finished: int
    total: int
    hidden: int
    all_steps_url: str
    reruns: list[PipelineRun]


def load_run_page(run: PipelineRun, tallies: Mapping[str, Tally], viewer: Viewer) -> RunPage:
    """``run`` should come with its pipeline version, design and starter selected."""
    now = timezone.now()
    rows = load_rows(run, with_log=viewer.may_read_log)
    graph = readable_graph(run)
    order = {key: index for index, key in enumerate(node_keys(run.dag))}
    groups = node_groups(run, rows, tallies, order)
    failures = [row for row in rows if row.step_run.status == StepStatus.FAILED]
    waiting = [row for row in rows if row.step_run.status == StepStatus.WAITING]
    shown = {group.key for group in groups}
    picture = run_picture(run, graph, tallies, shown, now) if graph else None
    return RunPage(
        run=run,
        viewer=viewer,
        status=status_chip(run),
        waits=pool_chip(run),
        took=duration_text((run.finished_at or now) - run.created_at),
        given=list(_given(run)),
        error=_untold_error(run, failures[:MOST_FAILURES]),
        waiting=waiting[:MOST_FAILURES],
        more_waiting=max(_count(tallies, StepStatus.WAITING) - MOST_FAILURES, 0),
        failures=failures[:MOST_FAILURES],
        more_failures=max(_count(tallies, StepStatus.FAILED) - MOST_FAILURES, 0),
        may_fail={node.key for node in graph.nodes if node.continue_on_fail} if graph else (),
        groups=groups,
        has_modules=any(row.has_files for row in rows),
        ir_counts=_ir_counts(run),
        picture=picture,
        time_line=run_time_line(run, _boxes(picture, tallies), graph, tallies, groups, now),
        finished=sum(tally.finished for tally in tallies.values()),
        total=sum(tally.total for tally in tallies.values()),
        hidden=sum(tally.total for key, tally in tallies.items() if key not in shown),
        all_steps_url=step_runs_url(run),
        reruns=list(run.reruns.only("status")[:MOST_RERUNS]) if run.is_finished else [],
    )


def _given(run: PipelineRun) -> Iterator[Given]:
    for label, name in (("Inputs", "inputs"), ("Parameters", "params")):
        if data := getattr(run, name):
            url = reverse("admin:pipelines_pipelinerun_json", args=[run.pk, name])
            yield Given(label, code_html(pretty_json(data)), url)
    if run.rerun_from:
        yield Given("Nodes that were named to run again", code_html("\n".join(map(str, run.rerun_from))))


def _untold_error(run: PipelineRun, failures: Iterable[StepRow]) -> Mapping[str, Any] | None:
    """The run's error, unless a step that is listed says the same."""
    error = run.error if isinstance(run.error, Mapping) else {}
    told = {(row.step_run.node_key, row.step_run.map_index) for row in failures}
    return error if error and (error.get("nodeKey"), error.get("mapIndex")) not in told else None


def page_etag(run: PipelineRun, tallies: Mapping[str, Tally], viewer: Any, now: datetime) -> str:
    """Changes whenever what the page says does: for one viewer, as each sees what they may do."""
    tick = "" if run.is_finished else int(now.timestamp()) // TICK_SECONDS
    said = [] if run.is_finished else last_words(run)
    facts = [viewer.pk, run.pk, run.status, run.revision, tick, said, sorted(tallies.items(), key=lambda pair: pair[0])]
    return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"'


def node_keys(dag: Any) -> list[str]:
    """The keys of a run's frozen DAG, whose nodes stand in topological order."""
    nodes = dag.get("nodes") if isinstance(dag, Mapping) else None
    return [str(node.get("key")) for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []


def _boxes(picture: Picture | None, tallies: Mapping[str, Tally]) -> list[tuple[str, ...]]:
    """The nodes as the picture shows them, so that a large run has a time line that can be looked at."""
    if picture is None:
        return [(key,) for key in list(tallies)[:MOST_UNSORTED]]
    return [each.members for each in picture.boxes]


def _count(tallies: Mapping[str, Tally], status: StepStatus) -> int:
    return sum(tally.counts.get(status, 0) for tally in tallies.values())


def _ir_counts(run: PipelineRun) -> list[Chip]:
    outcomes = IRArtifact.objects.filter(step_run__pipeline_run=run).order_by("outcome").values_list("outcome")
    return [
        Chip(f"{count} {IRArtifact.Outcome(outcome).label.lower()}", OUTCOME_COLOURS[outcome])
        for outcome, count in outcomes.annotate(n=Count("pk"))
    ]
