"""What is read fast must read the same."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rest_framework import serializers

from config.models import uuid7
from monitoring.api import serializers as shown_as
from monitoring.models import TestResult, TestRun

pytestmark = pytest.mark.django_db
FULL = {
    "model": "gpt-5",
    "tokens_in": 12,
    "cost_usd": Decimal("0.00012345"),
    "latency_ms": 12.5,
    "validation_passed": False,
    "error_count": 2,
    "grade": "A",
    "score_overall": 92.5,
    "summary": {"a": [1, None, "ü"]},
    "completed_at": datetime(2026, 1, 31, 12, 0, 0, 120_000, tzinfo=UTC),
}


@pytest.mark.parametrize("values", [{}, FULL], ids=["empty", "full"])
def test_rows_are_shown_as_the_framework_would_show_them(values: dict[str, object]) -> None:
    began = datetime(2026, 1, 31, 11, tzinfo=UTC)
    made = TestRun.objects.create(type="ai", status="passed", run_group_id=uuid7(), started_at=began, **values)
    TestResult.objects.create(test_run=made, name="IR Validation", status="passed", details={"mode": "log"})
    run = TestRun.objects.prefetch_related("results").get(pk=made.pk)

    shown = shown_as.TestRunDetailSerializer(run).data

    assert shown == serializers.ModelSerializer.to_representation(shown_as.TestRunDetailSerializer(), run)
    assert list(shown) == list(shown_as.TestRunDetailSerializer.Meta.fields)
