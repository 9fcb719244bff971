"""Judges, made and changed."""

from django.db import transaction

from config.problems import InvalidInput
from config.row_rules import check_row
from feedback.models import Judge
from feedback.models.judges import FIXED
from pipelines.ai.providers import provider_names
from pipelines.errors import JudgeFixed


@transaction.atomic
def save_judge(judge: Judge) -> Judge:
    """Keep a judge that is new or was changed.

    Raises ``InvalidInput``, also for a provider that the settings do not know, and ``JudgeFixed`` for another
    instrument in place of one that has judged.
    """
    kept = Judge.objects.select_for_update().filter(pk=judge.pk).first()
    if kept is not None and kept.has_judged and any(getattr(kept, name) != getattr(judge, name) for name in FIXED):
        raise JudgeFixed(f"{kept} has judged, so what it measures with stays as it is. Add another judge.")
    check_row(judge)
    if judge.provider not in provider_names():
        fault = f"There is no such provider. Known are {', '.join(provider_names())}."
        raise InvalidInput(fault, errors=[{"path": "/provider", "message": fault}])
    if kept is not None:
        judge.held_by, judge.held_until = kept.held_by, kept.held_until
    judge.save()
    return judge
