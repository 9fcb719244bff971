"""Keeping vectors."""

from django.db import IntegrityError, transaction

from config.problems import InvalidInput
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


def save_text(embedding: Embedding) -> None:
    """Vectorise the text of a row that is new or was changed, and keep it.

    Raises ``InvalidInput`` for a text without words, and where its namespace has another under its reference.
    """
    vector = vectorise(embedding.content)
    if not vector.any():
        raise InvalidInput("There are no words in this text, so no question would be near to it.")
    embedding.vector, embedding.model, embedding.native_dim = vector, MODEL, DIMENSIONS
    try:
        with transaction.atomic():
            embedding.save()
    except IntegrityError:
        reference = f"{embedding.ref_type} {embedding.ref_id}"
        message = f"{embedding.namespace} has a text under the reference {reference} already. Change that one."
        raise InvalidInput(message) from None
