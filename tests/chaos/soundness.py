"""What must hold when the dust has settled, whatever happened before."""

from collections import Counter

from django.db.models import F

from ir_schemas.models import IRArtifact
from monitoring.models import TestRun
from pipelines.models import PipelineRun, SplitAsset, StepOutputLink, StepRun

SEEN: list[str] = []


def check_sound(what: str) -> Counter[str]:
    """Every run has ended, every step has one accepted result, no record is half there, no output is doubled.

    Returns the counts, which the summary of the tests prints: runs and steps by status, attempts, lost attempts,
    artifacts, outputs.
    """
    counts = _counts()
    SEEN.append(f"{what}: " + ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count))

    assert not PipelineRun.objects.filter(finished_at=None).exists()
    completed = StepRun.objects.filter(status="completed", attempt__gt=0)
    ids = sorted(completed.values_list("id", flat=True))
    assert sorted(IRArtifact.objects.values_list("step_run", flat=True)) == ids
    assert not IRArtifact.objects.exclude(attempt=F("step_run__attempt")).exists()
    audited = TestRun.objects.filter(step_run__status="completed", attempt=F("step_run__attempt"))
    assert sorted(audited.values_list("step_run", flat=True)) == ids
    linked = StepOutputLink.objects.values_list("step_run", "target_id")
    assert sorted(target for _, target in linked) == sorted(SplitAsset.objects.values_list("id", flat=True))
    with_output = completed.exclude(step_version__step__key="listed").values_list("id", flat=True)
    assert sorted(step_run for step_run, _ in linked) == sorted(with_output)
    return counts


def _counts() -> Counter[str]:
    counts: Counter[str] = Counter()
    for status in PipelineRun.objects.values_list("status", flat=True):
        counts[f"runs {status}"] += 1
    for status, attempt, lost in StepRun.objects.values_list("status", "attempt", "lost_count"):
        counts[f"steps {status}"] += 1
        counts["attempts"] += attempt
        counts["attempts lost"] += lost
    counts["artifacts"] = IRArtifact.objects.count()
    counts["outputs"] = SplitAsset.objects.count()
    return counts
