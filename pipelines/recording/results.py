"""The ``TestResult``s that every run has, whoever made it: "Prompt IO", "IR Validation" and "Safety/Policy".

All text in them is redacted; bodies are kept as a hash, a size and a beginning.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from config.canonical import canonical_json, hash_of_canonical
from ir_schemas.artifacts import Verdict
from ir_schemas.models import ValidationOutcome
from monitoring import redacting
from monitoring.models import TestResult
from monitoring.redaction import VERSION

Status = TestResult.Status

MAX_ERRORS = 20
VALIDATION_STATUS = {
    ValidationOutcome.VALID: Status.PASSED,
    ValidationOutcome.INVALID: Status.FAILED,
    ValidationOutcome.SKIPPED: Status.SKIPPED,
    ValidationOutcome.ERROR: Status.FAILED,
}


class Redacted:
    """Redacts what goes into one run's entry and adds up what was found."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.whole = True

    def document(self, document: Any) -> Any:
        """The document as it may be kept."""
        redaction = redacting.redactor().document(document)
        self.counts.update(redaction.counts)
        return redaction.value

    def body(self, name: str, body: Any) -> dict[str, Any]:
        """``{nameSha256, nameBytes, nameExcerpt}`` of a text or a JSON value."""
        text = body.encode() if isinstance(body, str) else canonical_json(body)
        return {
            f"{name}Sha256": hash_of_canonical(text),
            f"{name}Bytes": len(text),
            f"{name}Excerpt": self._beginning(body, text),
        }

    def text(self, text: str, longest: int) -> str:
        """The text as it may be kept in a column of so many characters."""
        return str(self.document(text))[:longest]

    def _beginning(self, body: Any, text: bytes) -> str:
        if isinstance(body, str):
            excerpt = redacting.excerpt(body)
            self.counts.update(excerpt.redaction.counts)
            self.whole = self.whole and excerpt.whole
            return excerpt.text
        # As a document, so that names still tell what their values are.
        whole = len(text) <= redacting.SCANNED
        self.whole = self.whole and whole
        told = json.dumps(self.document(body if whole else redacting.beginning(body)), ensure_ascii=False)
        return (told if whole else told[: -redacting.ACROSS])[: redacting.EXCERPT]


def result(name: str, status: Status, details: Mapping[str, Any], duration_ms: float | None = None) -> dict[str, Any]:
    """A ``TestResult`` by column."""
    return {"name": name, "status": status, "details": dict(details), "duration_ms": duration_ms}


def prompt_io(details: Mapping[str, Any], *, answered: bool | None, duration_ms: float | None) -> dict[str, Any]:
    """What went in and came out, as hashes and beginnings; ``answered`` is None where neither was told."""
    if answered is None:
        return result("Prompt IO", Status.SKIPPED, {"reason": "neither prompt nor result was told"}, duration_ms)
    return result("Prompt IO", Status.PASSED if answered else Status.FAILED, details, duration_ms)


def ir_validation(verdict: Verdict | None, redacted: Redacted, *, why_not: str) -> dict[str, Any]:
    """What the schema in force said; ``why_not`` says why there is no verdict."""
    if verdict is None:
        return result("IR Validation", Status.SKIPPED, {"reason": why_not})
    details: dict[str, Any] = {
        "mode": verdict.mode,
        "outcome": verdict.outcome,
        "errorCount": verdict.error_count,
        "engine": verdict.engine,
        "engineVersion": verdict.engine_version,
    }
    if verdict.errors:
        details["errors"] = redacted.document(verdict.errors[:MAX_ERRORS])
    return result("IR Validation", VALIDATION_STATUS[verdict.outcome], details, verdict.duration_ms)


def safety(redacted: Redacted, *, refused: bool = False, policies: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What redaction found, whether the model declined, and what guards said: ``{name, passed, message}`` each.

    Failed where a guard failed; a warning where something was redacted or refused.
    """
    policies = redacted.document(list(policies))
    details = {
        "redaction": {"version": VERSION, "counts": dict(sorted(redacted.counts.items())), "whole": redacted.whole},
        "refused": refused,
        "policyChecks": policies,
    }
    return result("Safety/Policy", _safety_status(redacted.counts, refused, policies), details)


def validation_summary(verdict: Verdict) -> dict[str, Any]:
    """``{schemaId, version, passed, errorCount}``, as a run's summary has it."""
    contract = verdict.contract
    return {
        "schemaId": str(contract.schema_id) if contract else None,
        "version": contract.version if contract else None,
        "passed": verdict.is_valid,
        "errorCount": verdict.error_count,
    }


def _safety_status(counts: Mapping[str, int], refused: bool, policies: Iterable[Mapping[str, Any]]) -> Status:
    if not all(policy["passed"] for policy in policies):
        return Status.FAILED
    return Status.WARNING if counts or refused else Status.PASSED
