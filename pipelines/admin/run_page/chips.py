"""Short labelled values, and the state of a run or a step as one."""

from dataclasses import dataclass

from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import STATUS_COLOURS


@dataclass(frozen=True, slots=True)
class Chip:
    """A short labelled value. ``title`` is the long form for a pointer or a screen reader."""

    text: str
    colour: str = "default"
    url: str = ""
    title: str = ""


def pool_chip(row: PipelineRun | StepRun) -> Chip | None:
    """Which pool the row waits for, where it does."""
    pool = row.waits_for_pool
    return Chip(f"Waits for pool {pool}", "warning", title="The pool is full, or others come before.") if pool else None


def status_chip(row: PipelineRun | StepRun) -> Chip:
    """The row's status in its colour."""
    return Chip(row.get_status_display(), STATUS_COLOURS.get(row.status, "default"))
