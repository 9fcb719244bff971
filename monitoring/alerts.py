"""Looking at the alerts, keeping when each fired, and telling a webhook of it."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Now

from config.clock import database_now
from config.outbound import post_json
from config.problems import DomainError
from monitoring import flags
from monitoring.alert_readings import past_readings, reading
from monitoring.alert_rules import Episode, Reading, Rule, Standing, episodes, is_broken, is_data, stands
from monitoring.models import Alert, AlertFiring

logger = logging.getLogger(__name__)

DUTY_EVERY = 60.0  # seconds
MOST_ALERTS = 200
MOST_TOLD = 50
NEWS_FOR = timedelta(days=1)
TURN_S = 10.0
"""How long alerts, and then the webhook, may keep a worker's other duties waiting at a time."""
TIME_LIMIT_MS = 5_000
WEBHOOK_TIMEOUT_S = 5.0
LIMIT_TIME = "SELECT set_config('statement_timeout', %s, true)"
UNTOLD = Q(told_began=False) | Q(told_ended=False, ended_at__isnull=False)

Found = TypeVar("Found")
NOTHING = Reading(None)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to; ``fault`` says why there was none."""

    alert: Alert
    firing: bool = False
    reading: Reading = NOTHING
    fault: str = ""
    broken: bool = False
    """Also where it does not fire yet."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an alert would have seen at each full hour, and when it would have fired."""

    readings: list[tuple[datetime, Reading]]
    episodes: list[Episode]


def rule_of(alert: Alert) -> Rule:
    hold = timedelta(minutes=alert.hold_minutes)
    return Rule(cast(Any, alert.comparison), alert.threshold, alert.at_least, cast(Any, alert.no_data), hold)


def watched() -> list[tuple[Alert, bool]]:
    """The alerts that are on, 200 at most, and whether each fires; in one query."""
    rows = Alert.objects.filter(is_enabled=True).annotate(firing=Exists(open_firings()))[:MOST_ALERTS]
    return [(row, row.firing) for row in rows]


def open_firings() -> QuerySet[AlertFiring]:
    """The firing of the outer query's alert that is not over."""
    return AlertFiring.objects.filter(alert=OuterRef("pk"), ended_at=None)


def check_all(*, waits: bool = False) -> Iterator[Looked]:
    """Look at all alerts that are on (200 at most), each in a transaction of its own.

    One that another process looks at now is left out, unless this one ``waits``. One whose figure can't be had does not
    keep the others waiting.
    """
    _end_what_is_off()
    for alert in Alert.objects.filter(is_enabled=True)[:MOST_ALERTS]:
        try:
            looked = _look(alert, waits=waits)
        except DatabaseError as error:
            logger.warning("alert %s could not be looked at: %s", alert.name, _line(error))
            yield Looked(alert, fault="Its figure could not be read in time. Give it a shorter window.")
        else:
            if looked is not None:
                yield looked


def check_lately() -> None:
    """The workers' duty, once a minute while any runs are logged: look at the alerts, and tell the webhook.

    What takes longer than ``TURN_S`` goes on at the next turn.
    """
    if _Duty.looking is None:
        if time.monotonic() < _Duty.next_at or not flags.is_on_for_some(flags.Key.PIPELINE_LOGGING_ENABLED):
            return
        _Duty.next_at = time.monotonic() + DUTY_EVERY
        _Duty.looking = check_all()
    turn_ends = time.monotonic() + TURN_S
    for _ in _Duty.looking:
        if time.monotonic() >= turn_ends:
            return
    _Duty.looking = None
    tell(settings.ALERT_WEBHOOK)


class _Duty:
    next_at = 0.0
    looking: Iterator[Looked] | None = None


def tell(webhook: str) -> int:
    """Tell the webhook of what began and what ended since it was told last; how often it was.

    A message that can't be delivered, or not within ``TURN_S``, is sent with the next look, for as long as the alert
    fires and a day after. Nothing is told without an address.
    """
    if not webhook:
        return 0
    told, turn_ends = 0, time.monotonic() + TURN_S
    news = AlertFiring.objects.filter(UNTOLD).exclude(ended_at__lt=Now() - NEWS_FOR)
    for key in news.order_by("id").values_list("pk", flat=True)[:MOST_TOLD]:
        try:
            told += _tell(webhook, key)
        except (OSError, DomainError) as error:
            logger.warning("the alert webhook could not be told: %s", error)
            break
        if time.monotonic() >= turn_ends:
            break
    return told


