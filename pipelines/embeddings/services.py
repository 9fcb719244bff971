"""Keeping vectors."""

from pipelines.embeddings.vectoriser import DIMENSIONS, MODEL, vectorise
from pipelines.models import Embedding


def upsert_embedding(*, namespace: str, ref_type: str, ref_id: str, content: str) -> bool:
    """Vectorise ``content`` and keep it under its reference; True where the reference is new."""
    _, made = Embedding.objects.update_or_create(
        namespace=namespace,
        ref_type=ref_type,
        ref_id=ref_id,
        model=MODEL,
        defaults={"content": content, "vector": vectorise(content), "native_dim": DIMENSIONS},
    )
    return made
