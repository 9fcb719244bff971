"""An example document of a schema: what it looks like when it is filled in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from ir_schemas.compatibility.deadline import Deadline, OutOfTimeError
from ir_schemas.compatibility.prover import Prover
from ir_schemas.shapes import Json, Node, NodePool, Sampler, Schema
from ir_schemas.validation import JsonFault, Limits, check_document, compile_schema

SECONDS = 1.0
LIMITS = Limits(max_depth=60, max_values=20_000)
MAX_TRIED = 2_000
LONGEST_EXAMPLE = 1_000_000


class NoExampleError(ValueError):
    """No document could be built that the schema accepts. The message says why and what to do."""


def example_document(schema: Schema, *, seconds: float = SECONDS) -> Json:
    """A document that is valid under the schema, with its optional members where that is possible.

    A valid value under `examples` or `default` at the root is preferred. The same schema gives the same document.
    Raises NoExampleError where none was found in the time, and SchemaFault where the schema is not valid.
    """
    try:
        check_document(schema, LIMITS)
    except JsonFault as fault:
        raise NoExampleError(f"The schema is too large to build an example for: {fault.message}") from None
    validator = compile_schema(schema)
    pool = NodePool({"schema": schema})
    deadline = Deadline(seconds)
    _refuse_empty(pool, deadline.share(0.2))
    try:
        for document in itertools.islice(_candidates(pool, deadline), MAX_TRIED):
            if validator.validate(document, max_errors=1).valid and len(json.dumps(document)) <= LONGEST_EXAMPLE:
                return document
    except (OutOfTimeError, RecursionError):
        pass
    raise NoExampleError(
        "No example was found: the schema asks for more than can be guessed (a pattern, many items, several conditions "
        "at once). Write one under `examples` at the top of the schema."
    )


def _refuse_empty(pool: NodePool, deadline: Deadline) -> None:
    try:
        empty = Prover(pool, deadline).impossible((pool.root("schema"),))
    except (OutOfTimeError, RecursionError):
        return
    if empty:
        raise NoExampleError("The schema accepts no document at all: some of what it asks for contradicts the rest.")


def _candidates(pool: NodePool, deadline: Deadline) -> Iterator[Json]:
    root = pool.root("schema")
    sampler = Sampler(pool, deadline.check)
    yield from _written(root)
    yield from sampler.first((root,), full=True)
    yield from sampler.first((root,))
    yield from sampler.samples((root,))
    yield from sampler.combinations((root,), ())


def _written(root: Node) -> list[Json]:
    """The examples that the schema's author gave."""
    listed = root.keyword("examples")
    examples = listed if isinstance(listed, list) else []
    default = [root.schema["default"]] if isinstance(root.schema, dict) and "default" in root.schema else []
    return [*examples, *default]
