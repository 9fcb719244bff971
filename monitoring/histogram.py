"""Latencies counted on a log scale, so that histograms add up and percentiles can be read off the sum.

The scheme is DDSketch's (Masson, Rim and Lee, VLDB 2019, section 2) with fixed ends. Bucket 0 holds what took up to
1 ms; bucket i holds (GAMMA**(i-1), GAMMA**i] ms; the last one holds everything longer, from about 2 hours on.
``sql/run_cells.sql`` says the same to PostgreSQL, which adds the histograms as pgvector vectors.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ACCURACY = 0.05  # the relative error of a percentile, at most
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
BUCKETS = 160
LONGEST_MS = GAMMA ** (BUCKETS - 2)


def bucket_of(latency_ms: float) -> int:
    """The bucket that counts a latency, from 0 to ``BUCKETS - 1``."""
    if latency_ms <= 1:
        return 0
    if latency_ms > LONGEST_MS:
        return BUCKETS - 1
    return math.ceil(math.log(latency_ms) / math.log(GAMMA))


def value_of(bucket: int) -> float:
    """Milliseconds that stand for a bucket: within ``ACCURACY`` of everything in it, but for the first and the last."""
    if bucket == 0:
        return 1.0
    return LONGEST_MS if bucket == BUCKETS - 1 else 2 * GAMMA**bucket / (GAMMA + 1)


VALUES = np.array([value_of(bucket) for bucket in range(BUCKETS)])
PACKED = np.dtype(">f4")  # as pgvector sends them
NOTHING = bytes(BUCKETS * PACKED.itemsize)


def percentiles(histograms: Sequence[bytes], percents: Sequence[int]) -> list[list[float | None]]:
    """For each histogram and each of ``percents`` (1 to 100) the smallest latency in ms that so many do not exceed.

    The nearest rank, as PostgreSQL's ``percentile_disc``, to within ``ACCURACY`` of it; 1 ms for all below 1 ms, and
    ``LONGEST_MS`` for all above. None where there is no latency. A histogram is its counts, packed, or empty.
    """
    reached = _counts(histograms).cumsum(axis=1)
    totals = reached[:, -1].astype(np.int64)
    ranks = -(-np.outer(totals, percents) // 100)
    found = VALUES[(reached[:, None, :] < ranks[:, :, None]).sum(axis=2).clip(max=BUCKETS - 1)].tolist()
    return [row if total else [None] * len(row) for row, total in zip(found, totals.tolist(), strict=True)]


def added(histograms: Sequence[bytes]) -> bytes:
    """The histogram of all together."""
    packed: bytes = _counts(histograms).sum(axis=0).astype(PACKED).tobytes()
    return packed


def _counts(histograms: Sequence[bytes]) -> NDArray[np.float64]:
    packed = b"".join([each or NOTHING for each in histograms])
    return np.frombuffer(packed, PACKED).reshape(len(histograms), BUCKETS).astype(np.float64)
