"""From a schema to the thing that validates documents, kept so that it is built once."""

import json
from collections import OrderedDict
from threading import Lock
from time import perf_counter
from typing import Any

from config.canonical import content_hash
from ir_schemas.validation.documents import DEFAULT_LIMITS, JsonFault, Limits, check_document
from ir_schemas.validation.engines import RUST, Check, Engine, Resources, Schema, SchemaRefused
from ir_schemas.validation.faults import SchemaFault, SchemaFinding
from ir_schemas.validation.report import IRError, ValidationReport

MOST_COMPILED = 128
_compiled: "OrderedDict[tuple[str, str], CompiledSchema]" = OrderedDict()
_lock = Lock()


class CompiledSchema:
    """A schema ready to validate with. Immutable, and safe to share between threads."""

    def __init__(self, schema: Schema, check: Check, engine: Engine, content_hash: str) -> None:
        self.schema = schema
        self.content_hash = content_hash
        self._check = check
        self._engine = engine

    def validate(
        self,
        data: Any,
        *,
        source_text: str | None = None,
        max_errors: int = 50,
        checked: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> ValidationReport:
        """Say whether `data` matches, and if not, why. Never raises on account of the document.

        `source_text` is the JSON text that `data` was read from; with it errors carry line and column. `checked` says
        that `parse_json` or `check_document` has accepted this very value, so that the pre-pass need not run again.
        """
        started = perf_counter()
        errors: tuple[IRError, ...] = ()
        try:
            if not checked:
                check_document(data, limits)
            if not self._check(data):
                errors = (IRError("", "", "mismatch", "The document does not match the schema."),)
        except JsonFault as fault:
            errors = (IRError(fault.path, "", fault.code, fault.message),)
        return ValidationReport(
            valid=not errors,
            engine=self._engine.name,
            engine_version=self._engine.version,
            duration_ms=(perf_counter() - started) * 1000,
            error_count=len(errors),
            errors=errors[:max_errors],
        )


def compile_schema(
    schema: Schema, *, resources: Resources | None = None, engine: Engine = RUST, schema_hash: str | None = None
) -> CompiledSchema:
    """Return the validator of a schema. Raises SchemaFault, which says what is wrong with the schema.

    `resources` are the only other schemas that a `$ref` may reach, by URI; nothing is ever fetched. Schemas without
    resources are kept by content hash; a caller that knows it saves the time of computing it with `schema_hash`.
    """
    digest = schema_hash or content_hash(schema)
    if resources:
        return _build(schema, resources, engine, digest)
    key = (engine.name, digest)
    with _lock:
        known = _compiled.get(key)
        if known is not None:
            _compiled.move_to_end(key)
            return known
    built = _build(schema, {}, engine, digest)
    with _lock:
        _compiled[key] = built
        if len(_compiled) > MOST_COMPILED:
            _compiled.popitem(last=False)
    return built


def _build(schema: Schema, resources: Resources, engine: Engine, digest: str) -> CompiledSchema:
    own: Schema = json.loads(json.dumps(schema))  # later changes to the caller's dict must not reach the validator
    try:
        check = engine.compile(own, resources)
    except SchemaRefused:
        finding = SchemaFinding("", "invalid-schema", "error", "This is not a valid draft 2020-12 schema.")
        raise SchemaFault((finding,)) from None
    return CompiledSchema(own, check, engine, digest)
