"""Replay: would the last real IRs of a step, or answers of a prompt, still pass under a candidate schema?"""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition, SchemaState
from ir_schemas.services import invalid_schema, owner_of, versions_of
from ir_schemas.validation import CompiledSchema, IRError, SchemaFault, compile_schema

MAX_REPLAYED = 10_000
CHUNK = 100
EXAMPLES = 5
EXPLAINING = 1.0  # seconds for saying why documents fail; that they fail is counted for all


@dataclass
class ErrorGroup:
    """One kind of new failure: the error's code at a path with array indices folded to ``*``."""

    code: str
    path: str
    message: str
    count: int = 0
    examples: list[uuid.UUID] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "path": self.path,
            "message": self.message,
            "count": self.count,
            "examples": [str(example) for example in self.examples],
        }


@dataclass
class Replay:
    """How the documents fare under the candidate, beside how they fare under the version in force.

    ``groups`` counts each of the ``explained`` newly failing documents, which are the newest, once for each kind of
    error it has; ``examples`` are ids of artifacts (or of prompt results, where ``source`` says so).
    """

    source: str
    against: int | None
    counts: Counter[str] = field(default_factory=Counter)
    groups: dict[tuple[str, str], ErrorGroup] = field(default_factory=dict)
    explained: int = 0
    explaining: float = 0.0

    def as_json(self) -> dict[str, Any]:
        ordered = sorted(self.groups.values(), key=lambda group: -group.count)
        return {
            "source": self.source,
            "againstVersion": self.against,
            "checked": self.counts.total(),
            "newlyFailing": self.counts["newly-failing"],
            "newlyPassing": self.counts["newly-passing"],
            "stillValid": self.counts["still-valid"],
            "stillInvalid": self.counts["still-invalid"],
            "explained": self.explained,
            "errors": [group.as_json() for group in ordered],
        }


def replay(candidate: IRSchema | IRSchemaDefinition, *, last: int = 1000) -> Replay:
    """Check the last documents of the candidate's owner, newest first, at most ``MAX_REPLAYED``. Writes nothing.

    Where no version is in force, every document counts as having been valid. Raises ``InvalidSchema``.
    """
    before = versions_of(type(candidate), owner_of(candidate)).filter(state=SchemaState.ACTIVE).first()
    new = _compiled(candidate)
    old = _compiled(before) if before else None
    source, documents = _documents(candidate, max(1, min(last, MAX_REPLAYED)))
    outcome = Replay(source, before.version if before else None)
    for key, document in documents:
        _replay_one(outcome, key, document, old, new)
    return outcome


def _compiled(version: IRSchema | IRSchemaDefinition) -> CompiledSchema:
    try:
        return compile_schema(version.schema, schema_hash=version.content_hash)
    except SchemaFault as fault:
        raise invalid_schema(fault.findings) from fault


def _replay_one(
    outcome: Replay, key: uuid.UUID, document: Any, old: CompiledSchema | None, new: CompiledSchema
) -> None:
    passed_before = old is None or old.accepts(document)
    passes_now = new.accepts(document)
    if passes_now:
        outcome.counts["still-valid" if passed_before else "newly-passing"] += 1
        return
    outcome.counts["newly-failing" if passed_before else "still-invalid"] += 1
    if passed_before and outcome.explaining < EXPLAINING:
        report = new.validate(document, checked=True)
        outcome.explaining += report.duration_ms / 1000
        outcome.explained += 1
        for error in _distinct(report.errors):
            _count(outcome, key, error)


def _count(outcome: Replay, key: uuid.UUID, error: IRError) -> None:
    place = (error.code, fold_indices(error.path))
    group = outcome.groups.setdefault(place, ErrorGroup(*place, message=error.message))
    group.count += 1
    if len(group.examples) < EXAMPLES:
        group.examples.append(key)


def _distinct(errors: tuple[IRError, ...]) -> list[IRError]:
    """One error for each code and folded path."""
    return list({(error.code, fold_indices(error.path)): error for error in reversed(errors)}.values())


def fold_indices(pointer: str) -> str:
    """``/parts/3/kind`` as ``/parts/*/kind``."""
    return "/".join("*" if step.isdigit() else step for step in pointer.split("/"))


def _documents(candidate: IRSchema | IRSchemaDefinition, last: int) -> tuple[str, Iterator[tuple[uuid.UUID, Any]]]:
    """The owner's stored documents, streamed. A prompt's are its results; a process's are those of all its prompts."""
    if isinstance(candidate, IRSchema):
        artifacts = IRArtifact.objects.filter(
            step_run__step_version=candidate.step_version_id, ir_json__isnull=False
        ).order_by("-id")
        return "artifacts", _stream(artifacts.values_list("pk", "ir_json"), last)
    prefix = "prompt__data__results" if candidate.prompt_id else "process__prompts__data__results"
    results = IRSchemaDefinition.objects.filter(pk=candidate.pk, **{f"{prefix}__result__isnull": False})
    rows = results.order_by(f"-{prefix}__pk").values_list(f"{prefix}__pk", f"{prefix}__result")
    return "promptResults", _stream(rows, last)


def _stream(rows: QuerySet[Any, tuple[uuid.UUID, Any]], last: int) -> Iterator[tuple[uuid.UUID, Any]]:
    return rows[:last].iterator(chunk_size=CHUNK)
