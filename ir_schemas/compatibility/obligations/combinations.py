"""What types, references, combinations and conditions ask of any document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ir_schemas.shapes import Node, Shape, narrow, negation
from ir_schemas.shapes.shape import kinds_of_type

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover


def type_(_: Prover, shape: Shape, target: Node) -> bool:
    return shape.kind in kinds_of_type(target.keyword("type"))


def listing(_: Prover, __: Shape, ___: Node) -> bool:
    # A shape of few documents is checked document by document before; one of many is taken to exceed a list.
    return False


def ref(prover: Prover, shape: Shape, target: Node) -> bool:
    node = prover.pool.resolve(target)
    return node is not None and prover.within(shape, node)


def all_of(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(prover.within(shape, node) for node in target.listed("allOf"))


def any_of(prover: Prover, shape: Shape, target: Node) -> bool:
    return any(prover.within(shape, node) for node in target.listed("anyOf"))


def one_of(prover: Prover, shape: Shape, target: Node) -> bool:
    branches = target.listed("oneOf")
    return any(
        prover.within(shape, branch)
        and all(prover.disjoint(shape, other) for place, other in enumerate(branches) if place != index)
        for index, branch in enumerate(branches)
    )


def not_(prover: Prover, shape: Shape, target: Node) -> bool:
    return prover.disjoint(shape, target.at("not"))


def if_(prover: Prover, shape: Shape, target: Node) -> bool:
    condition, then, otherwise = target.at("if"), target.single("then"), target.single("else")
    if then is not None and not all(prover.within(narrowed, then) for narrowed in narrow(shape, condition)):
        return False
    if otherwise is None or prover.within(shape, condition):
        return True
    return all(prover.within(narrowed, otherwise) for narrowed in narrow(shape, negation(condition)))
