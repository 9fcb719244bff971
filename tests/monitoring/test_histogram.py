"""Latencies on a log scale: percentiles are right to within the accuracy, in Python as in PostgreSQL."""

import math
import struct
from collections import Counter

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from monitoring.histogram import ACCURACY, BUCKETS, LONGEST_MS, added, bucket_of, percentiles, value_of

latencies = st.floats(min_value=1, max_value=LONGEST_MS)


def histogram(values: list[float]) -> bytes:
    counts = Counter(map(bucket_of, values))
    return struct.pack(f">{BUCKETS}f", *(counts[bucket] for bucket in range(BUCKETS)))


@given(st.lists(latencies, min_size=1, max_size=200), st.integers(1, 100))
def test_a_percentile_is_within_the_accuracy_of_the_nearest_rank(values: list[float], percent: int) -> None:
    exact = sorted(values)[-(-percent * len(values) // 100) - 1]

    [[found]] = percentiles([histogram(values)], [percent])

    assert found is not None
    assert math.isclose(found, exact, rel_tol=ACCURACY * 1.0001)


@given(st.lists(latencies), st.lists(latencies))
def test_histograms_add_up(some: list[float], others: list[float]) -> None:
    assert added([histogram(some), histogram(others)]) == histogram(some + others)


@given(st.lists(st.lists(latencies, max_size=20), max_size=5), st.lists(st.integers(1, 100), max_size=4))
def test_many_histograms_are_read_as_each_alone(many: list[list[float]], percents: list[int]) -> None:
    packed = [histogram(values) for values in many]

    together = percentiles(packed, percents)

    assert together == [[percentiles([one], [percent])[0][0] for percent in percents] for one in packed]


@given(st.floats(min_value=0, allow_nan=False))
def test_every_latency_has_a_bucket(latency: float) -> None:
    assert 0 <= bucket_of(latency) < BUCKETS


def test_the_ends_hold_what_is_beyond_them() -> None:
    assert percentiles([histogram([0, 0.2]), histogram([LONGEST_MS * 9])], [50]) == [[1], [LONGEST_MS]]
    assert LONGEST_MS > 2 * 60 * 60 * 1000


def test_nothing_has_no_percentile() -> None:
    assert percentiles([b"", histogram([]), histogram([5])], [99]) == [[None], [None], [pytest.approx(5, rel=ACCURACY)]]
    assert percentiles([], [99]) == []


@pytest.mark.django_db
def test_postgresql_counts_in_the_same_buckets() -> None:
    values = [0.0, 1.0, 1e12, *(value_of(bucket) for bucket in range(BUCKETS))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_latency_bucket(unnest(%s::float8[]))", [values])
        buckets = [bucket for (bucket,) in cursor.fetchall()]
        cursor.execute("SELECT monitoring_latency_bucket(NULL)")
        assert cursor.fetchone() == (None,)
        cursor.execute("SELECT one::real[] FROM monitoring_latency_buckets_v ORDER BY bucket")
        ones = [one for (one,) in cursor.fetchall()]

    assert buckets == list(map(bucket_of, values))
    assert ones == [[float(place == bucket) for place in range(BUCKETS)] for bucket in range(BUCKETS)]
