"""A backfill that is killed while it works, and called again."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines.models import PipelineRun
from tests.chaos import building
from tests.chaos.processes import PATIENCE, environment, kill, wait_until, workers
from tests.chaos.soundness import check_sound

pytestmark = pytest.mark.django_db(transaction=True)

LINES = 30
KILLS = 2


@pytest.mark.parametrize("executor", ["inline", "distributed"])
def test_a_batch_that_is_killed_again_and_again_starts_each_line_once(
    executor: str, settings: Any, media: Path, tmp_path: Path
) -> None:
    building.use_steps(settings, executor=executor)
    building.diamond()
    (tmp_path / "page.html").write_text("<h1>Hello</h1>")
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps({"source": "page.html", "inputs": {"n": n}}) + "\n" for n in range(LINES)))
    surroundings = {**environment(media), "PIPELINE_EXECUTOR": executor}

    with ExitStack() as stack:
        if executor == "distributed":
            stack.enter_context(workers(1, surroundings))
        for nth in range(1, KILLS + 1):
            killed = start_batch(lines, surroundings)
            wait_until(partial(have_ended, nth * LINES // (KILLS + 1)))
            kill(killed)
        last = start_batch(lines, surroundings)
        assert last.wait(PATIENCE) == 0

    counts = check_sound(f"a batch of {LINES} lines killed {KILLS} times, {executor}")
    verdicts = [json.loads(line) for line in said_by(lines).splitlines()]
    assert sorted(verdict["line"] for verdict in verdicts) == list(range(1, LINES + 1))
    assert sum(verdict["earlier"] for verdict in verdicts) >= LINES * KILLS // (KILLS + 1)
    assert counts["runs completed"] == LINES
    assert sorted(PipelineRun.objects.values_list("inputs__n", flat=True)) == list(range(LINES))
    assert PipelineRun.objects.values("run_group_id").distinct().count() == 1


def have_ended(so_many: int) -> bool:
    return PipelineRun.objects.exclude(finished_at=None).count() >= so_many


def start_batch(lines: Path, surroundings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """What it says goes to a file of its own, anew each time."""
    command = [sys.executable, "manage.py", "run_batch", "diamond", str(lines), "--concurrency", "4", "--json"]
    with lines.with_suffix(".said").open("wb") as out:
        return subprocess.Popen(command, env=dict(surroundings), stdout=out, stderr=subprocess.DEVNULL)


def said_by(lines: Path) -> str:
    return lines.with_suffix(".said").read_text()
