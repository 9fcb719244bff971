"""Steps for the engine's tests, as a user of irline would write them. ``params`` say how each is to behave."""

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
)

HANDLERS = {name: f"tests.pipelines.example_steps.{name}" for name in ("emit", "listed", "make_module", "judge")}


def emit(context: StepContext) -> StepResult:
    """Hands over ``params["ir"]``, or what it was told by its parents; refuses or crashes where told to."""
    params = context.params
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


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != "ir"}
