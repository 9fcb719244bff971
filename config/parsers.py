"""Request bodies: JSON of a bounded size that PostgreSQL can store."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from config.problems import InvalidInput, PayloadTooLarge
from config.strict_json import object_of

ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class UnknownCompression(InvalidInput):
    code = "compression-unknown"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def read_json(body: bytes, *, only_storable: bool = False, keys_once: bool = False) -> Any:
    """The document in strict JSON and UTF-8. Raises ``ParseError`` for what is none.

    ``only_storable`` also refuses strings that no text of PostgreSQL holds, ``keys_once`` objects in which a key stands
    twice, of which the last counts otherwise.
    """
    try:
        text = body.decode()
        document = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=object_of if keys_once else None,
        )
    except RecursionError as error:
        raise ParseError("The body is nested too deeply.") from error
    except ValueError as error:
        too_long = "set_int_max_str_digits" in str(error)  # words for a programmer
        why = f"a number has more than {sys.get_int_max_str_digits()} digits" if too_long else error
        raise ParseError(f"The body is not JSON: {why}") from error
    if only_storable and ESCAPED.search(text) and is_unstorable(document):
        raise ParseError("The body has a string with a NUL character or half a surrogate pair; no text holds these.")
    return document


def is_unstorable(document: Any) -> bool:
    """Whether a string in it holds U+0000 or half a surrogate pair."""
    return any(UNSTORABLE.search(found) for found in _strings(document))


class BoundedJSONParser(BaseParser):
    """Strict JSON in UTF-8, at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes, which DRF's own parser does not heed."""

    media_type = "application/json"
    strictly = {"only_storable": True, "keys_once": True}

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The document.

        Raises ``ParseError`` for what is none or cannot be stored, ``PayloadTooLarge`` and ``UnknownCompression``.
        """
        _refuse_compression(parser_context)
        return read_json(_read_bounded(stream), **self.strictly)


class LinesParser(BaseParser):
    """JSON of one document a line, as its lines in bytes: whoever reads them says which line is amiss."""

    media_type = "application/x-ndjson"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The lines. Raises ``PayloadTooLarge`` and ``UnknownCompression``."""
        _refuse_compression(parser_context)
        return _read_bounded(stream).split(b"\n")


class BatchJSONParser(BoundedJSONParser):
    """For bodies whose items are judged each on its own: text that cannot be stored spoils only the item it is in.

    Of a key that stands twice the last counts, as most programs read it: what others did is recorded, not refused.
    """

    strictly = {}


def _refuse_compression(parser_context: Mapping[str, Any] | None) -> None:
    request = (parser_context or {}).get("request")
    encoding = request.headers.get("Content-Encoding", "") if request else ""
    if encoding.strip().lower() not in ("", "identity"):
        raise UnknownCompression(f"Content-Encoding {encoding[:40]!r} is not read here; send the body as it is.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is out of range")
    return number


def _strings(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value


def _read_bounded(stream: IO[Any]) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"The body has more than {limit} bytes. Send less at a time.")
    return body
