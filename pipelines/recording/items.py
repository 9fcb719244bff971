"""What other software hands in: the shape of one run, whom it names, and when it was."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from django.db import connection, models

from config.problems import InvalidInput
from ir_schemas.artifacts import Mode
from ir_schemas.validation import CompiledSchema, Limits, compile_schema
from monitoring import flags
from pipelines.ai.prices import priced_names
from pipelines.models import (
    AIProcess,
    AIPrompt,
    DesignSplit,
    GeneratedArtifact,
    ModelPrice,
    ModuleTemplate,
)

Kind = Literal["ai", "quality"]

LIMITS = Limits(max_bytes=25_000_000, max_depth=64)
MAX_ERRORS = 20
# What bounds the time of the check allows; said of a schema, the words would be for whoever wrote it.
TOO_LARGE = "The run has too many characters to be checked; hand in 10 million at most, with its longest texts cut."
LONGEST_MODEL = 200
_ARRAYS = ", ".join(["%s::uuid[]"] * 6 + ["%s::text[]"] * 2)
# What an item can name, in the order of the arguments of pipelines_recording_ground.
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
class NamedPrompt:
    id: uuid.UUID
    process_id: uuid.UUID
    version: int
    ir_validation_mode: Mode | Literal[""]


@dataclass(frozen=True, slots=True)
class Known:
    """What the items of a batch name and is here, and the flags that gate what is written of them."""

    prompts: Mapping[uuid.UUID, NamedPrompt]
    others: Mapping[str, frozenset[uuid.UUID]]
    logging: flags.State
    validation: flags.State
    prices: Mapping[str, Sequence[ModelPrice]]

    def prompt(self, item: Mapping[str, Any]) -> NamedPrompt | None:
        """The prompt that an item names, or None where it names none."""
        named = item.get("promptId")
        return self.prompts.get(uuid.UUID(named)) if named else None

    def lacks(self, name: str, named: str) -> bool:
        """Whether there is no such row."""
        return uuid.UUID(named) not in (self.prompts if name == "promptId" else self.others[name])

    def pipeline_id(self, item: Mapping[str, Any]) -> uuid.UUID | None:
        """The id of irline's own pipeline that an item names, if it is one."""
        named = _as_uuid(item.get("pipelineId"))
        return named if named in self.others["pipelineId"] else None


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
    errors = [
        {"path": error.path, "code": error.code, "message": TOO_LARGE if error.code == "too-costly" else error.message}
        for error in report.errors
    ]
    which = "One value" if report.error_count == 1 else f"{report.error_count} of the values"
    raise ItemInvalid(f"{which} cannot be used; see errors.", errors=errors)


def look_up(items: Iterable[Mapping[str, Any]]) -> Known:
    """Read the flags, and what the items name, in one statement."""
    named: list[set[Any]] = [
        *({_as_uuid(item.get(name)) for item in items} - {None} for name in (*NAMED, "pipelineId")),
        {item.get("provider") for item in items} - {None},
        {model for item in items for model in models_of(item)},
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pipelines_recording_ground({_ARRAYS})::text", list(map(list, named)))
        found = json.loads(cursor.fetchone()[0])
    prompts = [NamedPrompt(**_with_ids(prompt)) for prompt in found["promptId"] or ()]
    return Known(
        prompts={prompt.id: prompt for prompt in prompts},
        others={name: frozenset(map(uuid.UUID, found[name] or ())) for name in (*NAMED, "pipelineId")[1:]},
        logging=flags.read_state(found["logging"]),
        validation=flags.read_state(found["validation"]),
        prices=_prices(found["prices"] or ()),
    )


def models_of(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The names to price it by: of the model that answered, and of the one that was asked, which spans tell apart."""
    asked = (item.get("metadata") or {}).get("request")
    names = (item.get("model"), asked.get("model") if isinstance(asked, dict) else None)
    return priced_names(*(name for name in names if isinstance(name, str) and 0 < len(name) <= LONGEST_MODEL))


def check_references(item: Mapping[str, Any], known: Known) -> None:
    """Raises ``ReferenceUnknown`` where the item names what is not here."""
    missing = [name for name in NAMED if item.get(name) and known.lacks(name, item[name])]
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


def _prices(found: Iterable[Mapping[str, Any]]) -> dict[str, list[ModelPrice]]:
    """By provider."""
    prices: dict[str, list[ModelPrice]] = {}
    for row in found:
        cached = row["cached_per_million"]
        price = ModelPrice(
            model=row["model"],
            effective_from=date.fromisoformat(row["effective_from"]),
            input_per_million=Decimal(row["input_per_million"]),
            output_per_million=Decimal(row["output_per_million"]),
            cached_per_million=None if cached is None else Decimal(cached),
        )
        prices.setdefault(row["provider"], []).append(price)
    return prices


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


def _with_ids(prompt: Mapping[str, Any]) -> dict[str, Any]:
    return {**prompt, "id": uuid.UUID(prompt["id"]), "process_id": uuid.UUID(prompt["process_id"])}


def _as_uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None
