"""What a recogniser hands over, and the form that most recognisers have: a pattern and a check."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Finding(NamedTuple):
    """``text[start:end]`` is of this kind; ``normal`` is its one spelling, so that equal values are seen as equal."""

    start: int
    end: int
    kind: str
    normal: str


class Recogniser(Protocol):
    """Finds what must not be kept. It may be handed any text, in time that grows with its length only.

    A text with fewer than ``digits`` digits (0 to 9), or where ``letters`` without a letter of an alphabet that has
    large and small ones, holds nothing that it finds, and is not handed to it.
    """

    @property
    def digits(self) -> int: ...

    @property
    def letters(self) -> bool: ...

    def find(self, text: str) -> Iterable[Finding]: ...


def as_written(found: str) -> str | None:
    """The check of a pattern that needs none."""
    return found


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression and what tells a hit from a likeness.

    ``check`` takes what was matched (the group ``value`` where there is one) and gives its one spelling, or None where
    it is none. Unless one of ``hints`` occurs in a text the expression is not tried.

    Expressions repeat possessively or boundedly, so that no text makes them slow; and they begin with a class of
    characters rather than with what may not stand before it, as Python's engine then skips to the next candidate.
    """

    kind: str
    expression: re.Pattern[str]
    check: Callable[[str], str | None] = as_written
    hints: tuple[str, ...] = ()
    digits: int = 0
    letters: bool = False

    def find(self, text: str) -> Iterator[Finding]:
        if self.hints and not any(map(text.__contains__, self.hints)):
            return
        group = "value" if "value" in self.expression.groupindex else 0
        for match in self.expression.finditer(text):
            normal = self.check(match[group])
            if normal is not None:
                yield Finding(*match.span(group), self.kind, normal)
