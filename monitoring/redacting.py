"""The installation's redactor: its key, its regions, and how much of a long text the audit log keeps."""

from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import salted_hmac

from monitoring.redaction import Redaction, Redactor

SCANNED = 100_000  # characters of one text that are looked at
EXCERPT = 1_000  # characters of it that are kept


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
    return Excerpt(redaction.value[:EXCERPT], redaction, min(len(text), SCANNED), whole=len(text) <= SCANNED)


@lru_cache(maxsize=4)
def _redactor(key: str, regions: tuple[str, ...], with_presidio: bool) -> Redactor:
    more = []
    if with_presidio:
        from monitoring.redaction.presidio import Presidio

        more.append(Presidio())
    secret = key.encode() or salted_hmac("irline.redaction", "", algorithm="sha256").digest()
    return Redactor(key=secret, phone_regions=regions, more=more)
