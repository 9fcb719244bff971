"""How much a template may do: time, steps, output and the size of any one value.

HubL may come from a model or a stranger. No single operation on values within these limits takes long, and every
operation that can repeat is charged here, so a rendering ends in bounded time and memory without a process of its own.
"""

import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

MAX_SECONDS = 2.0
MAX_STEPS = 100_000
MAX_OUTPUT_CHARACTERS = 4_000_000
MAX_CALL_DEPTH = 30
MAX_VALUE_CHARACTERS = 1_000_000
MAX_VALUE_NODES = 20_000
MAX_INTEGER = 2**63 - 1
MAX_RANGE = 1_000

T = TypeVar("T")


class HublLimitError(Exception):
    """A template asked for more time, output or memory than a rendering gets."""


@dataclass(slots=True)
class Budget:
    """What one rendering has used so far. Times are seconds of the monotonic clock."""

    deadline: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)
    steps: int = 0
    characters: int = 0
    depth: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise HublLimitError(f"the template takes more than {MAX_STEPS:,} steps")
        if time.monotonic() > self.deadline:
            raise HublLimitError(f"the template takes more than {MAX_SECONDS:g} seconds")

    def emit(self, text: str) -> str:
        self.step()
        self.characters += len(text)
        if self.characters > MAX_OUTPUT_CHARACTERS:
            raise HublLimitError(f"the template writes more than {MAX_OUTPUT_CHARACTERS:,} characters")
        return text

    def enter_call(self) -> None:
        self.step()
        self.depth += 1
        if self.depth > MAX_CALL_DEPTH:
            raise HublLimitError(f"calls nest more than {MAX_CALL_DEPTH} deep")

    def leave_call(self) -> None:
        self.depth -= 1


_current: ContextVar[Budget | None] = ContextVar("hubl_budget", default=None)


def budget() -> Budget:
    """The budget of the rendering under way; a fresh one where none is (a filter that is called by hand)."""
    return _current.get() or Budget()


class spending:  # noqa: N801 - a context manager, named like a verb
    """``with spending():`` opens a fresh budget for one rendering."""

    def __enter__(self) -> Budget:
        fresh = Budget()
        self._token = _current.set(fresh)
        return fresh

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def stepped(values: Iterable[T]) -> Iterator[T]:
    """``values``, each charged as one step: what a ``for`` loop runs over."""
    spent = budget()
    for value in values:
        spent.step()
        yield value


def guard(value: T) -> T:
    """``value``, if it is small enough to be copied, compared or written out.

    A container that holds another twice counts it twice, and one that holds itself is refused, so that nothing
    which passed here can be blown up by walking it.
    """
    if isinstance(value, str):
        _refuse_if(len(value) > MAX_VALUE_CHARACTERS)
    elif isinstance(value, int):
        _refuse_if(abs(value) > MAX_INTEGER)
    elif isinstance(value, list | tuple | dict):
        _guard_container(value)
    return value


def _guard_container(value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> None:
    pending: list[Any] = [value]
    nodes = characters = 0
    while pending:
        current = pending.pop()
        nodes += 1
        if isinstance(current, str):
            characters += len(current)
        elif isinstance(current, list | tuple | dict):
            _refuse_if(nodes + len(pending) + len(current) > MAX_VALUE_NODES)
            pending.extend(current)
            if isinstance(current, dict):
                pending.extend(current.values())
    _refuse_if(nodes > MAX_VALUE_NODES or characters > MAX_VALUE_CHARACTERS)


def _refuse_if(too_large: bool) -> None:
    if too_large:
        raise HublLimitError(
            f"a value is larger than {MAX_VALUE_CHARACTERS:,} characters, {MAX_VALUE_NODES:,} elements or 64 bits"
        )
