"""What an evaluation may cost, and the refusal of what costs too much.

A CEL expression always ends, but not always soon: ``+`` copies lists and text, ``map`` and ``filter`` are quadratic,
``==`` walks whole documents, and nothing can stop an evaluation from outside. The library bounds nesting (32) and
iterations (10,000 an evaluation). What else could be dear is refused when the expression is compiled, or, where it
depends on the data, before it is evaluated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from pipelines.conditions.cel_tree import Call, Constant, Identifier, Literal, Loop, Select, Tree, walk

NODE_VARIABLES = frozenset({"metrics", "ir", "status"})
VARIABLES = NODE_VARIABLES | {"inputs"}

MAX_LOOP_DEPTH = 2
MAX_ITERATIONS = 10_000
MAX_JOINS = 8
MAX_LITERAL_IN_LOOP = 50
MAX_BUILT_LIST = 1000
MAX_PATTERN_STATES = 20_000
MAX_PATTERN_STATES_IN_LOOP = 500
MAX_DATA_DEPTH = 500
MAX_DATA_VALUES = 1_000_000
MAX_VISITS = 30_000_000
"""Visits of a value, at some 40 ns each: about a second."""
CHARACTERS_PER_VALUE = 50
VISITS_PER_PATTERN_STATE = 8
MENTIONS_NOT_WEIGHED = 10

_JOINS = frozenset({"add_string", "add_bytes", "add_list"})
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_SEARCHES = frozenset({"@in", "matches", "contains", "startsWith", "endsWith"})
_ACCUMULATOR = "@result"
_IN_A_STEP = "Compute it in a step and test the result."
_WRAP_NUMBERS = "For numbers write double(a) + double(b)."


class ConditionError(ValueError):
    """An expression that can't be a condition: ``message`` says why, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Cost:
    """What one expression costs. Raises ``ConditionError`` when it is too dear whatever the data."""

    def __init__(self, tree: Tree) -> None:
        self._parts = tuple(walk(tree))
        self._trees = tuple(part for part, _ in self._parts)
        self._check()

    def refusal(self, data: Mapping[str, Any]) -> str | None:
        """Why the expression must not be evaluated on these data, or None. ``data`` maps variables to their values."""
        if self._is_cheap:
            return None
        names = {tree.name for tree in self._trees if isinstance(tree, Identifier)}
        size = _measure([value for name, value in data.items() if name in names])
        if size.depth > MAX_DATA_DEPTH:
            return f"The data are nested more than {MAX_DATA_DEPTH} deep. {_IN_A_STEP}"
        longest = (size.longest + self._longest_literal) * (1 + self._joins)
        if self._builds_lists and longest > MAX_BUILT_LIST:
            return f"'map' and 'filter' are refused over more than {MAX_BUILT_LIST:,} items. Use 'exists' or 'all'."
        rounds = 1 if self._visits_once else min(MAX_ITERATIONS, longest**self._loop_depth)
        if size.values > MAX_DATA_VALUES or size.values * rounds * self._mentions > MAX_VISITS:
            return f"It would take too long over {size.values:,} values. {_IN_A_STEP}"
        return None

    def _check(self) -> None:
        if self._loop_depth > MAX_LOOP_DEPTH:
            raise ConditionError(f"Loops are nested more than {MAX_LOOP_DEPTH} deep.", _IN_A_STEP)
        if self._joins > MAX_JOINS:
            raise ConditionError(f"There are more than {MAX_JOINS} '+' that may join text or lists.", _WRAP_NUMBERS)
        for tree, loops in self._parts:
            _check_names(tree)
            _check_pattern(tree, MAX_PATTERN_STATES_IN_LOOP if loops else MAX_PATTERN_STATES)
            if loops:
                _check_in_loop(tree)

    @cached_property
    def _joins(self) -> int:
        return sum(_is_join(tree) for tree in self._trees)

    @cached_property
    def _loop_depth(self) -> int:
        return max(len(loops) for _, loops in self._parts)

    @cached_property
    def _longest_literal(self) -> int:
        return max((len(tree.elements) for tree in self._trees if isinstance(tree, Literal)), default=0)

    @cached_property
    def _builds_lists(self) -> bool:
        return any(isinstance(tree, Loop) and _is_builder(tree) for tree in self._trees)

    @cached_property
    def _mentions(self) -> int:
        """How often a value is looked at, at most, in one round of all loops."""
        names = sum(isinstance(tree, Identifier) for tree in self._trees)
        return names + VISITS_PER_PATTERN_STATE * sum(map(_pattern_states, self._trees))

    @cached_property
    def _is_cheap(self) -> bool:
        """Whether it only looks a few values up and compares them with literals, so that data needn't be weighed."""
        if self._loop_depth > 0 or self._joins > 0 or self._mentions > MENTIONS_NOT_WEIGHED:
            return False
        return not any(map(_is_walk, self._trees))

    @cached_property
    def _visits_once(self) -> bool:
        """Whether loops look only at their own item, so that all rounds together see the data once."""
        for tree, loops in self._parts:
            if isinstance(tree, Loop) and not _is_path(tree.over):
                return False
            if loops and isinstance(tree, Identifier) and tree.name not in (*loops[-1].variables, _ACCUMULATOR):
                return False
        return True


