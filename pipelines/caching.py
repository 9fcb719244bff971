"""Results of earlier steps that stand for one about to run, where its node says ``cache``.

Two steps are equal where their step version, their parameters, all that they can see, and how they are measured and
checked are equal. ``docs/runs.md`` has the rule.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from config.canonical import canonical_json, content_hash
from ir_schemas.models import IRArtifact
from metrics.models import MetricProfileItem, MetricResult
from pipelines.claims import Claim, Reused, Settlement
from pipelines.models import StepRun, StepVersion
from pipelines.models.runs import StepStatus
from pipelines.steps.contract import StepContext


@dataclass(frozen=True, slots=True)
class Sight:
    """What a step was about to work with: ``digest`` is the SHA-256 of all that it can see."""

    digest: str

    def key(self, mode: str, schema_id: uuid.UUID | None) -> str:
        """The key of a result that was checked in this mode against this schema version, as 64 hexadecimal digits."""
        return content_hash([self.digest, mode, None if schema_id is None else str(schema_id)])


def look(version: StepVersion, profile: list[MetricProfileItem], context: StepContext, beyond: Any = None) -> Sight:
    """Sum up all that the step is told, what it reads ``beyond`` that (JSON), and what it will be measured by."""
    seen = {
        "stepVersion": str(version.pk),
        "params": dict(context.params),
        "inputs": dict(context.inputs),
        "upstream": dict(context.upstream),
        "item": context.item,
        "mapIndex": context.map_index,
        "design": context.design.fingerprint if context.design else None,
        "sources": dict(context.sources),
        "beyond": beyond,
        "measured": [[str(item.profile_id), str(item.metric_id), item.threshold, item.weight] for item in profile],
    }
    return Sight(content_hash(seen))


def find(claim: Claim, cache_key: str) -> Settlement | None:
    """The settlement that puts the latest equal result in the place of this attempt, or None where there is none.

    A result counts while its IR is kept. It is looked up again when it is copied, as it may be pruned meanwhile.
    """
    kept = IRArtifact.objects.filter(step_run=OuterRef("pk"), attempt=OuterRef("attempt"), ir_json__isnull=False)
    rows = StepRun.objects.filter(Exists(kept), cache_key=cache_key, status=StepStatus.COMPLETED)
    row = rows.order_by("-id").only("id", "attempt", "reused_from").first()
    if row is None:
        return None
    artifact = IRArtifact.objects.filter(step_run=row, attempt=row.attempt, ir_json__isnull=False).first()
    if artifact is None:
        return None
    return Settlement(
        claim,
        0.0,
        ir=artifact.ir_json,
        ir_text=canonical_json(artifact.ir_json),
        metrics=_metrics(row),
        cache_key=cache_key,
        reused=Reused(copied=row.pk, ran=row.reused_from_id or row.pk),
    )


def _metrics(row: StepRun) -> Mapping[str, Any]:
    results = MetricResult.objects.filter(step_run=row, attempt=row.attempt)
    return dict(results.values_list("metric__key", "value"))
