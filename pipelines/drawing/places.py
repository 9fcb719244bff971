"""Places on a line that are wanted, and as near to them as can be had with room between neighbours."""

from collections.abc import Sequence
from itertools import accumulate


def place_near(wanted: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Places in the given order, each at least ``apart`` from the one before, with the least sum of squared distances
    from what is wanted.

    Less the room that they need at least, the places must not fall, which makes this an isotonic regression: it is
    solved by pooling adjacent violators (Ayer et al., 1955).
    """
    room = [0.0, *accumulate(apart)] if wanted else []
    pools: list[tuple[float, int]] = []
    for place, needed in zip(wanted, room, strict=True):
        mean, size = place - needed, 1
        while pools and pools[-1][0] >= mean:
            before, count = pools.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    level = [mean for mean, size in pools for _ in range(size)]
    return [mean + needed for mean, needed in zip(level, room, strict=True)]
