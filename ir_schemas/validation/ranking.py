"""From what the explainer finds to what a person reads: the best errors first, the rest counted."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ir_schemas.validation.graph import SchemaGraph
from ir_schemas.validation.messages import error_of
from ir_schemas.validation.mismatches import Mismatch
from ir_schemas.validation.report import IRError

MOST_KEPT = 5_000  # mismatches to choose the best from; those past it are only counted

# Errors about the shape of a document come before those about single values: mending the shape often mends the rest.
_ABOUT_SHAPE = {
    "missing-property",
    "wrong-type",
    "unexpected-property",
    "unknown-variant",
    "not-allowed",
    "several-branches-match",
    "missing-dependent-property",
}


@dataclass(slots=True)
class Tally:
    """All mismatches counted, and enough of them kept."""

    count: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    by_path: Counter[str] = field(default_factory=Counter)
    kept: list[Mismatch] = field(default_factory=list)

    @classmethod
    def of(cls, error: IRError) -> "Tally":
        """Count one error that no mismatch stands for: a fault of the document or of the checking."""
        folded = re.sub(r"/\d+(?=/|$)", "/*", error.path)
        return cls(1, Counter([error.code]), Counter([folded]))

    def take(self, mismatches: Iterator[Mismatch]) -> None:
        """Count mismatches, leaving out those that say what another has said already."""
        seen: set[Any] = set()
        for mismatch in mismatches:
            saying = _saying(mismatch)
            if saying in seen:
                continue
            seen.add(saying)
            self.count += 1
            self.by_code[mismatch.code] += 1
            self.by_path[mismatch.place.folded] += 1
            if len(self.kept) < MOST_KEPT:
                self.kept.append(mismatch)

    def best(self, graph: SchemaGraph, number: int) -> list[IRError]:
        """Put the best of the mismatches into words: shape before values, then shallow before deep."""
        ranked = sorted(self.kept, key=lambda each: (each.code not in _ABOUT_SHAPE, each.place.depth))
        return [error_of(graph, mismatch) for mismatch in ranked[:number]]


def _saying(mismatch: Mismatch) -> tuple[Any, ...]:
    """Return what makes two mismatches the same to a reader: place, code, and the limit or name if it is a scalar."""
    schema = mismatch.node.schema
    limit = schema.get(mismatch.keyword) if isinstance(schema, dict) else None
    detail = mismatch.detail if isinstance(mismatch.detail, str) else None
    scalar = limit if isinstance(limit, (str, int, float)) else None if detail else id(limit)
    return (mismatch.place.pointer, mismatch.code, mismatch.keyword, detail, scalar)
