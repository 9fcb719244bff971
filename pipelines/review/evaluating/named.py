"""What is to be evaluated, by the names that people give."""

from typing import Any

from config.problems import NotFound
from feedback.models import GroundTruthSet
from pipelines import definitions
from pipelines.review.evaluating.sides import find_prompts

MOST_NAMED = 20


class UnknownSet(NotFound):
    code = "ground-truth-set-unknown"


def find_set(key: str) -> GroundTruthSet:
    """Raises ``UnknownSet``, with the sets that there are."""
    truth_set = GroundTruthSet.objects.filter(key=key).first()
    if truth_set is None:
        known = ", ".join(GroundTruthSet.objects.order_by("key").values_list("key", flat=True)[:MOST_NAMED])
        raise UnknownSet(f"There is no set {key!r}. There are: {known or 'none'}.")
    return truth_set


def named(*, set_key: str, pipeline: str, prompt: str | None, against: int | None) -> dict[str, Any]:
    """The arguments of ``start_evaluation``.

    ``pipeline`` is ``key`` or ``key@version``, and ``prompt`` is ``process@version``. ``against`` is a version of the
    pipeline or, where a prompt is named, of that. Raises ``UnknownSet``, ``UnknownPipeline``, ``NoActiveVersion`` and
    ``NotEvaluable``.
    """
    version = definitions.active_version(pipeline)
    wanted: dict[str, Any] = {"truth_set": find_set(set_key), "version": version}
    if prompt is not None:
        wanted["prompt"], wanted["baseline_prompt"] = find_prompts(prompt, against)
    elif against is not None:
        wanted["baseline_version"] = definitions.active_version(f"{version.pipeline.key}@{against}")
    return wanted
