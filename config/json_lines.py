"""JSON as lines, each with the place it shows, so that something can be said at that place. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString

from config.json_html import coloured
from config.json_pointer import escape_token

MOST_LINES = 3_000


@dataclass(frozen=True, slots=True)
class Line:
    """``path`` is the JSON Pointer of the value that the line shows or begins; ``html`` is escaped."""

    path: str
    html: SafeString
    notes: Sequence[str] = field(default_factory=tuple)


def noted_lines(data: Any, notes: Mapping[str, Sequence[str]]) -> tuple[list[Line], int]:
    """The first ``MOST_LINES`` lines, each with the notes on its place, and how many lines there are.

    A note on a place that is not there stands at the nearest one above it; one past the last line, on the first line.
    """
    pairs = list(json_lines(data))
    shown = pairs[:MOST_LINES]
    first = {path: index for index, (_, path) in reversed(list(enumerate(shown)))}
    by_line: dict[int, list[str]] = {}
    for path, texts in notes.items():
        place = next((first[above] for above in _upwards(path) if above in first), 0)
        by_line.setdefault(place, []).extend(texts)
    html = coloured("\n".join(text for text, _ in shown)).split("\n")
    lines = [Line(path, SafeString(html[index]), by_line.get(index, ())) for index, (_, path) in enumerate(shown)]
    return lines, len(pairs)


def lines_html(lines: Sequence[Line]) -> SafeString:
    """A ``div`` a line with its notes. A template would take most of a page's time for a few hundred lines."""
    return SafeString("".join(_line_html(line) for line in lines))


def _line_html(line: Line) -> str:
    notes = "".join(f'<span class="json-fault">{escape(note)}</span>' for note in line.notes)
    kind = "json-line has-notes" if line.notes else "json-line"
    return f'<div class="{kind}" data-path="{escape(line.path)}">{line.html}{notes}</div>'


def json_lines(
    data: Any, path: str = "", margin: str = "", before: str = "", after: str = ""
) -> Iterator[tuple[str, str]]:
    """The lines of ``pretty_json(data)``, each with the JSON Pointer of what it shows."""
    if not isinstance(data, dict | list) or not data:
        yield f"{margin}{before}{json.dumps(data, ensure_ascii=False)}{after}", path
        return
    opening, closing = ("{", "}") if isinstance(data, dict) else ("[", "]")
    yield f"{margin}{before}{opening}", path
    entries = list(data.items()) if isinstance(data, dict) else list(enumerate(data))
    for number, (key, value) in enumerate(entries, start=1):
        name = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(data, dict) else ""
        comma = "," if number < len(entries) else ""
        yield from json_lines(value, f"{path}/{escape_token(key)}", f"{margin}  ", name, comma)
    yield f"{margin}{closing}{after}", path


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
