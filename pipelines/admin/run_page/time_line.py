"""The run's time line: a row for each node that has begun, with a bar for each of its step runs that is shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from config.admin_base import duration_text
from pipelines.admin.dag_picture import members_name
from pipelines.admin.run_page.groups import NodeGroup, Tally, step_runs_url
from pipelines.admin.run_page.picture import together
from pipelines.admin.run_page.rows import StepRow
from pipelines.dag import Graph
from pipelines.drawing import Scale, lanes
from pipelines.models import PipelineRun
from pipelines.models.runs import STATUS_COLOURS, StepStatus

MOST_LANES = 24
ROW_HEIGHT = 18
LAST_NAMED = 92
"""A mark further on than so many per cent has no room for its time."""


@dataclass(frozen=True, slots=True)
class Bar:
    """``x`` and ``width`` are in per cent of the time line, ``y`` and ``height`` in pixels."""

    x: str
    width: str
    y: int
    height: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the scale, in per cent of its length."""

    x: str
    text: str


@dataclass(frozen=True, slots=True)
class NodeBars:
    """One row; ``label`` says what its bars show."""

    name: str
    url: str
    took: str
    label: str
    height: int
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """``unbegun`` counts the nodes that may still begin, ``not_run`` those that were reused, skipped or cancelled."""

    rows: list[NodeBars] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    unbegun: int = 0
    not_run: int = 0


def run_time_line(
    run: PipelineRun,
    boxes: Iterable[tuple[str, ...]],
    graph: Graph | None,
    tallies: Mapping[str, Tally],
    groups: Sequence[NodeGroup],
    now: datetime,
) -> TimeLine:
    """``boxes`` are the nodes in the order of the DAG, each by itself or together with others."""
    maker = _Maker(run, graph, tallies, {group.key: group for group in groups}, now)
    tallied = [(keys, together(tallies, keys)) for keys in boxes]
    begun = [(tally.began, keys, tally) for keys, tally in tallied if tally.began]
    others = [tally for _, tally in tallied if not tally.began]
    not_run = len(others) if run.is_finished else sum(0 < each.total == each.finished for each in others)
    rows = [maker.row(keys, tally, began) for began, keys, tally in sorted(begun, key=lambda each: each[0])]
    marks = [
        Mark(f"{tick.at}", _since(tick.since_start) if tick.at <= LAST_NAMED else "") for tick in maker.scale.ticks()
    ]
    return TimeLine(rows, marks, len(others) - not_run, not_run)


class _Maker:
    def __init__(
        self,
        run: PipelineRun,
        graph: Graph | None,
        tallies: Mapping[str, Tally],
        groups: Mapping[str, NodeGroup],
        now: datetime,
    ) -> None:
        self.run, self.graph, self.tallies, self.groups, self.now = run, graph, tallies, groups, now
        self.scale = Scale(run.created_at, run.finished_at or now)

    def row(self, keys: tuple[str, ...], tally: Tally, began: datetime) -> NodeBars:
        ended = self._ended(tally)
        group = self.groups.get(keys[0]) if len(keys) == 1 else None
        bars, height = self._items(group) if group and not group.hidden else ([], ROW_HEIGHT)
        took = duration_text(ended - began)
        state = STATUS_WORDS.get(tally.state, tally.state)
        return NodeBars(
            name=members_name(keys),
            url=f"#node-{keys[0]}" if keys[0] in self.groups else step_runs_url(self.run, keys[0]),
            took=took,
            label=f"{members_name(keys)}: began {_since(began - self.run.created_at)} in, took {took}, {state}",
            height=height,
            bars=[*self._wait(keys, began, height), *(bars or [self._whole(tally, began, ended, took)])],
        )

    def _ended(self, tally: Tally) -> datetime:
        is_over = tally.ended is not None and tally.finished == tally.total
        return tally.ended if is_over and tally.ended else self.run.finished_at or self.now

    def _whole(self, tally: Tally, began: datetime, ended: datetime, took: str) -> Bar:
        return self._bar(began, ended, 0, ROW_HEIGHT, STATUS_COLOURS[tally.state], took)

    def _wait(self, keys: tuple[str, ...], began: datetime, height: int) -> list[Bar]:
        """From the end of the last parent, or the run's start, to the node's own."""
        since = max((ended for key in keys for ended in self._parents_ended(key)), default=self.run.created_at)
        if began <= since:
            return []
        return [self._bar(since, began, height // 2 - 1, 2, "wait", f"waited {duration_text(began - since)}")]

    def _parents_ended(self, key: str) -> Iterable[datetime]:
        parents = self.graph.node(key).parents if self.graph and key in self.graph.by_key else ()
        return filter(None, (self.tallies[parent].ended for parent in parents if parent in self.tallies))

    def _items(self, group: NodeGroup) -> tuple[list[Bar], int]:
        """A bar for each step run, beside each other where they overlap; none where there are too many of them."""
        begun = [(row, began) for row in group.rows if (began := row.step_run.started_at)]
        rows = [row for row, _ in begun]
        spans = [(began, row.step_run.finished_at or self.now) for row, began in begun]
        places = lanes([(begin.timestamp(), end.timestamp()) for begin, end in spans])
        count = max(places, default=0) + 1
        if count > MOST_LANES:
            return [], ROW_HEIGHT
        pitch = max(ROW_HEIGHT // count, 5)
        bars = [
            bar
            for row, span, lane in zip(rows, spans, places, strict=True)
            for bar in self._attempts(row, span, lane * pitch, max(pitch - 1, 4) if count > 1 else pitch)
        ]
        return bars, max(count * pitch, ROW_HEIGHT)

    def _attempts(self, row: StepRow, span: tuple[datetime, datetime], y: int, height: int) -> list[Bar]:
        """The attempts that were given up, as far as their times are known, and the last one."""
        step_run = row.step_run
        past = [
            self._bar(begin, end, y, height, "past", f"{row.title}: attempt {attempt}, given up")
            for attempt, begin, end in past_attempts(step_run.past_attempts)
        ]
        title = f"{row.title}: {row.status.text.lower()}, {row.took}"
        return [*past, self._bar(*span, y, height, STATUS_COLOURS[step_run.status], title)]

    def _bar(self, begin: datetime, end: datetime, y: int, height: int, kind: str, title: str) -> Bar:
        x = self.scale.at(begin)
        width = max(self.scale.at(end) - x, 0.3)
        return Bar(f"{min(x, 100 - width):.2f}", f"{width:.2f}", y, height, kind, title)


STATUS_WORDS: dict[str, str] = {status.value: status.label.lower() for status in StepStatus}


def past_attempts(past: Any) -> Iterable[tuple[int, datetime, datetime]]:
    """Number, start and end of each earlier attempt that says when it ran."""
    for each in past if isinstance(past, list) else []:
        begin, end = (parse_datetime(str(each.get(name) or "")) for name in ("startedAt", "endedAt"))
        if begin and end:
            yield each.get("attempt", 0), begin, end


def _since(length: timedelta) -> str:
    return "0" if not length else duration_text(length).replace(".0 s", " s").removesuffix(" 0 s")
