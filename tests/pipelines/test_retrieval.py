"""Retrieval finds what is really nearest, as many as were asked for, in one namespace and of one model alone."""

from typing import Any

import numpy as np
import pytest
from django.db import connection

from pipelines.embeddings.retrieval import nearest, retrieve
from pipelines.embeddings.services import upsert_embedding
from pipelines.embeddings.vectoriser import DIMENSIONS, vectorise
from pipelines.models import Embedding

pytestmark = pytest.mark.django_db

RARE = 40


@pytest.fixture(scope="module")
def vectors() -> Any:
    """600 vectors of 64 numbers about 30 centres."""
    source = np.random.default_rng(3)
    centres = source.normal(size=(30, 64))
    return (centres[np.arange(600) % 30] + 0.5 * source.normal(size=(600, 64))).astype(np.float32)


@pytest.fixture(scope="module")
def stored(shared: Any, vectors: Any) -> Any:
    """All of them, every 40th in the namespace ``rare``, and twins of them under another model."""
    with shared():
        Embedding.objects.bulk_create(
            Embedding(
                namespace="common" if number % RARE else "rare",
                ref_type="row",
                ref_id=str(number),
                vector=np.pad(vector, (0, DIMENSIONS - 64)),
                model=model,
                native_dim=64,
            )
            for number, vector in enumerate(vectors)
            for model in ("one", "other")
        )
    return vectors


def truly_nearest(vectors: Any, question: Any, members: list[int], top_k: int) -> list[int]:
    chosen = vectors[members]
    cosine = chosen @ question / np.linalg.norm(chosen, axis=1)
    return [members[place] for place in np.argsort(-cosine)[:top_k]]


@pytest.mark.parametrize("through_index", [True, False])
@pytest.mark.parametrize("namespace", ["common", "rare"])
def test_it_finds_what_is_really_nearest(stored: Any, namespace: str, through_index: bool) -> None:
    """With the approximate index forced, and as the planner likes it."""
    members = [number for number in range(600) if (number % RARE == 0) == (namespace == "rare")]
    if through_index:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
    hits = 0
    for question in stored[:20]:
        found = nearest(namespace=namespace, model="one", vector=question, top_k=10)
        assert [one.namespace for one in found] == [namespace] * 10
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        hits += len({int(one.ref_id) for one in found} & set(truly_nearest(stored, question, members, 10)))
    assert hits >= 190


def test_a_namespace_with_fewer_gives_all_it_has(stored: Any) -> None:
    assert len(nearest(namespace="rare", model="one", vector=stored[0], top_k=100)) == 15
    assert nearest(namespace="nowhere", model="one", vector=stored[0], top_k=3) == []
    assert nearest(namespace="rare", model="neither", vector=stored[0], top_k=3) == []


def test_texts_are_found_by_their_words() -> None:
    for name, text in (("boats", "A boat with sails."), ("rice", "Boil the rice."), ("bikes", "A bike has wheels.")):
        upsert_embedding(namespace="notes", ref_type="note", ref_id=name, content=text)

    first, second = retrieve(namespace="notes", text="sails of a boat", top_k=2)

    assert (first.ref_id, first.content) == ("boats", "A boat with sails.")
    assert first.score > second.score
    assert retrieve(namespace="notes", text="?!", top_k=2) == []
    exact = float(vectorise("A boat with sails.") @ vectorise("sails of a boat"))
    assert first.score == pytest.approx(exact, abs=1e-5)
    assert first.reference == {
        "namespace": "notes",
        "refType": "note",
        "refId": "boats",
        "model": "hashing-v1",
        "score": round(first.score, 6),
    }


def test_a_vector_fits_into_its_row_beside_the_longest_texts() -> None:
    """Vectors are stored in the row itself, which has room for 8 KB."""
    texts = {"namespace": "n\u597d" * 40, "ref_type": "t\u597d" * 40, "ref_id": "r\u597d" * 100}
    content = "".join(map(chr, range(0x4E00, 0x9000)))

    upsert_embedding(**texts, content=content)

    [found] = nearest(namespace=texts["namespace"], model="hashing-v1", vector=vectorise(content), top_k=1)
    assert found.content == content
