"""The registry's writes (the specification's ``IRSchemaService``), one transaction each, and ``validate_json``.

A version is a draft until it is put in force; putting one in force retires the one before it, and putting an earlier
one in force is the rollback. Every write leaves a ``SchemaEvent`` that says who did it and why.
"""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Max
from django.db.models.functions import Now

from config.canonical import canonical_json, content_hash
from ir_schemas import active
from ir_schemas.compatibility import Comparison, Reading, Verdict, compare
from ir_schemas.errors import (
    AlreadyActive,
    IdenticalSchema,
    IncompatibleSchema,
    InvalidSchema,
    NotActive,
    SchemaInUse,
    StaleSchema,
    UnknownSchema,
)
from ir_schemas.linting import lint_schema
from ir_schemas.models import (
    AbstractIRSchema,
    CompatibilityLevel,
    IRSchema,
    IRSchemaDefinition,
    SchemaEvent,
    SchemaLine,
    SchemaState,
)
from ir_schemas.validation import SchemaFault, SchemaFinding, ValidationReport, compile_schema

SchemaT = TypeVar("SchemaT", bound=IRSchema | IRSchemaDefinition)
Action = SchemaEvent.Action


@transaction.atomic
def create_version(
    *,
    model: type[SchemaT],
    owner: models.Model,
    schema: Any,
    source: str = "",
    version: int | None = None,
    created_by: User | None = None,
    **fields: Any,
) -> SchemaT:
    """Keep a schema as the next draft of its owner (a step version, a prompt or a process).

    ``source`` is the text as its author wrote it; ``version`` a free number, for a version that comes from elsewhere.
    Raises ``InvalidSchema`` for one that cannot be used, and ``IdenticalSchema`` where the owner has it already.
    """
    check_schema(schema)
    _lock(owner)
    line = versions_of(model, owner)
    _refuse_identical(line, schema)
    created = line.create(
        version=version or (line.aggregate(last=Max("version"))["last"] or 0) + 1,
        schema=schema,
        source=source or canonical_json(schema).decode(),
        created_by=created_by,
        **owner_field(model, owner),
        **fields,
    )
    _record(created, Action.CREATED, created_by)
    return created


@transaction.atomic
def update_version(
    *, schema: SchemaT, changes: dict[str, Any], etag: str | None = None, updated_by: User | None = None
) -> SchemaT:
    """Edit a version: ``changes`` holds any of ``schema`` (with its text as ``source``), ``description`` and ``name``.

    Only a draft's schema changes. One that is equal to what is stored counts as unchanged, so that a whole version can
    be sent back with another description. Raises ``StaleSchema`` when ``etag`` is not the version's current one,
    ``SchemaInUse``, ``InvalidSchema`` and ``IdenticalSchema``.
    """
    line, current = _locked(schema)
    if etag is not None and etag != current.etag:
        raise StaleSchema("Somebody changed this version since you read it. Read it again and repeat your change.")
    if "schema" in changes:
        changes = _schema_changes(line, current, changes)
    changed = sorted(name for name, value in changes.items() if name == "schema" or getattr(current, name) != value)
    if not changed:
        return current
    for name in changed:
        setattr(current, name, changes[name])
    current.save()
    _record(current, Action.UPDATED, updated_by, details={"fields": changed})
    return current


@transaction.atomic
def activate_version(
    *, schema: SchemaT, activated_by: User | None = None, reason: str = "", override: bool = False
) -> SchemaT:
    """Put a version in force and retire the one that was.

    Raises ``AlreadyActive``, ``InvalidSchema`` for a stored schema that cannot be used, and ``IncompatibleSchema``
    where the line requires a level that the version does not keep, unless ``override`` is given with a ``reason``; the
    caller has checked the permission to override.
    """
    line, current = _locked(schema)
    if current.state == SchemaState.ACTIVE:
        raise AlreadyActive(f"{current} is already in force.")
    check_schema(current.schema)
    before = line.filter(state=SchemaState.ACTIVE).first()
    details = _compatibility_details(before, current, override=override, reason=reason)
    if before is not None:
        line.filter(pk=before.pk).update(state=SchemaState.RETIRED, updated_at=Now())
        _record(before, Action.RETIRED, activated_by, reason, {"supersededBy": current.version})
    line.filter(pk=current.pk).update(state=SchemaState.ACTIVE, activated_at=Now(), updated_at=Now())
    _record(current, Action.ACTIVATED, activated_by, reason, details)
    return _after_change(current)


