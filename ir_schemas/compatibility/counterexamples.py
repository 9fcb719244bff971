"""Search for a document that the writer's schema accepts and the reader's refuses. Finding one is proof."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ir_schemas.compatibility.deadline import Deadline, OutOfTimeError
from ir_schemas.shapes import Json, Node, NodePool, Sampler, Schema

MAX_DOCUMENTS = 4_000
MAX_COMBINATIONS = 400
MAX_SHRINKS = 300
_NONE = object()


@dataclass(frozen=True)
class Counterexample:
    """A document that was validated against both schemas."""

    document: Json


def search(pool: NodePool, writer: Node, reader: Node, deadline: Deadline) -> Counterexample | None:
    """A small counterexample, or None where none was found in the time, which says nothing."""
    sampler = Sampler(pool, deadline.check)
    one_by_one = itertools.islice(sampler.samples((writer,), (reader,)), MAX_DOCUMENTS)
    several = itertools.islice(sampler.combinations((writer,), (reader,)), MAX_COMBINATIONS)
    return find(itertools.chain(one_by_one, several), pool, writer, reader, deadline)


def search_difference(
    pool: NodePool, writer: Node, reader: Node, difference: Schema, deadline: Deadline
) -> Counterexample | None:
    """The same among documents of a third schema, one that is said to hold counterexamples alone."""
    try:
        third = NodePool({"difference": difference})
    except ValueError:
        return None
    documents = Sampler(third, deadline.check).samples((third.root("difference"),))
    return find(itertools.islice(documents, MAX_DOCUMENTS), pool, writer, reader, deadline)


def find(
    documents: Iterator[Json], pool: NodePool, writer: Node, reader: Node, deadline: Deadline
) -> Counterexample | None:
    """The first of the documents that the writer accepts and the reader refuses, made smaller where it can be."""

    def refutes(document: Json) -> bool:
        deadline.check()
        return pool.accepts((writer,), document) and not pool.accepts((reader,), document)

    try:
        found = next((document for document in documents if refutes(document)), _NONE)
    except (OutOfTimeError, RecursionError):
        return None
    return None if found is _NONE else Counterexample(_shrink(found, refutes))


def _shrink(document: Json, refutes: Callable[[Json], bool]) -> Json:
    """Leave out members and items as long as what is left still refutes."""
    tried = 0
    smaller = _smaller(document)
    while tried < MAX_SHRINKS and (attempt := next(smaller, None)) is not None:
        tried += 1
        try:
            if refutes(attempt):
                document, smaller = attempt, _smaller(attempt)
        except OutOfTimeError:
            break
    return document


def _smaller(document: Json) -> Iterator[Json]:
    if isinstance(document, dict):
        for name in document:
            yield {key: value for key, value in document.items() if key != name}
        for name, value in document.items():
            yield from ({**document, name: less} for less in _smaller(value))
    elif isinstance(document, list):
        for index in range(len(document)):
            yield document[:index] + document[index + 1 :]
        for index, value in enumerate(document):
            yield from ([*document[:index], less, *document[index + 1 :]] for less in _smaller(value))
