"""Payment cards and bank accounts."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from string import ascii_uppercase

from stdnum import iban, luhn, numdb

from monitoring.redaction.findings import Finding, Pattern, Recogniser

_AS_DIGITS = {ord(letter): str(int(letter, 36)) for letter in ascii_uppercase}


def card(found: str) -> str | None:
    """The digits of a card number, if they begin as an issuer's do and Luhn's sum holds."""
    digits = "".join(filter(str.isdigit, found))
    issued = digits[0] in "3456" or "2200" <= digits[:4] <= "2204" or "2221" <= digits[:4] <= "2720"
    issued = issued or digits.startswith("9792")
    return digits if issued and luhn.is_valid(digits) else None


class Ibans:
    """International account numbers, with or without spaces, in either case."""

    digits = 2
    letters = True

    # From the first digit on; the country's two letters stand before it.
    candidate = re.compile(r"[0-9](?<=(?<![A-Za-z0-9])[A-Za-z]{2}[0-9])[0-9](?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")

    def find(self, text: str) -> Iterator[Finding]:
        match = self.candidate.search(text)
        while match:
            start, end = match.start() - 2, match.start() + 1
            written = text[start : match.end()]
            length = _length(written[:2].upper())
            # The words after a number look like more of it.
            normal = _normal(written)[:length]
            if length and len(normal) == length and _mod_97(normal) == 1 and iban.is_valid(normal, check_country=False):
                stop = _reach(written, length)
                if not written[stop : stop + 1].isalnum():
                    end = start + stop
                    yield Finding(start, end, "iban", normal)
            match = self.candidate.search(text, end)


def _reach(written: str, length: int) -> int:
    """Where the first so many letters and digits end."""
    ends = (index + 1 for index, character in enumerate(written) if character.isalnum())
    return next(islice(ends, length - 1, None))


def _normal(written: str) -> str:
    return written.replace(" ", "").replace("-", "").upper()


@lru_cache(maxsize=26 * 26)
def _length(country: str) -> int:
    """How many characters a country's numbers have without spaces, all of them as many; 0 where it has none."""
    structure = next((facts["bban"] for _, facts in numdb.get("iban").info(country) if facts), None)
    return 4 + sum(map(int, re.findall("[0-9]+", structure))) if structure else 0


def _mod_97(normal: str) -> int:
    """ISO 7064, mod 97-10, as IBANs use it: the first four characters go last, letters count from 10."""
    return int((normal[4:] + normal[:4]).translate(_AS_DIGITS)) % 97


RECOGNISERS: tuple[Recogniser, ...] = (
    Ibans(),
    Pattern(
        "card",
        re.compile(
            r"[0-9](?<![\w.].)(?:[0-9]{12,18}"
            r"|[0-9]{3}(?P<four>[ -])[0-9]{4}(?P=four)[0-9]{4}(?P=four)[0-9]{4}(?:(?P=four)[0-9]{3})?"
            r"|[0-9]{3}(?P<six>[ -])[0-9]{6}(?P=six)[0-9]{4,5})(?!\w)"
        ),
        card,
        digits=13,
    ),
)
