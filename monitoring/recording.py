"""Writing the audit log. Each run of AI or of quality checks is one ``TestRun`` with its ``TestResult``s."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitoring.models import TestResult, TestRun


@dataclass(frozen=True, slots=True)
class Check:
    """One named check of a run; ``details`` is JSON without personal data."""

    name: str
    status: TestResult.Status
    details: Mapping[str, Any] = field(default_factory=dict)
    duration_ms: float | None = None


def record_test_run(
    *,
    type: TestRun.Type,  # noqa: A002 - the column's own name
    status: TestRun.Status,
    started_at: datetime,
    completed_at: datetime,
    summary: Mapping[str, Any],
    checks: Sequence[Check],
    step_run_id: uuid.UUID | None = None,
    attempt: int | None = None,
    design_split_id: uuid.UUID | None = None,
    artifact_id: uuid.UUID | None = None,
    module_id: uuid.UUID | None = None,
    run_group_id: uuid.UUID | None = None,
) -> TestRun:
    """Write a run and its checks. The caller holds the transaction."""
    run = TestRun.objects.create(
        type=type,
        status=status,
        started_at=started_at,
        completed_at=completed_at,
        summary=dict(summary),
        step_run_id=step_run_id,
        attempt=attempt,
        design_split_id=design_split_id,
        artifact_id=artifact_id,
        module_id=module_id,
        run_group_id=run_group_id,
    )
    TestResult.objects.bulk_create(
        TestResult(
            test_run=run,
            name=check.name,
            status=check.status,
            details=dict(check.details),
            duration_ms=check.duration_ms,
        )
        for check in checks
    )
    return run
