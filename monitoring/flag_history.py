"""Who changed what a flag is set to, from what to what, and why: read from the tables' own events."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User

from monitoring.models import FlagRule
from monitoring.targeting import Rule

LATEST = 100
DEFAULT = "the environment's default"


@dataclass(frozen=True, slots=True)
class Change:
    """``what`` is "for all", or whom a rule is for. ``who`` is empty where nobody was signed in, as in a command."""

    when: datetime
    who: str
    what: str
    before: str
    after: str
    why: str


def history_of(key: str) -> list[Change]:
    """The latest changes of a flag and its rules, newest first. Costs the same queries however many there are."""
    flag_events = _events("FeatureFlagEvent", key)
    rule_events = _events("FlagRuleEvent", key)
    users = _user_names([*flag_events, *rule_events])
    changes = [*_of_flag(flag_events, users), *_of_rules(rule_events, users)]
    return sorted(changes, key=lambda change: change.when, reverse=True)[:LATEST]


def _events(model: str, key: str) -> list[Any]:
    """The latest events, the oldest first; one more than is shown, as what came before it is shown as well."""
    events: Any = apps.get_model("monitoring", model)._default_manager
    latest = events.filter(key=key).select_related("pgh_context").order_by("-pgh_id")[: LATEST + 1]
    return list(latest)[::-1]


def _of_flag(events: Iterable[Any], users: dict[str, str]) -> Iterator[Change]:
    before = DEFAULT
    for event in events:
        after = DEFAULT if event.pgh_label == "delete" else event.value
        yield _change(event, users, "for all", before, after)
        before = after


def _of_rules(events: list[Any], users: dict[str, str]) -> Iterator[Change]:
    names = _target_names(events)
    known: dict[Any, str] = {}
    for event in events:
        before = known.get(event.id, "none")
        after = "none" if event.pgh_label == "delete" else event.value
        known[event.id] = after
        if before != after:
            yield _change(event, users, _whom(event, names), before, after)


def _change(event: Any, users: dict[str, str], what: str, before: str, after: str) -> Change:
    told = event.pgh_context.metadata if event.pgh_context else {}
    user = str(told.get("user") or "")
    who = users.get(user, f"user {user}, who is gone") if user else ""
    return Change(event.pgh_created_at, who, what, before, after, told.get("reason") or _why(event))


def _why(event: Any) -> str:
    """Where nobody gave a reason for the change: rows go by themselves with whom they were for."""
    return f"gone with the {event.who}" if event.pgh_label == "delete" and hasattr(event, "who") else event.reason


def _whom(event: Any, names: dict[str, dict[str, str]]) -> str:
    target = str(_target(event))
    return f"for {Rule(0, event.who, target, '', names[event.who].get(target, f'{target}, which is gone')).whom}"


def _target(event: Any) -> Any:
    return event.percentage if event.who == "percentage" else getattr(event, f"{event.who}_id")


def _target_names(events: Iterable[Any]) -> dict[str, dict[str, str]]:
    wanted: dict[str, set[Any]] = defaultdict(set)
    for event in events:
        wanted[event.who].add(_target(event))
    names: dict[str, dict[str, str]] = defaultdict(dict)
    for who in wanted.keys() - {"percentage"}:
        model: Any = FlagRule._meta.get_field(who).related_model
        related = ["process"] if who == "prompt" else []
        rows = model._default_manager.filter(pk__in=wanted[who]).select_related(*related)
        names[who] = {str(row.pk): str(row) for row in rows}
    return names


def _user_names(events: Iterable[Any]) -> dict[str, str]:
    ids = {str(event.pgh_context.metadata["user"]) for event in events if _has_user(event)}
    return {str(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "username")}


def _has_user(event: Any) -> bool:
    return bool(event.pgh_context and event.pgh_context.metadata.get("user"))
