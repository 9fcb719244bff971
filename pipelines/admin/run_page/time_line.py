"""The run's time line: a row for each node that has begun, with a bar for each of its step runs that is shown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.admin_base import duration_text
from pipelines.admin.dag_picture import members_name
from pipelines.admin.run_page.groups import NodeGroup, Tally, step_runs_url
from pipelines.admin.run_page.picture import together
from pipelines.admin.run_page.rows import StepRow
from pipelines.dag import Graph
from pipelines.drawing import Scale, lanes
from pipelines.models import PipelineRun
from pipelines.models.runs import STATUS_COLOURS, StepStatus
from pipelines.spans import Span, last_span, past_spans

MOST_LANES = 24
ROW_HEIGHT = 18
LAST_NAMED = 92
"""A mark further on than so many per cent has no room for its time."""
HAIR = 2
"""The height of a bar that stands for waiting."""


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
    """``unbegun`` counts the nodes that may still begin, ``not_run`` those that are settled and never ran here.

    ``not_run_as`` says what became of them: ``3 skipped, 1 reused``.
    """

    rows: list[NodeBars] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    unbegun: int = 0
    not_run: int = 0
    not_run_as: str = ""


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
    others = [tallies.get(key, Tally()) for keys, tally in tallied if not tally.began for key in keys]
    settled = [each for each in others if run.is_finished or 0 < each.total == each.finished]
    rows = [maker.row(keys, tally, began) for began, keys, tally in sorted(begun, key=lambda each: each[0])]
    marks = [
        Mark(f"{tick.at}", _since(tick.since_start) if tick.at <= LAST_NAMED else "") for tick in maker.scale.ticks()
    ]
    return TimeLine(rows, marks, len(others) - len(settled), len(settled), _in_words(settled))


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
        spans = self._spans(group) if group and not group.hidden else []
        if spans:
            began, ended = min(span.began for _, span in spans), max(span.ended or self.now for _, span in spans)
        bars, height = self._items(spans)
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
        return [self._bar(since, began, (height - HAIR) // 2, HAIR, "wait", f"waited {duration_text(began - since)}")]

    def _parents_ended(self, key: str) -> Iterable[datetime]:
        parents = self.graph.node(key).parents if self.graph and key in self.graph.by_key else ()
        return filter(None, (self.tallies[parent].ended for parent in parents if parent in self.tallies))

    def _spans(self, group: NodeGroup) -> list[tuple[StepRow, Span]]:
        """The last attempt of each step run that has begun."""
        return [(row, span) for row in group.rows if (span := last_span(row.step_run))]

    def _items(self, begun: Sequence[tuple[StepRow, Span]]) -> tuple[list[Bar], int]:
        """A bar for each step run, beside each other where they overlap; none where there are too many of them."""
        places = lanes([(span.began.timestamp(), (span.ended or self.now).timestamp()) for _, span in begun])
        count = max(places, default=0) + 1
        if count > MOST_LANES:
            return [], ROW_HEIGHT
        pitch = max(ROW_HEIGHT // count, 5)
        bars = [
            bar
            for (row, span), lane in zip(begun, places, strict=True)
            for bar in self._attempts(row, span, lane * pitch, max(pitch - 1, 4) if count > 1 else pitch)
        ]
        return bars, max(count * pitch, ROW_HEIGHT)

    def _attempts(self, row: StepRow, last: Span, y: int, height: int) -> list[Bar]:
        """The attempts that were given up, as far as their times are known, and the one that counts or what follows."""
        past = [
            self._bar(span.began, span.ended, y, height, "past", f"{row.title}: attempt {span.attempt}, given up")
            for span in past_spans(row.step_run)
            if span.ended
        ]
        until = row.step_run.finished_at or self.now
        if last.ended and last.ended < until:
            middle = y + (height - HAIR) // 2
            return [*past, self._bar(last.ended, until, middle, HAIR, "wait", f"{row.title}: waited to be tried again")]
        title = f"{row.title}: {row.status.text.lower()}, {row.took}"
        return [*past, self._bar(last.began, until, y, height, STATUS_COLOURS[row.step_run.status], title)]

    def _bar(self, begin: datetime, end: datetime, y: int, height: int, kind: str, title: str) -> Bar:
        x = self.scale.at(begin)
        width = max(self.scale.at(end) - x, 0.3)
        return Bar(f"{min(x, 100 - width):.2f}", f"{width:.2f}", y, height, kind, title)


STATUS_WORDS: dict[str, str] = {status.value: status.label.lower() for status in StepStatus}


def _in_words(settled: Iterable[Tally]) -> str:
    counts = Counter(_why_not_run(tally) for tally in settled)
    return ", ".join(f"{count:,} {why}" for why, count in counts.most_common())


def _why_not_run(tally: Tally) -> str:
    if tally.reused:
        return "reused"
    if tally.state == StepStatus.COMPLETED:
        return "without items"
    return STATUS_WORDS[tally.state] if tally.total else "never planned"


def _since(length: timedelta) -> str:
    return "0" if not length else duration_text(length).replace(".0 s", " s").removesuffix(" 0 s")
