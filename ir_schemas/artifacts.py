"""Checking an IR against the schema in force, and keeping it with its verdict."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition, ValidationOutcome
from ir_schemas.validation import compile_schema

logger = logging.getLogger(__name__)

Mode = Literal["off", "log", "enforce"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation said. ``errors`` are JSON objects in the registry's error shape, ``error_count`` their count.

    ``blocks`` is true where the mode is ``enforce`` and the IR is not known to be valid against a schema in force.
    """

    mode: Mode
    outcome: ValidationOutcome
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0
    schema: IRSchema | IRSchemaDefinition | None = None
    engine: str = ""
    engine_version: str = ""
    duration_ms: float = 0.0

    @property
    def is_valid(self) -> bool | None:
        return {ValidationOutcome.VALID: True, ValidationOutcome.INVALID: False}.get(self.outcome)

    @property
    def blocks(self) -> bool:
        return self.mode == "enforce" and self.outcome in (ValidationOutcome.INVALID, ValidationOutcome.ERROR)


def check_ir(ir: Mapping[str, Any], schema: IRSchema | IRSchemaDefinition | None, *, mode: Mode) -> Verdict:
    """Validate ``ir``. With no schema in force, or the mode off, the outcome is ``skipped``, which is no pass."""
    if schema is None or mode == "off":
        return Verdict(mode=mode, outcome=ValidationOutcome.SKIPPED)
    try:
        report = compile_schema(schema.schema).validate(ir)
    except Exception:
        logger.exception("IR validation against %s failed internally", schema)
        fault = {"path": "", "code": "validation-unavailable", "message": "The validator failed; see the server's log."}
        return Verdict(mode=mode, outcome=ValidationOutcome.ERROR, errors=[fault], schema=schema)
    return Verdict(
        mode=mode,
        outcome=ValidationOutcome.VALID if report.valid else ValidationOutcome.INVALID,
        errors=[error.as_json() for error in report.errors],
        error_count=report.error_count,
        schema=schema,
        engine=report.engine,
        engine_version=report.engine_version,
        duration_ms=report.duration_ms,
    )


def record_artifact(*, step_run_id: uuid.UUID, attempt: int, ir: Mapping[str, Any], verdict: Verdict) -> IRArtifact:
    """Keep the IR of one attempt with its verdict. The caller holds the transaction."""
    artifact = IRArtifact(
        step_run_id=step_run_id,
        attempt=attempt,
        ir_json=ir,
        outcome=verdict.outcome,
        is_valid=verdict.is_valid,
        validation_errors=verdict.errors,
        error_count=verdict.error_count,
        schema=verdict.schema if isinstance(verdict.schema, IRSchema) else None,
        schema_definition=verdict.schema if isinstance(verdict.schema, IRSchemaDefinition) else None,
        validation_mode=verdict.mode,
        engine=verdict.engine,
        engine_version=verdict.engine_version,
    )
    artifact.weigh(ir)
    artifact.save(force_insert=True)
    return artifact
