"""Reads of the registry."""

import uuid

from ir_schemas.models import IRSchema, IRSchemaDefinition, SchemaState


def active_step_schema(step_version_id: uuid.UUID) -> IRSchema | None:
    """The contract of a step version that is in force, or None."""
    return IRSchema.objects.filter(step_version_id=step_version_id, state=SchemaState.ACTIVE).first()


def active_prompt_schema(prompt_id: uuid.UUID) -> IRSchemaDefinition | None:
    """The contract of a prompt that is in force, or None."""
    return IRSchemaDefinition.objects.filter(prompt_id=prompt_id, state=SchemaState.ACTIVE).first()


def active_process_schema(process_id: uuid.UUID) -> IRSchemaDefinition | None:
    """The contract of a process that is in force, or None."""
    return IRSchemaDefinition.objects.filter(process_id=process_id, state=SchemaState.ACTIVE).first()
