"""Keys, tokens and passwords: by how they begin, and by the name before them."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from monitoring.redaction.findings import Finding, Pattern, Recogniser

# What issuers put before their keys, and the least that follows.
PREFIXES = (
    ("sk-", r"[\w-]{16,}"),
    ("sk_live_", r"\w{10,}"),
    ("sk_test_", r"\w{10,}"),
    ("rk_live_", r"\w{10,}"),
    ("whsec_", r"\w{16,}"),
    ("ghp_", r"\w{20,}"),
    ("gho_", r"\w{20,}"),
    ("ghs_", r"\w{20,}"),
    ("ghu_", r"\w{20,}"),
    ("github_pat_", r"\w{20,}"),
    ("glpat-", r"[\w-]{16,}"),
    ("xoxb-", r"[\w-]{10,}"),
    ("xoxp-", r"[\w-]{10,}"),
    ("xoxa-", r"[\w-]{10,}"),
    ("xapp-", r"[\w-]{10,}"),
    ("AKIA", r"[A-Z0-9]{16}"),
    ("ASIA", r"[A-Z0-9]{16}"),
    ("AIza", r"[\w-]{30,}"),
    ("ya29.", r"[\w-]{20,}"),
    ("hf_", r"[A-Za-z0-9]{20,}"),
    ("npm_", r"[A-Za-z0-9]{30,}"),
    ("pypi-", r"[\w-]{30,}"),
    ("SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    ("shpat_", r"[a-f0-9]{32}"),
    ("dop_v1_", r"[a-f0-9]{40,}"),
    ("pat-", r"[a-z]{2}[0-9]-[a-f0-9-]{30,}"),
    ("gsk_", r"[A-Za-z0-9]{20,}"),
    ("eyJ", r"[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"),
)
_NAMED = r"passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|private|account)[ _-]?key|credentials?|authorization"
_PSEUDONYM = r"(?<=\[)[a-z-]{2,20}:[0-9a-f]{10}\]"
_WORTHY_BITS = 2.5  # per character
_SHORTEST = 8


def looks_random(value: str) -> str | None:
    """The value, if it is long and mixed enough to be a secret rather than a word of a sentence."""
    kinds = sum(re.search(kind, value) is not None for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    if len(value) < _SHORTEST or kinds < 2 or value.startswith("["):
        return None
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return value if bits >= _WORTHY_BITS else None


class PrivateKeys:
    """PEM blocks; one that does not end is taken to the end of the text."""

    digits = 0

    begin = "-----BEGIN "
    end = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")

    def find(self, text: str) -> Iterator[Finding]:
        start = text.find(self.begin)
        while start >= 0:
            closing = self.end.search(text, start)
            stop = closing.end() if closing else len(text)
            if "PRIVATE KEY" in text[start : start + 60]:
                yield Finding(start, stop, "private-key", text[start:stop])
            start = text.find(self.begin, stop)


class Tokens:
    """What begins as issuers' keys do. One recogniser for all: most texts have none of them."""

    digits = 0

    def __init__(self) -> None:
        # By the last character of how they begin, as few texts have the usual two, "_" and "-".
        self._by_mark: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for begin, tail in PREFIXES:
            expression = re.compile(rf"(?<![A-Za-z0-9]){re.escape(begin)}{tail}")
            self._by_mark.setdefault(begin[-1], []).append((begin, expression))

    def find(self, text: str) -> Iterator[Finding]:
        for mark, expressions in self._by_mark.items():
            if mark not in text:
                continue
            for begin, expression in expressions:
                if begin in text:
                    yield from (Finding(*match.span(), "token", match[0]) for match in expression.finditer(text))


RECOGNISERS: tuple[Recogniser, ...] = (
    PrivateKeys(),
    Pattern("credentials", re.compile(r"://(?P<value>[^\s/:@\"'<>]{0,200}:[^\s/@\"'<>]{1,200})@"), hints=("://",)),
    Tokens(),
    Pattern(
        "token",
        re.compile(r"(?<![A-Za-z0-9])(?:Bearer|Basic) (?P<value>[\w.~+/=-]{8,})"),
        looks_random,
        hints=("Bearer ", "Basic "),
    ),
    Pattern(
        "secret",
        re.compile(
            rf"(?!{_PSEUDONYM})(?:{_NAMED})[\"']?[ \t]{{0,3}}(?:[:=]|is\b)>?[ \t]{{0,3}}[\"']?"
            r"(?P<value>[^\s\"',;<>&]{8,200})",
            re.IGNORECASE,
        ),
        looks_random,
        hints=("passw", "passp", "pwd", "secret", "token", "key", "credential", "authorization"),
        any_case=True,
    ),
)
