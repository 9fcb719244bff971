"""What is switched on now, and why.

A row of ``FeatureFlag`` is the live value; without one the environment's default holds.
"""

from dataclasses import dataclass
from typing import Literal, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from config.problems import InvalidInput
from monitoring.models import FeatureFlag

Key = FeatureFlag.Key
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


def decide(key: Key) -> Decision:
    """The value in force, read from the database at every call so that a change holds at once."""
    row = FeatureFlag.objects.filter(key=key).first()
    if row is not None:
        return Decision(key, row.value, f"set live on {row.updated_at:%Y-%m-%d %H:%M} UTC: {row.reason or 'no reason'}")
    return Decision(key, _default(key), "the environment's default, as nothing was set live")


def is_on(name: str) -> bool:
    """Whether the flag of that name is on: what ``config.features`` asks for apps that may not import this one."""
    return decide(Key(name)).is_on


def validation_mode(*overrides: str) -> Mode:
    """The first override that is not empty (a prompt's, a pipeline's), else the installation's mode."""
    chosen = next((mode for mode in overrides if mode), None) or decide(Key.IR_VALIDATION_MODE).value
    return cast(Mode, chosen)


@transaction.atomic
def set_flag(*, key: Key, value: str, reason: str, user: User | None = None) -> FeatureFlag:
    """Make ``value`` the live value. Raises ``InvalidInput`` for a value that the flag cannot have."""
    allowed = ("off", "log", "enforce") if key == Key.IR_VALIDATION_MODE else ("on", "off")
    if value not in allowed:
        raise InvalidInput(f"{key} can be {', '.join(allowed)}; {value!r} is none of these.")
    flag, _ = FeatureFlag.objects.update_or_create(
        key=key, defaults={"value": value, "reason": reason, "updated_by": user}
    )
    return flag


def _default(key: Key) -> str:
    default = getattr(settings, key)
    if isinstance(default, bool):
        return "on" if default else "off"
    return str(default)
