"""Reads of the registry."""

import heapq
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from django.apps import apps
from django.db.models import Model, QuerySet

from ir_schemas.errors import UnknownOwner, UnknownSchema
from ir_schemas.models import AbstractIRSchema, IRSchema, IRSchemaDefinition, SchemaState

SchemaT = TypeVar("SchemaT", IRSchema, IRSchemaDefinition)

TABLES: tuple[type[IRSchema], type[IRSchemaDefinition]] = (IRSchema, IRSchemaDefinition)


def get_by_id(schema_id: uuid.UUID) -> IRSchema | IRSchemaDefinition:
    """A version, whatever its state. Raises ``UnknownSchema``."""
    schema = _by_id(schema_id)
    if schema is None:
        raise UnknownSchema(f"There is no schema {schema_id}.")
    return schema


def get_active_for_prompt(prompt_id: uuid.UUID) -> IRSchemaDefinition | None:
    """The contract of a prompt that is in force, or None."""
    return IRSchemaDefinition.objects.filter(prompt_id=prompt_id, state=SchemaState.ACTIVE).first()


def get_active_for_process(process_id: uuid.UUID) -> IRSchemaDefinition | None:
    """The contract of a process that is in force, or None."""
    return IRSchemaDefinition.objects.filter(process_id=process_id, state=SchemaState.ACTIVE).first()


def get_active_for_step_version(step_version_id: uuid.UUID) -> IRSchema | None:
    """The contract of a step version that is in force, or None."""
    return _steps().filter(step_version_id=step_version_id, state=SchemaState.ACTIVE).first()


def get_owner(
    *,
    prompt_id: uuid.UUID | None = None,
    process_id: uuid.UUID | None = None,
    step_version_id: uuid.UUID | None = None,
) -> Model:
    """The prompt, process or step version that is named. Raises ``UnknownOwner``."""
    named = {
        "pipelines.AIPrompt": prompt_id,
        "pipelines.AIProcess": process_id,
        "pipelines.StepVersion": step_version_id,
    }
    for label, key in named.items():
        if key is not None:
            return _existing(apps.get_model(label), key)
    raise UnknownOwner("Name a prompt, a process or a step version.")


@dataclass(frozen=True)
class Versions:
    """The versions of both tables as one list, for pages by key: what a paginator asks of a queryset, asked of each."""

    tables: tuple[QuerySet[Any], ...]

    def filter(self, **conditions: Any) -> "Versions":
        return Versions(tuple(table.filter(**conditions) for table in self.tables))

    def order_by(self, field: str) -> "Versions":
        if field != "-pk":
            raise ValueError(f"Versions are listed by -pk, not by {field}.")
        return Versions(tuple(table.order_by(field) for table in self.tables))

    def __getitem__(self, page: slice) -> list[Any]:
        merged = heapq.merge(*(table[page] for table in self.tables), key=attrgetter("pk"), reverse=True)
        return list(islice(merged, page.stop))


def list_versions(
    *,
    tables: Collection[type[AbstractIRSchema]] = TABLES,
    prompt_id: uuid.UUID | None = None,
    process_id: uuid.UUID | None = None,
    step_version_id: uuid.UUID | None = None,
    state: str = "",
) -> Versions:
    """The versions in some of the tables, without their schemas and sources, which can be large."""
    named = {"prompt_id": prompt_id, "process_id": process_id, "step_version_id": step_version_id, "state": state}
    conditions = {name: value for name, value in named.items() if value}
    querysets = [_steps(), IRSchemaDefinition.objects.all()]
    return Versions(
        tuple(
            queryset.filter(**conditions).select_related("created_by").defer("schema", "source")
            for queryset in querysets
            if queryset.model in tables and _has_columns(queryset.model, conditions)
        )
    )


def find_schema(reference: str) -> IRSchema | IRSchemaDefinition | None:
    """A schema version by what people call it.

    A version's id; ``layout_split`` or ``layout_split@1`` for the contract in force of a step (its latest version when
    none is named); ``prompt:module_generate@1`` or ``process:module_generate`` for that of a prompt or a process.
    """
    try:
        pk = uuid.UUID(reference)
    except ValueError:
        return _by_owner(reference)
    return _by_id(pk)


def _existing(model: type[Model], key: uuid.UUID) -> Model:
    row = model._default_manager.filter(pk=key).first()
    if row is None:
        raise UnknownOwner(f"There is no {model._meta.verbose_name} {key}.")
    return row


def _by_id(schema_id: uuid.UUID) -> IRSchema | IRSchemaDefinition | None:
    return _steps().filter(pk=schema_id).first() or IRSchemaDefinition.objects.filter(pk=schema_id).first()


def _steps() -> QuerySet[IRSchema]:
    """Step schemas with what their name is made of."""
    return IRSchema.objects.select_related("step_version__step")


def _has_columns(table: type[AbstractIRSchema], conditions: Collection[str]) -> bool:
    columns = {getattr(field, "attname", "") for field in table._meta.get_fields()}
    return columns.issuperset(conditions)


def _by_owner(reference: str) -> IRSchema | IRSchemaDefinition | None:
    kind, _, rest = reference.rpartition(":")
    key, _, number = rest.partition("@")
    version = int(number[:9]) if number.isascii() and number.isdigit() else None
    if number and version is None:
        return None
    if kind == "process":
        return IRSchemaDefinition.objects.filter(process__key=key, state=SchemaState.ACTIVE).first()
    if kind == "prompt":
        prompts = IRSchemaDefinition.objects.filter(prompt__process__key=key, state=SchemaState.ACTIVE)
        return _numbered(prompts, "prompt__version", version)
    steps = IRSchema.objects.filter(step_version__step__key=key, state=SchemaState.ACTIVE)
    return _numbered(steps, "step_version__version", version)


def _numbered(schemas: QuerySet[SchemaT], field: str, version: int | None) -> SchemaT | None:
    if version is not None:
        schemas = schemas.filter(**{field: version})
    return schemas.order_by(f"-{field}").first()