def preview(alert: Alert, *, hours: int, now: datetime) -> Preview:
    """When the alert, saved or not, would have fired. Raises ``DatabaseError`` where it takes longer than 5 s."""
    readings = _in_time(lambda: past_readings(alert, now=now, hours=hours))
    return Preview(readings, episodes(rule_of(alert), readings))


def why(alert: Alert, seen: Reading) -> str:
    """What was seen, in words: ``pass_rate is 80, below 90, over 24 hours``."""
    window = f"over {alert.window_hours} hour{'' if alert.window_hours == 1 else 's'}"
    if seen.value is None or not is_data(rule_of(alert), seen):
        return f"no data for {alert.measure} {window}"
    sides = f"{alert.comparison if is_broken(rule_of(alert), seen) else 'against'} {alert.threshold:g}"
    of = "" if seen.counted is None else f" of {seen.counted:,}"
    return f"{alert.measure} is {seen.value:.6g}{of}, {sides}, {window}"


def _end_what_is_off() -> None:
    """Nobody looks at an alert that is off, so it fires no longer."""
    AlertFiring.objects.filter(ended_at=None, alert__is_enabled=False).update(ended_at=Greatest(Now(), F("began_at")))


@transaction.atomic
def _look(alert: Alert, *, waits: bool) -> Looked | None:
    unlocked = Alert.objects.select_for_update(skip_locked=not waits, of=("self",))
    locked = unlocked.filter(pk=alert.pk, is_enabled=True).first()
    if locked is None:
        return None
    now = database_now()
    seen = _in_time(lambda: reading(locked, now=now))
    event = AlertFiring.objects.filter(alert=locked, ended_at=None).first()
    since = locked.broken_since or (event.began_at if event else None)
    after = stands(rule_of(locked), seen, now, Standing(since, firing=event is not None))
    if after.firing and event is None:
        AlertFiring.objects.create(alert=locked, began_at=now, value=seen.value, why=why(locked, seen))
    elif event is not None and not after.firing:
        AlertFiring.objects.filter(pk=event.pk).update(ended_at=max(now, event.began_at))
    told = {"checked_at": now, "value": seen.value, "counted": seen.counted, "broken_since": after.since}
    Alert.objects.filter(pk=locked.pk).update(**told)
    return Looked(locked, after.firing, seen, broken=after.since is not None)


def _in_time(read: Callable[[], Found]) -> Found:
    """Raises ``DatabaseError`` past ``TIME_LIMIT_MS``. The limit holds no longer than the reading."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        [before] = cursor.fetchone()
        cursor.execute(LIMIT_TIME, [str(TIME_LIMIT_MS)])
        found = read()
        cursor.execute(LIMIT_TIME, [before])
    return found


@transaction.atomic
def _tell(webhook: str, key: Any) -> int:
    """Whoever tells holds the event meanwhile, so that two processes do not both tell of it."""
    event = AlertFiring.objects.select_for_update(skip_locked=True, of=("self",)).filter(UNTOLD, pk=key)
    found = event.select_related("alert").first()
    if found is None:
        return 0
    post_json(webhook, _message(found), timeout_s=WEBHOOK_TIMEOUT_S)
    AlertFiring.objects.filter(pk=key).update(told_began=True, told_ended=found.ended_at is not None)
    return 1


def _message(event: AlertFiring) -> dict[str, Any]:
    """With a ``text`` that chats show."""
    alert = event.alert
    took = f" after {event.ended_at - event.began_at}" if event.ended_at else ""
    state = "is well again" if event.ended_at else "fires"
    return {
        "text": f"irline: {alert.severity} alert “{alert.name}” {state}{took}: {event.why}",
        "alert": alert.name,
        "severity": alert.severity,
        "state": "resolved" if event.ended_at else "firing",
        "beganAt": event.began_at.isoformat(),
        "endedAt": event.ended_at.isoformat() if event.ended_at else None,
        "value": event.value,
        "why": event.why,
    }


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
