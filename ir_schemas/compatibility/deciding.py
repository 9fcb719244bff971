"""Decide one direction: is every document valid for the writer valid for the reader?"""

from __future__ import annotations

from ir_schemas.compatibility.containment import second_opinion
from ir_schemas.compatibility.counterexamples import search, search_difference
from ir_schemas.compatibility.deadline import Deadline, OutOfTimeError
from ir_schemas.compatibility.model import Verdict
from ir_schemas.compatibility.prover import Obstacle, Prover
from ir_schemas.shapes import NodePool, Schema

PROVED = "Proved: every document that is valid under the one schema is valid under the other."
REFUTED = "The document shown was accepted by the one schema and refused by the other."
OPEN = "No proof and no counterexample was found in the time allowed; treat it as unsafe, or test with real documents."


def decide(writer: Schema, reader: Schema, deadline: Deadline) -> Verdict:
    """A verdict that is `compatible` only on proof and `incompatible` only on a counterexample.

    Raises ValueError where one of the schemas can't be built.
    """
    pool = NodePool({"writer": writer, "reader": reader})
    proved, obstacle = _prove(pool, deadline.share(0.6))
    if proved:
        return Verdict("compatible", reasons=(PROVED,))
    found = search(pool, pool.root("writer"), pool.root("reader"), deadline)
    if found is not None:
        return Verdict("incompatible", found.document, (REFUTED,))
    return Verdict("undecided", reasons=(OPEN, *_about(obstacle)))


def ask_again(verdict: Verdict, writer: Schema, reader: Schema, deadline: Deadline) -> Verdict:
    """The verdict of a second opinion where the first is `undecided`."""
    if verdict.status != "undecided":
        return verdict
    opinion = second_opinion(writer, reader, deadline.left)
    if opinion.contained:
        return Verdict("compatible", reasons=(PROVED,))
    if opinion.difference is None:
        return verdict
    pool = NodePool({"writer": writer, "reader": reader})
    found = search_difference(pool, pool.root("writer"), pool.root("reader"), opinion.difference, deadline)
    return verdict if found is None else Verdict("incompatible", found.document, (REFUTED,))


def _prove(pool: NodePool, deadline: Deadline) -> tuple[bool, Obstacle | None]:
    prover = Prover(pool, deadline)
    try:
        return prover.contained((pool.root("writer"),), pool.root("reader")), prover.obstacle
    except (OutOfTimeError, RecursionError):
        return False, prover.obstacle


def _about(obstacle: Obstacle | None) -> tuple[str, ...]:
    if obstacle is None:
        return ()
    place = "/" + "/".join(obstacle.path) if obstacle.path else "the top of the document"
    return (f"The proof stopped at {place}, at the keyword `{obstacle.keyword}`.",)
