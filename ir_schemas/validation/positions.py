"""Where in a JSON text a value stands."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from config.json_pointer import escape_token, unescape_token

_SPACE = re.compile(r"[ \t\n\r]*")
_read = json.JSONDecoder().raw_decode
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
    """Find where the values at these JSON Pointers begin. Paths that aren't in the text are left out.

    The text must have been read as JSON. What no path leads into is passed over by the standard library's reader.
    """
    root = _Wanted()
    for path in paths:
        root.add(path)
    with suppress(ValueError, IndexError):  # another text than the one that was read
        _find(text, _after_space(text, 0), root)
    return {path: line_and_column(text, offset) for path, offset in root.offsets()}


class _Wanted:
    """The paths that are looked for, as a tree: where a value begins, and what is wanted inside it."""

    __slots__ = ("inside", "is_wanted", "offset", "path")

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.inside: dict[str, _Wanted] = {}
        self.offset: int | None = None
        self.is_wanted = False

    def add(self, path: str) -> None:
        node = self
        for token in path.split("/")[1:]:
            key = unescape_token(token)
            node = node.inside.setdefault(key, _Wanted(f"{node.path}/{token}"))
        node.is_wanted = True

    def offsets(self) -> Iterator[tuple[str, int]]:
        if self.is_wanted and self.offset is not None:
            yield self.path, self.offset
        for child in self.inside.values():
            yield from child.offsets()


def _find(text: str, start: int, wanted: _Wanted) -> int:
    """Note where a value and what is wanted inside it begin, and return where it ends."""
    wanted.offset = start
    is_object = text[start] == "{"
    if not wanted.inside or not (is_object or text[start] == "["):
        return int(_read(text, start)[1])
    offset, index = _after_space(text, start + 1), 0
    while text[offset] not in "}]":
        key = str(index)
        if is_object:
            key, offset = _read(text, offset)
            offset = _after_space(text, _after_space(text, offset) + 1)
        inner = wanted.inside.get(key)
        offset = _after_space(text, _read(text, offset)[1] if inner is None else _find(text, offset, inner))
        if text[offset] == ",":
            offset, index = _after_space(text, offset + 1), index + 1
    return offset + 1


def _after_space(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


class _Frame:
    """An object or an array that is open at this point of the scan."""

    __slots__ = ("awaits_key", "index", "is_object", "path")

    def __init__(self, path: str, *, is_object: bool) -> None:
        self.path = path
        self.is_object = is_object
        self.awaits_key = is_object
        self.index: object = 0

    def child(self) -> str:
        return f"{self.path}/{escape_token(self.index)}"

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
