"""What an obligation is, and the kinds of documents it binds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ir_schemas.shapes import Node, Shape

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover

Obligation: TypeAlias = Callable[["Prover", Shape, Node], bool]


def only(*kinds: str) -> Callable[[Obligation], Obligation]:
    """The obligation binds documents of these kinds alone."""

    def decorate(obligation: Obligation) -> Obligation:
        def bound(prover: Prover, shape: Shape, target: Node) -> bool:
            return shape.kind not in kinds or obligation(prover, shape, target)

        return bound

    return decorate
