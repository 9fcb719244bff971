"""Bringing the table of prices up to what the package genai-prices lists, which ships with it: no network is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from genai_prices.data import providers

from config.problems import InvalidInput
from pipelines.models import ModelPrice

USUAL = ("openai", "anthropic")
PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the package says that a model costs today, in US dollars a million tokens."""

    provider: str
    model: str
    input: Decimal
    output: Decimal
    cached: Decimal | None


@dataclass
class Updated:
    """How many models have a ``new`` price from today on, stand as they are, or were left to people."""

    new: int = 0
    unchanged: int = 0
    by_hand: int = 0


@transaction.atomic
def update_prices(*, names: Sequence[str] = USUAL) -> Updated:
    """Add a price from today (UTC) on for each model of these providers whose price in force is another.

    A model whose latest price was entered by hand is left alone. Raises ``InvalidInput`` for a provider that the
    package does not list.
    """
    today = datetime.now(UTC).date()
    latest = {(price.provider, price.model): price for price in _in_force(names, today)}
    updated = Updated()
    for listed in list_prices(names):
        price = latest.get((listed.provider, listed.model))
        if price is not None and price.source == ModelPrice.Source.MANUAL:
            updated.by_hand += 1
        elif price is not None and _figures(price) == (listed.input, listed.output, listed.cached):
            updated.unchanged += 1
        else:
            _write(listed, today)
            updated.new += 1
    return updated


def list_prices(names: Sequence[str]) -> Iterator[Listed]:
    """What the package lists for these providers; models that don't take tokens in and give tokens out are left out."""
    known = {provider.id: provider for provider in providers}
    missing = sorted(set(names) - set(known))
    if missing:
        raise InvalidInput(f"genai-prices lists no {', '.join(missing)}. It lists {', '.join(sorted(known))}.")
    now = datetime.now(UTC)
    for name in dict.fromkeys(names):
        for model in known[name].models:
            price = model.get_prices(now)
            paid, earned = _dollars(price.input_mtok), _dollars(price.output_mtok)
            if paid is not None and earned is not None:
                yield Listed(name, model.id, paid, earned, _dollars(price.cache_read_mtok))


def _in_force(names: Sequence[str], today: date) -> Iterator[ModelPrice]:
    """The prices that have begun, the latest of a model last."""
    begun = ModelPrice.objects.filter(provider__in=names, effective_from__lte=today)
    yield from begun.order_by("effective_from").select_for_update()


def _write(listed: Listed, today: date) -> None:
    ModelPrice.objects.update_or_create(
        provider=listed.provider,
        model=listed.model,
        effective_from=today,
        defaults={
            "input_per_million": listed.input,
            "output_per_million": listed.output,
            "cached_per_million": listed.cached,
            "source": ModelPrice.Source.GENAI_PRICES,
        },
    )


def _figures(price: ModelPrice) -> tuple[Decimal, Decimal, Decimal | None]:
    return price.input_per_million, price.output_per_million, price.cached_per_million


def _dollars(price: Any) -> Decimal | None:
    """A price, or the base of one that grows with the length of the prompt."""
    base = getattr(price, "base", price)
    return None if base is None else Decimal(base).quantize(PLACES)
