"""The registry's writes (the specification's ``IRSchemaService``), one transaction each, and ``validate_json``.

A version is a draft until it is put in force; putting one in force retires the one before it, and putting an earlier
one in force is the rollback. Every write leaves a ``SchemaEvent`` that says who did it and why.
"""

import uuid
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Max
from django.db.models.functions import Now

from config.canonical import canonical_json
from ir_schemas import active
from ir_schemas.compatibility import Comparison, compare
from ir_schemas.errors import (
    AlreadyActive,
    IncompatibleSchema,
    InvalidSchema,
    NotActive,
    SchemaInUse,
    StaleSchema,
)
from ir_schemas.models import (
    AbstractIRSchema,
    CompatibilityLevel,
    IRSchema,
    IRSchemaDefinition,
    SchemaEvent,
    SchemaLine,
    SchemaState,
)
from ir_schemas.validation import SchemaFault, ValidationReport, compile_schema

SchemaT = TypeVar("SchemaT", IRSchema, IRSchemaDefinition)
AnySchema = TypeVar("AnySchema", bound=AbstractIRSchema)
Action = SchemaEvent.Action


@transaction.atomic
def create_version(
    *,
    model: type[SchemaT],
    owner: models.Model,
    schema: Any,
    source: str = "",
    created_by: User | None = None,
    **fields: Any,
) -> SchemaT:
    """Keep a schema as the next draft of its owner (a step version, a prompt or a process).

    ``source`` is the text as its author wrote it. Raises ``InvalidSchema`` for one that cannot be used.
    """
    check_schema(schema)
    _lock(owner)
    line = versions_of(model, owner)
    last = line.aggregate(last=Max("version"))["last"] or 0
    version = model.objects.create(
        version=last + 1,
        schema=schema,
        source=source or canonical_json(schema).decode(),
        created_by=created_by,
        **owner_field(model, owner),
        **fields,
    )
    _record(version, Action.CREATED, created_by)
    return version


@transaction.atomic
def update_version(
    *, schema: SchemaT, changes: dict[str, Any], etag: str | None = None, updated_by: User | None = None
) -> SchemaT:
    """Edit a draft: ``changes`` holds any of ``schema`` (with ``source``), ``description`` and ``name``.

    Raises ``StaleSchema`` when ``etag`` is not the version's current one, ``SchemaInUse`` for a version that is no
    draft or that an artifact was checked against, and ``InvalidSchema``.
    """
    current = type(schema).objects.select_for_update().get(pk=schema.pk)
    if etag is not None and etag != current.etag:
        raise StaleSchema("Somebody changed this version since you read it. Read it again and repeat your change.")
    if "schema" in changes:
        _check_editable(current)
        check_schema(changes["schema"])
        changes = {**changes, "source": changes.get("source") or canonical_json(changes["schema"]).decode()}
    for name, value in changes.items():
        setattr(current, name, value)
    current.save()
    _record(current, Action.UPDATED, updated_by, details={"fields": sorted(changes)})
    return current


@transaction.atomic
def activate_version(
    *, schema: SchemaT, activated_by: User | None = None, reason: str = "", override: bool = False
) -> SchemaT:
    """Put a version in force and retire the one that was.

    Raises ``AlreadyActive``, and ``IncompatibleSchema`` where the line requires a level that the version does not keep,
    unless ``override`` is given with a ``reason``; the caller has checked the permission to override.
    """
    owner = owner_of(schema)
    _lock(owner)
    line = versions_of(type(schema), owner)
    current = line.get(pk=schema.pk)
    if current.state == SchemaState.ACTIVE:
        raise AlreadyActive(f"{current} is already in force.")
    before = line.filter(state=SchemaState.ACTIVE).first()
    details = _compatibility_details(owner, before, current, override=override, reason=reason)
    if before is not None:
        line.filter(pk=before.pk).update(state=SchemaState.RETIRED)
        _record(before, Action.RETIRED, activated_by, reason, {"supersededBy": current.version})
    line.filter(pk=current.pk).update(state=SchemaState.ACTIVE, activated_at=Now())
    current.refresh_from_db()
    _record(current, Action.ACTIVATED, activated_by, reason, details)
    active.forget(owner.pk)
    return current


@transaction.atomic
def deactivate(*, schema: SchemaT, deactivated_by: User | None = None, reason: str = "") -> SchemaT:
    """Retire the version in force without a successor; nothing is checked then. Raises ``NotActive``."""
    owner = owner_of(schema)
    _lock(owner)
    line = versions_of(type(schema), owner)
    if not line.filter(pk=schema.pk, state=SchemaState.ACTIVE).update(state=SchemaState.RETIRED):
        raise NotActive(f"{schema} is not in force, so it cannot be retired.")
    _record(schema, Action.RETIRED, deactivated_by, reason)
    schema.refresh_from_db()
    active.forget(owner.pk)
    return schema


@transaction.atomic
def require_compatibility(*, owner: models.Model, level: CompatibilityLevel) -> SchemaLine:
    """Set the level that activating a version of this owner must keep."""
    model = IRSchema if owner._meta.model_name == "stepversion" else IRSchemaDefinition
    line, _ = SchemaLine.objects.update_or_create(**owner_field(model, owner), defaults={"compatibility": level})
    return line


