"""Pipelines of the chaos tests' steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitoring.flags import Key, set_flag
from pipelines import definitions, engine
from pipelines.models import PipelineDefinition, PipelineRun, PipelineVersion, StepDefinition, StepVersion
from tests.chaos.processes import LEASE_MS
from tests.chaos.steps import HANDLERS
from tests.pipelines.building import PAGE

PATIENT = {"maxLost": 50, "retryDelayMs": 1}


def use_steps(settings: Any, *, executor: str) -> None:
    """Let pipelines of these steps run, with leases that a test can wait for."""
    settings.PIPELINE_STEPS = HANDLERS
    settings.PIPELINE_EXECUTOR = executor
    settings.PIPELINE_LEASE_MS = LEASE_MS
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")


def pipeline(*nodes: dict[str, Any], key: str = "chaos") -> PipelineVersion:
    """An active version with these nodes; ``step`` names their step, else it is ``brief``."""
    for name in HANDLERS:
        step, _ = StepDefinition.objects.get_or_create(key=name, defaults={"name": name})
        StepVersion.objects.get_or_create(step=step, version=1, defaults={"handler": name})
    definition, _ = PipelineDefinition.objects.get_or_create(key=key, defaults={"name": key})
    dag = {"nodes": [{"stepVersionId": f"{node.pop('step', 'brief')}@1", **node} for node in map(dict, nodes)]}
    return definitions.activate_version(definitions.create_version(pipeline=definition, dag=dag))


def diamond() -> PipelineVersion:
    """Two branches and a join, whose steps may lose their worker often."""
    return pipeline(
        {"key": "first", **PATIENT},
        {"key": "left", "dependsOn": ["first"], **PATIENT},
        {"key": "right", "dependsOn": ["first"], **PATIENT},
        {"key": "join", "dependsOn": ["left", "right"], **PATIENT},
        key="diamond",
    )


def start(version: PipelineVersion) -> PipelineRun:
    """A run on a design, so that its steps may leave outputs."""
    return engine.start_run(version=version, design=PAGE)


def start_gated(folder: Path) -> tuple[PipelineRun, Callable[[], list[Path]]]:
    """A run whose step waits for a file ``gate``, and who has arrived there."""
    version = pipeline(
        {"key": "gated", "step": "gated", "params": {"folder": str(folder)}, **PATIENT},
        {"key": "after", "dependsOn": ["gated"]},
    )
    return start(version), lambda: [path for path in folder.iterdir() if path.name.isdigit()]
