"""Showing a value without showing the document: short, on one line."""

import json
import re

LONGEST = 60
_SECRET = re.compile(r"passw|secret|token$|api.?key|authori[sz]ation|credential", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Tell whether a property's name says that its value must not be shown."""
    return _SECRET.search(name) is not None


def shorten(value: object, longest: int = LONGEST) -> str:
    """Describe a JSON value in at most about `longest` characters: scalars in JSON, containers by their size only."""
    if isinstance(value, dict):
        return _count(len(value), "an object with", "property", "properties")
    if isinstance(value, list):
        return _count(len(value), "an array of", "item", "items")
    if isinstance(value, str) and len(value) > longest:
        return f"{json.dumps(value[:longest], ensure_ascii=False)}… ({len(value):,} characters)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}…"


def _count(number: int, lead: str, one: str, many: str) -> str:
    return f"{lead} {number:,} {one if number == 1 else many}"
