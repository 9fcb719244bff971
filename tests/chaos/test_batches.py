"""A backfill that is killed while it works, and called again."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines.models import PipelineRun, StepRun
from tests.chaos import building
from tests.chaos.processes import PATIENCE, environment, kill, wait_until, workers
from tests.chaos.soundness import check_sound

pytestmark = pytest.mark.django_db(transaction=True)

LINES = 30
KILLS = 2
CONCURRENCY = 4


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


def test_a_batch_that_is_interrupted_ends_what_is_under_way_and_begins_nothing(
    settings: Any, media: Path, tmp_path: Path
) -> None:
    building.use_steps(settings, executor="inline")
    building.pipeline({"key": "gated", "step": "gated", "params": {"folder": str(tmp_path)}}, key="diamond")
    (tmp_path / "page.html").write_text("<h1>Hello</h1>")
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"source": "page.html"}\n' * 6)
    surroundings = {**environment(media), "PIPELINE_EXECUTOR": "inline"}
    interrupted = start_batch(lines, surroundings, stderr=subprocess.PIPE)
    wait_until(lambda: StepRun.objects.filter(status="running").count() == CONCURRENCY)

    interrupted.send_signal(signal.SIGINT)
    assert interrupted.stderr is not None
    assert b"Stopping." in interrupted.stderr.readline()
    (tmp_path / "gate").touch()
    _, said = interrupted.communicate(timeout=PATIENCE)

    assert interrupted.returncode == 130
    assert b"run group" in said
    assert set(PipelineRun.objects.values_list("status", flat=True)) == {"completed"}
    assert PipelineRun.objects.count() == CONCURRENCY
    assert start_batch(lines, surroundings).wait(PATIENCE) == 0
    counts = check_sound("a batch that is interrupted")
    assert counts["runs completed"] == counts["attempts"] == 6


def test_after_an_interrupt_the_workers_carry_on_until_the_command_it_names_cancels(
    settings: Any, media: Path, tmp_path: Path
) -> None:
    building.use_steps(settings, executor="distributed")
    building.pipeline({"key": "gated", "step": "gated", "params": {"folder": str(tmp_path)}}, key="diamond")
    lines = tmp_path / "lines.jsonl"
    lines.write_text("{}\n" * 6)
    surroundings = {**environment(media), "PIPELINE_EXECUTOR": "distributed"}
    interrupted = start_batch(lines, surroundings, stderr=subprocess.PIPE)
    wait_until(lambda: PipelineRun.objects.count() == CONCURRENCY)

    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate(timeout=PATIENCE)
    named = said.decode().split("to cancel them: ")[1].splitlines()[0]
    ended = subprocess.run([sys.executable, *shlex.split(named)], env=surroundings, check=False)

    assert (interrupted.returncode, ended.returncode) == (130, 0)
    assert b"Traceback" not in said
    assert list(PipelineRun.objects.values_list("status", flat=True)) == ["cancelled"] * CONCURRENCY


def test_an_interrupt_of_one_run_cancels_it_and_says_so(settings: Any, media: Path, tmp_path: Path) -> None:
    building.use_steps(settings, executor="inline")
    building.pipeline({"key": "gated", "step": "gated", "params": {"folder": str(tmp_path)}}, key="diamond")
    page = tmp_path / "page.html"
    page.write_text("<h1>Hello</h1>")
    command = [sys.executable, "manage.py", "run_pipeline", "diamond", "--input", str(page)]
    interrupted = subprocess.Popen(command, env=environment(media), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    wait_until(lambda: StepRun.objects.filter(status="running").exists())

    interrupted.send_signal(signal.SIGINT)
    wait_until(lambda: PipelineRun.objects.filter(status="cancelled").exists())
    (tmp_path / "gate").touch()
    _, said = interrupted.communicate(timeout=PATIENCE)

    assert interrupted.returncode == 130
    assert f"run {PipelineRun.objects.get().pk} is cancelled" in said.decode()
    assert b"Traceback" not in said


def have_ended(so_many: int) -> bool:
    return PipelineRun.objects.exclude(finished_at=None).count() >= so_many


def start_batch(
    lines: Path, surroundings: Mapping[str, str], stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """What it says goes to a file of its own, anew each time."""
    command = [sys.executable, "manage.py", "run_batch", "diamond", str(lines), "--concurrency", str(CONCURRENCY)]
    with lines.with_suffix(".said").open("wb") as out:
        return subprocess.Popen([*command, "--json"], env=dict(surroundings), stdout=out, stderr=stderr)


def said_by(lines: Path) -> str:
    return lines.with_suffix(".said").read_text()
