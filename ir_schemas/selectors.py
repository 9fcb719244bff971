"""Reads of the registry."""

import uuid
from typing import TypeVar

from django.db.models import QuerySet

from ir_schemas.models import IRSchema, IRSchemaDefinition, SchemaState

SchemaT = TypeVar("SchemaT", IRSchema, IRSchemaDefinition)


def active_step_schema(step_version_id: uuid.UUID) -> IRSchema | None:
    """The contract of a step version that is in force, or None."""
    return IRSchema.objects.filter(step_version_id=step_version_id, state=SchemaState.ACTIVE).first()


def active_prompt_schema(prompt_id: uuid.UUID) -> IRSchemaDefinition | None:
    """The contract of a prompt that is in force, or None."""
    return IRSchemaDefinition.objects.filter(prompt_id=prompt_id, state=SchemaState.ACTIVE).first()


def active_process_schema(process_id: uuid.UUID) -> IRSchemaDefinition | None:
    """The contract of a process that is in force, or None."""
    return IRSchemaDefinition.objects.filter(process_id=process_id, state=SchemaState.ACTIVE).first()


def find_schema(reference: str) -> IRSchema | IRSchemaDefinition | None:
    """A schema version by what people call it.

    A version's id; ``layout_split`` or ``layout_split@1`` for the contract in force of a step (its latest version when
    none is named); ``prompt:module_generate@1`` or ``process:module_generate`` for that of a prompt or a process.
    """
    try:
        pk = uuid.UUID(reference)
    except ValueError:
        return _by_owner(reference)
    return IRSchema.objects.filter(pk=pk).first() or IRSchemaDefinition.objects.filter(pk=pk).first()


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
