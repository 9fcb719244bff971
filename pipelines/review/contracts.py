"""The schema that an output must fit: the prompt's that was asked for it, its process's, or its step's.

The same order in which the life of a step looks for one (``pipelines.lifecycle``).
"""

from collections.abc import Mapping
from typing import Any

from ir_schemas import active
from ir_schemas.active import Contract
from pipelines.ai.config import PROMPT_HANDLER, read_config
from pipelines.ai.prompts import find_prompt
from pipelines.dag import Node
from pipelines.models import AIPrompt, PromptData, StepRun, StepVersion
from pipelines.steps.contract import StepError


def last_question(step_run: StepRun) -> PromptData | None:
    """The last that the step asked a model; where it stands for another one, what that one asked."""
    ran = [step_run.pk, *filter(None, [step_run.reused_from_id])]
    return PromptData.objects.filter(step_run__in=ran).select_related("ai_prompt__process").order_by("-pk").first()


def contract_of(step_run: StepRun | None, question: PromptData | None) -> Contract | None:
    """What is in force now for the output of the step that asked this ``question``, or that asked none."""
    prompt = question.ai_prompt if question else None
    return _in_force(prompt, step_run.step_version_id if step_run else None)


def contract_of_node(node: Node, version: StepVersion) -> Contract | None:
    """What is in force now for what the node gives, which runs this step version."""
    return _in_force(_prompt_of(node, version), version.pk)


def answers_are_outputs(version: StepVersion) -> bool:
    """Whether what the model answers is what the step hands over."""
    return version.handler == PROMPT_HANDLER


def config_of(node: Node, version: StepVersion) -> Mapping[str, Any]:
    """The node's parameters over the step's, but for what a run asks of the node."""
    return {**version.default_config, **node.config, **node.params}


def _prompt_of(node: Node, version: StepVersion) -> AIPrompt | None:
    if not answers_are_outputs(version):
        return None
    try:
        return find_prompt(read_config(config_of(node, version)).prompt)
    except StepError:  # it would not run as it is
        return None


def _in_force(prompt: AIPrompt | None, step_version_id: Any) -> Contract | None:
    found = active.of_prompt(prompt.pk, prompt.process_id) if prompt else None
    if found is None and step_version_id is not None:
        return active.in_force(step_version_id=step_version_id)
    return found
