"""Steps for the engine's tests, as a user of irline would write them. ``params`` say how each is to behave."""

import asyncio
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from pipelines.steps.contract import (
    GeneratedArtifactOutput,
    ModuleTemplateOutput,
    OutputFile,
    SplitAssetOutput,
    StepContext,
    StepError,
    StepResult,
    Usage,
    ValidationResultOutput,
    isolated,
)

NEVER = threading.Event()
RELEASE = threading.Event()
WAS_CANCELLED = threading.Event()

NAMES = (
    "emit", "listed", "picky", "make_module", "judge", "talk", "hang", "emit_async", "cite_async",
    "block_async", "hang_async", "cancel_itself", "exit_async", "ask", "ask_apart",
    "emit_apart", "hang_apart", "eat_memory", "end_process",
)  # fmt: skip
HANDLERS = {name: f"tests.pipelines.example_steps.{name}" for name in NAMES}


def emit(context: StepContext) -> StepResult:
    """Hands over ``params["ir"]``, or what it was told by its parents; refuses or crashes where told to."""
    params = context.params
    sys.stdout.write(params.get("say", ""))
    if "refuse" in params:
        raise StepError("example-refused", params["refuse"])
    if "crash" in params:
        raise RuntimeError(params["crash"])
    ir = params.get("ir", {"item": context.item, "upstream": dict(context.upstream), "params": _plain(params)})
    usage = Usage(tokens_in=3, tokens_out=None, total_cost_usd="0.5") if params.get("usage") else None
    return StepResult(ir=ir, usage=usage)


def listed(context: StepContext) -> StepResult:
    """Hands over ``count`` items and a split asset with a file for each."""
    count = context.params.get("count", 2)
    assets = [
        SplitAssetOutput(f"part{n}", "hero", n, {"n": n}, OutputFile(f"parts/{n}.txt", f"part {n}".encode()))
        for n in range(count)
    ]
    return StepResult(ir={"parts": [{"n": n} for n in range(count)]}, outputs=assets)


def picky(context: StepContext) -> StepResult:
    """Refuses the items that ``params["refuse"]`` lists by their number."""
    if context.item["n"] in context.params.get("refuse", ()):
        raise StepError("example-refused", f"Item {context.item['n']} is refused.")
    return StepResult(ir={"item": context.item})


def make_module(context: StepContext) -> StepResult:
    """One module for its item; with ``badKind`` an artifact that the database refuses."""
    key = f"module{context.item['n']}"
    files = [OutputFile(f"{key}.module/module.html", b"<p>hello</p>")]
    artifact = GeneratedArtifactOutput(
        key=key,
        type="x" * 500 if context.params.get("badKind") else "hubspot_module",
        content="<p>hello</p>",
        meta={"name": key},
        files=files,
        module_key=key,
    )
    module = ModuleTemplateOutput(key, key, "", "content", "<p>hello</p>")
    return StepResult(ir={"key": key}, outputs=[artifact, module])


def judge(context: StepContext) -> StepResult:
    """Passes the artifact behind its item."""
    artifact_id = context.sources["make"][0]["GeneratedArtifact"][0]
    result = ValidationResultOutput("html", "passed", "fine", {"errors": 0}, artifact_id)
    scores = {"html": 95.0, "seo": None}
    return StepResult(ir={"scores": scores, "overall": 95.0, "grade": "A"}, outputs=[result])


def talk(context: StepContext) -> StepResult:
    """Says ``lines`` lines and how far it is, then waits until it is told to stop where ``wait`` is set."""
    for n in range(context.params.get("lines", 2)):
        context.reporter.log(f"line {n}")
    context.reporter.progress(3, 10)
    while context.params.get("wait") and not context.reporter.cancelled():
        NEVER.wait(0.01)
    return StepResult(ir={"stopped": context.reporter.cancelled()})


def hang(context: StepContext) -> StepResult:
    """Never comes back by itself, and doesn't ask whether it should; ``RELEASE`` ends it."""
    RELEASE.wait()
    return StepResult(ir={"late": True})


async def emit_async(context: StepContext) -> StepResult:
    """As ``emit``."""
    await asyncio.sleep(0)
    return emit(context)


async def cite_async(context: StepContext) -> StepResult:
    """Hands over what lies behind its parents' IRs."""
    return StepResult(ir={"sources": dict(context.sources)})


async def block_async(context: StepContext) -> StepResult:
    """As ``hang``: holds up its loop until the test ends."""
    return hang(context)


async def hang_async(context: StepContext) -> StepResult:
    """Never comes back; says so when it is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        WAS_CANCELLED.set()
    raise AssertionError


async def cancel_itself(context: StepContext) -> StepResult:
    raise asyncio.CancelledError


async def exit_async(context: StepContext) -> StepResult:
    raise SystemExit(3)


def ask(context: StepContext) -> StepResult:
    """Asks something of others, by a line in the file ``asked``, and crashes."""
    with open(context.params["asked"], "a") as file:
        file.write(f"{context.idempotency_key}\n")
    raise RuntimeError("no answer")


@isolated()
def ask_apart(context: StepContext) -> StepResult:
    return ask(context)


@isolated()
def emit_apart(context: StepContext) -> StepResult:
    """As ``emit``, in a process of its own; says which."""
    context.reporter.log("apart")
    return StepResult(ir={**emit(context).ir, "pid": os.getpid()})


@isolated(grace_ms=100)
def hang_apart(context: StepContext) -> StepResult:
    """Never comes back."""
    NEVER.wait()
    raise AssertionError


@isolated(memory_mb=400)
def eat_memory(context: StepContext) -> StepResult:
    """Wants more than it may have."""
    return StepResult(ir={"size": len(bytearray(2 * 10**9))})


@isolated()
def end_process(context: StepContext) -> StepResult:
    """Takes its process with it."""
    os._exit(7)


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != "ir"}
