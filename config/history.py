"""Who changed what in a row, wherever it was changed from: the tracked tables' own events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from pghistory.models import Events

LATEST = 50


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a row. ``who`` is a user's name, or empty where none was signed in (a command, a migration).

    ``why`` is the reason that was given, where one was.
    """

    when: datetime
    who: str
    what: str
    fields: list[FieldChange]
    why: str = ""


def changes_of(row: models.Model) -> list[Change]:
    """The latest ``LATEST`` writes of a row, newest first; empty for a table that is not tracked."""
    tracks: Any = Events.objects.tracks
    events = list(tracks(row).order_by("-pgh_created_at", "-pgh_id")[:LATEST])
    ids = {str(event.pgh_context["user"]) for event in events if (event.pgh_context or {}).get("user")}
    names = {str(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "username")}
    return [
        Change(
            when=event.pgh_created_at,
            who=names.get(str((event.pgh_context or {}).get("user")), ""),
            what={"insert": "made", "update": "changed"}.get(event.pgh_label, event.pgh_label),
            fields=_fields(event.pgh_diff),
            why=_short((event.pgh_context or {}).get("reason") or ""),
        )
        for event in events
    ]


def _fields(diff: dict[str, list[Any]] | None) -> list[FieldChange]:
    return [FieldChange(name, _short(before), _short(after)) for name, (before, after) in (diff or {}).items()]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
