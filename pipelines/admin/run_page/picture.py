"""The run's DAG as it stands: each node in the colour of its state, lines that were not taken dashed."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from config.admin_base import duration_text
from pipelines.admin.dag_picture import Look, Picture, draw
from pipelines.admin.run_page.groups import Tally, step_runs_url
from pipelines.dag import Graph
from pipelines.models import PipelineRun
from pipelines.models.runs import STATUS_COLOURS, STATUS_ICONS, StepStatus

NOT_TAKEN = (StepStatus.SKIPPED, StepStatus.CANCELLED)
COUNTED = (StepStatus.FAILED, StepStatus.WAITING, StepStatus.RUNNING, StepStatus.CANCELLED, StepStatus.SKIPPED)


def run_picture(
    run: PipelineRun, graph: Graph, tallies: Mapping[str, Tally], shown: Collection[str], now: datetime
) -> Picture:
    """``shown`` are the nodes that have a section on the page; the others lead to the list of their step runs."""

    def look_of(keys: tuple[str, ...]) -> Look:
        tally = together(tallies, keys)
        url = f"#node-{keys[0]}" if keys[0] in shown else step_runs_url(run, keys[0])
        state = tally.state
        return Look(
            note=_note(tally, is_many=len(keys) > 1 or graph.node(keys[0]).for_each is not None, now=now),
            icon=STATUS_ICONS[state],
            colour=STATUS_COLOURS[state],
            url=url if tally.total else "",
            done=_done(tally),
        )

    def kind_of(parents: tuple[str, ...], children: tuple[str, ...]) -> str:
        ends = (together(tallies, parents).state, together(tallies, children).state)
        return "off" if any(state in NOT_TAKEN for state in ends) else "plain"

    return draw(graph, look_of, kind_of)


def together(tallies: Mapping[str, Tally], keys: Iterable[str]) -> Tally:
    """The tally of several nodes."""
    whole = Tally()
    for key in keys:
        if key in tallies:
            whole.add(tallies[key])
    return whole


def _note(tally: Tally, *, is_many: bool, now: datetime) -> str:
    """``Completed · 2.7 s``, ``Running · 4.1 s · 30 %``; of many ``12 of 50 · 1 failed``."""
    if not tally.total:
        return "Once its items are known" if is_many else StepStatus.PENDING.label
    if is_many and tally.total > 1:
        counted = [f"{tally.counts[s]:,} {short_label(s)}" for s in COUNTED if tally.counts.get(s)]
        return " · ".join([f"{tally.finished:,} of {tally.total:,}", *counted[:1]])
    words = [StepStatus(tally.state).label]
    if tally.reused:
        words.append("reused")
    elif tally.began and tally.state == StepStatus.READY:
        words.append("to try again")
    elif tally.began and tally.state != StepStatus.CANCELLED:
        words.append(duration_text((tally.ended or now) - tally.began))
    done = _done(tally)
    return " · ".join([*words, *([] if done is None else [f"{done} %"])])


def short_label(status: StepStatus) -> str:
    """``failed``, ``waiting``."""
    return status.label.split()[0].lower()


def _done(tally: Tally) -> int | None:
    """Of many step runs how many have ended; of one what it says itself."""
    done, total = (tally.finished, tally.total) if tally.total > 1 else tally.progress
    return min(100 * done // total, 100) if done and (done < total or tally.total == 1) else None
