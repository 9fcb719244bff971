"""Files of one JSON document a line, from strangers."""

import json
from typing import Any

from config.canonical import canonical_json
from config.parsers import is_unstorable
from config.strict_json import object_of


class LineFault(Exception):
    """What is wrong with a line, worded to stand behind its number."""


def read_line(line: bytes, *, most_bytes: int) -> tuple[Any, bytes]:
    """The document of the line and its canonical form. Raises ``LineFault`` for one that could not be kept."""
    if len(line) > most_bytes:
        raise LineFault(f"it has more than {most_bytes:,} bytes")
    try:
        document = json.loads(line, object_pairs_hook=object_of)
        text = canonical_json(document)
    except (ValueError, RecursionError) as error:
        raise LineFault(f"this is not JSON that can be stored: {error}") from error
    if rb"\u0000" in text and is_unstorable(document):
        raise LineFault("a text in it holds the character U+0000")
    return document, text
