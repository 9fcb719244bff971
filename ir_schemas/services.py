"""Writes of the registry, one transaction each."""

from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Max
from django.db.models.functions import Now

from ir_schemas.models import AbstractIRSchema, IRSchema, IRSchemaDefinition, SchemaState
from ir_schemas.validation import compile_schema

SchemaT = TypeVar("SchemaT", IRSchema, IRSchemaDefinition)


@transaction.atomic
def create_version(
    *, model: type[SchemaT], owner: models.Model, schema: Any, created_by: User | None = None, **fields: Any
) -> SchemaT:
    """Keep a schema as the next draft of its owner (a step version, a prompt or a process).

    Raises ``SchemaFault`` for a schema that no document could be checked against.
    """
    compile_schema(schema)
    line = _line(model, owner)
    type(owner)._default_manager.select_for_update().get(pk=owner.pk)
    last = line.aggregate(last=Max("version"))["last"] or 0
    return model.objects.create(
        version=last + 1, schema=schema, created_by=created_by, **_owner_field(model, owner), **fields
    )


@transaction.atomic
def activate_version(*, schema: SchemaT) -> SchemaT:
    """Put a version in force and retire the one that was. Activating an earlier version is the rollback."""
    owner = owner_of(schema)
    type(owner)._default_manager.select_for_update().get(pk=owner.pk)
    line = _line(type(schema), owner)
    line.filter(state=SchemaState.ACTIVE).exclude(pk=schema.pk).update(state=SchemaState.RETIRED)
    line.filter(pk=schema.pk).update(state=SchemaState.ACTIVE, activated_at=Now())
    schema.refresh_from_db()
    return schema


def owner_of(schema: AbstractIRSchema) -> models.Model:
    """The step version, prompt or process whose contract this is."""
    if isinstance(schema, IRSchema):
        return schema.step_version
    if isinstance(schema, IRSchemaDefinition):
        owner: models.Model | None = schema.prompt or schema.process
        if owner is not None:
            return owner
    raise TypeError(f"{schema!r} has no owner")


def _owner_field(model: type[AbstractIRSchema], owner: models.Model) -> dict[str, models.Model]:
    if model is IRSchema:
        return {"step_version": owner}
    return {"prompt" if owner._meta.model_name == "aiprompt" else "process": owner}


def _line(model: type[Any], owner: models.Model) -> models.QuerySet[Any]:
    lines: models.QuerySet[Any] = model.objects.filter(**_owner_field(model, owner))
    return lines
