"""The two sides of an evaluation: what is evaluated, and what it is compared with."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal

from feedback.models import Evaluation
from pipelines import definitions
from pipelines.errors import NotEvaluable
from pipelines.models import AIProcess, AIPrompt, PipelineVersion
from pipelines.review.contracts import answers_are_outputs, config_of

Prefix = Literal["", "baseline_"]
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Side:
    """``prefix`` is that of its columns in an ``EvaluationItem``."""

    prefix: Prefix
    version: PipelineVersion
    prompt: AIPrompt | None

    @property
    def run(self) -> str:
        return f"{self.prefix}run"

    @property
    def step_run(self) -> str:
        return f"{self.prefix}step_run"

    @property
    def scores(self) -> str:
        return f"{self.prefix}scores"

    def params(self) -> Mapping[str, Mapping[str, Any]]:
        """What its runs ask of the nodes: each that asks the process's active prompt is given this one."""
        if self.prompt is None:
            return {}
        return {key: {"prompt": str(self.prompt)} for key in asking_nodes(self.version, self.prompt.process)}

    def check_scopes(self, scopes: Set[str]) -> None:
        """Raises ``NotEvaluable`` where an output can't be compared, as no node of the version has its scope's key."""
        graph, _ = definitions.resolve(self.version)
        nodes = [node.key for node in graph.nodes]
        strange = sorted(scopes - set(nodes))
        if strange:
            raise NotEvaluable(
                f"The set has answers for {', '.join(strange[:MOST_NAMED])}, and {self.version} has no such node. Its "
                f"nodes are {', '.join(nodes[:MOST_NAMED])}. Take those answers out of the set, or make another."
            )


def sides_of(evaluation: Evaluation) -> list[Side]:
    """The baseline is missing where there is none."""
    sides = [Side("", evaluation.version, evaluation.prompt)]
    if evaluation.baseline_version is not None:
        sides.append(Side("baseline_", evaluation.baseline_version, evaluation.baseline_prompt))
    return sides


def asking_nodes(version: PipelineVersion, process: AIProcess) -> list[str]:
    """The nodes that ask whichever prompt of the process is active. Raises ``NotEvaluable`` where there is none."""
    graph, named = definitions.resolve(version)
    asking = []
    for node in graph.nodes:
        step = named.steps[node.step_version_id]
        if answers_are_outputs(step) and config_of(node, step).get("prompt") == process.key:
            asking.append(node.key)
    if not asking:
        raise NotEvaluable(
            f"No node of {version} asks the active prompt of {process}. Evaluate it in a pipeline with a node whose "
            f'config has "prompt": "{process}".'
        )
    return asking


def find_prompts(name: str, against: int | None) -> tuple[AIPrompt, AIPrompt | None]:
    """The prompt of ``process@version``, and the version ``against`` of the same process. Raises ``NotEvaluable``."""
    key, _, number = name.partition("@")
    if not (number.isascii() and number.isdigit()):
        raise NotEvaluable(f"Name the prompt's version: {key or 'process'}@1.")
    prompts = AIPrompt.objects.filter(process__key=key).select_related("process")
    wanted = [int(number[:9])] + ([] if against is None else [against])
    found = {prompt.version: prompt for prompt in prompts.filter(version__in=wanted)}
    for version in wanted:
        if version not in found:
            raise NotEvaluable(f"There is no prompt {key}@{version}.")
    return found[wanted[0]], None if against is None else found[against]
