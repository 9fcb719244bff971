"""Runs found by the idempotency key that started them, and requests that use such a key for something else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from config.canonical import canonical_json
from pipelines.dag.problems import shorten
from pipelines.errors import IdempotencyConflict
from pipelines.models import PipelineDefinition, PipelineRun

MOST_NAMED = 5
MOST_NAME = 40
Difference = tuple[str, str]
"""Where in the request it is, as a JSON Pointer, and how the run was other: "had other inputs"."""


def run_of_key(pipeline: PipelineDefinition, idempotency_key: str | None) -> PipelineRun | None:
    """The run of the pipeline that the key has started, marked as a replay; None where it has started none."""
    if idempotency_key is None:
        return None
    runs = PipelineRun.objects.select_related("design_split", "pipeline", "pipeline_version", "started_by")
    run = runs.filter(pipeline=pipeline, idempotency_key=idempotency_key).first()
    if run is not None:
        run.is_replay = True
    return run


def refuse_other(run: PipelineRun, differences: Sequence[Difference]) -> None:
    """Raises ``IdempotencyConflict``, which says each of the ``differences``, where there are any."""
    if differences:
        *first, last = [said for _, said in differences]
        what = f"{', '.join(first)} and {last}" if first else last
        raise IdempotencyConflict(
            f"The idempotency key {run.idempotency_key!r} belongs to run {run.pk}, which {what}. "
            "Use a new key for a new run.",
            errors=[{"path": path, "message": f"The run of this key {said}."} for path, said in differences],
        )


def members_differ(name: str, earlier: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Difference]:
    """Whether two objects of the same ``name`` differ, with the keys at which they do."""
    keys = sorted(key for key in {*earlier, *given} if _member(earlier, key) != _member(given, key))
    if keys:
        listed = ", ".join(shorten(key, MOST_NAME) for key in keys[:MOST_NAMED])
        more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
        yield f"/{name}", f"had other {name} ({listed}{more})"


def _member(of: Mapping[str, Any], key: str) -> bytes | None:
    return canonical_json(of[key]) if key in of else None
