"""How far reviewers agree, and which measured values foretell what they say. Pure; over 100,000 answers in numpy.

Percent is the share of pairs of answers to one item that are equal. Kappa is Cohen's (1960), for two reviewers. Alpha
is Krippendorff's (Content Analysis, 2004, chapter 11), for any number of reviewers and with answers missing: nominal by
the library ``krippendorff``, interval in closed form, so that it takes as many different numbers as there are answers.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import krippendorff
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judgements:
    """Answers to one question. ``item``, ``rater`` and ``value`` are indexes, one for each answer, all of one length.

    ``values`` are the different answers in order. With ``is_number`` their distance counts, else only their equality.
    Items with a single answer are left out, as there is nothing that it could agree with.
    """

    items: tuple[Any, ...]
    raters: tuple[Any, ...]
    values: tuple[Any, ...]
    item: Ints
    rater: Ints
    value: Ints
    is_number: bool

    @classmethod
    def of(cls, answers: Sequence[tuple[Hashable, Hashable, Any]], *, is_number: bool = False) -> "Judgements":
        """From ``(item, rater, answer)``: numbers, or with ``is_number`` off texts."""
        items, item = _coded([each[0] for each in answers])
        counts = np.bincount(item, minlength=1)
        kept = [each for each, count in zip(answers, counts[item], strict=True) if count > 1]
        items, item = _coded([each[0] for each in kept])
        raters, rater = _coded([each[1] for each in kept])
        values = tuple(sorted({each[2] for each in kept}))
        places = {value: place for place, value in enumerate(values)}
        value = np.array([places[each[2]] for each in kept], dtype=np.int64)
        return cls(items, raters, values, item, rater, value, is_number)

    @property
    def numbers(self) -> Floats:
        """The answers themselves, where they are numbers."""
        return np.array(self.values, dtype=np.float64)[self.value]

    @property
    def per_item(self) -> Ints:
        """How many answers each item has; 2 and more."""
        return np.bincount(self.item, minlength=len(self.items))

    @property
    def equal_pairs(self) -> Ints:
        """For each answer, how many others to its item are equal to it."""
        both = self.item * max(1, len(self.values)) + self.value
        _, where, counts = np.unique(both, return_inverse=True, return_counts=True)
        equal: Ints = counts[where] - 1 if len(both) else np.zeros(0, dtype=np.int64)
        return equal


def _coded(keys: Sequence[Hashable]) -> tuple[tuple[Any, ...], Ints]:
    places: dict[Hashable, int] = {}
    codes = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.int64)
    return tuple(places), codes


def percent(judged: Judgements) -> float | None:
    """The share of equal pairs, 0..1; None where no item has two answers."""
    pairs = float((judged.per_item * (judged.per_item - 1)).sum())
    return float(judged.equal_pairs.sum()) / pairs if pairs else None


def cohen_kappa(judged: Judgements) -> float | None:
    """Agreement of two reviewers beyond chance, up to 1; None for another number, and where all answers are equal."""
    table = confusion(judged)
    if len(judged.raters) != 2 or not table.size:
        return None
    shares = table / table.sum()
    by_chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    return None if by_chance >= 1 else float((np.trace(shares) - by_chance) / (1 - by_chance))


def krippendorff_alpha(judged: Judgements) -> float | None:
    """Agreement of any number of reviewers beyond chance, up to 1; None where all answers are equal."""
    if len(judged.values) < 2:
        return None
    if judged.is_number:
        return _interval_alpha(judged)
    alpha = krippendorff.alpha(
        value_counts=_value_counts(judged), value_domain=np.arange(len(judged.values)), level_of_measurement="nominal"
    )
    return float(alpha)


def _interval_alpha(judged: Judgements) -> float | None:
    """With squared distances the sums over pairs become sums over answers: n Σx² - (Σx)², of items and of all."""
    numbers = judged.numbers - judged.numbers.mean()
    largest = np.abs(numbers).max()
    if not np.isfinite(largest) or largest == 0:
        return None
    numbers = numbers / largest
    observed = float((_squares_within(judged, numbers) / (judged.per_item - 1)).sum()) / len(numbers)
    expected = (len(numbers) * float((numbers**2).sum()) - float(numbers.sum()) ** 2) / (
        len(numbers) * (len(numbers) - 1)
    )
    return 1 - observed / expected


def _squares_within(judged: Judgements, numbers: Floats) -> Floats:
    sums = np.bincount(judged.item, weights=numbers)
    deviations = (numbers - (sums / judged.per_item)[judged.item]) ** 2
    within: Floats = np.multiply(judged.per_item, np.bincount(judged.item, weights=deviations), dtype=np.float64)
    return within


def _value_counts(judged: Judgements, *, rater: int | None = None) -> Ints:
    """How often each answer was given to each item, by all or by one, shape ``(items, values)``."""
    shape = (len(judged.items), len(judged.values))
    both = judged.item * shape[1] + judged.value
    both = both if rater is None else both[judged.rater == rater]
    return np.bincount(both, minlength=shape[0] * shape[1]).reshape(shape)


def confusion(judged: Judgements) -> Ints:
    """How often answer ``row`` met answer ``column`` on one item, shape ``(values, values)``.

    For two reviewers the rows are those of the first. For more it is symmetric: each pair counts both ways.
    """
    counts = _value_counts(judged)
    if len(judged.raters) == 2:
        of_first = _value_counts(judged, rater=0)
        return of_first.T @ (counts - of_first)
    met: Ints = counts.T @ counts - np.diag(counts.sum(axis=0))
    return met


@dataclass(frozen=True, slots=True)
class Bias:
    """One reviewer beside the others on the same items.

    ``agreement`` is the share of pairs with others that are equal. ``lean`` says how much more often (a difference of
    shares, by answer) they give each answer than the others do, or for numbers how much higher they answer on average,
    under the key None.
    """

    rater: Any
    answers: int
    agreement: float
    lean: dict[Any, float]


def biases(judged: Judgements) -> list[Bias]:
    """Every reviewer, the one who agrees least first."""
    others = (judged.per_item - 1)[judged.item]
    shares = judged.equal_pairs / others
    found = []
    for place, rater in enumerate(judged.raters):
        own = judged.rater == place
        pairs = float(others[own].sum())
        agreement = float((shares[own] * others[own]).sum() / pairs)
        found.append(Bias(rater, int(own.sum()), agreement, _lean(judged, own, others)))
    return sorted(found, key=lambda bias: (bias.agreement, -bias.answers))


def _lean(judged: Judgements, own: NDArray[np.bool_], others: Ints) -> dict[Any, float]:
    if judged.is_number:
        sums = np.bincount(judged.item, weights=judged.numbers)[judged.item]
        return {None: float((judged.numbers - (sums - judged.numbers) / others)[own].mean())}
    given = np.bincount(judged.value[own], minlength=len(judged.values)).astype(np.float64)
    beside = (_value_counts(judged)[judged.item[own]] / others[own][:, None]).sum(axis=0)
    # The reviewer's own answer is among its item's, and taken out again.
    beside -= np.bincount(judged.value[own], weights=1 / others[own], minlength=len(judged.values))
    lean = (given - beside) / own.sum()
    return {value: float(lean[place]) for place, value in enumerate(judged.values)}


def disputes(judged: Judgements, *, most: int) -> list[tuple[Any, float]]:
    """The items whose answers differ, most of all first: the share of unequal pairs, or the variance of numbers."""
    if not len(judged.items):
        return []
    if judged.is_number:
        spread = _squares_within(judged, judged.numbers) / (judged.per_item * (judged.per_item - 1))
    else:
        equal = np.bincount(judged.item, weights=judged.equal_pairs)
        spread = 1 - equal / (judged.per_item * (judged.per_item - 1))
    order = np.argsort(-spread, kind="stable")[:most]
    return [(judged.items[place], float(spread[place])) for place in order if spread[place] > 0]


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a metric tells rejected items from the others.

    ``auc`` is the chance that a rejected item is measured worse than one that was not (ties count half): 0.5 is
    chance, 1 perfect. At ``threshold``, the value from which on an item passes, Youden's J (1950) is largest:
    ``sensitivity`` of the rejected then fail and ``specificity`` of the others pass.
    """

    auc: float
    threshold: float
    youden: float
    sensitivity: float
    specificity: float
    rejected: int
    kept: int


def separation(values: Sequence[float], rejected: Sequence[bool], *, higher_is_better: bool) -> Separation | None:
    """None unless some items were rejected and some were not. The threshold is one of ``values``."""
    # Imported where it is used, as it takes most of a second and few processes come here.
    from scipy.stats import rankdata

    measured = np.array(values, dtype=np.float64) if higher_is_better else -np.array(values, dtype=np.float64)
    bad = np.array(rejected, dtype=bool)
    count_bad, count_good = int(bad.sum()), int((~bad).sum())
    if not count_bad or not count_good:
        return None
    ranks = rankdata(measured)
    above = float(ranks[~bad].sum()) - count_good * (count_good + 1) / 2
    steps = np.unique(measured)
    caught = np.searchsorted(np.sort(measured[bad]), steps, side="left") / count_bad
    lost = np.searchsorted(np.sort(measured[~bad]), steps, side="left") / count_good
    best = int(np.argmax(caught - lost))
    return Separation(
        auc=above / (count_bad * count_good),
        threshold=float(steps[best] if higher_is_better else -steps[best]),
        youden=float(caught[best] - lost[best]),
        sensitivity=float(caught[best]),
        specificity=float(1 - lost[best]),
        rejected=count_bad,
        kept=count_good,
    )
