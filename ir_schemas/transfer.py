"""A whole registry out to files and in from them, so that schemas can live in version control.

What an import brings is what the folder lists: versions keep their numbers, what is listed as active is put in force,
and what the folder does not list is left as it is. An import is one transaction: all of it, or nothing.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.apps import apps
from django.db import models, transaction

from config.problems import DomainError, InvalidInput
from ir_schemas import services
from ir_schemas.folder import FolderLine, FolderVersion, Level, OwnerKind, State, path_of
from ir_schemas.models import CompatibilityLevel, IRSchema, IRSchemaDefinition, SchemaLine, SchemaState

AnyVersion = IRSchema | IRSchemaDefinition
_OWNERS = {"step": "pipelines.StepVersion", "prompt": "pipelines.AIPrompt", "process": "pipelines.AIProcess"}
_PARENTS = {"step": "step", "prompt": "process"}


class ImportRefused(InvalidInput):
    """Nothing was imported; ``errors`` has every reason, with the file it is about."""

    code = "import-refused"


def export_lines() -> list[FolderLine]:
    """Every line that has a version, with its versions in order."""
    versions: dict[tuple[OwnerKind, str], list[FolderVersion]] = defaultdict(list)
    for version in _all_versions():
        versions[_owner_of(version)].append(_as_written(version))
    levels = _levels()
    return [
        FolderLine(kind, key, tuple(sorted(line, key=lambda version: version.version)), levels.get((kind, key), "none"))
        for (kind, key), line in versions.items()
    ]


def import_lines(lines: Sequence[FolderLine], *, override_reason: str = "", dry_run: bool = False) -> Counter[str]:
    """Bring lines into the registry; importing them again changes nothing.

    Returns how many versions were ``created``, ``updated``, ``activated``, ``retired`` and ``unchanged``, and how many
    lines had their ``level`` set. ``override_reason`` lets a version be put in force that breaks its line's level. With
    ``dry_run`` all is done and taken back. Raises ``ImportRefused``.
    """
    counts: Counter[str] = Counter()
    refusals: list[dict[str, Any]] = []
    with transaction.atomic():
        for line in lines:
            _import_line(_Import(line, counts, refusals, override_reason))
        if refusals:
            raise ImportRefused(_sentence(refusals), errors=refusals)
        transaction.set_rollback(dry_run)
    return counts


@dataclass(frozen=True)
class _Import:
    """One line on its way in, with what the whole import counts and refuses."""

    line: FolderLine
    counts: Counter[str]
    refusals: list[dict[str, Any]]
    override_reason: str

    def refuse(self, path: str, message: str) -> None:
        self.refusals.append({"path": path, "message": message})


def _import_line(work: _Import) -> None:
    owner = _find_owner(work.line.owner_kind, work.line.owner_key)
    if owner is None:
        work.refuse(
            work.line.folder, f"There is no {work.line.owner_kind} {work.line.owner_key!r} here; make it first."
        )
        return
    brought = [_import_version(work, owner, version) for version in work.line.versions]
    _import_states(work, owner, brought)
    level = CompatibilityLevel(work.line.compatibility)
    if services.required_level(owner) != level:
        services.require_compatibility(owner=owner, level=level)
        work.counts["level"] += 1


def _import_version(work: _Import, owner: models.Model, written: FolderVersion) -> AnyVersion | None:
    """The version with that number, made or edited where it must be; None where that was refused."""
    table = services.model_for(owner)
    known = services.versions_of(table, owner).filter(version=written.version).first()
    try:
        with transaction.atomic():
            if known is None:
                version = _create(table, owner, written)
                work.counts["created"] += 1
                return version
            edited = services.update_version(schema=known, changes=_changes(table, written))
    except DomainError as refusal:
        work.refuse(path_of(work.line, written), refusal.message)
        return None
    work.counts["unchanged" if edited.etag == known.etag else "updated"] += 1
    return edited


def _create(table: type[AnyVersion], owner: models.Model, written: FolderVersion) -> AnyVersion:
    name = {} if table is IRSchema else {"name": str(owner)}
    state = SchemaState.RETIRED if written.state == "retired" else SchemaState.DRAFT
    fields = {**name, **_changes(table, written), "version": written.version, "state": state}
    return services.create_version(model=table, owner=owner, **fields)


def _changes(table: type[AnyVersion], written: FolderVersion) -> dict[str, Any]:
    name = {"name": written.name} if written.name and table is IRSchemaDefinition else {}
    return {"schema": written.schema, "source": written.text, "description": written.description, **name}


def _import_states(work: _Import, owner: models.Model, brought: Sequence[AnyVersion | None]) -> None:
    """Put in force what the folder has in force, or retire what it lists as not being so any more."""
    pairs = [(written, version) for written, version in zip(work.line.versions, brought, strict=True) if version]
    for written, version in pairs:
        if written.state == "active" and version.state != SchemaState.ACTIVE:
            _put_in_force(work, written, version)
    if any(written.state == "active" for written in work.line.versions):
        return
    for written, version in pairs:
        if written.state == "retired" and version.state == SchemaState.ACTIVE:
            services.deactivate(schema=version, reason="Retired in the folder imported.")
            work.counts["retired"] += 1


def _put_in_force(work: _Import, written: FolderVersion, version: AnyVersion) -> None:
    reason = work.override_reason or "In force in the folder imported."
    try:
        with transaction.atomic():
            services.activate_version(schema=version, reason=reason, override=bool(work.override_reason))
    except DomainError as refusal:
        work.refuse(path_of(work.line, written), refusal.message)
    else:
        work.counts["activated"] += 1


def _all_versions() -> Iterator[AnyVersion]:
    yield from IRSchema.objects.select_related("step_version__step").iterator(chunk_size=100)
    yield from IRSchemaDefinition.objects.select_related("process", "prompt__process").iterator(chunk_size=100)


def _as_written(version: AnyVersion) -> FolderVersion:
    name = version.name if isinstance(version, IRSchemaDefinition) else ""
    text = version.source or json.dumps(version.schema, indent=2, ensure_ascii=False)
    return FolderVersion(version.version, cast(State, version.state), text, name, version.description)


def _owner_of(version: AnyVersion | SchemaLine) -> tuple[OwnerKind, str]:
    """The kind of an owner and its key, which for step versions and prompts is ``key@version``."""
    kinds: tuple[tuple[OwnerKind, str], ...] = (("step", "step_version"), ("prompt", "prompt"), ("process", "process"))
    return next((kind, str(owner)) for kind, column in kinds if (owner := getattr(version, column, None)) is not None)


def _levels() -> dict[tuple[OwnerKind, str], Level]:
    lines = SchemaLine.objects.select_related("step_version__step", "prompt__process", "process")
    return {_owner_of(line): cast(Level, line.compatibility) for line in lines}


def _find_owner(kind: OwnerKind, key: str) -> models.Model | None:
    rows: models.QuerySet[Any] = apps.get_model(_OWNERS[kind])._default_manager.all()
    if kind == "process":
        return rows.filter(key=key).first()
    name, _, number = key.rpartition("@")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return rows.filter(**{f"{_PARENTS[kind]}__key": name, "version": int(number)}).first()


def _sentence(refusals: Sequence[dict[str, Any]]) -> str:
    first, more = refusals[0], len(refusals) - 1
    return f"Nothing was imported. {first['path']}: {first['message']}" + (f" ({more} more)" if more else "")
