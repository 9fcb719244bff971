"""What other software hands in: the shape of one run, whom it names, and when it was."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from django.db import models

from config.problems import InvalidInput
from ir_schemas.validation import CompiledSchema, Limits, compile_schema
from pipelines.models import (
    AIProcess,
    AIPrompt,
    DesignSplit,
    GeneratedArtifact,
    ModuleTemplate,
    PipelineDefinition,
)

Kind = Literal["ai", "quality"]

LIMITS = Limits(max_bytes=25_000_000, max_depth=64)
MAX_ERRORS = 20
NAMED: Mapping[str, type[models.Model]] = {
    "promptId": AIPrompt,
    "processId": AIProcess,
    "designSplitId": DesignSplit,
    "artifactId": GeneratedArtifact,
    "moduleId": ModuleTemplate,
}


class ItemInvalid(InvalidInput):
    """An item that is not as its schema says; ``errors`` point into it."""

    code = "item-invalid"


class ReferenceUnknown(InvalidInput):
    """An item names something that is not here."""

    code = "reference-unknown"


@dataclass(frozen=True, slots=True)
class Known:
    """What the items of a batch name and is here, by id; ``pipelines`` are those of irline's own that are named."""

    found: Mapping[str, Mapping[uuid.UUID, Any]] = field(default_factory=dict)
    pipelines: frozenset[uuid.UUID] = frozenset()

    def get(self, item: Mapping[str, Any], name: str) -> Any:
        """The row that an item names, or None where it names none."""
        named = item.get(name)
        return self.found[name].get(uuid.UUID(named)) if named else None

    def pipeline_id(self, item: Mapping[str, Any]) -> uuid.UUID | None:
        """The id of irline's own pipeline that an item names, if it is one."""
        named = _as_uuid(item.get("pipelineId"))
        return named if named in self.pipelines else None


@cache
def schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an item."""
    path = Path(__file__).parent / "schemas" / f"{kind}_run.json"
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def check(kind: Kind, item: Any) -> None:
    """Raises ``ItemInvalid`` for an item that is not as its schema says, or that PostgreSQL could not keep."""
    report = _compiled(kind).validate(item, limits=LIMITS, max_errors=MAX_ERRORS)
    if report.valid:
        return
    errors = [{"path": error.path, "code": error.code, "message": error.message} for error in report.errors]
    which = "One value" if report.error_count == 1 else f"{report.error_count} of the values"
    raise ItemInvalid(f"{which} cannot be used; see errors.", errors=errors)


def look_up(items: Sequence[Mapping[str, Any]]) -> Known:
    """Read what the items name: one query for each table that is named at all."""
    found = {name: _rows(model, [item.get(name) for item in items]) for name, model in NAMED.items()}
    named = set(filter(None, (_as_uuid(item.get("pipelineId")) for item in items)))
    pipelines = PipelineDefinition.objects.filter(pk__in=named).values_list("pk", flat=True) if named else ()
    return Known(found, frozenset(pipelines))


def check_references(item: Mapping[str, Any], known: Known) -> None:
    """Raises ``ReferenceUnknown`` where the item names what is not here."""
    missing = [name for name in NAMED if item.get(name) and known.get(item, name) is None]
    if missing:
        errors = [
            {"path": f"/{name}", "code": "unknown", "message": f"There is no such {NAMED[name]._meta.verbose_name}."}
            for name in missing
        ]
        raise ReferenceUnknown("It names what is not here; see errors.", errors=errors)


def moments(item: Mapping[str, Any]) -> tuple[datetime, datetime, float | None]:
    """When the run began and ended, and its milliseconds; what is not said follows from the rest, and from now.

    Raises ``ItemInvalid`` for a run that ends before it begins.
    """
    started, completed = _moment(item, "startedAt"), _moment(item, "completedAt")
    latency_ms: float | None = item.get("latencyMs")
    if latency_ms is None and started and completed:
        latency_ms = (completed - started) / timedelta(milliseconds=1)
    took = timedelta(milliseconds=latency_ms or 0)
    try:
        completed = completed or (started + took if started else datetime.now(UTC))
        started = started or completed - took
    except OverflowError:
        raise _ended_wrongly("It is too long for the calendar.") from None
    if completed < started:
        raise _ended_wrongly("It ends before it begins.")
    return started, completed, latency_ms


def _ended_wrongly(message: str) -> ItemInvalid:
    return ItemInvalid(message, errors=[{"path": "/completedAt", "code": "ends-before-start", "message": message}])


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    text = item.get(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        message = "This moment cannot be kept; write it as 2026-01-31T12:00:00Z."
        raise ItemInvalid(message, errors=[{"path": f"/{name}", "code": "bad-format", "message": message}]) from None


@cache
def _compiled(kind: Kind) -> CompiledSchema:
    return compile_schema(schema(kind))


def _rows(model: type[models.Model], named: Iterable[str | None]) -> dict[uuid.UUID, Any]:
    ids = {uuid.UUID(one) for one in named if one}
    if not ids:
        return {}
    rows = model._default_manager.filter(pk__in=ids)
    if model is AIPrompt:
        return {row.pk: row for row in rows.only("process_id", "version", "ir_validation_mode")}
    return dict.fromkeys(rows.values_list("pk", flat=True), True)


def _as_uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None
