"""One spelling for one JSON value, so that equal documents have equal hashes.

The form is RFC 8785 (JSON Canonicalization Scheme) with one difference, in numbers. RFC 8785 writes every number as
a double, which changes integers past 2**53. Here a whole number is written with all its digits, whether it came as an
`int` or a `float`, so no digit is lost and 1, 1.0 and 1e0 are one value, as they are to JSON Schema.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode

_WHOLE_FLOATS = (".0,", ".0]", ".0}")
_EXPONENT = re.compile(r"e[-+][0-9]{2,3}(?:[,\]}]|$)")
_PAST_BMP = re.compile("[\U00010000-\U0010ffff]")


def canonical_json(data: object) -> bytes:
    """Return the canonical UTF-8 text of `data`, a JSON value whose objects have string keys.

    Raises ValueError for NaN, infinities, lone surrogates and values nested past Python's recursion limit, and
    TypeError for what is not JSON.
    """
    try:
        text = _encode(data)
        if _is_maybe_uncanonical(text):
            text = "".join(_pieces(data))
        return text.encode()
    except RecursionError:
        raise ValueError("The document is nested too deeply to be written.") from None


def content_hash(data: object) -> str:
    """Return the SHA-256 of the canonical form, as 64 hexadecimal digits. Raises what `canonical_json` raises."""
    return hash_of_canonical(canonical_json(data))


def hash_of_canonical(text: bytes) -> str:
    """Return the SHA-256 of what `canonical_json` gave, as 64 hexadecimal digits."""
    return hashlib.sha256(text).hexdigest()


def _is_maybe_uncanonical(text: str) -> bool:
    """Whether the standard encoder may have written something otherwise than the canonical form.

    That is `1.0`, exponents, and keys past U+FFFF, which RFC 8785 sorts by UTF-16 code units. One found inside a string
    is harmless: the slow way gives the same bytes. One expression for all took longer than the encoding.
    """
    return (
        text.endswith(".0")
        or any(end in text for end in _WHOLE_FLOATS)
        or (("e-" in text or "e+" in text) and _EXPONENT.search(text) is not None)
        or (not text.isascii() and _PAST_BMP.search(text) is not None)
    )


def _pieces(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for index, key in enumerate(sorted(value, key=_utf16)):
            yield ("," if index else "") + _encode(key) + ":"
            yield from _pieces(value[key])
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ","
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, float):
        yield _number(value)
    else:
        yield _encode(value)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def _number(value: float) -> str:
    """Write a finite float as ECMAScript does (Number::toString), but whole numbers with all their digits."""
    if value.is_integer():
        return str(int(value))
    shortest = float.__repr__(value)
    mantissa, has_exponent, exponent = shortest.partition("e-")
    if not has_exponent:
        return shortest
    return format(Decimal(shortest), "f") if int(exponent) <= 6 else f"{mantissa}e-{int(exponent)}"
