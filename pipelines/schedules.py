"""Runs that start by the clock."""

import logging
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from config.clock import database_now
from config.outages import OUTAGE
from config.problems import DomainError, InvalidInput, NotFound
from monitoring import flags
from pipelines import cron, definitions, starting
from pipelines.designs.loader import DEFAULT_LIMITS
from pipelines.executors import carry_on
from pipelines.models import PipelineRun, PipelineSchedule
from pipelines.outages import through_outages

logger = logging.getLogger(__name__)

MOST_DUE = 1_000
MOST_AT_ONCE = 20
"""How many schedules one look fires, so that whoever looks comes back to its other duties."""
TAKEN_FOR = 2 * timedelta(seconds=DEFAULT_LIMITS.timeout_s)
"""Twice as long as a page may take to be fetched."""
GIVEN = (
    "name", "pipeline", "pipeline_version", "cron", "timezone", "source_url", "inputs", "params", "priority", "enabled",
    "created_by",
)  # fmt: skip
TIMING = ("cron", "timezone", "enabled")


@transaction.atomic
def save_schedule(schedule: PipelineSchedule) -> PipelineSchedule:
    """Check a schedule that is new or was changed, keep it, and work out when it runs next.

    Raises ``InvalidInput`` with the place of each fault in the expression or the time zone, for a version of another
    pipeline, and for params and inputs that could not start a run; ``InvalidDag`` where the version cannot run; and
    ``NotFound`` for a schedule that was deleted since it was read.
    """
    cron.check(schedule.cron, schedule.timezone)
    _check_start(schedule)
    earlier = PipelineSchedule.objects.select_for_update().filter(pk=schedule.pk).first()
    if earlier is None and not schedule._state.adding:
        raise NotFound(f"The schedule {schedule.name} has just been deleted.")
    if not schedule.enabled:
        schedule.next_run_at = None
    elif earlier is None or any(getattr(earlier, name) != getattr(schedule, name) for name in TIMING):
        [schedule.next_run_at] = cron.next_slots(schedule.cron, schedule.timezone, database_now())
    else:
        schedule.next_run_at = earlier.next_run_at
    if earlier is None:
        schedule.save(force_insert=True)
    else:
        schedule.save(update_fields=[*GIVEN, "next_run_at"])
    return schedule


def next_times(schedule: PipelineSchedule, count: int = 5) -> list[datetime]:
    """When it runs next, in UTC; nothing while it is not enabled."""
    if not schedule.enabled:
        return []
    return cron.next_slots(schedule.cron, schedule.timezone, database_now(), count)


def is_any_due() -> bool:
    """Whether ``fire_due`` has something to do."""
    return _due().exists()


def fire_due(limit: int = MOST_AT_ONCE) -> int:
    """Start what is due, each time once however many look at the same moment; how many times came.

    Of the times that passed while nobody looked the latest alone starts a run. While its pipeline may not run a
    schedule is left, so that its latest time starts a run when it may again. A page is fetched outside of any
    transaction; should whoever fetches it die, another takes the time up once ``TAKEN_FOR`` is over.
    """
    fired = 0
    allowed = _allowed()
    while fired < limit and (schedule := _take_one(allowed)) is not None:
        through_outages("firing a schedule", partial(_fire, schedule))
        fired += 1
    return fired


def _allowed() -> list[uuid.UUID]:
    """The schedules that are due and whose pipelines may run for whoever made them."""
    due = list(_due().values_list("pk", "created_by", "pipeline")[:MOST_DUE])
    if not due:
        return []
    key = flags.Key.PIPELINE_LOGGING_ENABLED
    state = flags.state_of(key)
    return [
        pk
        for pk, user_id, pipeline_id in due
        if flags.judge(key, state, flags.subject(state, user_id=user_id, pipeline_id=pipeline_id)).is_on
    ]


def _due() -> QuerySet[PipelineSchedule]:
    free = Q(taken_until=None) | Q(taken_until__lte=Now())
    return PipelineSchedule.objects.filter(free, next_run_at__lte=Now()).order_by("next_run_at")


@transaction.atomic
def _take_one(allowed: Collection[uuid.UUID]) -> PipelineSchedule | None:
    """One of these that is due and that nobody else has taken; it is the caller's until ``taken_until``."""
    schedules = _due().filter(pk__in=allowed).select_related("pipeline", "pipeline_version__pipeline", "created_by")
    schedule = schedules.select_for_update(of=("self",), skip_locked=True).first()
    if schedule is not None:
        schedule.taken_until = database_now() + TAKEN_FOR
        schedule.save(update_fields=["taken_until"])
    return schedule


def _fire(schedule: PipelineSchedule, _broke: bool) -> None:
    """Start the run of the latest time that has come, and note what became of it.

    Should this end halfway, the key has whoever takes the same time up again find the run that was started.
    """
    due = schedule.next_run_at
    assert due is not None  # noqa: S101 - it was due
    looked = database_now()
    slot = max(cron.latest_slot(schedule.cron, schedule.timezone, looked), due)
    run, error = _start(schedule, slot)
    with transaction.atomic():
        mine = PipelineSchedule.objects.filter(pk=schedule.pk, taken_until=schedule.taken_until)
        now = mine.select_for_update().first()
        if now is None:
            return
        now.taken_until = None
        now.last_run, now.last_error, now.last_slot = run, error, slot
        now.last_missed = cron.count_slots(schedule.cron, schedule.timezone, due, slot)
        if now.next_run_at == due:
            [now.next_run_at] = cron.next_slots(now.cron, now.timezone, looked)
        now.save(update_fields=["taken_until", "last_run", "last_error", "last_slot", "last_missed", "next_run_at"])


def _start(schedule: PipelineSchedule, slot: datetime) -> tuple[PipelineRun | None, dict[str, Any] | None]:
    """The run, or why there is none. Whatever goes wrong must not keep the other schedules from their turn."""
    try:
        run = starting.start(
            version=schedule.pipeline_version or definitions.active_version(schedule.pipeline.key),
            source=schedule.source_url or None,
            inputs=schedule.inputs,
            params=schedule.params,
            started_by=schedule.created_by,
            run_group_id=schedule.pk,
            idempotency_key=f"schedule:{schedule.pk}:{slot.isoformat()}",
            priority=schedule.priority,
            any_version=True,
        )
    except OUTAGE:
        raise
    except DomainError as refusal:
        return None, {"code": refusal.code, "message": refusal.message}
    except Exception:
        logger.exception("schedule %s could not start its run", schedule.name)
        return None, {"code": "start-crashed", "message": "The run could not be started. The log has the details."}
    carry_on(run.pk)
    return run, None


def _check_start(schedule: PipelineSchedule) -> None:
    """What would be refused when the time comes is refused now."""
    version = schedule.pipeline_version
    if version is not None and version.pipeline_id != schedule.pipeline_id:
        raise InvalidInput(f"{version} is no version of {schedule.pipeline}.")
    if not isinstance(schedule.inputs, dict) or not isinstance(schedule.params, dict):
        raise InvalidInput("Inputs and params are JSON objects.")
    definitions.check_inputs(schedule.inputs)
    version = version or schedule.pipeline.versions.filter(is_active=True).select_related("pipeline").first()
    if version is not None:
        definitions.check_params(definitions.resolve(version)[0], schedule.params)