def _is_path(tree: Tree) -> bool:
    """``ir.split.parts[0].fields``: it looks a value up and makes none."""
    while True:
        if isinstance(tree, Select):
            tree = tree.operand
        elif isinstance(tree, Call) and (tree.function == "dyn" or _is_fixed_index(tree)):
            tree = tree.args[0]
        else:
            return isinstance(tree, Identifier)


def _is_fixed_index(tree: Call) -> bool:
    return tree.function == "_[_]" and isinstance(tree.args[1], Constant)


def _is_join(tree: Tree) -> bool:
    """A ``+`` that may copy text or lists; not the one that a ``map`` is made of."""
    return isinstance(tree, Call) and bool(tree.overloads & _JOINS) and not _appends(tree)


def _appends(tree: Tree) -> bool:
    return isinstance(tree, Call) and "add_list" in tree.overloads and tree.args[0] == Identifier(_ACCUMULATOR)


def _is_builder(loop: Loop) -> bool:
    return any(_appends(tree) for part in loop.body for tree, loops in walk(part) if not loops)


def _is_walk(tree: Tree) -> bool:
    """A search, or a comparison of two values of which neither is a literal: its cost is that of its operands."""
    if not isinstance(tree, Call):
        return False
    compared = tree.function in _COMPARISONS and not any(isinstance(arg, Constant) for arg in tree.args)
    return compared or tree.function in _SEARCHES


def _check_names(tree: Tree) -> None:
    if isinstance(tree, Loop):
        for name in VARIABLES.intersection(tree.variables):
            raise ConditionError(f"A loop can't call its item {name!r}: that is a variable.", "Choose another name.")


def _check_pattern(tree: Tree, limit: int) -> None:
    if not isinstance(tree, Call) or tree.function != "matches":
        return
    pattern = tree.args[-1]
    if not isinstance(pattern, Constant) or pattern.text is None:
        raise ConditionError("The pattern of 'matches' has to be a text literal.", "Write the pattern out.")
    if _pattern_states(tree) > limit:
        raise ConditionError("The pattern of 'matches' is too long, or repeats too much.", _IN_A_STEP)


def _pattern_states(tree: Tree) -> int:
    """At most how many states the automaton of a ``matches`` has: its length times all counted repetitions."""
    if not isinstance(tree, Call) or tree.function != "matches" or not isinstance(tree.args[-1], Constant):
        return 0
    pattern = tree.args[-1].text or ""
    counts = re.findall(r"\{(\d{0,6}),?(\d{0,6})\}", pattern)
    return len(pattern) * prod(max(int(low or 1), int(high or 1), 1) for low, high in counts)


def _check_in_loop(tree: Tree) -> None:
    if _is_join(tree):
        raise ConditionError("'+' inside a loop may join text or lists.", _WRAP_NUMBERS)
    if isinstance(tree, Loop) and _is_builder(tree):
        raise ConditionError("'map' and 'filter' can't stand inside another loop.", "Use 'exists' or 'all'.")
    if isinstance(tree, Literal) and len(tree.elements) > MAX_LITERAL_IN_LOOP:
        raise ConditionError(f"A list inside a loop has at most {MAX_LITERAL_IN_LOOP} elements.", _IN_A_STEP)


@dataclass(slots=True)
class _Size:
    values: int = 0
    longest: int = 1
    depth: int = 0


def _measure(roots: list[Any]) -> _Size:
    """How many values there are (a long text counts as several), the longest list or map, and the depth."""
    size = _Size()
    level = list(roots)
    while level and size.values <= MAX_DATA_VALUES and size.depth <= MAX_DATA_DEPTH:
        below: list[Any] = []
        for value in level:
            size.values += 1
            if isinstance(value, str):
                size.values += len(value) // CHARACTERS_PER_VALUE
            elif isinstance(value, (dict, list, tuple)):
                size.longest = max(size.longest, len(value))
                below.extend(value.values() if isinstance(value, dict) else value)
        level = below
        size.depth += 1
    return size
