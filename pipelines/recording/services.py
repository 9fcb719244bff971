"""Recording runs that other software made: a batch in one transaction, with a verdict for each of its items."""

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

from django.db import DataError, IntegrityError, connection, transaction

from config.canonical import content_hash
from config.problems import DomainError
from ir_schemas.artifacts import Mode
from monitoring import flags
from monitoring.models import TestRun
from pipelines.errors import IdempotencyConflict
from pipelines.recording import ai, items, quality
from pipelines.recording.items import ItemInvalid, Kind, Known

Source = TestRun.Source

MAX_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Sender:
    """The user whose key or session it is, None for irline itself; and the door the items came by."""

    user_id: int | None
    source: Source


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a run is kept. ``created`` is false where it was there already.

    Without ``test_run_id`` the audit log has no entry of it, as PIPELINE_LOGGING_ENABLED was off when it came.
    """

    key: str
    created: bool
    test_run_id: uuid.UUID | None = None
    prompt_data_id: uuid.UUID | None = None
    prompt_result_id: uuid.UUID | None = None


Outcome = Recorded | DomainError


def record_ai_runs(*, sent: Sequence[Any], sender: Sender) -> list[Outcome]:
    """Record AI runs, each as ``schemas/ai_run.json`` says: what can be kept is kept, and committed on return.

    An item that cannot be is answered by its ``DomainError``; a key that was used for the same item before by where
    that is.
    """
    return _record("ai", sent, sender)


def record_quality_runs(*, sent: Sequence[Any], sender: Sender) -> list[Outcome]:
    """Record quality runs, each as ``schemas/quality_run.json`` says, and the latest summary with their designs.

    The outcomes are those of ``record_ai_runs``.
    """
    return _record("quality", sent, sender)


def _record(kind: Kind, sent: Sequence[Any], sender: Sender) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    for index, item in enumerate(sent):
        try:
            items.check(kind, item)
        except DomainError as refusal:
            outcomes[index] = refusal
    shaped = {index: item for index, item in enumerate(sent) if index not in outcomes}
    if shaped:
        outcomes |= _keep(kind, shaped, sender)
    return [outcomes[index] for index in range(len(sent))]


def _keep(kind: Kind, shaped: Mapping[int, Any], sender: Sender) -> dict[int, Outcome]:
    """Write the batch; where what it names went meanwhile look again, and where one item breaks it write each alone."""
    try:
        return _write(kind, shaped, sender)
    except IntegrityError:
        return _write(kind, shaped, sender)
    except DataError as error:
        if len(shaped) > 1:
            return {index: _keep(kind, {index: item}, sender)[index] for index, item in shaped.items()}
        [index] = shaped
        return {index: ItemInvalid(f"PostgreSQL cannot keep it: {str(error).splitlines()[0]}.")}


def _write(kind: Kind, shaped: Mapping[int, Any], sender: Sender) -> dict[int, Outcome]:
    known = items.look_up(shaped.values())
    asked_for = flags.subject(known.logging, user_id=sender.user_id)
    logged = flags.judge(flags.Key.PIPELINE_LOGGING_ENABLED, known.logging, asked_for).is_on
    judge = _Judge(sender.user_id, known.validation)
    outcomes: dict[int, Outcome] = {}
    entries: dict[int, dict[str, Any]] = {}
    for index, item in shaped.items():
        try:
            items.check_references(item, known)
            entries[index] = _entry(kind, item, known, judge, logged)
        except DomainError as refusal:
            outcomes[index] = refusal
    if entries:
        answer = _call(kind, sender, logged, list(entries.values()))
        created = {uuid.UUID(one) for one in answer["created"]}
        there = {one["key"]: one for one in answer["known"]}
        for index, entry in entries.items():
            outcomes[index] = _outcome(kind, shaped[index]["idempotencyKey"], entry, created, there, logged)
    return outcomes


class _Judge:
    """Validates results, where an item names whose schema to use. Who sends them is looked up once."""

    def __init__(self, user_id: int | None, state: flags.State) -> None:
        self._state = state
        self._sender = flags.subject(state, user_id=user_id)

    def __call__(self, item: Any, known: Known) -> Any:
        if not (item.get("promptId") or item.get("processId")):
            return None
        prompt = known.prompt(item)
        asked_for = replace(self._sender, prompt=str(prompt.id) if prompt else "")
        mode = flags.judge(flags.Key.IR_VALIDATION_MODE, self._state, asked_for).value
        return ai.judge(item, known, cast(Mode, mode))


def _entry(kind: Kind, item: Any, known: Known, judge: _Judge, logged: bool) -> dict[str, Any]:
    payload_hash = content_hash(item)
    if kind == "quality":
        return quality.entry(item, known, payload_hash=payload_hash)
    verdict = judge(item, known) if logged else None
    return ai.entry(item, known, verdict, payload_hash=payload_hash, logged=logged)


def _call(kind: Kind, sender: Sender, logged: bool, entries: list[dict[str, Any]]) -> dict[str, Any]:
    call = {
        "type": kind,
        "source": sender.source,
        "recordedBy": sender.user_id,
        "logged": logged,
        "items": entries,
    }
    # One statement is a transaction of its own. Only inside another's does it need a savepoint, as it may fail.
    alone = transaction.atomic() if connection.in_atomic_block else nullcontext()
    with alone, connection.cursor() as cursor:
        cursor.execute("SELECT pipelines_record(%s::jsonb)", [json.dumps(call, default=str)])
        answer = cursor.fetchone()[0]
    found: dict[str, Any] = json.loads(answer) if isinstance(answer, str) else answer
    return found


def _outcome(
    kind: Kind, key: str, entry: Mapping[str, Any], created: set[uuid.UUID], there: Mapping[str, Any], logged: bool
) -> Outcome:
    holder = entry["promptData"] if kind == "ai" else entry["testRun"]
    kept_as = entry["key"]
    if holder["id"] in created or (kind == "quality" and not logged and kept_as not in there):
        test_run = entry.get("testRun") if logged else None
        return Recorded(
            key,
            created=True,
            test_run_id=test_run["id"] if test_run else None,
            prompt_data_id=entry["promptData"]["id"] if kind == "ai" else None,
            prompt_result_id=entry["promptResult"]["id"] if kind == "ai" else None,
        )
    found = there[kept_as]
    if found["hash"] != holder["payload_hash"]:
        return IdempotencyConflict(f"The key {key!r} was used for another run before. Give each run a key of its own.")
    return Recorded(
        key,
        created=False,
        test_run_id=_id(found["testRunId"]),
        prompt_data_id=_id(found["promptDataId"]),
        prompt_result_id=_id(found["promptResultId"]),
    )


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
