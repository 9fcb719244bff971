"""What a call costs, by the table of prices. What is not known to cost something is unpriced, never free."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from pipelines.ai.providers import Counts
from pipelines.models import ModelPrice

MILLION = Decimal(1_000_000)
CENT_FRACTION = Decimal("0.00000001")
MOST_DOLLARS = Decimal(10**8)
"""Below which the tables hold a cost."""

_DATE = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6})\Z")


def price_of(*, provider: str, models: tuple[str, ...], on: date | None = None) -> ModelPrice | None:
    """The price in force on a day (UTC, today by default) of the first of ``priced_names(*models)`` that has one."""
    day, names = on or datetime.now(UTC).date(), priced_names(*models)
    return price_among(ModelPrice.objects.filter(provider=provider, model__in=names), models=names, on=day)


def priced_names(*models: str) -> tuple[str, ...]:
    """Under which names these models may have a price: their own, then those of which they are a dated version."""
    return tuple(dict.fromkeys([*models, *(_DATE.sub("", model) for model in models)]))


def price_among(prices: Iterable[ModelPrice], *, models: Sequence[str], on: date) -> ModelPrice | None:
    """The same, of a provider's prices that were read before."""
    begun = (price for price in prices if price.effective_from <= on)
    latest = {price.model: price for price in sorted(begun, key=lambda price: price.effective_from)}
    return next((latest[model] for model in models if model in latest), None)


def cost_of(counts: Counts, price: ModelPrice | None) -> Decimal | None:
    """US dollars to eight places, or None where the price or the tokens are not known, or no one could owe as much.

    A provider that doesn't say how many tokens came from a cache is taken to have read none from it.
    """
    if price is None or counts.tokens_in is None or counts.tokens_out is None:
        return None
    cached = min(counts.tokens_cached or 0, counts.tokens_in)
    cached_price = price.input_per_million if price.cached_per_million is None else price.cached_per_million
    dollars = (
        (counts.tokens_in - cached) * price.input_per_million
        + cached * cached_price
        + counts.tokens_out * price.output_per_million
    ) / MILLION
    return dollars.quantize(CENT_FRACTION) if dollars < MOST_DOLLARS else None
