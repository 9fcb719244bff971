"""Finding the stored texts that are nearest to a text.

The approximate index holds the vectors in half precision, at half the size; what it finds is ranked again by the
vectors themselves. PostgreSQL chooses between it and reading a whole namespace, which is better for a small one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg.vector import VectorBinaryDumper
from psycopg import Cursor

from pipelines.embeddings.vectoriser import DIMENSIONS, MODEL, pad, vectorise

MAX_TOP_K = 100
WIDER = 2
"""How many candidates are ranked again for each that is wanted."""

SEARCH_WIDTH = 40
"""Rows that the index keeps in view at least while it looks; more find more, and take longer."""

# A filter is applied to what the index gives, so without going on for more there would silently be too few. It goes on
# in an order that is not strict, which the ranking makes good.
SETTINGS = "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', %s, true)"
NEAREST = f"""
WITH near AS MATERIALIZED (
    SELECT id FROM pipelines_embedding
    WHERE namespace = %(namespace)s AND model = %(model)s
    ORDER BY vector::halfvec({DIMENSIONS}) <=> %(vector)b::vector::halfvec({DIMENSIONS})
    LIMIT %(candidates)s
)
SELECT e.ref_type, e.ref_id, e.content, e.vector <=> %(vector)b::vector AS distance
FROM near JOIN pipelines_embedding e USING (id)
ORDER BY distance, e.id
LIMIT %(wanted)s
"""  # noqa: S608 - a number of ours


@dataclass(frozen=True, slots=True)
class Found:
    """A stored text; ``score`` is its cosine similarity with what was looked for, from -1 to 1."""

    namespace: str
    ref_type: str
    ref_id: str
    model: str
    content: str
    score: float

    @property
    def reference(self) -> dict[str, Any]:
        """What the record keeps of it."""
        return {
            "namespace": self.namespace,
            "refType": self.ref_type,
            "refId": self.ref_id,
            "model": self.model,
            "score": round(self.score, 6),
        }


def retrieve(*, namespace: str, text: str, top_k: int) -> list[Found]:
    """The ``top_k`` texts of a namespace nearest to ``text``, the nearest first; none for a text without words."""
    return nearest(namespace=namespace, model=MODEL, vector=vectorise(text), top_k=top_k)


def nearest(*, namespace: str, model: str, vector: NDArray[np.floating], top_k: int) -> list[Found]:
    """The ``top_k`` (at most 100) rows of one model nearest to ``vector``, of shape ``(n,)`` with n up to 1,536.

    None for a vector of zeros, which is near to nothing.
    """
    if not vector.any():
        return []
    wanted = min(top_k, MAX_TOP_K)
    candidates = wanted * WIDER
    asked = {
        "namespace": namespace,
        "model": model,
        "vector": Vector(pad(vector)),
        "candidates": candidates,
        "wanted": wanted,
    }
    with transaction.atomic():
        rows = _ask(asked, str(max(SEARCH_WIDTH, candidates)))
    return [
        Found(namespace, ref_type, ref_id, model, content, 1 - distance)
        for ref_type, ref_id, content, distance in rows
        if math.isfinite(distance)
    ]


def _ask(asked: Mapping[str, Any], search_width: str) -> list[tuple[str, str, str, float]]:
    """The rows, with the vector sent in binary: as text it is 30 KB, and reading it took longer than the search."""
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.adapters.register_dumper(Vector, VectorBinaryDumper)
        cursor.execute(SETTINGS, [search_width])
        # Planned anew each time: which way is best depends on how large the namespace is.
        return cursor.execute(NEAREST, asked, prepare=False).fetchall()
