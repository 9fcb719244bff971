"""Validation of documents against JSON Schema draft 2020-12: pure, bounded in time and memory, explained in sentences.

    compiled = compile_schema(schema)
    report = compiled.validate(parse_json(text), checked=True, source_text=text)

Nothing is ever fetched, nothing here touches the database, and no document or schema can take more than a bounded time.
"""

from ir_schemas.validation.compiled import CompiledSchema, compile_schema
from ir_schemas.validation.documents import (
    DEFAULT_LIMITS,
    DocumentFacts,
    JsonFault,
    Limits,
    check_document,
    parse_json,
)
from ir_schemas.validation.engines import PYTHON, RUST, Engine, Schema, SchemaRefused
from ir_schemas.validation.faults import SchemaFault, SchemaFinding
from ir_schemas.validation.positions import Position, locate
from ir_schemas.validation.report import IRError, ValidationReport

__all__ = [
    "DEFAULT_LIMITS",
    "PYTHON",
    "RUST",
    "CompiledSchema",
    "DocumentFacts",
    "Engine",
    "IRError",
    "JsonFault",
    "Limits",
    "Position",
    "Schema",
    "SchemaFault",
    "SchemaFinding",
    "SchemaRefused",
    "ValidationReport",
    "check_document",
    "compile_schema",
    "locate",
    "parse_json",
]
