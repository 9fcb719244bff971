"""Short ways to a pipeline of example steps and to its end."""

from typing import Any

from django.db import connection

from ir_schemas.models import IRSchema
from ir_schemas.services import activate_version as activate_schema
from ir_schemas.services import create_version as create_schema
from pipelines import definitions, engine
from pipelines.designs.bundle import DesignBundle
from pipelines.executors import inline
from pipelines.models import PipelineDefinition, PipelineRun, PipelineVersion, StepDefinition, StepRun, StepVersion
from tests.pipelines.example_steps import HANDLERS

PAGE = DesignBundle("html", "page.html", "page.html", {"page.html": b"<h1>Hello</h1>"})


def steps() -> dict[str, StepVersion]:
    """A step version for each example handler, by its name."""
    made = StepVersion.objects.filter(step__key__in=HANDLERS, version=1).select_related("step")
    found = {version.step.key: version for version in made}
    missing = [StepDefinition(key=name, name=name) for name in HANDLERS if name not in found]
    if missing:
        StepDefinition.objects.bulk_create(missing)
        versions = [StepVersion(step=each, version=1, handler=each.key) for each in missing]
        found |= {version.step.key: version for version in StepVersion.objects.bulk_create(versions)}
    return found


def step(name: str) -> StepVersion:
    """Version 1 of the step of this handler."""
    definition, _ = StepDefinition.objects.get_or_create(key=name, defaults={"name": name})
    version, _ = StepVersion.objects.get_or_create(step=definition, version=1, defaults={"handler": name})
    return version


def pipeline(*nodes: dict[str, Any], key: str = "example", **document: Any) -> PipelineVersion:
    """An active version with these nodes; a node without ``stepVersionId`` runs ``emit``."""
    steps()
    definition, _ = PipelineDefinition.objects.get_or_create(key=key, defaults={"name": key})
    dag = {"nodes": [{"stepVersionId": "emit@1", **node} for node in nodes], **document}
    return definitions.activate_version(definitions.create_version(pipeline=definition, dag=dag))


def contract(name: str, schema: Any) -> IRSchema:
    """Put a schema in force for an example step."""
    owner = steps()[name]
    return activate_schema(schema=create_schema(model=IRSchema, owner=owner, schema=schema))


def run(version: PipelineVersion, **arguments: Any) -> PipelineRun:
    """Start a run and carry it to its end in this thread."""
    return inline.carry(engine.start_run(version=version, **arguments).pk, threads=0)


def statuses(run: PipelineRun) -> dict[str, str]:
    """The status of each step run, by node key, or ``key[index]``."""
    return {str(step_run): step_run.status for step_run in StepRun.objects.filter(pipeline_run=run)}


def many_step_runs(run: PipelineRun, count: int = 20_000, *, status: str = "completed") -> None:
    """So many rows that a plan which reads them all would cost more than one by index; ``run`` has one to copy."""
    made = {"id": "gen_random_uuid()", "node_key": "'old'", "map_index": "n", "status": "%s"}
    made |= {
        "lease_token": "NULL",
        "lease_expires_at": "NULL",
        "deadline": "NULL",
        "ready_at": "now()",
        "started_at": "NULL",
    }
    made["finished_at"] = "now()" if status == "completed" else "NULL"
    columns = [field.column for field in StepRun._meta.concrete_fields]
    chosen = ", ".join(made.get(column, f's."{column}"') for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO pipelines_steprun ({', '.join(columns)}) "  # noqa: S608 - of columns of our own
            f"SELECT {chosen} FROM generate_series(1, %s) n, "
            "(SELECT * FROM pipelines_steprun WHERE pipeline_run_id = %s LIMIT 1) s",
            [status, count, run.pk],
        )
        cursor.execute("ANALYZE pipelines_steprun")
