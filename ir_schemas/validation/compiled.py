"""From a schema to the thing that validates documents, kept so that it is built once."""

import json
from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from time import perf_counter
from typing import Any

from config.canonical import content_hash
from ir_schemas.validation.cost import Bounds
from ir_schemas.validation.documents import DEFAULT_LIMITS, DocumentFacts, JsonFault, Limits, check_document
from ir_schemas.validation.engines import RUST, Check, Engine, Resources, Schema
from ir_schemas.validation.explain import Explainer
from ir_schemas.validation.graph import SchemaGraph
from ir_schemas.validation.positions import Position, locate
from ir_schemas.validation.ranking import Tally
from ir_schemas.validation.report import IRError, ValidationReport
from ir_schemas.validation.soundness import SCHEMA_LIMITS, check_schema, check_shape

MOST_COMPILED = 128
MOST_ERRORS = 50
_compiled: "OrderedDict[tuple[str, str], CompiledSchema]" = OrderedDict()
_lock = Lock()

_TOO_COSTLY = IRError(
    path="",
    keyword="",
    code="too-costly",
    message="The document is too large to be checked against this schema in bounded time.",
    hint="Split the document, or make the schema's alternatives, references and patterns fewer.",
)
_UNEXPLAINED = IRError(
    path="",
    keyword="",
    code="unexplained",
    message="The document does not match the schema; the search for the reason was stopped.",
    hint="Validate a smaller part of the document.",
)
_ENGINE_FAILED = IRError(
    path="", keyword="", code="engine-failed", message="The validator failed on this document, so it does not pass."
)


class CompiledSchema:
    """A schema ready to validate with. Immutable, and safe to share between threads. Made by `compile_schema`."""

    def __init__(self, graph: SchemaGraph, check: Check, bounds: Bounds, engine: Engine, content_hash: str) -> None:
        self.schema = graph.root.schema
        self.content_hash = content_hash
        self._graph = graph
        self._check = check
        self._bounds = bounds
        self._engine = engine

    def validate(
        self,
        data: Any,
        *,
        source_text: str | None = None,
        max_errors: int = MOST_ERRORS,
        checked: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> ValidationReport:
        """Say whether `data` matches, and if not, why. Never raises on account of the document.

        `source_text` is the JSON text that `data` was read from; with it errors carry line and column. `checked` says
        that `parse_json` or `check_document` has accepted this very value, so that the pre-pass need not run again.
        """
        started = perf_counter()
        fault = self._refuse(data, source_text, checked, limits)
        if fault is None:
            try:
                if self._check(data):
                    return self._report(started)
                return self._explain(data, source_text, max_errors, started)
            except (ValueError, RecursionError):
                fault = _ENGINE_FAILED
        return self._report(started, Tally.of(fault), [fault])

    def accepts(self, data: Any, *, limits: Limits = DEFAULT_LIMITS) -> bool:
        """Say only whether a value that `parse_json` or `check_document` has accepted would be called valid."""
        try:
            return self._refuse(data, None, True, limits) is None and self._check(data)
        except (ValueError, RecursionError):
            return False

    def _refuse(self, data: Any, source_text: str | None, checked: bool, limits: Limits) -> IRError | None:
        """Return what keeps the engine from being asked at all."""
        facts = None
        try:
            if not checked:
                facts = check_document(data, limits)
            if not self._bounds.allows(limits.max_values, limits.max_bytes):
                facts = facts or _facts(data, source_text, limits)
                return None if self._bounds.allows(facts.values, facts.characters) else _TOO_COSTLY
        except JsonFault as fault:
            return IRError(fault.path, "", fault.code, fault.message)
        return None

    def _explain(self, data: Any, source_text: str | None, max_errors: int, started: float) -> ValidationReport:
        explainer, tally = Explainer(self._graph), Tally()
        try:
            tally.take(explainer.explain(data))
        except RecursionError:
            explainer.stopped = True
        errors = tally.best(self._graph, max_errors)
        if not errors:
            tally, errors = Tally.of(_UNEXPLAINED), [_UNEXPLAINED]
        if source_text is not None:
            positions = locate(source_text, [error.path for error in errors])
            errors = [_placed(error, positions.get(error.path)) for error in errors]
        return self._report(started, tally, errors, truncated=explainer.stopped)

    def _report(
        self, started: float, tally: Tally | None = None, errors: list[IRError] | None = None, truncated: bool = False
    ) -> ValidationReport:
        return ValidationReport(
            valid=tally is None,
            engine=self._engine.name,
            engine_version=self._engine.version,
            duration_ms=(perf_counter() - started) * 1000,
            error_count=tally.count if tally else 0,
            errors=tuple(errors or ()),
            counts_by_code=dict(tally.by_code) if tally else {},
            counts_by_path=dict(tally.by_path) if tally else {},
            truncated=truncated,
        )


def compile_schema(
    schema: Schema,
    *,
    resources: Resources | None = None,
    engine: Engine = RUST,
    assert_formats: bool = True,
    limits: Limits = SCHEMA_LIMITS,
    schema_hash: str | None = None,
) -> CompiledSchema:
    """Return the validator of a schema. Raises SchemaFault, which says what is wrong with the schema.

    `resources` are the only other schemas that a `$ref` may reach, by URI; nothing is ever fetched. What is compiled
    without resources, formats asserted and within the usual limits, is kept by its content hash: a caller that knows
    the hash saves the time of computing it with `schema_hash`.
    """
    if resources or not assert_formats or limits is not SCHEMA_LIMITS:
        return _build(schema, resources or {}, engine, schema_hash, assert_formats, limits)
    key = (engine.name, schema_hash or _hash(schema))
    with _lock:
        known = _compiled.get(key)
        if known is not None:
            _compiled.move_to_end(key)
            return known
    built = _build(schema, {}, engine, key[1], assert_formats, limits)
    with _lock:
        _compiled[key] = built
        if len(_compiled) > MOST_COMPILED:
            _compiled.popitem(last=False)
    return built


def _build(
    schema: Schema, resources: Resources, engine: Engine, schema_hash: str | None, assert_formats: bool, limits: Limits
) -> CompiledSchema:
    check_shape(schema, limits)
    own: Schema = json.loads(json.dumps(schema))  # later changes to the caller's dict must not reach the validator
    sound = check_schema(own, resources, engine, assert_formats=assert_formats)
    return CompiledSchema(sound.graph, sound.check, sound.bounds, engine, schema_hash or content_hash(own))


def _hash(schema: Schema) -> str:
    check_shape(schema)
    return content_hash(schema)


def _facts(data: Any, source_text: str | None, limits: Limits) -> DocumentFacts:
    """Count a document, or bound its counts by its text: two values need a character between them."""
    if source_text is None:
        return check_document(data, limits)
    return DocumentFacts(values=len(source_text) // 2 + 1, characters=len(source_text), depth=limits.max_depth)


def _placed(error: IRError, position: Position | None) -> IRError:
    return error if position is None else replace(error, line=position.line, column=position.column)
