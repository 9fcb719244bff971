"""Checking an IR against the contract in force, and the row that keeps it with its verdict."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from config.canonical import hash_of_canonical
from config.models import uuid7_text
from ir_schemas.active import Contract
from ir_schemas.models import ValidationOutcome

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
    contract: Contract | None = None
    engine: str = ""
    engine_version: str = ""
    duration_ms: float = 0.0

    @property
    def is_valid(self) -> bool | None:
        return {ValidationOutcome.VALID: True, ValidationOutcome.INVALID: False}.get(self.outcome)

    @property
    def blocks(self) -> bool:
        return self.mode == "enforce" and self.outcome in (ValidationOutcome.INVALID, ValidationOutcome.ERROR)


def check_ir(ir: Mapping[str, Any], contract: Contract | None, *, mode: Mode) -> Verdict:
    """Validate an IR that ``check_document`` has accepted.

    With no contract in force, or the mode off, the outcome is ``skipped``, which is no pass.
    """
    if contract is None or mode == "off":
        return Verdict(mode=mode, outcome=ValidationOutcome.SKIPPED)
    try:
        report = contract.compiled.validate(ir, checked=True)
    except Exception:
        logger.exception("IR validation against %s failed internally", contract.name)
        fault = {"path": "", "code": "validation-unavailable", "message": "The validator failed; see the server's log."}
        return Verdict(mode=mode, outcome=ValidationOutcome.ERROR, errors=[fault], contract=contract)
    return Verdict(
        mode=mode,
        outcome=ValidationOutcome.VALID if report.valid else ValidationOutcome.INVALID,
        errors=[error.as_json() for error in report.errors],
        error_count=report.error_count,
        contract=contract,
        engine=report.engine,
        engine_version=report.engine_version,
        duration_ms=report.duration_ms,
    )


def artifact_row(*, step_run_id: uuid.UUID, attempt: int, ir_text: bytes, verdict: Verdict) -> dict[str, Any]:
    """The ``IRArtifact`` of one attempt, by column, without its body; ``ir_text`` is the IR's canonical form."""
    contract = verdict.contract
    return {
        "id": uuid7_text(),
        "step_run_id": step_run_id,
        "attempt": attempt,
        "size_bytes": len(ir_text),
        "content_hash": hash_of_canonical(ir_text),
        "outcome": verdict.outcome,
        "is_valid": verdict.is_valid,
        "validation_errors": verdict.errors,
        "error_count": verdict.error_count,
        **({contract.column: contract.schema_id} if contract else {}),
        "validation_mode": verdict.mode,
        "engine": verdict.engine,
        "engine_version": verdict.engine_version,
    }
