"""What is wrong with a text that should be a schema, or a document, at the line where it stands. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ir_schemas.linting import lint_schema
from ir_schemas.validation import (
    CompiledSchema,
    IRError,
    JsonFault,
    Limits,
    Position,
    SchemaFinding,
    compile_schema,
    locate,
    parse_json,
)

# So much is checked in less than a second, over and over while somebody types.
SCHEMA_TEXT = Limits(max_bytes=1_000_000, max_depth=100, max_values=30_000)
DOCUMENT_TEXT = Limits(max_bytes=1_000_000, max_values=50_000)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. ``line`` and ``column`` count from 1; ``path`` is a JSON Pointer."""

    line: int
    column: int
    severity: Literal["error", "warning"]
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"Line {self.line}, column {self.column}"
        return " ".join(filter(None, (f"{place}{self.path and f' ({self.path})'}:", self.message, self.hint)))


def schema_problems(text: str) -> tuple[Any, list[Problem]]:
    """The schema that a text spells, None where it spells none, and what linting and compiling find in it."""
    try:
        schema = parse_json(text, SCHEMA_TEXT)
    except JsonFault as fault:
        return None, [place_fault(fault)]
    findings = lint_schema(schema)
    return schema, place_findings(text, findings)


def judge_document(schema: Any, text: str) -> dict[str, Any]:
    """``{valid, errorCount, problems}`` for a document's text under a schema that can be used."""
    try:
        document = parse_json(text, DOCUMENT_TEXT)
    except JsonFault as fault:
        return {"valid": False, "errorCount": 1, "problems": [asdict(place_fault(fault))]}
    return judge(compile_schema(schema), document, text)


def judge(compiled: CompiledSchema, document: Any, text: str) -> dict[str, Any]:
    """``{valid, errorCount, problems}`` for a document that ``parse_json`` has read from ``text``."""
    report = compiled.validate(document, checked=True, source_text=text)
    problems = [asdict(_of_error(error)) for error in report.errors]
    return {"valid": report.valid, "errorCount": report.error_count, "problems": problems}


def check_texts(schema_text: str, document_text: str) -> dict[str, Any]:
    """``{problems, usable, document}`` for the editor; ``document`` is None where it is empty or cannot be judged."""
    schema, problems = schema_problems(schema_text)
    usable = not any(problem.severity == "error" for problem in problems)
    judged = judge_document(schema, document_text) if usable and document_text.strip() else None
    return {"problems": [asdict(problem) for problem in problems], "usable": usable, "document": judged}


def refuse_unusable(text: str) -> Any:
    """The schema that a text spells. Raises ``SchemaFault`` and ``JsonFault``."""
    schema = parse_json(text, SCHEMA_TEXT)
    compile_schema(schema)
    return schema


def place_fault(fault: JsonFault) -> Problem:
    """A text that is no JSON, at the line where it stops to be."""
    return Problem(fault.line or 1, fault.column or 1, "error", fault.path, fault.message)


def _of_error(error: IRError) -> Problem:
    return Problem(error.line or 1, error.column or 1, "error", error.path, error.message, error.hint or "")


def place_findings(text: str, findings: Iterable[SchemaFinding]) -> list[Problem]:
    """What was found at paths of a document, at the lines of its text."""
    findings = list(findings)
    places = locate(text, {above for finding in findings for above in _upwards(finding.path)})
    return [_of_finding(finding, _nearest(places, finding.path)) for finding in findings]


def _of_finding(finding: SchemaFinding, place: Position) -> Problem:
    return Problem(place.line, place.column, finding.severity, finding.path, finding.message, finding.hint or "")


def _nearest(places: dict[str, Position], path: str) -> Position:
    """Where a path stands, or, where a part of it is missing, what should hold it."""
    return next((places[above] for above in _upwards(path) if above in places), Position(1, 1))


def _upwards(path: str) -> list[str]:
    tokens = path.split("/")
    return ["/".join(tokens[:length]) for length in range(len(tokens), 0, -1)]
