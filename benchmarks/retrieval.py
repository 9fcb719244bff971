"""How long retrieval takes over many vectors, and how much of what is really nearest it finds.

    python benchmarks/retrieval.py [--vectors 100000] [--queries 200]

Prints one JSON line. 99 % of the vectors are in one namespace and 1 % in another. For each: p50 and p95 in milliseconds
of `nearest` for the 10 nearest, from Python to PostgreSQL and back; `recall_at_10`, the share of the
really nearest 10 among those found; `short`, how many answers had fewer than 10; and `exact`, p50 and p95 of the same
question without an index. The vectors have 1,536 dimensions and lie about 2,000 centres in a space of 64 that is turned
into them, with noise beyond it: as those of texts do, and unlike random ones they have neighbours. Queries are drawn
as the vectors are.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from benchmark_database import scratch_database
from django.db import connection
from numpy.typing import NDArray
from pgvector import Vector

from config.models import uuid7
from pipelines.embeddings.retrieval import nearest
from pipelines.embeddings.vectoriser import DIMENSIONS
from pipelines.models import Embedding

GOAL_MS, GOAL_RECALL = 10, 0.95
TOP_K = 10
MODEL = "benchmark"
LARGE, SMALL = "large", "small"
SMALL_SHARE = 100
BATCH = 5_000
CENTRES, LATENT = 2_000, 64
INDEX = "embedding_half_hnsw"

Matrix = NDArray[np.float32]


def main() -> None:
    arguments = _arguments()
    draw = _drawer(np.random.default_rng(7))
    with scratch_database():
        vectors = np.concatenate(list(_load(arguments.vectors, draw)))
        questions = draw(arguments.queries)
        building = _index()
        in_small = np.arange(len(vectors)) % SMALL_SHARE == 0
        found = {
            name: _measure(name, vectors, np.flatnonzero(mask), questions)
            for name, mask in ((LARGE, ~in_small), (SMALL, in_small))
        }
        size = _value("SELECT pg_relation_size(%s)", [INDEX])
    print(
        json.dumps(
            {
                "benchmark": "retrieval",
                "vectors": len(vectors),
                "queries": len(questions),
                "index_mb": round(size / 2**20),
                "index_s": round(building, 1),
                **found,
                "goal": {"p95_ms": GOAL_MS, "recall_at_10": GOAL_RECALL},
                "ok": all(one["p95_ms"] < GOAL_MS and one["recall_at_10"] >= GOAL_RECALL for one in found.values()),
            }
        )
    )


def _drawer(source: np.random.Generator) -> Callable[[int], Matrix]:
    """Something that draws so many vectors, all from the same space."""
    centres = source.normal(size=(CENTRES, LATENT))
    turn = source.normal(size=(LATENT, DIMENSIONS)) / np.sqrt(LATENT)

    def draw(count: int) -> Matrix:
        latent = centres[source.integers(CENTRES, size=count)] + 0.6 * source.normal(size=(count, LATENT))
        drawn = latent @ turn + 0.2 * source.normal(size=(count, DIMENSIONS))
        unit: Matrix = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        return unit

    return draw


def _load(count: int, draw: Callable[[int], Matrix]) -> Iterator[Matrix]:
    """Store so many vectors, without the index; every hundredth in the small namespace."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {INDEX}")
    columns = "id, created_at, namespace, ref_type, ref_id, vector, model, native_dim, content, metadata"
    for start in range(0, count, BATCH):
        batch = draw(min(BATCH, count - start))
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {Embedding._meta.db_table} ({columns}) FROM STDIN") as copy,
        ):
            for number, vector in enumerate(batch, start):
                namespace = LARGE if number % SMALL_SHARE else SMALL
                text = Vector(vector).to_text()
                copy.write_row(
                    (uuid7(), "2026-01-01", namespace, "row", str(number), text, MODEL, DIMENSIONS, "text", "{}")
                )
        yield batch


def _index() -> float:
    """Build the index as the migration does; the seconds it took."""
    index = next(index for index in Embedding._meta.indexes if index.name == INDEX)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '2GB'")
    with connection.schema_editor() as editor:
        editor.add_index(Embedding, index)
    took = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {Embedding._meta.db_table}")
    return took


def _measure(namespace: str, vectors: Matrix, members: NDArray[np.intp], questions: Matrix) -> dict[str, Any]:
    truth = np.argpartition(-(questions @ vectors[members].T), TOP_K, axis=1)[:, :TOP_K]
    for question in questions[:20]:
        _ask(namespace, question)
    times, hits, short = [], 0, 0
    for question, best in zip(questions, truth, strict=True):
        began = time.perf_counter()
        found = _ask(namespace, question)
        times.append((time.perf_counter() - began) * 1000)
        hits += len({int(one.ref_id) for one in found} & set(members[best].tolist()))
        short += len(found) < TOP_K
    return {
        "rows": len(members),
        **_percentiles(times),
        "recall_at_10": round(hits / (TOP_K * len(questions)), 4),
        "short": short,
        "exact": _percentiles(_exact(namespace, questions[:20])),
    }


def _ask(namespace: str, question: Matrix) -> Any:
    return nearest(namespace=namespace, model=MODEL, vector=question, top_k=TOP_K)


def _exact(namespace: str, questions: Matrix) -> list[float]:
    times = []
    statement = "SELECT ref_id FROM pipelines_embedding WHERE namespace = %s ORDER BY vector <=> %s::vector LIMIT 10"
    for question in questions:
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(statement, [namespace, Vector(question).to_text()])
            cursor.fetchall()
        times.append((time.perf_counter() - began) * 1000)
    return times


def _percentiles(times: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
    }


def _value(statement: str, parameters: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
