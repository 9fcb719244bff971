"""What a call costs, by the table of prices. What is not known to cost something is unpriced, never free."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from pipelines.ai.providers import Counts
from pipelines.models import ModelPrice

MILLION = Decimal(1_000_000)
CENT_FRACTION = Decimal("0.00000001")


def price_of(*, provider: str, models: tuple[str, ...], on: date | None = None) -> ModelPrice | None:
    """The price in force on a day (UTC, today by default) of the first of these model names that has one."""
    day = on or datetime.now(UTC).date()
    return price_among(ModelPrice.objects.filter(provider=provider, model__in=models), models=models, on=day)


def price_among(prices: Iterable[ModelPrice], *, models: Sequence[str], on: date) -> ModelPrice | None:
    """The same, of a provider's prices that were read before."""
    begun = (price for price in prices if price.effective_from <= on)
    latest = {price.model: price for price in sorted(begun, key=lambda price: price.effective_from)}
    return next((latest[model] for model in models if model in latest), None)


def cost_of(counts: Counts, price: ModelPrice | None) -> Decimal | None:
    """US dollars to eight places, or None where the price or the tokens are not known.

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
    return dollars.quantize(CENT_FRACTION)