@transaction.atomic
def deactivate(*, schema: SchemaT, deactivated_by: User | None = None, reason: str = "") -> SchemaT:
    """Retire the version in force without a successor; nothing is checked then. Raises ``NotActive``."""
    line, current = _locked(schema)
    if current.state != SchemaState.ACTIVE:
        raise NotActive(f"{current} is not in force, so it cannot be retired.")
    line.filter(pk=current.pk).update(state=SchemaState.RETIRED, updated_at=Now())
    _record(current, Action.RETIRED, deactivated_by, reason)
    return _after_change(current)


@transaction.atomic
def require_compatibility(*, owner: models.Model, level: CompatibilityLevel) -> SchemaLine:
    """Set the level that activating a version of this owner must keep."""
    line, _ = SchemaLine.objects.update_or_create(
        **owner_field(model_for(owner), owner), defaults={"compatibility": level}
    )
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
    source_text: str | None = None,
) -> tuple[ValidationReport | None, active.Contract | None]:
    """Check ``data`` against a schema given, or against the one that an id stands for.

    Returns the report and the contract that judged; ``(None, None)`` where no schema is in force, which is no pass.
    ``checked`` says that ``parse_json`` has accepted the value, and ``source_text`` is the text that it read: errors
    then carry line and column. Raises ``UnknownSchema`` and ``InvalidSchema``.
    """
    try:
        if schema is not None:
            return compile_schema(schema).validate(data, checked=checked, source_text=source_text), None
        if schema_id is not None:
            contract: active.Contract | None = active.by_schema_id(schema_id)
        else:
            contract = active.in_force(prompt_id, process_id, step_version_id)
    except SchemaFault as fault:
        raise invalid_schema(fault.findings) from fault
    if contract is None:
        return None, None
    return contract.compiled.validate(data, checked=checked, source_text=source_text), contract


def check_schema(schema: Any) -> list[SchemaFinding]:
    """The warnings that linting has. Raises ``InvalidSchema`` with every error that linting and compiling find."""
    findings = lint_schema(schema)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise invalid_schema(errors)
    return findings


def invalid_schema(findings: Sequence[SchemaFinding]) -> InvalidSchema:
    """The findings as the API, the admin and commands show them."""
    first, more = findings[0], len(findings) - 1
    sentence = f"The schema cannot be used. {first.path or '/'}: {first.message}"
    return InvalidSchema(
        f"{sentence} ({more} more)" if more else sentence, errors=[finding.as_json() for finding in findings]
    )


def compare_versions(old: AbstractIRSchema, new: AbstractIRSchema, *, reading: Reading = "standard") -> Comparison:
    """What activating ``new`` after ``old`` would mean for documents. Raises ``InvalidSchema``."""
    try:
        return compare(old.schema, new.schema, reading=reading)
    except SchemaFault as fault:
        raise invalid_schema(fault.findings) from fault


def required_level(owner: models.Model) -> CompatibilityLevel:
    """What the owner's line requires; ``none`` where nothing was set."""
    line = SchemaLine.objects.filter(**owner_field(model_for(owner), owner)).first()
    return CompatibilityLevel(line.compatibility) if line else CompatibilityLevel.NONE


def broken_directions(level: CompatibilityLevel, comparison: Comparison) -> dict[str, Verdict]:
    """The directions that the level asks for and the comparison does not show to be compatible."""
    verdicts = {} if level == CompatibilityLevel.NONE else {"backward": comparison.backward}
    if level == CompatibilityLevel.FULL:
        verdicts["forward"] = comparison.forward
    return {name: verdict for name, verdict in verdicts.items() if verdict.status != "compatible"}


def in_force_beside(schema: SchemaT) -> SchemaT | None:
    """The version of the same line that is in force, unless it is this one."""
    line = versions_of(type(schema), owner_of(schema))
    return line.filter(state=SchemaState.ACTIVE).exclude(pk=schema.pk).first()


