"""Request bodies with schemas and documents, read as strictly as the registry reads, and kept as they were written."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any

from rest_framework.parsers import BaseParser

from config.problems import PayloadTooLarge
from ir_schemas.errors import UnusableJSON
from ir_schemas.validation import DEFAULT_LIMITS, JsonFault, parse_json

# A schema or a document stands inside the body's own object, one level down.
LIMITS = replace(DEFAULT_LIMITS, max_depth=DEFAULT_LIMITS.max_depth + 1)
_SPACE = re.compile(r"[ \t\n\r]*")
_decoder = json.JSONDecoder()


class Body(dict[str, Any]):
    """A JSON object with the ``text`` that it was read from."""

    def __init__(self, members: Mapping[str, Any], text: str) -> None:
        super().__init__(members)
        self.text = text

    def text_of(self, name: str) -> str:
        """How a member was written: jsonb keeps neither the order of keys nor the white space."""
        position = self._after_space(0) + 1
        while True:
            key, position = _decoder.raw_decode(self.text, self._after_space(position))
            begin = self._after_space(self._after_space(position) + 1)
            _, position = _decoder.raw_decode(self.text, begin)
            if key == name:
                return self.text[begin:position]
            position = self._after_space(position) + 1

    def _after_space(self, position: int) -> int:
        found = _SPACE.match(self.text, position)
        return found.end() if found else position


class StrictJSONParser(BaseParser):
    """JSON without duplicate keys, numbers no double holds, lone surrogates or endless nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value, an object as ``Body``. Raises ``UnusableJSON`` and ``PayloadTooLarge``."""
        raw = stream.read(LIMITS.max_bytes + 1)
        try:
            document = parse_json(raw, LIMITS)
        except JsonFault as fault:
            raise _refusal(fault) from fault
        return Body(document, raw.decode("utf-8-sig")) if isinstance(document, dict) else document


def _refusal(fault: JsonFault) -> UnusableJSON | PayloadTooLarge:
    if fault.code == "too-large":
        return PayloadTooLarge(f"The body has more than {LIMITS.max_bytes:,} bytes. Send a smaller document.")
    error = {
        "path": fault.path,
        "code": fault.code,
        "message": fault.message,
        "line": fault.line,
        "column": fault.column,
    }
    return UnusableJSON(fault.message, errors=[error])
