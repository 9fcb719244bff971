"""Rows are shown quickly, and exactly as DRF shows them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from rest_framework import serializers

from config.rows import RowSerializer
from monitoring.api.serializers import TestRunDetailSerializer as DetailSerializer
from monitoring.models import TestResult, TestRun
from tests.factories import AIPromptFactory, TestResultFactory, TestRunFactory

SLOWLY = serializers.Serializer.to_representation
WHOLE = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
MAXIMAL: dict[str, Any] = {
    "started_at": WHOLE,
    "completed_at": WHOLE.replace(microsecond=1200),
    "summary": {"tokens": [1, None, {"of": "é"}]},
    "run_group_id": uuid4(),
    "attempt": 2,
    "model": "gpt-5",
    "tokens_in": 0,
    "cost_usd": Decimal("0.00000001"),
    "latency_ms": 12.0,
    "validation_passed": False,
    "error_count": 3,
    "grade": "B",
    "score_html": 99.5,
}


@pytest.mark.django_db
@pytest.mark.parametrize("filled", [False, True])
def test_a_run_is_shown_as_the_framework_shows_it(filled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = TestRunFactory(**MAXIMAL, prompt=AIPromptFactory()) if filled else TestRunFactory()
    TestResultFactory(test_run=made, details={"errors": []}, duration_ms=0.5 if filled else None)
    run = TestRun.objects.get(pk=made.pk)
    quickly = DetailSerializer(run).data
    monkeypatch.setattr(RowSerializer, "to_representation", SLOWLY)

    slowly = DetailSerializer(run).data

    assert plain(quickly) == plain(slowly)
    assert list(quickly) == list(slowly)


@pytest.mark.django_db
def test_a_field_of_another_kind_is_asked_for_its_own_form() -> None:
    class Shouted(RowSerializer[TestResult]):
        name = serializers.SerializerMethodField()

        class Meta:
            model = TestResult
            fields = ("name",)

        def get_name(self, row: TestResult) -> str:
            return row.name.upper()

    row = TestResultFactory(name="html")

    assert Shouted(row).data == {"name": "HTML"}


def plain(document: Any) -> Any:
    if isinstance(document, Mapping):
        return {name: plain(value) for name, value in document.items()}
    return [plain(one) for one in document] if isinstance(document, list) else document
