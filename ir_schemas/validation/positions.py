"""Where in a JSON text a value stands."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_TEXT = 4_000_000  # characters; past that no one looks for a line number, and the scan would take seconds
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Token:
    """A value or a key in a JSON text: the JSON Pointer of the value, its offset, and how it begins in the text."""

    path: str
    offset: int
    text: str
    is_key: bool


def line_and_column(text: str, offset: int) -> Position:
    """Turn an offset into a line and a column."""
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def locate(text: str, paths: Iterable[str]) -> dict[str, Position]:
    """Find where the values at these JSON Pointers begin. Paths that aren't in the text are left out."""
    wanted = set(paths)
    found: dict[str, Position] = {}
    if not wanted or len(text) > LONGEST_TEXT:
        return found
    for token in scan(text):
        if not token.is_key and token.path in wanted:
            found[token.path] = line_and_column(text, token.offset)
            if len(found) == len(wanted):
                break
    return found


def escape(key: object) -> str:
    """Escape one token of a JSON Pointer (RFC 6901)."""
    return str(key).replace("~", "~0").replace("/", "~1")


class _Frame:
    """An object or an array that is open at this point of the scan."""

    __slots__ = ("awaits_key", "index", "is_object", "path")

    def __init__(self, path: str, *, is_object: bool) -> None:
        self.path = path
        self.is_object = is_object
        self.awaits_key = is_object
        self.index: object = 0

    def child(self) -> str:
        return f"{self.path}/{escape(self.index)}"

    def step(self) -> None:
        """Go past a comma."""
        if self.is_object:
            self.awaits_key = True
        elif isinstance(self.index, int):
            self.index += 1


def scan(text: str) -> Iterator[Token]:
    """Yield the keys and values of a JSON text in order. Text that is not quite JSON is read as far as it goes."""
    frames: list[_Frame] = []
    for match in _TOKEN.finditer(text):
        lexeme, offset = match.group(), match.start()
        if lexeme in "}]":
            if frames:
                frames.pop()
        elif lexeme == ",":
            if frames:
                frames[-1].step()
        elif lexeme != ":":
            yield _take(frames, lexeme, offset)


def _take(frames: list[_Frame], lexeme: str, offset: int) -> Token:
    frame = frames[-1] if frames else None
    if frame is not None and frame.awaits_key and lexeme[0] == '"':
        frame.index, frame.awaits_key = json.loads(lexeme, strict=False), False
        return Token(frame.child(), offset, lexeme, is_key=True)
    path = frame.child() if frame is not None else ""
    if lexeme in "{[":
        frames.append(_Frame(path, is_object=lexeme == "{"))
    return Token(path, offset, lexeme, is_key=False)
