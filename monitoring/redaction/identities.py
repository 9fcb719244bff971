"""Numbers that states give to people. python-stdnum knows their check digits; the table knows how they are written."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

from monitoring.redaction.findings import Finding


class Identity(NamedTuple):
    """``shape`` has 9 for a digit and A for a capital letter; ``module`` is stdnum's, empty where it has none.

    A shape that much else has counts only where one of ``words`` stands before it.
    """

    shape: str
    module: str
    words: tuple[str, ...] = ()


IDENTITIES = (
    Identity("999-99-9999", "us.ssn"),
    Identity("999999999", "us.ssn", ("ssn", "social security")),
    Identity("999 99 9999", "us.ssn", ("ssn", "social security")),
    Identity("AA999999A", "", ("insurance", "nino", "ni number")),
    Identity("AA 99 99 99 A", ""),
    Identity("999 999 9999", "gb.nhs", ("nhs",)),
    Identity("9999999999", "gb.nhs", ("nhs",)),
    Identity("999999999999999", "fr.nir"),
    Identity("9 99 99 99 999 999 99", "fr.nir"),
    Identity("99999999999", "de.idnr", ("steuer", "idnr", "tax")),
    Identity("99 999 999 999", "de.idnr"),
    Identity("99999999A", "es.dni"),
    Identity("A9999999A", "es.nie"),
    Identity("AAAAAA99A99A999A", "it.codicefiscale"),
    Identity("999999999", "nl.bsn", ("bsn", "burgerservice")),
    Identity("99.99.99-999.99", "be.nn"),
    Identity("99999999999", "be.nn", ("registre", "rijksregister", "national")),
    Identity("999.9999.9999.99", "ch.ssn"),
    Identity("99999999999", "pl.pesel"),
    Identity("999999-9999", "se.personnummer"),
    Identity("99999999-9999", "se.personnummer"),
    Identity("999999-9999", "dk.cpr"),
    Identity("999999-999A", "fi.hetu"),
    Identity("999999+999A", "fi.hetu"),
    Identity("999999A999A", "fi.hetu"),
    Identity("99999999999", "no.fodselsnummer"),
    Identity("999999 99999", "no.fodselsnummer"),
    Identity("9999999A", "ie.pps"),
    Identity("9999999AA", "ie.pps"),
    Identity("9999999999999", "ro.cnp", ("cnp", "personal")),
    Identity("999999/9999", "cz.rc"),
    Identity("999.999.999-99", "br.cpf"),
    Identity("999 999 999", "ca.sin", ("sin", "social insurance")),
    Identity("999-999-999", "ca.sin"),
    Identity("999 999 999", "au.tfn", ("tfn", "tax file")),
    Identity("999999999999999999", "cn.ric"),
    Identity("99999999999999999A", "cn.ric"),
    Identity("9999 9999 9999", "in_.aadhaar"),
    Identity("999999-9999999", "kr.rrn"),
    Identity("9999999999999", "za.idnr", ("id",)),
    Identity("99999999999", "tr.tckimlik", ("kimlik", "tckn")),
    Identity("AAAA999999AAAAAA99", "mx.curp"),
)
_SHAPE = str.maketrans("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", "9" * 10 + "A" * 26)
_SEPARATORS = re.compile("[^0-9A-Z]")
_WORDS_WITHIN = 32  # characters


class Identities:
    """Finds runs that have one of the shapes, and asks who issues such numbers."""

    digits = min(identity.shape.count("9") for identity in IDENTITIES)
    letters = False

    def __init__(self) -> None:
        self._by_shape: dict[str, list[Identity]] = {}
        for identity in IDENTITIES:
            self._by_shape.setdefault(identity.shape, []).append(identity)
        spaced = "|".join(
            shape[1:].replace("9", "[0-9]").replace("A", "[A-Z]")
            for shape in sorted(self._by_shape, key=len, reverse=True)
            if " " in shape
        )
        self._unspaced = re.compile(r"[0-9A-Z](?<![\w.+/-].)(?:[0-9A-Z]|[-.+/](?=[0-9A-Z])){7,}+(?!\w)")
        self._spaced = re.compile(rf"[0-9A-Z](?<!\w.)(?:{spaced})(?!\w)")

    def find(self, text: str) -> Iterator[Finding]:
        for expression in (self._unspaced, self._spaced) if " " in text else (self._unspaced,):
            for match in expression.finditer(text):
                for identity in self._by_shape.get(match[0].translate(_SHAPE), ()):
                    if _announced(identity, text, match.start()) and _is_valid(
                        identity.module, match[0].replace(" ", "")
                    ):
                        yield Finding(*match.span(), "national-id", _SEPARATORS.sub("", match[0]))
                        break


def _announced(identity: Identity, text: str, start: int) -> bool:
    if not identity.words:
        return True
    before = text[max(0, start - _WORDS_WITHIN) : start].lower()
    return any(word in before for word in identity.words)


@lru_cache(maxsize=1024)
def _is_valid(module: str, number: str) -> bool:
    return not module or bool(import_module(f"stdnum.{module}").is_valid(number))