def validate_json(
    data: Any,
    *,
    schema: Any = None,
    schema_id: uuid.UUID | None = None,
    prompt_id: uuid.UUID | None = None,
    process_id: uuid.UUID | None = None,
    step_version_id: uuid.UUID | None = None,
    checked: bool = False,
) -> tuple[ValidationReport | None, active.Contract | None]:
    """Check ``data`` against a schema given, or against the one that an id stands for.

    Returns the report and the contract that judged; ``(None, None)`` where no schema is in force, which is no pass.
    ``checked`` says that ``parse_json`` has accepted the value. Raises ``UnknownSchema`` and ``InvalidSchema``.
    """
    if schema is not None:
        try:
            return compile_schema(schema).validate(data, checked=checked), None
        except SchemaFault as fault:
            raise invalid_schema(fault) from fault
    contract = active.by_schema_id(schema_id) if schema_id else active.in_force(prompt_id, process_id, step_version_id)
    if contract is None:
        return None, None
    return contract.compiled.validate(data, checked=checked), contract


def check_schema(schema: Any) -> None:
    """Raises ``InvalidSchema`` with every error that linting and building the validator find."""
    try:
        compile_schema(schema)
    except SchemaFault as fault:
        raise invalid_schema(fault) from fault


def invalid_schema(fault: SchemaFault) -> InvalidSchema:
    """The fault as the API and commands show it."""
    errors = [finding.as_json() for finding in fault.findings]
    return InvalidSchema(_fault_sentence(errors), errors=errors)


def compare_versions(old: AbstractIRSchema, new: AbstractIRSchema) -> Comparison:
    """What activating ``new`` after ``old`` would mean for documents."""
    return compare(old.schema, new.schema)


def required_level(owner: models.Model) -> CompatibilityLevel:
    """What the owner's line requires; ``none`` where nothing was set."""
    model = IRSchema if owner._meta.model_name == "stepversion" else IRSchemaDefinition
    line = SchemaLine.objects.filter(**owner_field(model, owner)).first()
    return CompatibilityLevel(line.compatibility) if line else CompatibilityLevel.NONE


def owner_of(schema: AbstractIRSchema) -> models.Model:
    """The step version, prompt or process whose contract this is."""
    if isinstance(schema, IRSchema):
        return schema.step_version
    if isinstance(schema, IRSchemaDefinition):
        owner: models.Model | None = schema.prompt or schema.process
        if owner is not None:
            return owner
    raise TypeError(f"{schema!r} has no owner")


def owner_field(model: type[AbstractIRSchema], owner: models.Model) -> dict[str, Any]:
    """The owner under the name of the column that points at it."""
    if model is IRSchema:
        return {"step_version": owner}
    return {"prompt" if owner._meta.model_name == "aiprompt" else "process": owner}


def versions_of(model: type[AnySchema], owner: models.Model) -> models.QuerySet[AnySchema]:
    """Every version of one owner's contract."""
    lines: models.QuerySet[AnySchema] = model._default_manager.filter(**owner_field(model, owner))
    return lines


def _lock(owner: models.Model) -> None:
    """All writes of one line queue here."""
    type(owner)._default_manager.select_for_update().get(pk=owner.pk)


def _check_editable(schema: IRSchema | IRSchemaDefinition) -> None:
    if schema.state != SchemaState.DRAFT or schema.artifacts.exists():
        raise SchemaInUse(
            f"{schema} has been in force or has judged artifacts, so its schema stays as it is. Make the next version."
        )


def _compatibility_details(
    owner: models.Model, before: SchemaT | None, after: SchemaT, *, override: bool, reason: str
) -> dict[str, Any]:
    level = required_level(owner)
    if before is None or level == CompatibilityLevel.NONE:
        return {}
    comparison = compare_versions(before, after)
    verdicts = {"backward": comparison.backward}
    if level == CompatibilityLevel.FULL:
        verdicts["forward"] = comparison.forward
    broken = {name: verdict for name, verdict in verdicts.items() if verdict.status != "compatible"}
    details = {"level": level.value, "statuses": {name: verdict.status for name, verdict in verdicts.items()}}
    if not broken:
        return details
    if override and reason.strip():
        return {**details, "overridden": True}
    errors = [
        {"direction": name, "status": verdict.status, "message": text, "counterexample": verdict.counterexample}
        for name, verdict in broken.items()
        for text in (verdict.reasons or (f"{name} compatibility: {verdict.status}",))
    ]
    raise IncompatibleSchema(
        f"{after} does not keep the level {level.value!r} that its line requires: {errors[0]['message']} "
        "Change the schema, or activate it with the permission to override and a reason.",
        errors=errors,
    )


def _record(
    schema: IRSchema | IRSchemaDefinition,
    action: Action,
    actor: User | None,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    target = {"schema": schema} if isinstance(schema, IRSchema) else {"schema_definition": schema}
    SchemaEvent.objects.create(action=action, actor=actor, reason=reason, details=details or {}, **target)


def _fault_sentence(errors: list[dict[str, Any]]) -> str:
    first = errors[0]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"The schema cannot be used. {first['path'] or '/'}: {first['message']}{more}"
