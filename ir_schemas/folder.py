"""A registry as files in a folder, so that schemas can live in version control.

    registry.json                        the index: every line with its level, every version with its state
    step/layout_split@1/v1.json          one schema, as it was written
    prompt/summarise/v2.json

The functions map between lines and a dict of path to text; reading and writing files is the caller's. Paths use `/`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from ir_schemas.shapes import Schema
from ir_schemas.validation import JsonFault, SchemaFault, compile_schema, parse_json

INDEX = "registry.json"
FORMAT_VERSION = 1
MAX_FILES = 10_000
LONGEST_NAME = 120

OwnerKind = Literal["step", "prompt", "process"]
State = Literal["draft", "active", "retired"]
Level = Literal["none", "backward", "full"]

_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_VERSION = {
    "type": "object",
    "required": ["version", "state"],
    "additionalProperties": False,
    "properties": {
        "version": {"type": "integer", "minimum": 1},
        "state": {"enum": ["draft", "active", "retired"]},
        "name": {"type": "string", "maxLength": 200},
        "description": {"type": "string"},
    },
}
INDEX_SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["formatVersion", "lines"],
    "additionalProperties": False,
    "properties": {
        "formatVersion": {"const": FORMAT_VERSION},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ownerKind", "ownerKey", "versions"],
                "additionalProperties": False,
                "properties": {
                    "ownerKind": {"enum": ["step", "prompt", "process"]},
                    "ownerKey": _NAME,
                    "compatibility": {"enum": ["none", "backward", "full"]},
                    "versions": {"type": "array", "minItems": 1, "items": _VERSION},
                },
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class FolderVersion:
    """One version of a schema. `text` is the schema as written; `name` is used by prompts and processes."""

    version: int
    state: State
    text: str
    name: str = ""
    description: str = ""

    @property
    def schema(self) -> Schema:
        """The schema that the text says. Raises JsonFault."""
        schema: Schema = parse_json(self.text)
        return schema


@dataclass(frozen=True, slots=True)
class FolderLine:
    """The versions of one owner. `owner_key` is the owner's own key: `layout_split@1` for a step version."""

    owner_kind: OwnerKind
    owner_key: str
    versions: tuple[FolderVersion, ...]
    compatibility: Level = "none"

    @property
    def folder(self) -> str:
        """The folder that holds the line's files."""
        return f"{self.owner_kind}/{_file_name(self.owner_key)}"


@dataclass(frozen=True, slots=True)
class FolderFinding:
    """One thing wrong with a folder: the file, and a sentence that says what and where."""

    path: str
    message: str


class FolderError(ValueError):
    """The folder can't be read as a registry, or the lines can't be written as one. `findings` has every reason."""

    def __init__(self, findings: list[FolderFinding]) -> None:
        super().__init__(" ".join(f"{finding.path}: {finding.message}" for finding in findings[:5]))
        self.findings = findings


def write_folder(lines: Iterable[FolderLine]) -> dict[str, str]:
    """The files of a registry: the same lines give the same text, whatever their order. Raises FolderError."""
    ordered = sorted(lines, key=lambda line: (line.owner_kind, line.owner_key))
    _refuse([*_repeated(ordered), *(finding for line in ordered for finding in _faults_of(line))])
    files = {path_of(line, version): version.text for line in ordered for version in line.versions}
    index = {"formatVersion": FORMAT_VERSION, "lines": [_index_entry(line) for line in ordered]}
    return {INDEX: json.dumps(index, indent=2, ensure_ascii=False) + "\n", **files}


def parse_folder(files: Mapping[str, str]) -> list[FolderLine]:
    """The lines of a registry, every schema checked. Raises FolderError with all that is wrong."""
    if len(files) > MAX_FILES:
        raise FolderError([FolderFinding(INDEX, f"There are more than {MAX_FILES} files; give a smaller folder.")])
    lines = [_line(entry, files) for entry in _index(files)["lines"]]
    known = {INDEX, *(path_of(line, version) for line in lines for version in line.versions)}
    stray = sorted(path for path in files if path.endswith(".json") and path not in known)
    findings = [
        *_repeated(lines),
        *(finding for line in lines for finding in _faults_of(line, files)),
        *(FolderFinding(path, f"The file is not in {INDEX}; add its version there or remove it.") for path in stray),
    ]
    _refuse(findings)
    return lines


