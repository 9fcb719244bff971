"""Finding the stored texts that are nearest to a text."""

from dataclasses import dataclass
from typing import Any

from pgvector.django import CosineDistance

from pipelines.embeddings.vectoriser import MODEL, vectorise
from pipelines.models import Embedding

MAX_TOP_K = 100


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
    vector = vectorise(text)
    if not vector.any():
        return []
    rows = (
        Embedding.objects.filter(namespace=namespace, model=MODEL)
        .annotate(distance=CosineDistance("vector", vector))
        .order_by("distance", "pk")
        .values_list("ref_type", "ref_id", "content", "distance")[: min(top_k, MAX_TOP_K)]
    )
    return [
        Found(namespace, ref_type, ref_id, MODEL, content, 1 - distance) for ref_type, ref_id, content, distance in rows
    ]
