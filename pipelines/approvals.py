"""A person's decision on a step that waits for one."""

import uuid

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from config.problems import InvalidInput
from pipelines.conductor import Conductor
from pipelines.errors import NotWaiting, RunFinished
from pipelines.models import PipelineRun, StepRun
from pipelines.models.runs import StepStatus
from pipelines.scheduling import APPROVAL_DECLINED, Item, Reason

MAX_COMMENT = 2000


@transaction.atomic
def approve(*, step_run_id: uuid.UUID, user: User, approve: bool = True, comment: str = "") -> PipelineRun:
    """Let a waiting step start, or fail it as declined, and keep who decided, when and with which words.

    Of two who decide at once one does; the other is refused. Raises ``RunFinished``, ``NotWaiting``, and
    ``InvalidInput`` for a comment of more than ``MAX_COMMENT`` characters.
    """
    if len(comment) > MAX_COMMENT:
        raise InvalidInput(f"The comment has more than {MAX_COMMENT} characters.")
    run = PipelineRun.objects.select_for_update(no_key=True).get(step_runs=step_run_id)
    step_run = StepRun.objects.select_related("decided_by").get(pk=step_run_id)
    _refuse_unless_waiting(run, step_run)
    StepRun.objects.filter(pk=step_run_id).update(decided_by=user, decided_at=Now(), decision_comment=comment)
    conductor, item = Conductor.of(run.pk), Item(step_run.node_key, step_run.map_index)
    if approve:
        conductor.approve(item)
    else:
        conductor.decline(item, Reason(APPROVAL_DECLINED, _declined(user, comment)))
    run.refresh_from_db()
    return run


def _refuse_unless_waiting(run: PipelineRun, step_run: StepRun) -> None:
    if step_run.decided_at is not None:
        verdict = "declined" if step_run.reason_code == APPROVAL_DECLINED else "approved"
        who = step_run.decided_by.username if step_run.decided_by else "a user who is gone"
        when = f"{step_run.decided_at:%Y-%m-%d %H:%M} UTC"
        raise NotWaiting(f"Step {step_run} was {verdict} by {who} on {when}. Nothing is left to decide.")
    if run.is_finished:
        raise RunFinished(f"Run {run.pk} has already ended as {run.status}; there is nothing to decide.")
    if step_run.status != StepStatus.WAITING:
        raise NotWaiting(f"Step {step_run} is {step_run.status} and does not wait for approval.")


def _declined(user: User, comment: str) -> str:
    return f"{user.username} declined it: {comment}" if comment else f"{user.username} declined it"