def path_of(line: FolderLine, version: FolderVersion) -> str:
    """Where the version's schema stands in the folder."""
    return f"{line.folder}/v{version.version}.json"


def _file_name(key: str) -> str:
    """The key as the name of a folder on any file system: other characters are percent-encoded."""
    name = quote(key, safe="@")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _index_entry(line: FolderLine) -> dict[str, Any]:
    versions = [
        {"version": version.version, "state": version.state}
        | {key: value for key, value in (("name", version.name), ("description", version.description)) if value}
        for version in sorted(line.versions, key=lambda version: version.version)
    ]
    return {"ownerKind": line.owner_kind, "ownerKey": line.owner_key, "compatibility": line.compatibility,
            "versions": versions}  # fmt: skip


def _index(files: Mapping[str, str]) -> dict[str, Any]:
    if INDEX not in files:
        raise FolderError([FolderFinding(INDEX, "The index is missing; is this the folder of an exported registry?")])
    try:
        index: dict[str, Any] = parse_json(files[INDEX])
    except JsonFault as fault:
        raise FolderError([FolderFinding(INDEX, _placed(fault))]) from None
    report = compile_schema(INDEX_SCHEMA).validate(index, checked=True)
    _refuse([FolderFinding(INDEX, f"{error.path or '/'}: {error.message}") for error in report.errors])
    return index


def _line(entry: dict[str, Any], files: Mapping[str, str]) -> FolderLine:
    line = FolderLine(entry["ownerKind"], entry["ownerKey"], (), entry.get("compatibility", "none"))
    versions = []
    for item in entry["versions"]:
        path = f"{line.folder}/v{int(item['version'])}.json"
        about = (item.get("name", ""), item.get("description", ""))
        versions.append(FolderVersion(int(item["version"]), item["state"], files.get(path, ""), *about))
    ordered = tuple(sorted(versions, key=lambda version: version.version))
    return FolderLine(line.owner_kind, line.owner_key, ordered, line.compatibility)


def _repeated(lines: list[FolderLine]) -> Iterator[FolderFinding]:
    """Lines that would share a folder; names that differ only in case do so on some file systems."""
    folders = Counter(line.folder.lower() for line in lines)
    for folder, count in folders.items():
        if count > 1:
            yield FolderFinding(
                INDEX, f"{count} lines have the folder {folder}; owner keys must differ in more than case."
            )


def _faults_of(line: FolderLine, files: Mapping[str, str] | None = None) -> Iterator[FolderFinding]:
    if len(_file_name(line.owner_key)) > LONGEST_NAME:
        yield FolderFinding(INDEX, f"The owner key {line.owner_key[:40]!r}… is too long for a file name.")
    numbers = Counter(version.version for version in line.versions)
    for number, count in numbers.items():
        if count > 1:
            yield FolderFinding(INDEX, f"{line.folder} lists version {number} {count} times; each must be there once.")
    if sum(version.state == "active" for version in line.versions) > 1:
        yield FolderFinding(INDEX, f"{line.folder} has several active versions; only one can be in force.")
    for version in line.versions:
        path = path_of(line, version)
        if files is not None and path not in files:
            yield FolderFinding(path, f"The file is missing; {INDEX} lists it.")
            continue
        fault = _schema_fault(version)
        if fault is not None:
            yield FolderFinding(path, fault)


def _schema_fault(version: FolderVersion) -> str | None:
    try:
        compile_schema(version.schema)
    except JsonFault as fault:
        return _placed(fault)
    except SchemaFault as fault:
        return str(fault)
    return None


def _placed(fault: JsonFault) -> str:
    return fault.message if fault.line is None else f"Line {fault.line}, column {fault.column}: {fault.message}"


def _refuse(findings: list[FolderFinding]) -> None:
    if findings:
        raise FolderError(findings)
