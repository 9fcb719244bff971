"""Whether one version is better than another on the same items, by paired statistics. Pure.

Scores: Wilcoxon's signed-rank test (1945) says whether the change is more than chance, and a bootstrap interval (Efron
1979) how large it may be. Verdicts: McNemar's exact test (1947) on the items that only one of the two passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

LEVEL = 0.05
DRAWS = 5_000
SEED = 20_130_601
MOST_CELLS = 5_000_000
EQUAL = 1e-9  # scores no further apart than this are ties

Outcome = Literal["better", "worse", "equal", "unclear"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``mean_change`` is that of new minus old, with its 95 % interval; ``p`` is two-sided.

    ``better`` needs both a significant test and an interval above 0, ``worse`` the same below; ``equal`` is where no
    item changed, ``unclear`` everything else.
    """

    outcome: Outcome
    items: int
    improved: int
    worsened: int
    mean_old: float
    mean_new: float
    mean_change: float
    low: float
    high: float
    p: float


def compare_scores(old: Sequence[float], new: Sequence[float]) -> Comparison:
    """Scores of the same items in the same order, higher being better. Raises ``ValueError`` unless they pair up."""
    before, after = np.array(old, dtype=np.float64), np.array(new, dtype=np.float64)
    if before.shape != after.shape or not before.size:
        raise ValueError(f"paired scores need one old and one new for each item, not {before.size} and {after.size}")
    changes = after - before
    changes[np.abs(changes) <= EQUAL] = 0.0
    low, high = bootstrap_interval(changes.tolist())
    p = _p_of(changes.tolist())
    return Comparison(
        outcome=_outcome(p, low, high, is_same=not changes.any()),
        items=len(changes),
        improved=int((changes > 0).sum()),
        worsened=int((changes < 0).sum()),
        mean_old=float(before.mean()),
        mean_new=float(after.mean()),
        mean_change=float(changes.mean()),
        low=low,
        high=high,
        p=p,
    )


def _p_of(changes: Sequence[float]) -> float:
    """McNemar where every change is a whole verdict, else Wilcoxon; 1 where nothing changed."""
    # Imported where it is used, as it takes most of a second and few processes come here.
    from scipy.stats import wilcoxon

    apart = [change for change in changes if change]
    if not apart:
        return 1.0
    if all(abs(change) == 1 for change in apart):
        return mcnemar(sum(change > 0 for change in apart), sum(change < 0 for change in apart))
    return float(wilcoxon(apart).pvalue)


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p of items that only the new version passes against those that only the old one does."""
    # Imported where it is used, as it takes most of a second and few processes come here.
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def bootstrap_interval(changes: Sequence[float]) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, the same at every call."""
    values = np.array(changes, dtype=np.float64)
    draw = np.random.default_rng(SEED)
    rows = max(1, MOST_CELLS // len(values))
    means: list[float] = []
    while len(means) < DRAWS:
        picked = draw.integers(len(values), size=(min(rows, DRAWS - len(means)), len(values)))
        means.extend(values[picked].mean(axis=1).tolist())
    low, high = np.quantile(means, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def _outcome(p: float, low: float, high: float, *, is_same: bool) -> Outcome:
    if is_same:
        return "equal"
    if p < LEVEL and low > 0:
        return "better"
    return "worse" if p < LEVEL and high < 0 else "unclear"
