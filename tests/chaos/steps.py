"""Steps for the chaos tests. Each leaves a split asset, so that whatever is accepted twice would be seen twice."""

import os
import random
import signal
import time
from pathlib import Path

from django.db import connection

from pipelines.steps.contract import SplitAssetOutput, StepContext, StepResult, isolated

NAMES = ("brief", "gated", "inquiring", "querying", "stuck", "hungry", "deadly", "listed")
HANDLERS = {name: f"tests.chaos.steps.{name}" for name in NAMES} | {"broken": "tests.chaos.broken_step.broken"}


def brief(context: StepContext) -> StepResult:
    """Takes up to ``ms`` milliseconds, or 20."""
    time.sleep(random.random() * context.params.get("ms", 20) / 1000)
    return _result(context)


def listed(context: StepContext) -> StepResult:
    """Hands over ``count`` items."""
    return StepResult(ir={"items": list(range(context.params["count"]))})


def gated(context: StepContext) -> StepResult:
    """Leaves a file of its process's number in ``folder``, and comes back when there is a file ``gate``."""
    _wait_at_gate(Path(context.params["folder"]))
    return _result(context)


def inquiring(context: StepContext) -> StepResult:
    """As ``gated``; then asks for its sources, and leaves a file ``asked`` before it does."""
    _wait_at_gate(folder := Path(context.params["folder"]))
    (folder / "asked").touch()
    assert context.sources["first"]
    return _result(context)


def querying(context: StepContext) -> StepResult:
    """As ``inquiring``, but for rows that it reads by itself."""
    _wait_at_gate(folder := Path(context.params["folder"]))
    (folder / "asked").touch()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return _result(context)


@isolated(grace_ms=100)
def stuck(context: StepContext) -> StepResult:
    """Never returns, whatever it is told; leaves a file of its process's number in ``folder``, where there is one."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "folder" in context.params:
        (Path(context.params["folder"]) / str(os.getpid())).touch()
    while True:
        time.sleep(60)


@isolated(memory_mb=1024)
def hungry(context: StepContext) -> StepResult:
    """Eats more memory than it may."""
    eaten = [bytearray(64 * 2**20) for _ in range(100)]
    return StepResult(ir={"eaten": len(eaten)})


def deadly(context: StepContext) -> StepResult:
    """Kills the process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return _result(context)


def _wait_at_gate(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    while not (folder / "gate").exists():
        time.sleep(0.01)


def _result(context: StepContext) -> StepResult:
    return StepResult(ir={"item": context.item}, outputs=[SplitAssetOutput("part", "hero", 0, {})])
