"""A run in the terminal: one line a step, with status, time and metrics, redrawn as the rows change."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from pipelines.models import PipelineRun
from pipelines.selectors import run_report

COLOURS = {"completed": "green", "failed": "red", "running": "cyan", "cancelled": "yellow"}
SHOWN = ("split_coverage", "overlap_ratio", "faithfulness_v1", "editable_ratio", "quality_overall", "html_validity")
SHORT = {
    "split_coverage": "coverage",
    "overlap_ratio": "overlap",
    "faithfulness_v1": "faithful",
    "editable_ratio": "editable",
    "quality_overall": "quality",
    "html_validity": "html",
}


class RunTable:
    """Shows the run while the ``with`` block lasts; ``refresh`` reads its rows again."""

    def __init__(self, run: PipelineRun) -> None:
        self._run = run
        self._live = Live(self._table(), console=Console(), auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.refresh()
        self._live.stop()

    def refresh(self) -> None:
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        report = run_report(self._run)
        table = Table("Step", "Status", "IR", Column("Time", justify="right"), "Metrics", box=None, header_style="bold")
        for step in report["steps"]:
            table.add_row(*_row(step))
        return table


def _row(step: dict[str, Any]) -> tuple[str, Text, str, str, Text]:
    place = "" if step["mapIndex"] is None else f"[{step['mapIndex']}]"
    status = Text(step["status"], style=COLOURS.get(step["status"], "dim"))
    valid = {True: "valid", False: f"{step['errorCount']} errors", None: ""}[step["isValid"]]
    time = "" if step["durationMs"] is None else f"{step['durationMs'] / 1000:.2f} s"
    error = step["error"]
    last = Text(error["message"], style="red") if error else _metrics(step["metrics"])
    return step["nodeKey"] + place, status, valid, time, last


def _metrics(metrics: dict[str, Any]) -> Text:
    text = Text()
    for key in SHOWN:
        found = metrics.get(key)
        if found is None or found["value"] is None:
            continue
        style = {True: "green", False: "yellow", None: ""}[found["passed"]]
        text.append(f"{SHORT[key]} {found['value']:.3g}  ", style=style)
    return text
