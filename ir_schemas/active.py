"""The contract in force of each owner, kept compiled in memory and dropped when any process changes it.

Every change of a schema version notifies ``ir_schema_changed`` at its commit (a trigger does it), and a connection of
this process listens. While that connection is not known to be alive, and inside a transaction, the database is asked
every time, so that a cached answer is never older than the notification's way here.
"""

import logging
import threading
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection

from ir_schemas.errors import UnknownSchema
from ir_schemas.models import CHANGES_CHANNEL, IRSchema, IRSchemaDefinition, SchemaState
from ir_schemas.validation import CompiledSchema, compile_schema

logger = logging.getLogger(__name__)


STOPS_WITHIN = 0.5  # seconds


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
    if connection.in_atomic_block or not _listener.alive:
        _listener.ensure()
        return _read(prompt_id, process_id, step_version_id)
    known = _cache.get(owner_id, _MISSING)
    if known is not _MISSING:
        return known  # type: ignore[return-value]
    generation = _listener.generation
    contract = _read(prompt_id, process_id, step_version_id)
    if generation == _listener.generation:
        _cache[owner_id] = contract
    return contract


def by_schema_id(schema_id: uuid.UUID) -> Contract:
    """The contract that a version is, whatever its state. Raises ``UnknownSchema``."""
    schema: IRSchema | IRSchemaDefinition | None = IRSchema.objects.filter(pk=schema_id).first()
    schema = schema or IRSchemaDefinition.objects.filter(pk=schema_id).first()
    if schema is None:
        raise UnknownSchema(f"There is no schema {schema_id}.")
    return _contract(schema)


def forget(owner_id: uuid.UUID) -> None:
    """Drop what is known of an owner."""
    _listener.generation += 1
    _cache.pop(owner_id, None)


def stop_listening() -> None:
    """Close this process's connection; the next check that is not in a transaction opens it again."""
    _listener.stop()


def _read(
    prompt_id: uuid.UUID | None, process_id: uuid.UUID | None, step_version_id: uuid.UUID | None
) -> Contract | None:
    schema: IRSchema | IRSchemaDefinition | None
    if step_version_id is not None:
        schema = _STEPS.filter(step_version_id=step_version_id, state=SchemaState.ACTIVE).first()
    else:
        owner = {"prompt_id": prompt_id} if prompt_id is not None else {"process_id": process_id}
        schema = IRSchemaDefinition.objects.filter(state=SchemaState.ACTIVE, **owner).first()
    return None if schema is None else _contract(schema)


def _contract(schema: IRSchema | IRSchemaDefinition) -> Contract:
    compiled = compile_schema(schema.schema, schema_hash=schema.content_hash)
    column = "schema_id" if isinstance(schema, IRSchema) else "schema_definition_id"
    return Contract(schema.pk, column, str(schema), schema.version, compiled)


_STEPS = IRSchema.objects.select_related("step_version__step")


class _Listener:
    """One daemon thread with one connection; ``alive`` is true only while it is subscribed."""

    def __init__(self) -> None:
        self.alive = False
        self.generation = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            if self._thread is not None:
                self._thread.join()
            self._thread = None
            self._stopping.clear()

    def ensure(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="ir-schema-changes", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            with psycopg.connect(**_parameters(), autocommit=True) as listening:
                listening.execute(f"LISTEN {CHANGES_CHANNEL}")
                self._drop_all()
                self.alive = True
                while not self._stopping.is_set():
                    for notification in listening.notifies(timeout=STOPS_WITHIN):
                        self.generation += 1
                        _cache.pop(uuid.UUID(notification.payload), None)
        except psycopg.Error as error:
            logger.warning("not listening for schema changes, so every check asks the database: %s", error)
        finally:
            self.alive = False
            self._drop_all()

    def _drop_all(self) -> None:
        self.generation += 1
        _cache.clear()


def _parameters() -> dict[str, Any]:
    settings = connection.get_connection_params()
    return {name: settings[name] for name in ("dbname", "user", "password", "host", "port") if settings.get(name)}


_MISSING = object()
_cache: dict[uuid.UUID, Contract | None] = {}
_listener = _Listener()
