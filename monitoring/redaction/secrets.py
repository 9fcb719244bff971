"""Keys, tokens and passwords: by how they begin, and by the name before them."""

import base64
import math
import re
from collections import Counter
from collections.abc import Iterator
from string import ascii_uppercase

from monitoring.redaction.findings import Finding, Pattern, Recogniser
from monitoring.redaction.names import kind_of_name

# What issuers put before their keys, and the least that follows.
PREFIXES = (
    ("sk-", r"[\w-]{16,}"),
    ("sk_live_", r"\w{10,}"),
    ("sk_test_", r"\w{10,}"),
    ("rk_live_", r"\w{10,}"),
    ("rk_test_", r"\w{10,}"),
    ("whsec_", r"\w{16,}"),
    ("ghp_", r"\w{20,}"),
    ("gho_", r"\w{20,}"),
    ("ghs_", r"\w{20,}"),
    ("ghu_", r"\w{20,}"),
    ("ghr_", r"\w{20,}"),
    ("github_pat_", r"\w{20,}"),
    ("glpat-", r"[\w-]{16,}"),
    ("gldt-", r"[\w-]{16,}"),
    ("glrt-", r"[\w-]{16,}"),
    ("glptt-", r"[\w-]{16,}"),
    ("xoxb-", r"[\w-]{10,}"),
    ("xoxp-", r"[\w-]{10,}"),
    ("xoxa-", r"[\w-]{10,}"),
    ("xoxe-", r"[\w-]{10,}"),
    ("xoxe.", r"[\w-]{10,}"),
    ("xoxr-", r"[\w-]{10,}"),
    ("xoxs-", r"[\w-]{10,}"),
    ("xwfp-", r"[\w-]{10,}"),
    ("xapp-", r"[\w-]{10,}"),
    ("hooks.slack.com/services/", r"[\w/]{16,}"),
    ("discord.com/api/webhooks/", r"[0-9]+/[\w-]{16,}"),
    ("AKIA", r"[A-Z0-9]{16}"),
    ("ASIA", r"[A-Z0-9]{16}"),
    ("AIza", r"[\w-]{30,}"),
    ("ya29.", r"[\w-]{20,}"),
    ("GOCSPX-", r"[\w-]{16,}"),
    ("1//0", r"[\w-]{30,}"),
    ("hf_", r"[A-Za-z0-9]{20,}"),
    ("npm_", r"[A-Za-z0-9]{30,}"),
    ("pypi-", r"[\w-]{30,}"),
    ("SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    ("shpat_", r"[a-f0-9]{32}"),
    ("shpca_", r"[a-f0-9]{32}"),
    ("shppa_", r"[a-f0-9]{32}"),
    ("shpss_", r"[a-f0-9]{32}"),
    ("dop_v1_", r"[a-f0-9]{40,}"),
    ("doo_v1_", r"[a-f0-9]{40,}"),
    ("dor_v1_", r"[a-f0-9]{40,}"),
    ("pat-", r"[a-z]{2}[0-9]-[a-f0-9-]{30,}"),
    ("gsk_", r"[A-Za-z0-9]{20,}"),
    ("xai-", r"[A-Za-z0-9]{40,}"),
    ("pplx-", r"[A-Za-z0-9]{32,}"),
    ("r8_", r"[A-Za-z0-9]{30,}"),
    ("nvapi-", r"[\w-]{40,}"),
    ("tvly-", r"[\w-]{20,}"),
    ("lin_api_", r"[A-Za-z0-9]{30,}"),
    ("ntn_", r"[A-Za-z0-9]{40,}"),
    ("secret_", r"[A-Za-z0-9]{40,}"),
    ("dapi", r"[a-f0-9]{32}"),
    ("key-", r"[a-f0-9]{32}"),
    ("sq0atp-", r"[\w-]{20,}"),
    ("sq0csp-", r"[\w-]{20,}"),
    ("glsa_", r"[A-Za-z0-9]{20,}_[a-f0-9]{8}"),
    ("phx_", r"[A-Za-z0-9]{30,}"),
    ("sntrys_", r"[\w+/=]{30,}"),
    ("dckr_pat_", r"[\w-]{20,}"),
    ("hvs.", r"[\w-]{20,}"),
    ("sbp_", r"[a-f0-9]{40}"),
    ("figd_", r"[\w-]{30,}"),
    ("ATATT3", r"[\w=-]{40,}"),
    ("LTAI", r"[A-Za-z0-9]{16,}"),
    ("AGE-SECRET-KEY-1", r"[A-Z0-9]{40,}"),
    ("eyJ", r"[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"),
)
_NAMED = (
    r"passw(?:or)?[dt]|passphrase|kennwort|contrase\u00f1a|mot de passe|pwd|secret(?:[ _-]?key)?|token|"
    r"(?:api|access|private|account|signing|encryption)[ _-]?key|credentials?|authorization|sess(?:ion)?[ _-]?id"
)
_NAMED_BY = (
    *("passw", "passp", "kennwort", "contrase", "mot de passe", "pwd", "secret", "token", "key", "credential"),
    *("authorization", "sess"),
)
_PSEUDONYM = re.compile(r"\[[a-z-]{2,20}:[0-9a-f]{10}\]")
_SMALL = {ord(letter): letter.lower() for letter in ascii_uppercase}
_WORTHY_BITS = 2.5  # per character
_SHORTEST = 8


def looks_random(value: str) -> str | None:
    """The value, if it is long and mixed enough to be a secret rather than a word of a sentence."""
    if len(value) < _SHORTEST or value.startswith("[") or _PSEUDONYM.search(value):
        return None
    if sum(re.search(kind, value) is not None for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]")) < 2:
        return None
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return value if bits >= _WORTHY_BITS else None


def is_basic(value: str) -> str | None:
    """The value, if it is ``user:password`` in base64, as HTTP's scheme has it."""
    try:
        told = base64.b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return None
    return value if b":" in told else None


class PrivateKeys:
    """PEM blocks; one that does not end is taken to the end of the text."""

    digits = 0
    letters = True

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
    letters = True

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


class Assigned:
    """What is told after a name of secrets: mixed values, of passwords all but words, and in quotes anything."""

    digits = 0
    letters = True

    # In small letters without a flag: so the engine skips to the letters that names begin with.
    names = re.compile(_NAMED)
    passwords = ("passw", "passp", "kennwort", "pwd")
    value = re.compile(
        r"[\"']?[ \t]{0,3}(?:(?P<sign>[:=])|[iI][sS]\b)>?[ \t]{0,3}"
        r"(?:(?P<quote>[\"'])(?P<quoted>[^\"'\n\[][^\"'\n]{0,200})(?P=quote)|[\"']?(?P<bare>[^\s\"',;<>&]{4,200}))"
    )

    def find(self, text: str) -> Iterator[Finding]:
        for name in self.names.finditer(_lowered(text)):
            match = self.value.match(text, name.end())
            if not match or _PSEUDONYM.match(text, max(0, name.start() - 1)):
                continue
            if match["sign"] and match["quoted"]:
                yield Finding(*match.span("quoted"), "secret", match["quoted"])
            elif match["bare"]:
                is_word = match["bare"].isalpha() or _PSEUDONYM.search(match["bare"])
                is_password = match["sign"] and name[0].startswith(self.passwords) and not is_word
                if is_password or looks_random(match["bare"]):
                    yield Finding(*match.span("bare"), "secret", match["bare"])


def _lowered(text: str) -> str:
    """In small letters, each where it was: a few letters have none of one character."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_SMALL)


class Named:
    """What a name before it gives away within a text: in JSON, also as a text in JSON, in XML, and in addresses.

    The names are those of properties, so that a document is redacted alike whether it comes as one or written out.
    """

    digits = 0
    letters = True

    member = re.compile(r"[\"'](?P<name>[A-Za-z_][\w .-]{0,60}+)\\{0,8}[\"']\s{0,3}:\s{0,3}")
    element = re.compile(r"<(?P<name>[A-Za-z_][\w:.-]{0,60}+)>(?=[^<>]{1,2000}+</)")
    parameter = re.compile(r"[?&;](?P<name>[A-Za-z_][\w.-]{0,60}+)=")
    quoted = re.compile(
        r"(?P<slashes>\\{0,8})\"(?P<value>(?:[^\"\\]|(?!(?P=slashes)\")\\.)++)|'(?P<single>[^'\\\n]++)|(?P<bare>-?[0-9][0-9.]*+)",
        re.DOTALL,
    )
    content = re.compile(r"(?P<value>[^<>]++)")
    argument = re.compile(r"(?P<value>[^\s&#;\"'<>\\]++)")
    forms = ((":", member, quoted), ("</", element, content), ("=", parameter, argument))
    # Names that say so only where the value looks like one, as much else has them.
    vague = frozenset(("key", "sig", "signature", "code", "auth", "pw", "pass", "sid", "session"))

    def find(self, text: str) -> Iterator[Finding]:
        for mark, head, tail in self.forms:
            if mark in text:
                yield from self._after(text, head, tail)

    def _after(self, text: str, head: re.Pattern[str], tail: re.Pattern[str]) -> Iterator[Finding]:
        found = head.search(text)
        while found:
            reached = found.end()
            kind = kind_of_name(found["name"])
            vague = kind is None and head is self.parameter and found["name"].lower() in self.vague
            match = tail.match(text, reached) if kind or vague else None
            if match and match.lastgroup:
                start, reached = match.span(match.lastgroup)
                value = match[match.lastgroup]
                if not _PSEUDONYM.search(value) and (kind or looks_random(value)):
                    yield Finding(start, reached, kind or "secret", value)
            found = head.search(text, reached)


_ANNOUNCED: tuple[tuple[tuple[str, ...], Recogniser], ...] = (
    (
        ("basic ",),
        Pattern("token", re.compile(r"(?<![a-z0-9])basic (?P<value>[\w.~+/=-]{8,})", re.IGNORECASE), is_basic),
    ),
    (
        ("bearer ", "authorization"),
        Pattern(
            "token",
            re.compile(
                r"(?:(?<![a-z0-9])bearer|authorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?[a-z-]{2,20}) "
                r"(?P<value>[\w.~+/=-]{8,})",
                re.IGNORECASE,
            ),
            looks_random,
        ),
    ),
    (
        ("cookie",),
        Pattern(
            "secret",
            re.compile(
                r"(?<![a-z])(?:set-)?cookie: ?(?P<value>[^\s=\[\]\"']{1,200}=[^\r\n\"']{1,4000}+)", re.IGNORECASE
            ),
        ),
    ),
    (_NAMED_BY, Assigned()),
    (
        ("--",),
        Pattern(
            "secret",
            re.compile(rf"--(?:[\w-]{{0,20}}-)?(?:{_NAMED}) (?P<value>[^\s\"',;<>&]{{8,200}})", re.IGNORECASE),
            looks_random,
        ),
    ),
    (
        ("cvv", "cvc", "otp", "pin"),
        Pattern(
            "secret",
            re.compile(
                r"(?<![a-z])(?:cvv2?|cvc2?|otp|pin(?: code)?)[ \t]{0,2}(?:[:=]|is\b)[ \t]{0,2}"
                r"(?P<value>[0-9]{3,8})(?![\w.])",
                re.IGNORECASE,
            ),
        ),
    ),
)


class Announced:
    """What words before it give away. One recogniser for all, as most texts have none of the words."""

    digits = 0
    letters = True

    words = tuple({word for words, _ in _ANNOUNCED for word in words})

    def find(self, text: str) -> Iterator[Finding]:
        lowered = text.lower()
        there = set(filter(lowered.__contains__, self.words))
        for words, recogniser in _ANNOUNCED if there else ():
            if not there.isdisjoint(words):
                yield from recogniser.find(text)


RECOGNISERS: tuple[Recogniser, ...] = (
    PrivateKeys(),
    Pattern("credentials", re.compile(r"://(?P<value>[^\s/:@\"'<>]{0,200}:[^\s/@\"'<>]{1,200})@"), hints=("://",)),
    Tokens(),
    Announced(),
)
