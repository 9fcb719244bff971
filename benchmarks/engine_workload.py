"""What ``engine.py`` runs: steps that do nothing, but hand over an IR with a schema and three metrics."""

import os
from dataclasses import dataclass
from typing import Any

from more_databases import database_url

from ir_schemas.models import IRSchema
from ir_schemas.services import activate_version as activate_schema
from ir_schemas.services import create_version as create_schema
from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem
from pipelines import definitions
from pipelines.models import PipelineDefinition, PipelineVersion, StepDefinition, StepVersion
from pipelines.steps.contract import StepContext, StepResult

IR = {"key": "hero", "title": "What we do, in a sentence.", "overall": 92.5, "bounds": {"x": 0, "y": 0.25}}
FRACTION = {"type": "number", "minimum": 0, "maximum": 1}
SCHEMA = {
    "type": "object",
    "required": ["key", "title", "overall", "bounds"],
    "properties": {
        "key": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
        "title": {"type": "string", "maxLength": 200},
        "overall": {"type": "number", "minimum": 0, "maximum": 100},
        "bounds": {"type": "object", "required": ["x", "y"], "properties": {"x": FRACTION, "y": FRACTION}},
        "items": {"type": "array", "items": {"type": "integer"}},
    },
}
METRICS = {"latency_ms": "lower", "quality_overall": "higher", "validation_pass_rate": "higher"}

SETTINGS = {
    "DEBUG": False,
    "IR_VALIDATION_MODE": "log",
    "PIPELINE_LOGGING_ENABLED": True,
    "PIPELINE_STEPS": {"noop": "engine_workload.noop"},
}


@dataclass(frozen=True, slots=True)
class Shape:
    """``size`` steps one after another, or one step, ``size`` beside each other and one behind; ``runs`` at once.

    With ``twice`` each of those beside each other has one behind it, which is told what its own handed over.
    """

    name: str
    size: int
    runs: int = 1
    fans_out: bool = False
    twice: bool = False

    @property
    def steps(self) -> int:
        fanned_out = self.size * (2 if self.twice else 1) + 2
        return self.runs * (fanned_out if self.fans_out else self.size)


def chain(size: int, *, runs: int = 1) -> Shape:
    """``runs`` runs of ``size`` steps, each after the one before."""
    return Shape(f"chain_{size}" if runs == 1 else f"{runs}_chains_of_{size}", size, runs)


def fan_out(size: int) -> Shape:
    """One step, ``size`` that work on its items, and one that joins them."""
    return Shape(f"fan_out_1_{size}_1", size, fans_out=True)


def fan_out_twice(size: int) -> Shape:
    """As ``fan_out``, with a second fan-out over the first."""
    return Shape(f"fan_out_1_{size}_{size}_1", size, fans_out=True, twice=True)


def noop(context: StepContext) -> StepResult:
    """The step: hands over its IR, and as many ``items`` as its params ask for."""
    count = context.params.get("items")
    return StepResult(ir=IR if count is None else {**IR, "items": list(range(count))})


def plant_step() -> None:
    """The step, its schema in force, and the profile that measures it."""
    step = StepDefinition.objects.create(key="noop", name="Nothing")
    version = StepVersion.objects.create(step=step, version=1, handler="noop")
    activate_schema(schema=create_schema(model=IRSchema, owner=version, schema=SCHEMA))
    profile = MetricProfile.objects.create(key="noop", name="Nothing")
    for key, direction in METRICS.items():
        metric = MetricDefinition.objects.create(key=key, name=key, direction=direction)
        MetricProfileItem.objects.create(profile=profile, metric=metric, threshold=50)


def plant_pipeline(shape: Shape) -> PipelineVersion:
    """The active version of a pipeline of this shape."""
    pipeline, made = PipelineDefinition.objects.get_or_create(key=shape.name, defaults={"name": shape.name})
    if not made:
        return definitions.active_version(shape.name)
    nodes = _fan_out(shape) if shape.fans_out else [{"key": f"n{number}"} for number in range(shape.size)]
    common = {"stepVersionId": "noop@1", "metricProfileId": "noop"}
    dag = {"nodes": [{**common, "order": number, **node} for number, node in enumerate(nodes)]}
    return definitions.activate_version(definitions.create_version(pipeline=pipeline, dag=dag))


def _fan_out(shape: Shape) -> list[dict[str, Any]]:
    again = [{"key": "again", "forEach": "ir.each"}] if shape.twice else []
    return [
        {"key": "split", "params": {"items": shape.size}},
        {"key": "each", "forEach": "split.items"},
        *again,
        {"key": "join"},
    ]


def worker_environment() -> dict[str, str]:
    """For ``manage.py worker`` on the scratch database."""
    here = os.path.dirname(__file__)
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DEBUG": "false",
        "DJANGO_SETTINGS_MODULE": "engine_settings",
        "IR_VALIDATION_MODE": "log",
        "LOG_LEVEL": "WARNING",
        "PIPELINE_EXECUTOR": "distributed",
        "PIPELINE_LOGGING_ENABLED": "true",
        "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
    }
