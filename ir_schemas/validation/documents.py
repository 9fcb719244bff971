"""The door every document comes in by: what is JSON, what PostgreSQL can store, and what is small enough to check.

JSON's grammar (RFC 8259) allows more than can be kept: objects with the same key twice, numbers no double holds, lone
surrogates, NUL characters. Each is refused here, with its place, before a validator or the database sees it.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from math import isfinite
from typing import Any, NoReturn

from config.json_pointer import escape_token
from ir_schemas.validation.positions import Position, Token, line_and_column, locate, scan

MOST_SCANNED = 100_000  # tokens looked through for the place of a fault; past them it is told without its place
NOT_FINITE = "NaN, Infinity and numbers past 1.8e308 are not JSON numbers."
OUT_OF_RANGE = "The number is out of range: the largest is about 1.8e308."


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a document may be: bytes of UTF-8 text, containers inside one another, and values in all.

    `storable` asks that all its text can be kept in PostgreSQL's jsonb, which takes no NUL character.
    """

    max_bytes: int = 10_000_000
    max_depth: int = 100
    max_values: int = 500_000
    storable: bool = True


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What the pre-pass counted.

    Values (keys aside), the characters of all strings and keys, and the depth of containers (a bare string has 0).
    """

    values: int
    characters: int
    depth: int


class JsonFault(ValueError):
    """A document that cannot be taken as JSON, or not stored.

    `code` is stable, `path` is a JSON Pointer; `line` and `column` count from 1 and are None where there is no text.
    """

    def __init__(self, code: str, message: str, *, path: str = "", position: Position | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.line = position.line if position else None
        self.column = position.column if position else None


class _DuplicateKey(ValueError):
    pass


class _NotANumber(ValueError):
    pass


def parse_json(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the value that `text` spells, checked as `check_document` does. Raises JsonFault with line and column."""
    source = _decode(text, limits)
    try:
        data = json.loads(source, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        message = f"This is not JSON: {error.msg[0].lower()}{error.msg[1:]}."
        raise JsonFault("json-syntax", message, position=Position(error.lineno, error.colno)) from None
    except RecursionError:
        raise JsonFault("too-deep", _too_deep(limits)) from None
    except ValueError as error:
        raise _fault_of_reading(source, error) from None
    try:
        check_document(data, limits)
    except JsonFault as fault:
        position = locate(source, [fault.path]).get(fault.path)
        raise JsonFault(fault.code, fault.message, path=fault.path, position=position) from None
    return data


def check_document(data: object, limits: Limits = DEFAULT_LIMITS) -> DocumentFacts:
    """Check a Python value as a document: JSON's types, finite numbers, storable strings, bounded depth and count.

    Visits values level by level, without recursion, and stops at the first limit passed; a structure that contains
    itself is therefore too deep. Raises JsonFault with the path of the first fault.
    """
    count, depth = 1, 0
    level, characters = _sort_out([data], [], data, limits)
    while level:
        depth += 1
        if depth > limits.max_depth:
            raise _first_fault(data, limits)
        count += sum(map(len, level))
        if count > limits.max_values:
            raise JsonFault("too-many-values", f"The document has more than {limits.max_values:,} values.")
        values = chain.from_iterable(node.values() if type(node) is dict else node for node in level)
        names = list(chain.from_iterable(node for node in level if type(node) is dict))
        level, more = _sort_out(values, names, data, limits)
        characters += more
    return DocumentFacts(values=count, characters=characters, depth=depth)


def _sort_out(values: Iterable[Any], strings: list[str], data: object, limits: Limits) -> tuple[list[Any], int]:
    """Return the containers among `values`, and the characters in all strings, once all is seen to be sound."""
    containers: list[Any] = []
    numbers: list[float] = []
    for value in values:
        kind = type(value)
        if kind is str:
            strings.append(value)
        elif kind is dict or kind is list:
            containers.append(value)
        elif kind is float or kind is int:
            numbers.append(value)
        elif value is not None and kind is not bool:
            raise _first_fault(data, limits)
    try:
        joined = "".join(strings)
    except TypeError:  # a key that is no string
        raise _first_fault(data, limits) from None
    if not (_is_sound(joined, limits) and _are_finite(numbers)):
        raise _first_fault(data, limits)
    return containers, len(joined)


def _is_sound(text: str, limits: Limits) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text or not limits.storable


def _are_finite(numbers: Iterable[float]) -> bool:
    """Tell whether all these numbers are finite in any reader: none past the range of a double."""
    try:
        return all(map(isfinite, numbers))
    except OverflowError:
        return False


def _first_fault(data: object, limits: Limits) -> JsonFault:
    """Find the first fault in document order. Only called when there is one, so it may take its time."""
    stack: list[tuple[Any, str, int]] = [(data, "", 0)]
    while stack:
        value, path, depth = stack.pop()
        fault = _fault_of(value, path, depth, limits)
        if fault is not None:
            return fault
        if type(value) is dict:
            children = [(child, f"{path}/{escape_token(key)}", depth + 1) for key, child in value.items()]
        elif type(value) is list:
            children = [(child, f"{path}/{index}", depth + 1) for index, child in enumerate(value)]
        else:
            continue
        stack.extend(reversed(children))
    raise AssertionError("a fault was seen that is no longer there: the document changed while it was checked")


def _fault_of(value: Any, path: str, depth: int, limits: Limits) -> JsonFault | None:
    kind = type(value)
    if kind is str:
        return _fault_of_string(value, path, "This text", limits)
    if (kind is int or kind is float) and not _are_finite([value]):
        if kind is float:
            return JsonFault("not-finite-number", NOT_FINITE, path=path)
        return JsonFault("number-out-of-range", OUT_OF_RANGE, path=path)
    if kind is dict or kind is list:
        if depth >= limits.max_depth:
            return JsonFault("too-deep", _too_deep(limits), path=path)
        return _fault_of_keys(value, path, limits) if kind is dict else None
    if value is None or kind in (bool, int, float):
        return None
    message = f"A value of Python type {kind.__name__} is not JSON. Convert it before handing it over."
    return JsonFault("not-json-type", message, path=path)


def _fault_of_keys(value: dict[Any, Any], path: str, limits: Limits) -> JsonFault | None:
    for key in value:
        if type(key) is not str:
            message = f"An object's keys must be plain strings; one is of Python type {type(key).__name__}."
            return JsonFault("not-json-type", message, path=path)
        fault = _fault_of_string(key, path, "A property name", limits)
        if fault is not None:
            return fault
    return None


def _fault_of_string(value: str, path: str, what: str, limits: Limits) -> JsonFault | None:
    if limits.storable and "\x00" in value:
        return JsonFault("nul-character", f"{what} has a NUL character (\\u0000), which can't be stored.", path=path)
    if any("\ud800" <= character <= "\udfff" for character in value):
        return JsonFault("lone-surrogate", f"{what} has half of a surrogate pair, which is no character.", path=path)
    return None


def _decode(text: str | bytes, limits: Limits) -> str:
    if _size(text) > limits.max_bytes:
        raise JsonFault("too-large", f"The document is larger than the limit of {limits.max_bytes:,} bytes.")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        position = line_and_column(before, len(before))
        raise JsonFault("not-utf-8", f"The text is not UTF-8 at byte {error.start + 1}.", position=position) from None


def _size(text: str | bytes) -> int:
    if isinstance(text, bytes) or text.isascii():
        return len(text)
    return len(text.encode(errors="surrogatepass"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKey
    return result


def _refuse_constant(_name: str) -> NoReturn:
    raise _NotANumber


def _fault_of_reading(source: str, error: ValueError) -> JsonFault:
    """Say where the reader stumbled. It knows only what over, so the text is scanned again."""
    is_fault: Callable[[Token], bool]
    if isinstance(error, _DuplicateKey):
        is_fault, code, message = partial(_is_repeated, set()), "duplicate-key", "This key stands twice in one object."
    elif isinstance(error, _NotANumber):
        is_fault, code, message = _is_constant, "not-finite-number", NOT_FINITE
    else:
        is_fault, code, message = _is_long_number, "number-out-of-range", OUT_OF_RANGE
    token = next(filter(is_fault, islice(scan(source), MOST_SCANNED)), None)
    if token is None:
        return JsonFault(code, message)
    return JsonFault(code, message, path=token.path, position=line_and_column(source, token.offset))


def _is_repeated(seen: set[str], token: Token) -> bool:
    if not token.is_key:
        return False
    if token.path in seen:
        return True
    seen.add(token.path)
    return False


def _is_constant(token: Token) -> bool:
    return token.text in ("NaN", "Infinity", "-Infinity")


def _is_long_number(token: Token) -> bool:
    return len(token.text) > sys.int_info.default_max_str_digits and token.text.lstrip("-").isdigit()


def _too_deep(limits: Limits) -> str:
    return f"The document nests objects and arrays more than {limits.max_depth} deep."
