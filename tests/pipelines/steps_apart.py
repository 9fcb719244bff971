"""Steps in processes of their own that do what they should not. Their processes import no Django."""

import os
import signal
import sys
import threading
from typing import Any

from pipelines.steps.contract import SplitAssetOutput, StepContext, StepError, StepResult, isolated

NEVER = threading.Event()


@isolated()
def unsendable(context: StepContext) -> StepResult:
    """Hands over, or refuses with, what can't be pickled."""
    lock: Any = threading.Lock()
    if "refuse" in context.params:
        raise StepError("example-refused", "no", prompted=lock)
    return StepResult(ir={"pid": os.getpid()}, outputs=[SplitAssetOutput("part", "hero", 0, {"lock": lock})])


@isolated()
def prints(context: StepContext) -> StepResult:
    """Says whether what it prints goes where faults go."""
    return StepResult(ir={"toStandardError": os.path.sameopenfile(1, 2)})


@isolated()
def leaves(context: StepContext) -> StepResult:
    sys.exit("enough")


@isolated()
def killed(context: StepContext) -> StepResult:
    os.kill(os.getpid(), signal.SIGSEGV)
    return StepResult(ir={})


@isolated()
def mumbles(context: StepContext) -> StepResult:
    """Says how far it is in words, and never comes back."""
    context.reporter.progress("half", "all")  # type: ignore[arg-type]
    NEVER.wait()
    raise AssertionError


@isolated(grace_ms=120_000)
def lingers(context: StepContext) -> StepResult:
    """Never comes back, and asks for much time to do so."""
    context.reporter.log("here")
    NEVER.wait()
    raise AssertionError
