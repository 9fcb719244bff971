"""The contract in force of each owner, kept compiled in memory and dropped when any process changes it.

Every change of a schema version notifies ``ir_schema_changed`` at its commit (a trigger does it), and a connection of
this process listens. While that connection is not known to be alive, and inside a transaction, the database is asked
every time. So an answer is as old as the notification's way here, and ``TRUSTED`` seconds at most should notifications
get lost without the connection noticing (a broken network, a pooler in transaction mode).
"""

import atexit
import logging
import os
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg
from django.db import connection

from ir_schemas import selectors
from ir_schemas.errors import UnknownSchema
from ir_schemas.models import CHANGES_CHANNEL, IRSchema, IRSchemaDefinition
from ir_schemas.validation import CompiledSchema, compile_schema

logger = logging.getLogger(__name__)

TRUSTED = 10.0  # seconds
RETRY_AFTER = 2.0  # seconds between two attempts to listen
STOPS_WITHIN = 0.5  # seconds
MAX_KEPT = 1_000  # owners


@dataclass(frozen=True, slots=True)
class Contract:
    """A schema version and its validator; ``column`` is the one of ``IRArtifact`` that points at the version."""

    schema_id: uuid.UUID
    column: str
    name: str
    version: int
    compiled: CompiledSchema


def in_force(
    prompt_id: uuid.UUID | None = None, process_id: uuid.UUID | None = None, step_version_id: uuid.UUID | None = None
) -> Contract | None:
    """The contract in force of the one owner that is named, or None where it has none."""
    owner_id = prompt_id or process_id or step_version_id
    if owner_id is None:
        raise UnknownSchema("Name a schema, a prompt, a process or a step version to check against.")
    if connection.in_atomic_block:
        return _read(prompt_id, process_id, step_version_id)
    if not _listener.alive:
        _listener.ensure()
        return _read(prompt_id, process_id, step_version_id)
    known = _cache.get(owner_id)
    if known is not None:
        return known.contract
    generation = _cache.generation
    contract = _read(prompt_id, process_id, step_version_id)
    _cache.keep(owner_id, contract, generation)
    return contract


def of_prompt(prompt_id: uuid.UUID, process_id: uuid.UUID) -> Contract | None:
    """The contract of the prompt; where it has none, that of its process."""
    return in_force(prompt_id=prompt_id) or in_force(process_id=process_id)


def by_schema_id(schema_id: uuid.UUID) -> Contract:
    """The contract that a version is, whatever its state. Raises ``UnknownSchema``."""
    return _contract(selectors.get_by_id(schema_id))


def forget(owner_id: uuid.UUID) -> None:
    """Drop what is known of an owner."""
    _cache.drop(owner_id)


def is_listening() -> bool:
    """Whether this process hears of changes, so that it may answer from memory."""
    return _listener.alive


def stop_listening() -> None:
    """Close this process's connection; the next check that is not in a transaction opens it again."""
    _listener.stop()


def _read(
    prompt_id: uuid.UUID | None, process_id: uuid.UUID | None, step_version_id: uuid.UUID | None
) -> Contract | None:
    schema: IRSchema | IRSchemaDefinition | None
    if prompt_id is not None:
        schema = selectors.get_active_for_prompt(prompt_id)
    elif process_id is not None:
        schema = selectors.get_active_for_process(process_id)
    else:
        schema = selectors.get_active_for_step_version(step_version_id) if step_version_id else None
    return None if schema is None else _contract(schema)


def _contract(schema: IRSchema | IRSchemaDefinition) -> Contract:
    compiled = compile_schema(schema.schema, schema_hash=schema.content_hash)
    column = "schema_id" if isinstance(schema, IRSchema) else "schema_definition_id"
    return Contract(schema.pk, column, str(schema), schema.version, compiled)


@dataclass(frozen=True, slots=True)
class _Known:
    contract: Contract | None
    until: float


class _Cache:
    """Contracts by owner. ``generation`` moves with every change: a row read before one is not kept after it."""

    def __init__(self) -> None:
        self.generation = 0
        self._known: dict[uuid.UUID, _Known] = {}
        self._lock = threading.Lock()

    def get(self, owner_id: uuid.UUID) -> _Known | None:
        known = self._known.get(owner_id)
        return known if known is not None and monotonic() < known.until else None

    def keep(self, owner_id: uuid.UUID, contract: Contract | None, generation: int) -> None:
        with self._lock:
            if generation != self.generation:
                return
            if len(self._known) >= MAX_KEPT:
                self._known.clear()
            self._known[owner_id] = _Known(contract, monotonic() + TRUSTED)

    def drop(self, owner_id: uuid.UUID) -> None:
        with self._lock:
            self.generation += 1
            self._known.pop(owner_id, None)

    def drop_all(self) -> None:
        with self._lock:
            self.generation += 1
            self._known.clear()


class _Listener:
    """One daemon thread with one connection; ``alive`` is true only while it is subscribed."""

    def __init__(self) -> None:
        self.alive = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._next_attempt = 0.0

    def ensure(self) -> None:
        with self._lock:
            if (self._thread is not None and self._thread.is_alive()) or monotonic() < self._next_attempt:
                return
            self._next_attempt = monotonic() + RETRY_AFTER
            parameters = _parameters()
            self._thread = threading.Thread(target=self._run, args=(parameters,), name="ir-schema-changes", daemon=True)
            self._thread.start()
            # An embedded server stops with its last process; whoever still listens then would complain.
            atexit.register(self.stop)

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            if self._thread is not None:
                self._thread.join()
            self._thread = None
            self._stopping.clear()
            self._next_attempt = 0.0

    def _run(self, parameters: Mapping[str, Any]) -> None:
        try:
            with psycopg.connect(**parameters, autocommit=True) as listening:
                listening.execute(f"LISTEN {CHANGES_CHANNEL}")
                _cache.drop_all()
                self.alive = True
                while not self._stopping.is_set():
                    for notification in listening.notifies(timeout=STOPS_WITHIN):
                        _cache.drop(uuid.UUID(notification.payload))
        except psycopg.Error as error:
            logger.warning("not listening for schema changes, so every check asks the database: %s", error)
        finally:
            self.alive = False
            _cache.drop_all()


def _parameters() -> dict[str, Any]:
    """How Django connects, without what only its own cursors need."""
    settings = connection.get_connection_params()
    return {name: value for name, value in settings.items() if name not in ("context", "cursor_factory")}


def _start_anew() -> None:
    """A forked child has neither the thread nor, for sure, the locks in a usable state."""
    global _cache, _listener
    _cache, _listener = _Cache(), _Listener()


_cache = _Cache()
_listener = _Listener()
os.register_at_fork(after_in_child=_start_anew)
