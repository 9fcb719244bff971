"""How well a judge agrees with people on whether outputs pass: percent, Cohen's kappa, and how sure both are. Pure.

Percent has Wilson's interval (1927). Kappa's is a percentile bootstrap over items (Efron 1979): all that a draw of
items changes is the four counts, so the counts are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
DRAWS = 5_000
SEED = 20_130_601
MOST_UNDEFINED = 0.1  # of the draws; with more, kappa's interval says nothing

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """``items`` of which ``agreed``. ``table[person][judge]`` counts items, index 0 where one failed, 1 where passed.

    The intervals are of 95 %. Kappa is None where both gave all items the same answer, and where there are none.
    """

    items: int
    agreed: int
    table: tuple[tuple[int, int], tuple[int, int]]
    percent: float | None
    percent_interval: Interval | None
    kappa: float | None
    kappa_interval: Interval | None


def calibrate(pairs: Sequence[tuple[bool, bool]]) -> Calibration:
    """From ``(the person says it passes, the judge says it passes)`` for each item."""
    # Imported where it is used, as it takes most of a second and few processes come here.
    from scipy.stats import binomtest

    counts = np.bincount([2 * person + judge for person, judge in pairs], minlength=4)
    items, agreed = len(pairs), int(counts[0] + counts[3])
    kappas = _kappas(counts[np.newaxis])
    kappa = None if not items or np.isnan(kappas[0]) else float(kappas[0])
    found = binomtest(agreed, items).proportion_ci(1 - LEVEL, method="wilson") if items else None
    return Calibration(
        items=items,
        agreed=agreed,
        table=((int(counts[0]), int(counts[1])), (int(counts[2]), int(counts[3]))),
        percent=agreed / items if items else None,
        percent_interval=None if found is None else (float(found.low), float(found.high)),
        kappa=kappa,
        kappa_interval=None if kappa is None else _kappa_interval(counts),
    )


def _kappas(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of tables of four counts each, shape ``(tables, 4)``; NaN where chance alone explains all."""
    total = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / total[:, np.newaxis]
        person, judge = shares[:, 2] + shares[:, 3], shares[:, 1] + shares[:, 3]
        by_chance = person * judge + (1 - person) * (1 - judge)
        kappas: NDArray[np.float64] = np.where(
            by_chance < 1, (shares[:, 0] + shares[:, 3] - by_chance) / (1 - by_chance), np.nan
        )
    return kappas


def _kappa_interval(counts: NDArray[np.int64]) -> Interval | None:
    total = int(counts.sum())
    drawn = _kappas(np.random.default_rng(SEED).multinomial(total, counts / total, size=DRAWS))
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < (1 - MOST_UNDEFINED) * DRAWS:
        return None
    low, high = np.quantile(defined, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)
