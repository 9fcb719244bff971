"""Redacting text and JSON: every finding gives way to a keyed pseudonym, ``[email:3f9a1c52d0]``.

Equal values get equal pseudonyms, so that a reader still sees that two runs were about the same person. Whoever has not
the key cannot try values out. A pseudonym is never found again: redacting twice changes nothing.
"""

import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitoring.redaction import contact, money, secrets
from monitoring.redaction.findings import Finding, Recogniser
from monitoring.redaction.identities import Identities
from monitoring.redaction.names import kind_of_name

VERSION = "2"
DIGITS = 10  # of a pseudonym, hexadecimal: 40 bits
DEEPEST = 100
PAIRED = ("name", "key")
CARD_AS_NUMBER = 10**12
# Nothing that the rules find is in a text that ``_is_plain``; most values of a document are such texts.
_TELLING = re.compile("[0-9@:=]")
_SHORTEST = 7  # characters of what is found, but for addresses with @ and :
_LONG_WORD = re.compile(r"\S{16}")
# A key as irline gives to rows. Anything can have it, so it says nothing of a person.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGITS = "0123456789"
# Pages are full of spaces and hyphens that do not break; what is told with them is the same.
_AS_TYPED = {
    **dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " "),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-"),
    **{0xFF01 + offset: chr(0x21 + offset) for offset in range(94)},
}
DEFAULT_REGIONS = ("US", "GB", "DE", "FR")


@dataclass(frozen=True, slots=True)
class Redaction:
    """What may be kept, how often each kind was found, and the version of the rules that looked."""

    value: Any
    counts: Mapping[str, int] = field(default_factory=dict)
    version: str = VERSION


class Redactor:
    """Looks at texts with every recogniser, its own and ``more``; the names of properties count too."""

    def __init__(
        self,
        *,
        key: bytes,
        phone_regions: Sequence[str] = DEFAULT_REGIONS,
        more: Iterable[Recogniser] = (),
    ) -> None:
        self._key = key
        more = tuple(more)
        self._looks_everywhere = bool(more)
        self._recognisers: tuple[Recogniser, ...] = (
            *secrets.RECOGNISERS,
            *contact.RECOGNISERS,
            *money.RECOGNISERS,
            Identities(),
            contact.Phones(phone_regions),
            secrets.Named(),
            *more,
        )

    def text(self, text: str) -> Redaction:
        """Redact one text."""
        counts: Counter[str] = Counter()
        return Redaction(self._text(text, counts), dict(counts))

    def document(self, document: Any) -> Redaction:
        """Redact a JSON value at any depth: texts, property names, and all that stands under a telling name.

        What is nested more than ``DEEPEST`` levels is not kept at all, and counted as ``too-deep``.
        """
        counts: Counter[str] = Counter()
        return Redaction(self._walk(document, None, 0, counts), dict(counts))

    def whole(self, kind: str, text: str) -> str:
        """A pseudonym of all of a text that stands for something, long enough that no two are ever alike."""
        return f"[{kind}:{hmac.digest(self._key, f'{kind}:{text}'.encode(), 'sha256').hex()}]"

    def _walk(self, value: Any, kind: str | None, depth: int, counts: Counter[str]) -> Any:
        if isinstance(value, dict | list) and depth >= DEEPEST:
            counts["too-deep"] += 1
            return "[too-deep]"
        if isinstance(value, dict):
            return self._object(value, kind, depth, counts)
        if isinstance(value, list):
            return [self._walk(item, kind, depth + 1, counts) for item in value]
        if isinstance(value, bool) or value is None or value == "":
            return value
        if kind is not None:
            return self._named(value, kind, counts)
        if isinstance(value, str):
            return self._text(value, counts)
        if isinstance(value, int) and value >= CARD_AS_NUMBER and money.card(str(value)):
            return self._pseudonym("card", str(value), counts)
        return value

    def _object(self, value: dict[str, Any], kind: str | None, depth: int, counts: Counter[str]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        # Headers and fields are told as pairs, too: {"name": "Authorization", "value": "..."}.
        paired = next((kind_of_name(value[one]) for one in PAIRED if isinstance(value.get(one), str)), None)
        for name, below in value.items():
            shown = self._text(name, counts)
            while shown in kept:
                shown += "'"
            below_is = kind or (paired if name == "value" else None) or kind_of_name(name)
            kept[shown] = self._walk(below, below_is, depth + 1, counts)
        return kept

    def _named(self, value: Any, kind: str, counts: Counter[str]) -> Any:
        """A value that its name gives away. The texts' own rules come first, so that it has the same pseudonym here."""
        if isinstance(value, str):
            whole = next((one for one in self._findings(value) if one.end - one.start == len(value)), None)
            if whole is not None:
                return self._pseudonym(whole.kind, whole.normal, counts)
            if _is_pseudonym(value):
                return value
        return self._pseudonym(kind, str(value), counts)

    def _text(self, text: str, counts: Counter[str]) -> str:
        pieces: list[str] = []
        reached = 0
        for start, end, kind, normal in self._findings(text):
            pieces += (text[reached:start], self._pseudonym(kind, normal, counts))
            reached = end
        return "".join((*pieces, text[reached:])) if pieces else text

    def _findings(self, text: str) -> list[Finding]:
        """In the order of the text and without overlaps: where two overlap both go, under the kind found first."""
        if not text.isascii():
            text = text.translate(_AS_TYPED)
        if not self._looks_everywhere and _is_plain(text):
            return []
        digits = sum(map(text.count, _DIGITS))
        has_letters = text.upper() != text.lower()
        ranked: list[tuple[int, int, Finding]] = []
        for rank, recogniser in enumerate(self._recognisers):
            if recogniser.digits > digits or (recogniser.letters and not has_letters):
                continue
            for one in recogniser.find(text):
                if not ranked and one.end - one.start == len(text):
                    return [one]  # whatever else is found lies within it, and comes later
                ranked.append((one.start, rank, one))
        if not ranked:
            return []
        ranked.sort(key=lambda each: each[:2])
        found: list[tuple[int, Finding]] = []
        for start, rank, one in ranked:
            if not found or start >= found[-1][1].end:
                found.append((rank, one))
                continue
            best, before = found[-1]
            kept = one if rank < best else before
            found[-1] = (min(rank, best), kept._replace(start=before.start, end=max(before.end, one.end)))
        return [one for _, one in found]

    def _pseudonym(self, kind: str, normal: str, counts: Counter[str]) -> str:
        counts[kind] += 1
        digest = hmac.digest(self._key, f"{kind}:{normal}".encode("utf-8", "surrogatepass"), "sha256")
        return f"[{kind}:{digest.hex()[:DIGITS]}]"


def _is_plain(text: str) -> bool:
    if len(text) < _SHORTEST and "@" not in text and ":" not in text:
        return True
    if _TELLING.search(text) is not None:
        return _UUID.fullmatch(text) is not None
    # The dotless i and the dotted I are an i to re.IGNORECASE too.
    lowered = text.casefold().replace("\u0131", "i").replace("i\u0307", "i")
    if "earer " in lowered or "asic " in lowered or " is " in lowered or "-----" in lowered:
        return False
    return _LONG_WORD.search(text) is None


def _is_pseudonym(value: str) -> bool:
    kind, colon, digits = value[1:-1].partition(":")
    return value[:1] == "[" and value[-1:] == "]" and bool(colon) and len(digits) == DIGITS and kind.islower()
