"""Latencies counted on a log scale, so that histograms add up and percentiles can be read off the sum.

The scheme is DDSketch's (Masson, Rim and Lee, VLDB 2019, section 2) with fixed ends. Bucket 0 holds what took up to
1 ms; bucket i holds (GAMMA**(i-1), GAMMA**i] ms; the last one holds everything longer, from about 2 hours on.
``sql/run_cells.sql`` says the same to PostgreSQL, which adds the histograms as pgvector vectors.
"""

import math
from collections.abc import Sequence

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


def percentile(counts: Sequence[float], percent: int) -> float | None:
    """The smallest latency in ms that at least ``percent`` (1 to 100) of all do not exceed; None where there is none.

    The nearest rank, as PostgreSQL's ``percentile_disc``, to within ``ACCURACY`` of it; 1 ms for all below 1 ms, and
    ``LONGEST_MS`` for all above.
    """
    rank = -(-percent * int(sum(counts)) // 100)
    reached = 0.0
    for bucket, count in enumerate(counts):
        reached += count
        if count and reached >= rank:
            return value_of(bucket)
    return None
