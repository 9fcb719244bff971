"""Latencies counted on a log scale, so that histograms add up and percentiles can be read off the sum.

The scheme is DDSketch's (Masson, Rim and Lee, VLDB 2019, section 2) with fixed ends. Bucket 0 holds what took up to
1 ms; bucket i holds (GAMMA**(i-1), GAMMA**i] ms; the last one holds everything longer, from about 2 hours on.
``sql/run_cells.sql`` says the same to PostgreSQL, which adds the histograms as pgvector vectors.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

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


def percentiles(counts: Sequence[float], percents: Iterable[int]) -> list[float | None]:
    """For each of ``percents`` (1 to 100) the smallest latency in ms that so many of all do not exceed.

    The nearest rank, as PostgreSQL's ``percentile_disc``, to within ``ACCURACY`` of it; 1 ms for all below 1 ms, and
    ``LONGEST_MS`` for all above. None where there is no latency.
    """
    reached = list(accumulate(counts))
    total = int(reached[-1]) if reached else 0
    if not total:
        return [None for _ in percents]
    return [value_of(bisect_left(reached, -(-percent * total // 100))) for percent in percents]