def owner_of(schema: AbstractIRSchema) -> models.Model:
    """The step version, prompt or process whose contract this is."""
    if isinstance(schema, IRSchema):
        return schema.step_version
    if isinstance(schema, IRSchemaDefinition):
        owner: models.Model | None = schema.prompt or schema.process
        if owner is not None:
            return owner
    raise TypeError(f"{schema!r} has no owner")


def model_for(owner: models.Model) -> type[IRSchema] | type[IRSchemaDefinition]:
    """The table of the owner's versions."""
    return IRSchema if owner._meta.model_name == "stepversion" else IRSchemaDefinition


def owner_field(model: type[AbstractIRSchema], owner: models.Model) -> dict[str, Any]:
    """The owner under the name of the column that points at it."""
    if model is IRSchema:
        return {"step_version": owner}
    return {"prompt" if owner._meta.model_name == "aiprompt" else "process": owner}


def versions_of(model: type[SchemaT], owner: models.Model) -> models.QuerySet[SchemaT]:
    """Every version of one owner's contract."""
    return cast("models.QuerySet[SchemaT]", model._default_manager.filter(**owner_field(model, owner)))


def _lock(owner: models.Model) -> None:
    """All writes of one line queue here. Runs that point at the owner do not: they leave its key alone."""
    type(owner)._default_manager.select_for_update(no_key=True).get(pk=owner.pk)


def _locked(schema: SchemaT) -> tuple[models.QuerySet[SchemaT], SchemaT]:
    """The line of a version, and the version as it is now that nobody else writes to the line."""
    owner = owner_of(schema)
    _lock(owner)
    line = versions_of(type(schema), owner)
    current = line.filter(pk=schema.pk).first()
    if current is None:
        raise UnknownSchema(f"{schema} was deleted meanwhile.")
    return line, current


def _refuse_identical(line: models.QuerySet[SchemaT], schema: Any) -> None:
    same = line.filter(content_hash=content_hash(schema)).first()
    if same is not None:
        raise IdenticalSchema(f"{same} ({same.state}) has this very schema. Use that version: {same.pk}.")


def _schema_changes(line: models.QuerySet[SchemaT], current: SchemaT, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes with the source of the new schema, or without either where the schema stays as it is."""
    rest = {name: value for name, value in changes.items() if name not in ("schema", "source")}
    schema, source = changes["schema"], changes.get("source")
    check_schema(schema)
    if content_hash(schema) == current.content_hash:
        keeps_text = source is None or not _is_open(current)
        return rest if keeps_text else {**rest, "source": source}
    if not _is_open(current):
        raise SchemaInUse(
            f"{current} has been in force or has judged artifacts, so its schema stays as it is. Make the next version."
        )
    _refuse_identical(line.exclude(pk=current.pk), schema)
    return {**rest, "schema": schema, "source": source or canonical_json(schema).decode()}


def _is_open(schema: IRSchema | IRSchemaDefinition) -> bool:
    return schema.state == SchemaState.DRAFT and not schema.artifacts.exists()


def _compatibility_details(before: SchemaT | None, after: SchemaT, *, override: bool, reason: str) -> dict[str, Any]:
    """What the event keeps of the comparison. Raises ``IncompatibleSchema``."""
    level = required_level(owner_of(after))
    if before is None or level == CompatibilityLevel.NONE:
        return {}
    comparison = compare_versions(before, after)
    broken = broken_directions(level, comparison)
    statuses = {"backward": comparison.backward.status, "forward": comparison.forward.status}
    details = {"level": level.value, "statuses": statuses}
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


def _after_change(schema: SchemaT) -> SchemaT:
    """The version as it is stored now; this process forgets what was in force as soon as the change is committed."""
    transaction.on_commit(partial(active.forget, owner_of(schema).pk))
    schema.refresh_from_db()
    return schema


def _record(
    schema: IRSchema | IRSchemaDefinition,
    action: Action,
    actor: User | None,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    target = {"schema": schema} if isinstance(schema, IRSchema) else {"schema_definition": schema}
    SchemaEvent.objects.create(action=action, actor=actor, reason=reason, details=details or {}, **target)
