"""Compare two schemas in both directions, within a time and size that no schema exceeds."""

from __future__ import annotations

from config.canonical import content_hash
from ir_schemas.compatibility.changes import explain_changes
from ir_schemas.compatibility.deadline import Deadline
from ir_schemas.compatibility.deciding import ask_again, decide
from ir_schemas.compatibility.model import Comparison, Reading, Verdict
from ir_schemas.compatibility.reading import close
from ir_schemas.shapes import Schema
from ir_schemas.validation import JsonFault, Limits, check_document, compile_schema

SECONDS = 1.0
LIMITS = Limits(max_depth=60, max_values=20_000)
IDENTICAL = Verdict("compatible", reasons=("The schemas are the same.",))


def compare(old: Schema, new: Schema, *, reading: Reading = "standard", seconds: float = SECONDS) -> Comparison:
    """Say which documents the change from `old` to `new` would break, and what each single change does.

    Backward: is every document that is valid under `old` valid under `new`? Forward: the reverse. With the reading
    `writer-closed`, documents carry only properties that the schema they were written for declares.

    It takes about `seconds` at most; what is not decided by then is `undecided`, as is all about schemas with more than
    20,000 values or nested more than 60 deep. Raises SchemaFault where a schema is not valid.
    """
    deadline = Deadline(seconds)
    for name, schema in (("old", old), ("new", new)):
        obstacle = _too_hard(name, schema)
        if obstacle is not None:
            verdict = Verdict("undecided", reasons=(obstacle,))
            return Comparison(verdict, verdict, (), reading)
    if content_hash(old) == content_hash(new):
        return Comparison(IDENTICAL, IDENTICAL, (), reading)
    closing = close if reading == "writer-closed" else _as_it_is
    written = (closing(old), closing(new))
    backward = decide(written[0], new, deadline.share(0.3))
    forward = decide(written[1], old, deadline.share(0.4))
    backward = ask_again(backward, written[0], new, deadline.share(0.4))
    forward = ask_again(forward, written[1], old, deadline.share(0.5))
    changes = explain_changes(
        old, new, backward=backward.status, forward=forward.status, closing=closing, deadline=deadline
    )
    return Comparison(backward, forward, changes, reading)


def _as_it_is(schema: Schema) -> Schema:
    return schema


def _too_hard(name: str, schema: Schema) -> str | None:
    """Why a schema is beyond comparison, or None. Raises SchemaFault where it is no valid schema."""
    try:
        check_document(schema, LIMITS)
    except JsonFault as fault:
        return f"The {name} schema is too large to compare: {fault.message}"
    compile_schema(schema)
    return None
