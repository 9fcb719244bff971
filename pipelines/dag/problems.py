"""What is wrong with a DAG document, and where."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypedDict

from config.json_pointer import escape_token

MAX_PROBLEMS = 100


class ProblemDict(TypedDict):
    """A problem as the API shows it."""

    path: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. ``path`` is a JSON Pointer into the document, ``code`` is stable and kebab-case."""

    path: str
    code: str
    message: str
    hint: str = ""


class DagError(Exception):
    """The document can't be run. ``problems`` holds every fault found (at most ``MAX_PROBLEMS``)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{first.path or '/'}: {first.message}{more}")

    def as_dicts(self) -> list[ProblemDict]:
        """The problems as JSON data."""
        return [ProblemDict(path=one.path, code=one.code, message=one.message, hint=one.hint) for one in self.problems]


class Problems:
    """Collects faults up to ``MAX_PROBLEMS``; one more says that the rest was left out."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, path: str, code: str, message: str, hint: str = "") -> None:
        """Note a fault; past the limit it is dropped."""
        if len(self._found) < MAX_PROBLEMS:
            self._found.append(Problem(path, code, message, hint))
        elif len(self._found) == MAX_PROBLEMS:
            self._found.append(Problem("", "too-many-problems", f"There are more than {MAX_PROBLEMS} problems."))

    def at(self, path: str) -> bool:
        """Whether a fault of this place is known, so that no second one need be said of it."""
        return any(problem.path == path for problem in self._found)

    def full(self) -> bool:
        """Whether looking on is useless (and would only cost time, as hints do)."""
        return len(self._found) > MAX_PROBLEMS

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def raise_if_any(self) -> None:
        """Raises ``DagError`` when there is something to say."""
        if self._found:
            raise DagError(self._found)


def pointer(*parts: str | int) -> str:
    """A JSON Pointer (RFC 6901): ``pointer("nodes", 0, "a/b")`` is ``/nodes/0/a~1b``."""
    return "".join(f"/{escape_token(part)}" for part in parts)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or "" when none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def shorten(text: str, limit: int = 80) -> str:
    """The text, cut so that a message stays readable."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
