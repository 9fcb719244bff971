"""Finding the stored texts that are nearest to a text.

The approximate index holds the vectors in half precision, at half the size; what it finds is ranked again by the
vectors themselves. PostgreSQL chooses between it and reading a whole namespace, which is better for a small one.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from pipelines.embeddings.vectoriser import DIMENSIONS, MODEL, pad, vectorise

MAX_TOP_K = 100
WIDER = 3
"""How many candidates are ranked again for each that is wanted."""

# A filter is applied to what the index gives, so without going on for more there would silently be too few. It goes on
# in an order that is not strict, which the ranking makes good.
SETTINGS = "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', %s, true)"
NEAREST = f"""
WITH near AS MATERIALIZED (
    SELECT id FROM pipelines_embedding
    WHERE namespace = %(namespace)s AND model = %(model)s
    ORDER BY vector::halfvec({DIMENSIONS}) <=> %(vector)s::vector::halfvec({DIMENSIONS})
    LIMIT %(candidates)s
)
SELECT e.ref_type, e.ref_id, e.content, e.vector <=> %(vector)s::vector AS distance
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
    asked: dict[str, str | int] = {
        "namespace": namespace,
        "model": model,
        "vector": "[" + ",".join(map(repr, pad(vector).tolist())) + "]",
        "candidates": wanted * WIDER,
        "wanted": wanted,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTINGS, [str(max(100, wanted * WIDER))])
        cursor.execute(NEAREST, asked)
        rows = cursor.fetchall()
    return [
        Found(namespace, ref_type, ref_id, model, content, 1 - distance)
        for ref_type, ref_id, content, distance in rows
        if math.isfinite(distance)
    ]
