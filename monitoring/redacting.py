"""The installation's redactor: its key, its regions, and how much of a long text the audit log keeps."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from monitoring.redaction import DEEPEST, Redaction, Redactor

SCANNED = 100_000  # characters of one text that are looked at
EXCERPT = 1_000  # characters of it that are kept
ACROSS = 500  # characters before the end of what was looked at in which something may lie that goes on after it


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a redacted text, and what was found in all of it that was ``scanned``."""

    text: str
    redaction: Redaction
    scanned: int
    whole: bool


def redactor() -> Redactor:
    """The redactor that the settings describe."""
    return _redactor(settings.REDACTION_KEY, tuple(settings.REDACTION_PHONE_REGIONS), settings.REDACTION_PRESIDIO)


def excerpt(text: str) -> Excerpt:
    """Redact before cutting, so that nothing escapes by lying across the cut."""
    redaction = redactor().text(text[:SCANNED])
    whole = len(text) <= SCANNED
    sound = redaction.value if whole else redaction.value[:-ACROSS]
    return Excerpt(sound[:EXCERPT], redaction, min(len(text), SCANNED), whole)


def beginning(document: Any) -> Any:
    """The JSON value without what comes after the first ``SCANNED`` characters of its texts and names."""
    return _Cut(SCANNED).of(document)


def sender_key(key: str) -> str:
    """A sender's own name for a run as it may be kept: itself, or a pseudonym of it where something is found in it.

    The same key always gives the same, and no two give one.
    """
    return redactor().whole("key", key) if redactor().text(key).counts else key


class _Cut:
    """Copies documents until ``room`` characters are used up. What is nested too deeply is for the redactor to drop."""

    def __init__(self, room: int) -> None:
        self.room = room

    def of(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, str):
            kept = value[: max(self.room, 0)]
            self.room -= len(kept)
            return kept
        self.room -= 1
        if isinstance(value, dict) and depth < DEEPEST:
            return {self.of(name): self.of(below, depth + 1) for name, below in value.items() if self.room > 0}
        if isinstance(value, list) and depth < DEEPEST:
            return [self.of(one, depth + 1) for one in value if self.room > 0]
        return value


@lru_cache(maxsize=4)
def _redactor(key: str, regions: tuple[str, ...], with_presidio: bool) -> Redactor:
    more = []
    if with_presidio:
        from monitoring.redaction.presidio import Presidio

        more.append(Presidio())
    secret = key.encode() or salted_hmac("irline.redaction", "", algorithm="sha256").digest()
    return Redactor(key=secret, phone_regions=regions, more=more)
