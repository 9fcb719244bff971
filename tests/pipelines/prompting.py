"""Short ways to a prompt, its schema, and a run of a step that asks with it."""

from typing import Any

from ir_schemas.models import IRSchemaDefinition
from ir_schemas.services import activate_version, create_version
from pipelines.models import AIPrompt, PipelineRun, StepDefinition, StepRun, StepVersion
from tests.factories import AIProcessFactory, AIPromptFactory
from tests.pipelines import building

TITLE: dict[str, Any] = {
    "type": "object",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {"title": {"type": "string", "minLength": 1}},
}


def a_prompt(content: str = "Name {{ inputs.subject }}.", *, schema: Any = None, **fields: Any) -> AIPrompt:
    """An active prompt of the process ``naming``, with this schema in force where one is given."""
    process = AIProcessFactory(key="naming")
    made: AIPrompt = AIPromptFactory(process=process, content=content, is_active=True, is_default=True, **fields)
    if schema is not None:
        activate_version(schema=create_version(model=IRSchemaDefinition, owner=made, schema=schema))
    return made


def run_prompt(*, subject: str = "a boat", node: dict[str, Any] | None = None, **config: Any) -> PipelineRun:
    """Run a pipeline of one ``prompt`` step with this config to its end."""
    step, _ = StepDefinition.objects.get_or_create(key="ask", defaults={"name": "Ask"})
    StepVersion.objects.get_or_create(step=step, version=1, defaults={"handler": "prompt"})
    config = {"prompt": "naming", **config}
    version = building.pipeline({"key": "ask", "stepVersionId": "ask@1", "config": config, **(node or {})}, key="names")
    return building.run(version, inputs={"subject": subject})


def step_of(run: PipelineRun) -> StepRun:
    """Its one step run."""
    return StepRun.objects.get(pipeline_run=run)
