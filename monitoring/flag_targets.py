"""From what a person types to whom a rule is for."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import models

from config.problems import InvalidInput, NotFound
from monitoring.models import FlagRule

Who = FlagRule.Who
LOOKUPS = {Who.USER: "username", Who.GROUP: "name", Who.PIPELINE: "key"}


def parse_who(text: str) -> tuple[FlagRule.Who, models.Model | Decimal]:
    """Read ``user:ada``, ``group:testers``, ``pipeline:KEY``, ``prompt:PROCESS@VERSION`` or ``percentage:5``.

    Raises ``InvalidInput`` for what is none of these, and ``NotFound`` for a name that nothing has.
    """
    kind, _, name = text.partition(":")
    if kind not in Who.values or not name.strip():
        raise InvalidInput(
            f"{text!r} does not say whom the rule is for. Write user:NAME, group:NAME, pipeline:KEY, "
            "prompt:PROCESS@VERSION or percentage:NUMBER."
        )
    return Who(kind), find_target(Who(kind), name.strip())


def find_target(who: FlagRule.Who, name: str) -> models.Model | Decimal:
    """The row of that name, or the percentage. Raises as ``parse_who``."""
    if who == Who.PERCENTAGE:
        return _percentage(name)
    model: Any = FlagRule._meta.get_field(who.value).related_model
    found: models.Model | None = model._default_manager.filter(**_lookup(who, name)).first()
    if found is None:
        raise NotFound(f"There is no {who.label.lower()} {name!r}.")
    return found


def ids_of(names: Mapping[FlagRule.Who, str | None]) -> dict[str, Any]:
    """``{"user_id": …}`` for each that is named, as ``flags.decide`` takes them. Raises as ``parse_who``."""
    return {f"{who.value}_id": getattr(find_target(who, name), "pk", None) for who, name in names.items() if name}


def _lookup(who: FlagRule.Who, name: str) -> dict[str, Any]:
    if who != Who.PROMPT:
        return {LOOKUPS[who]: name}
    process, _, version = name.rpartition("@")
    if not process or not version.isdecimal() or len(version) > 9:
        raise InvalidInput(f"A prompt is named by its process and its version, as extract@3; {name!r} is not.")
    return {"process__key": process, "version": int(version)}


def _percentage(text: str) -> Decimal:
    try:
        number = Decimal(text.removesuffix("%"))
        if 0 <= number <= 100 and number == round(number, 2):
            return number
    except InvalidOperation:
        pass
    raise InvalidInput(f"{text!r} is no percentage: a number from 0 to 100 with at most two decimals.")
