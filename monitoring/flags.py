"""What is switched on now, for whom, and why.

The first rule that fits decides (``targeting``); else the live value, a row of ``FeatureFlag``; else the environment's
default. ``sql/flag_state.sql`` reads all of it in one call, at every question, so that a change holds at once.
"""

import json
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, cast

import pghistory
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection, models, transaction
from django.db.models import F, Max

from config.problems import InvalidInput, NotFound
from monitoring.models import FeatureFlag, FlagRule
from monitoring.models.flags import MOST_REASON, FlagKey, values_of
from monitoring.targeting import Rule, Subject, choose

Key = FlagKey
Who = FlagRule.Who
Mode = Literal["off", "log", "enforce"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A flag's value (``on``, ``off`` or a mode) and the sentence that says where it comes from."""

    key: Key
    value: str
    reason: str

    @property
    def is_on(self) -> bool:
        return self.value == "on"


@dataclass(frozen=True, slots=True)
class State:
    """What is set for a flag: its rules, and the live value with its reason where there is one."""

    rules: tuple[Rule, ...] = ()
    value: str | None = None
    reason: str = ""
    updated_at: datetime | None = None

    @property
    def asks_who(self) -> bool:
        """Whether the answer can depend on for whom it is asked."""
        return bool(self.rules)


def decide(
    key: Key,
    *,
    user_id: int | None = None,
    pipeline_id: uuid.UUID | None = None,
    prompt_id: uuid.UUID | None = None,
    run_id: uuid.UUID | None = None,
) -> Decision:
    """The value in force for these; read from the database at every call, so that a change holds at once."""
    state = state_of(key)
    asked_for = subject(state, user_id=user_id, pipeline_id=pipeline_id, prompt_id=prompt_id, run_id=run_id)
    return judge(key, state, asked_for)


def judge(key: Key, state: State, asked_for: Subject) -> Decision:
    """Decide from what was read before."""
    rule = choose(key, state.rules, asked_for)
    if rule is not None:
        return Decision(key, rule.value, f"rule {rule.position}, for {rule.whom}")
    if state.value is not None and state.updated_at is not None:
        since = f"set live on {state.updated_at:%Y-%m-%d %H:%M} UTC: {state.reason or 'no reason'}"
        return Decision(key, state.value, since)
    return Decision(key, default(key), "the environment's default, as nothing was set live")


def values_by_prompt(key: Key, state: State, asked_for: Subject) -> dict[str, str]:
    """What each prompt gets that a rule names, by its id as text, where all else is as in ``asked_for``."""
    named = {rule.target for rule in state.rules if rule.who == Who.PROMPT}
    return {prompt: judge(key, state, replace(asked_for, prompt=prompt)).value for prompt in named}


def subject(
    state: State,
    *,
    user_id: int | None = None,
    pipeline_id: uuid.UUID | None = None,
    prompt_id: uuid.UUID | None = None,
    run_id: uuid.UUID | None = None,
) -> Subject:
    """For whom a flag is asked. Percentages draw by the run where there is one, else by the user.

    The user's groups are looked up only where a rule is for a group.
    """
    groups: frozenset[str] = frozenset()
    if user_id is not None and any(rule.who == Who.GROUP for rule in state.rules):
        groups = frozenset(map(str, Group.objects.filter(user=user_id).values_list("pk", flat=True)))
    unit = f"run:{run_id}" if run_id else f"user:{user_id}" if user_id else ""
    return Subject(str(user_id or ""), groups, str(pipeline_id or ""), str(prompt_id or ""), unit)


def state_of(key: str) -> State:
    """What is set for the flag, in one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_flag_state(%s)::text", [key])
        [found] = cursor.fetchone()
    return read_state(json.loads(found) if found else None)


def read_state(found: Mapping[str, Any] | None) -> State:
    """From what ``monitoring_flag_state`` answers."""
    if found is None:
        return State()
    moment = found["updatedAt"]
    return State(
        rules=tuple(Rule(**{**rule, "name": rule["name"] or ""}) for rule in found["rules"]),
        value=found["value"],
        reason=found["reason"] or "",
        updated_at=datetime.fromisoformat(moment) if moment else None,
    )


def is_on(name: str, user: User | AnonymousUser | None = None) -> bool:
    """Whether the flag of that name is on: what ``config.features`` asks for apps that may not import this one."""
    key = Key(name)
    state = state_of(key)
    # Who it is may itself cost queries.
    user_id = user.pk if user is not None and state.asks_who else None
    return judge(key, state, subject(state, user_id=user_id)).is_on


def is_on_for_some(key: Key) -> bool:
    """Whether a switch is on for all or, by a rule, for anybody or anything."""
    state = state_of(key)
    return judge(key, state, Subject()).is_on or any(rule.value == "on" for rule in state.rules)


def validation_mode(*overrides: str, prompt_id: uuid.UUID | None = None) -> Mode:
    """The first override that is not empty (a prompt's, a pipeline's), else the mode in force, for the prompt."""
    chosen = next((mode for mode in overrides if mode), None)
    return cast(Mode, chosen or decide(Key.IR_VALIDATION_MODE, prompt_id=prompt_id).value)


def default(key: Key) -> str:
    """The environment's default."""
    set_to = getattr(settings, key)
    if isinstance(set_to, bool):
        return "on" if set_to else "off"
    return str(set_to)


@transaction.atomic
def set_flag(*, key: Key, value: str, reason: str, user: User | None = None, for_all: bool = False) -> FeatureFlag:
    """Make ``value`` the live value. With ``for_all`` the flag's rules go, so that nobody gets another.

    Raises ``InvalidInput`` for a value that the flag cannot have, and for a reason that is empty or too long.
    """
    _check_value(key, value)
    with _told(reason, user):
        flag, _ = FeatureFlag.objects.update_or_create(
            key=key, defaults={"value": value, "reason": reason, "updated_by": user}
        )
        if for_all:
            _drop_rules(key)
    return flag


@transaction.atomic
def unset_flag(*, key: Key, reason: str, user: User | None = None, for_all: bool = False) -> bool:
    """Give the environment's default back; rules stay, but with ``for_all``. False where nothing was set live.

    Raises as ``set_flag``.
    """
    with _told(reason, user):
        gone, _ = FeatureFlag.objects.filter(key=key).delete()
        if for_all:
            _drop_rules(key)
    return gone > 0


@transaction.atomic
def add_rule(
    *,
    key: Key,
    who: FlagRule.Who,
    target: models.Model | Decimal,
    value: str,
    reason: str,
    position: int | None = None,
    user: User | None = None,
) -> FlagRule:
    """Add a rule: last, or at ``position``, where those from there on move down by one.

    ``target`` is the user, group, pipeline or prompt that ``who`` says, or a percentage with two decimals at most.
    A rule that is there already is given back as it stands. Raises ``InvalidInput`` for a value that the flag cannot
    have, a percentage beyond 0 to 100, a reason that is empty or too long, and for whom there is a rule already.
    """
    _check_value(key, value)
    if who == Who.PERCENTAGE and not 0 <= cast(Decimal, target) <= 100:
        raise InvalidInput(f"A percentage is from 0 to 100; {target} is not.")
    rules = FlagRule.objects.filter(key=key)
    with _told(reason, user):
        _wait_for_others(key)
        earlier = rules.filter(who=who, **{who.value: target}).first()
        if earlier is not None:
            return _same(earlier, value, position)
        last = rules.aggregate(last=Max("position"))["last"] or 0
        place = last + 1 if position is None else max(1, min(position, last + 1))
        rules.filter(position__gte=place).update(position=F("position") + 1)
        return FlagRule.objects.create(
            key=key, position=place, who=who, value=value, reason=reason, created_by=user, **{who.value: target}
        )


@transaction.atomic
def remove_rule(
    *, key: Key, position: int, reason: str, user: User | None = None, rule_id: uuid.UUID | None = None
) -> None:
    """Take the rule away; those below it move up.

    Raises ``NotFound`` where there is none at that position, or another than ``rule_id``, and ``InvalidInput`` for a
    reason that is empty or too long.
    """
    with _told(reason, user):
        _wait_for_others(key)
        meant = FlagRule.objects.filter(key=key, position=position)
        gone, _ = (meant.filter(pk=rule_id) if rule_id else meant).delete()
        if not gone:
            raise NotFound(f"{key} has no rule {position}. See its rules with: manage.py flags show {key}")
        FlagRule.objects.filter(key=key, position__gt=position).update(position=F("position") - 1)


def _drop_rules(key: str) -> None:
    _wait_for_others(key)
    FlagRule.objects.filter(key=key).delete()


def _same(earlier: FlagRule, value: str, position: int | None) -> FlagRule:
    """The rule, as of two for the same ones the second would never count."""
    if earlier.value == value and position in (None, earlier.position):
        return earlier
    raise InvalidInput(
        f"Rule {earlier.position} of {earlier.key} is for the same and says {earlier.value}. Take it away first: "
        f'manage.py flags remove-rule {earlier.key} {earlier.position} --reason "why"'
    )


def _check_value(key: Key, value: str) -> None:
    allowed = values_of(key)
    if value not in allowed:
        raise InvalidInput(f"{key} can be {', '.join(allowed)}; {value!r} is none of these.")


def _told(reason: str, user: User | None) -> AbstractContextManager[Any]:
    """Keep why, and who it was, with what the history records. Raises ``InvalidInput`` for a reason that is none."""
    if not reason.strip():
        raise InvalidInput("Say why: the history of the flag shows the reason.")
    if len(reason) > MOST_REASON:
        raise InvalidInput(f"The reason has {len(reason):,} characters; it may have {MOST_REASON}.")
    who = {"user": user.pk} if user is not None else {}
    return cast(AbstractContextManager[Any], pghistory.context(reason=reason, **who))


def _wait_for_others(key: str) -> None:
    """Two who number the rules of a flag at once do it one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('flag rules'), hashtext(%s))", [key])
