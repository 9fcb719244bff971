"""Whether a correction is an output at all, fits the schema in force, and changes anything."""

import uuid
from dataclasses import asdict
from typing import Any

from config.canonical import canonical_json
from feedback.errors import InvalidCorrection
from ir_schemas.admin.problems import DOCUMENT_TEXT, judge, place_fault
from ir_schemas.validation import JsonFault, check_document, parse_json
from pipelines.review.content import Content

MOST_CHARACTERS = 1_000_000


def judge_text(content: Content, text: str) -> dict[str, Any]:
    """``{valid, errorCount, problems}`` for a correction as it is typed; problems carry their line and column."""
    if content.is_text:
        return {"valid": True, "errorCount": 0, "problems": []}
    try:
        document = parse_json(text, DOCUMENT_TEXT)
    except JsonFault as fault:
        return {"valid": False, "errorCount": 1, "problems": [asdict(place_fault(fault))]}
    if content.contract is None:
        return {"valid": True, "errorCount": 0, "problems": []}
    return judge(content.contract.compiled, document, text)


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
        check_document(correction, DOCUMENT_TEXT)
    except JsonFault as fault:
        raise _refusal([{"path": fault.path, "code": fault.code, "message": fault.message}]) from fault
    if correction is None:
        raise InvalidCorrection("Send the whole output as it should be; null is no output.")
    if canonical_json(correction) == canonical_json(content.document):
        raise InvalidCorrection("The correction changes nothing. Accept the output, or change it.")
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
