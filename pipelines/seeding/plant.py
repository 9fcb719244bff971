"""Writing the catalogue to the database, in one transaction."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from ir_schemas.models import IRSchema, IRSchemaDefinition
from ir_schemas.services import activate_version as activate_schema
from ir_schemas.services import create_version as create_schema
from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem
from pipelines import definitions
from pipelines.embeddings.services import upsert_embedding
from pipelines.models import AIProcess, AIPrompt, PipelineDefinition, StepDefinition, StepVersion
from pipelines.seeding import catalogue
from pipelines.seeding.roles import ROLES, plant_role

SCHEMAS = Path(__file__).parent.parent / "steps" / "schemas"


@dataclass(frozen=True, slots=True)
class Planted:
    """How many rows of one kind the catalogue has, and how many of them were made now."""

    what: str
    total: int
    made: int


@transaction.atomic
def plant() -> list[Planted]:
    """Make what is missing. Never touches a row that is there, so that people's changes stay."""
    return [
        _count("steps", catalogue.STEPS, _step),
        _count("metrics", catalogue.METRICS, _metric),
        _count("metric profiles", catalogue.PROFILES, _profile),
        _count("AI processes", catalogue.PROCESSES, _process),
        _count("pipelines", (catalogue.PIPELINE_DAG,), _pipeline),
        _count("groups", ROLES, plant_role),
        _count("guidelines", catalogue.GUIDELINES, _guideline),
    ]


def _count(what: str, entries: Any, make: Any) -> Planted:
    return Planted(what, len(entries), sum(make(entry) for entry in entries))


def shipped_schema(name: str) -> Any:
    """The IR schema that ships with a step."""
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def _step(entry: catalogue.Step) -> bool:
    step, made = StepDefinition.objects.get_or_create(
        key=entry.key, defaults={"name": entry.name, "description": entry.description}
    )
    version, _ = StepVersion.objects.get_or_create(
        step=step, version=1, defaults={"handler": entry.key, "default_config": entry.default_config}
    )
    if not version.ir_schemas.exists():
        schema = create_schema(model=IRSchema, owner=version, schema=shipped_schema(entry.key))
        activate_schema(schema=schema)
    return made


def _metric(entry: catalogue.Metric) -> bool:
    _, made = MetricDefinition.objects.get_or_create(
        key=entry.key,
        defaults={
            "name": entry.name,
            "unit": entry.unit,
            "direction": entry.direction,
            "description": entry.description,
            "target": entry.target,
            "aggregation": entry.aggregation,
        },
    )
    return made


def _profile(entry: catalogue.Profile) -> bool:
    profile, made = MetricProfile.objects.get_or_create(key=entry.key, defaults={"name": entry.name})
    if made:
        metrics = {metric.key: metric for metric in MetricDefinition.objects.filter(key__in=entry.thresholds)}
        MetricProfileItem.objects.bulk_create(
            MetricProfileItem(profile=profile, metric=metrics[key], threshold=threshold)
            for key, threshold in entry.thresholds.items()
        )
    return made


def _process(entry: catalogue.Process) -> bool:
    process, made = AIProcess.objects.get_or_create(key=entry.key, defaults={"name": entry.name})
    if not process.prompts.exists():
        AIPrompt.objects.create(process=process, version=1, content=entry.prompt, is_active=True, is_default=True)
    prompt = process.prompts.filter(version=1).first()
    if prompt is not None and not prompt.ir_schemas.exists():
        schema = create_schema(
            model=IRSchemaDefinition, owner=prompt, schema=shipped_schema(entry.schema), name=entry.name
        )
        activate_schema(schema=schema)
    return made


def _pipeline(dag: dict[str, Any]) -> bool:
    pipeline, made = PipelineDefinition.objects.get_or_create(
        key=catalogue.PIPELINE_KEY, defaults={"name": catalogue.PIPELINE_NAME}
    )
    if not pipeline.versions.exists():
        definitions.activate_version(definitions.create_version(pipeline=pipeline, dag=dag, notes="As shipped."))
    return made


def _guideline(entry: catalogue.Guideline) -> bool:
    return upsert_embedding(
        namespace=catalogue.GUIDELINE_NAMESPACE, ref_type="guideline", ref_id=entry.ref_id, content=entry.text
    )
