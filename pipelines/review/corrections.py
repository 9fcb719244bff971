"""Whether a correction is an output at all, fits the schema in force, and changes anything."""

import json
import uuid
from dataclasses import asdict
from typing import Any

from config.canonical import canonical_json
from feedback.errors import InvalidCorrection
from ir_schemas.admin.problems import DOCUMENT_TEXT, Problem, judge, place_fault
from ir_schemas.validation import JsonFault, check_document, parse_json
from pipelines.review.content import Content

MOST_CHARACTERS = 1_000_000
CHANGES_NOTHING = "The correction changes nothing. Accept the output, or change it."
NO_OUTPUT = "Send the whole output as it should be; null is no output."


def judge_text(content: Content, text: str) -> dict[str, Any]:
    """``{valid, errorCount, problems, summary}`` for a correction as it is typed, by what ``check_correction`` asks.

    Problems carry their line and column; ``summary`` is a sentence. An output that was not changed yet has no problems.
    """
    try:
        correction = text if content.is_text else parse_json(text, DOCUMENT_TEXT)
        whole = _fault_of_whole(content, correction)
    except JsonFault as fault:
        return _judged([asdict(place_fault(fault))])
    if whole == CHANGES_NOTHING:
        return {**_judged([]), "valid": False, "summary": whole}
    if whole:
        return _judged([asdict(Problem(1, 1, "error", "", whole))])
    if content.contract is None:
        return {**_judged([]), "summary": "No schema is in force for it, so only that it can be stored was checked."}
    judged = judge(content.contract.compiled, correction, json.dumps(text) if content.is_text else text)
    return {**judged, "summary": _summary(judged["errorCount"])}


def _judged(problems: list[dict[str, Any]]) -> dict[str, Any]:
    count = len(problems)
    return {"valid": not problems, "errorCount": count, "problems": problems, "summary": _summary(count)}


def _summary(error_count: int) -> str:
    return f"{error_count} to mend. F8 goes to the next." if error_count else "Valid."


def _fault_of_whole(content: Content, correction: Any) -> str:
    """Why a correction is none, whatever its schema; empty where it is one.

    Raises ``JsonFault`` for what cannot be stored.
    """
    check_document(correction, DOCUMENT_TEXT)
    if correction is None:
        return NO_OUTPUT
    return CHANGES_NOTHING if canonical_json(correction) == canonical_json(content.document) else ""


def read_correction(content: Content, text: str) -> Any:
    """What the editor's text stands for. Raises ``InvalidCorrection`` for one that is no JSON where it should be."""
    if content.is_text:
        return text
    try:
        return parse_json(text, DOCUMENT_TEXT)
    except JsonFault as fault:
        raise _refusal([{"path": fault.path, "code": fault.code, "message": fault.message}]) from fault


def check_correction(content: Content, correction: Any) -> uuid.UUID | None:
    """The schema version that the correction is valid under, None where none is in force.

    Raises ``InvalidCorrection`` for one that cannot be stored, breaks that schema, or changes nothing.
    """
    try:
        whole = _fault_of_whole(content, correction)
    except JsonFault as fault:
        raise _refusal([{"path": fault.path, "code": fault.code, "message": fault.message}]) from fault
    if whole:
        raise InvalidCorrection(whole)
    if content.contract is None:
        return None
    report = content.contract.compiled.validate(correction, checked=True)
    if not report.valid:
        raise _refusal([error.as_json() for error in report.errors])
    return content.contract.schema_id


def correction_faults(content: Content, correction: Any) -> list[dict[str, Any]]:
    """Why a correction would not be taken: ``{path, message}`` each; none for one that would be."""
    try:
        check_correction(content, correction)
    except InvalidCorrection as refusal:
        return refusal.errors or [{"path": "/correction", "message": refusal.message}]
    return []


def _refusal(errors: list[dict[str, Any]]) -> InvalidCorrection:
    placed = [{**error, "path": f"/correction{error['path']}"} for error in errors]
    first = errors[0]
    return InvalidCorrection(f"The correction at {first['path'] or '/'}: {first['message']}", errors=placed)
