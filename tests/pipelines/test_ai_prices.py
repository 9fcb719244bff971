"""Prices begin on a day, are brought up to date from a list, and make a cost that is exact or unknown."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ai.prices import cost_of, price_of
from pipelines.ai.providers import Counts
from pipelines.models import ModelPrice
from tests.factories import ModelPriceFactory

counts = st.integers(0, 2_000_000_000)
prices = st.decimals(0, 10_000, places=6)


def update(*arguments: str) -> str:
    out = StringIO()
    call_command("update_prices", *arguments, stdout=out)
    return out.getvalue()


@given(counts, counts, counts, prices, prices, st.none() | prices)
def test_a_cost_is_the_sum_of_its_parts(
    tokens_in: int, tokens_out: int, cached: int, paid: Decimal, earned: Decimal, for_cached: Decimal | None
) -> None:
    price = ModelPrice(input_per_million=paid, output_per_million=earned, cached_per_million=for_cached)
    cost = cost_of(Counts(tokens_in, tokens_out, tokens_cached=cached), price)

    of_these = min(cached, tokens_in)
    exact = (
        (tokens_in - of_these) * paid + of_these * (paid if for_cached is None else for_cached) + tokens_out * earned
    )
    assert cost is not None
    assert abs(cost - exact / 1_000_000) <= Decimal("0.000000005")


@pytest.mark.parametrize("known", [Counts(), Counts(tokens_in=3), Counts(tokens_out=3)])
def test_without_tokens_or_price_there_is_no_cost(known: Counts) -> None:
    assert cost_of(known, ModelPrice(input_per_million=Decimal(1), output_per_million=Decimal(1))) is None
    assert cost_of(Counts(1, 1), None) is None


def test_a_cost_that_no_table_holds_is_unknown() -> None:
    dear = ModelPrice(input_per_million=Decimal(99_999_999), output_per_million=Decimal(99_999_999))
    assert cost_of(Counts(2_000_000_000, 0), dear) is None


@pytest.mark.django_db
def test_the_latest_price_that_has_begun_holds_and_the_model_that_answered_goes_first() -> None:
    old = ModelPriceFactory(model="large", effective_from=date(2026, 1, 1))
    new = ModelPriceFactory(model="large", effective_from=date(2026, 3, 1))
    exact = ModelPriceFactory(model="large-2026-02", effective_from=date(2026, 1, 1))
    ModelPriceFactory(provider="another", model="large", effective_from=date(2026, 2, 1))

    def found(day: date, *models: str) -> ModelPrice | None:
        return price_of(provider="provider", models=models, on=day)

    assert found(date(2025, 12, 31), "large") is None
    assert found(date(2026, 2, 28), "large") == old
    assert found(date(2026, 3, 1), "large-2026-09", "large") == new
    assert found(date(2026, 3, 1), "large-2026-02", "large") == exact


@pytest.mark.django_db
def test_a_dated_version_costs_what_its_model_does_unless_it_has_a_price_of_its_own() -> None:
    model = ModelPriceFactory(model="large")
    own = ModelPriceFactory(model="large-2026-01-31")

    def found(*models: str) -> ModelPrice | None:
        return price_of(provider="provider", models=models)

    assert found("large-20260131") == found("large-2026-02-28") == model
    assert found("large-2026-01-31") == found("large-2026-02-28", "large-2026-01-31") == own
    assert found("large-mini-2026-01-31") is found("large-1") is found("large-99999999") is None


@pytest.mark.django_db
def test_a_day_has_one_price_and_none_is_negative() -> None:
    one = ModelPriceFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelPriceFactory(model=one.model)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelPriceFactory(cached_per_million=Decimal("-0.1"))


@pytest.mark.django_db
def test_the_list_fills_the_table_and_again_changes_nothing() -> None:
    assert "dry run" in update("--dry-run")
    assert not ModelPrice.objects.exists()

    first = update()
    made = ModelPrice.objects.count()

    assert first == f"{made} new, 0 unchanged, 0 left as entered by hand\n"
    assert set(ModelPrice.objects.values_list("provider", "source")) == {
        ("openai", "genai-prices"),
        ("anthropic", "genai-prices"),
    }
    price = ModelPrice.objects.get(provider="openai", model="gpt-4o")
    assert price.cached_per_million is not None
    assert 0 < price.cached_per_million < price.input_per_million < price.output_per_million
    assert update() == f"0 new, {made} unchanged, 0 left as entered by hand\n"
    assert ModelPrice.objects.count() == made


@pytest.mark.django_db
def test_a_changed_price_begins_today_and_leaves_the_old_one_and_those_by_hand() -> None:
    today = datetime.now(UTC).date()
    before = {"provider": "openai", "input_per_million": Decimal(999), "effective_from": today - timedelta(days=30)}
    stale = ModelPriceFactory(model="gpt-4o", source="genai-prices", **before)
    ModelPriceFactory(model="gpt-4o-mini", **before)

    said = update("openai")

    assert said.endswith(" 1 left as entered by hand\n")
    assert list(ModelPrice.objects.filter(model="gpt-4o").values_list("effective_from", flat=True).order_by("pk")) == [
        stale.effective_from,
        today,
    ]
    assert ModelPrice.objects.get(model="gpt-4o-mini").input_per_million == 999


@pytest.mark.django_db
def test_a_provider_that_is_not_listed_is_named_with_those_that_are() -> None:
    with pytest.raises(CommandError, match=r"lists no nobody\. It lists .*anthropic"):
        update("nobody")


@pytest.mark.django_db
def test_a_price_that_a_person_changes_is_theirs_from_then_on(client: Client, boss: User) -> None:
    update("anthropic")
    price = ModelPrice.objects.first()
    assert price is not None
    fields: dict[str, Any] = {
        "provider": price.provider,
        "model": price.model,
        "effective_from": price.effective_from,
        "input_per_million": "1.5",
        "output_per_million": "2",
        "cached_per_million": "",
    }

    answer = client.post(reverse("admin:pipelines_modelprice_change", args=[price.pk]), fields)

    assert answer.status_code == 302
    update("anthropic")
    price.refresh_from_db()
    assert (price.input_per_million, price.source) == (Decimal("1.5"), "manual")
