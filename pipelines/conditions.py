"""Conditions: CEL expressions over what a run knows so far, compiled once, bounded, evaluated without raising.

Four variables, each a map: ``metrics.<node>.<key>``, ``ir.<node>``, ``status.<node>`` and ``inputs``.

A CEL expression always ends, but not always soon: ``+`` copies lists and text, ``map`` and ``filter`` are quadratic,
``==`` walks whole documents, and nothing can stop an evaluation from outside. The library bounds nesting (32) and
iterations (10,000); what else could be dear is refused when the expression is compiled, or, where it depends on the
data, before it is evaluated.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

from cel_expr_python import cel

from pipelines.cel_tree import Call, Constant, Identifier, Literal, Loop, Select, Tree, children, read_tree

MAX_LENGTH = 2000
MAX_LOOP_DEPTH = 2
MAX_ITERATIONS = 10_000
MAX_JOINS = 8
MAX_LITERAL_IN_LOOP = 50
MAX_PATTERN_IN_LOOP = 200
MAX_BUILT_LIST = 1000
MAX_COST = 50_000_000
MAX_DATA_DEPTH = 500
CHARACTERS_PER_VALUE = 50

NODE_VARIABLES = frozenset({"metrics", "ir", "status"})
VARIABLES = NODE_VARIABLES | {"inputs"}

_JOINS = frozenset({"add_string", "add_bytes", "add_list"})
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "contains", "startsWith", "endsWith"})
_ACCUMULATOR = "@result"
_ENVIRONMENT = cel.NewEnv(variables={name: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for name in VARIABLES})


class ConditionError(ValueError):
    """An expression that can't be a condition: ``message`` says why, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition came to. ``reason`` explains a false one; where ``error`` is set there is no verdict."""

    value: bool
    reason: str = ""
    error: str | None = None


class Condition:
    """A compiled condition; get one from ``compile_condition``."""

    def __init__(self, text: str, expression: cel.Expression) -> None:
        self.text = text
        self._expression = expression
        self._tree = read_tree(expression.serialize())

    def references(self) -> frozenset[str]:
        """The node keys it names, as ``ir.split`` or ``ir["split"]``."""
        named = (_named_node(tree) for tree, _ in self._parts)
        return frozenset(key for key in named if key is not None)

    @cached_property
    def looks_up(self) -> bool:
        """Whether it also finds nodes by other means (``ir[inputs.which]``), so that it needs all that lie above."""
        mentions = sum(isinstance(tree, Identifier) and tree.name in NODE_VARIABLES for tree, _ in self._parts)
        return mentions > sum(_named_node(tree) is not None for tree, _ in self._parts)

    def evaluate(self, context: Mapping[str, Any]) -> Verdict:
        """The verdict on a context as ``condition_context`` makes it. Never raises.

        A key that isn't there makes it false, with that reason; any other fault is an error.
        """
        data = {name: context.get(name, {}) for name in VARIABLES}
        too_dear = self._too_dear(data)
        if too_dear is not None:
            return Verdict(False, error=too_dear)
        verdict = self._evaluate(data)
        if verdict.error is None:
            return verdict
        try:
            plain = json_context(data)
        except (TypeError, ValueError, RecursionError) as error:
            return Verdict(False, error=f"The data are not JSON: {error}")
        return self._evaluate(plain)

    def _evaluate(self, data: Mapping[str, Any]) -> Verdict:
        try:
            result = self._expression.eval(data=data)
            value = result.value()
        except (RuntimeError, ValueError, TypeError) as error:
            return Verdict(False, error=_readable(str(error)))
        if isinstance(value, bool):
            return Verdict(value, "" if value else f"{self.text} is false")
        if result.type() != cel.Type.ERROR:
            return Verdict(False, error=f"It gives {result.type()!r}, not true or false.")
        text = str(value)
        missing = re.match(r"NOT_FOUND: Key not found in map : \"?(.*?)\"?$", text, re.DOTALL)
        if missing:
            return Verdict(False, f"{_cut(missing[1], 100)!r} is not there")
        return Verdict(False, error=_readable(text))

    def check_bounds(self) -> None:
        """Refuse what could be dear whatever the data. Raises ``ConditionError``."""
        if self._loop_depth > MAX_LOOP_DEPTH:
            raise ConditionError(f"Loops are nested more than {MAX_LOOP_DEPTH} deep.", _IN_A_STEP)
        if self._joins > MAX_JOINS:
            raise ConditionError(f"There are more than {MAX_JOINS} '+' that may join text or lists.", _WRAP_NUMBERS)
        for tree, loops in self._parts:
            _check_names(tree)
            _check_pattern(tree, bool(loops))
            if loops:
                _check_in_loop(tree)

    @cached_property
    def _parts(self) -> tuple[tuple[Tree, tuple[Loop, ...]], ...]:
        """Every part of the tree, with the loops in whose body it stands, outermost first."""
        return tuple(_walk(self._tree))

    @cached_property
    def _joins(self) -> int:
        return sum(_is_join(tree) for tree, _ in self._parts)

    @cached_property
    def _loop_depth(self) -> int:
        return max((len(loops) for _, loops in self._parts), default=0)

    @cached_property
    def _builds_lists(self) -> bool:
        return any(isinstance(tree, Loop) and _is_builder(tree) for tree, _ in self._parts)

    @cached_property
    def _walks_data(self) -> bool:
        """Whether the cost depends on how large the data are: it loops, joins, or compares two unknown values."""
        return self._loop_depth > 0 or self._joins > 0 or any(_is_walk(tree) for tree, _ in self._parts)

    @cached_property
    def _visits_once(self) -> bool:
        """Whether loops look only at their own item, so that all rounds together see the data once."""
        for tree, loops in self._parts:
            if isinstance(tree, Loop) and not _is_path(tree.over):
                return False
            if loops and isinstance(tree, Identifier) and tree.name not in (*loops[-1].variables, _ACCUMULATOR):
                return False
        return True

    def _too_dear(self, data: Mapping[str, Any]) -> str | None:
        """Why the expression must not be evaluated on these data, or None."""
        if not self._walks_data:
            return None
        names = {tree.name for tree, _ in self._parts if isinstance(tree, Identifier)}
        size = _measure([value for name, value in data.items() if name in names])
        if size.depth > MAX_DATA_DEPTH:
            return f"The data are nested more than {MAX_DATA_DEPTH} deep. {_IN_A_STEP}"
        longest = (size.longest + max(len(tree.elements) for tree in _literals(self._parts))) * (1 + self._joins)
        if self._builds_lists and longest > MAX_BUILT_LIST:
            return f"'map' and 'filter' are refused over more than {MAX_BUILT_LIST:,} items. Use 'exists' or 'all'."
        rounds = 1 if self._visits_once else min(MAX_ITERATIONS, longest**self._loop_depth)
        mentions = sum(isinstance(tree, Identifier) for tree, _ in self._parts)
        if size.values * rounds * mentions > MAX_COST:
            return f"It would take too long over {size.values:,} values. {_IN_A_STEP}"
        return None


_IN_A_STEP = "Compute it in a step and test the result."
_WRAP_NUMBERS = "For numbers write double(a) + double(b)."


@lru_cache(maxsize=1024)
def compile_condition(text: str) -> Condition:
    """Compile a CEL expression of type bool. Raises ``ConditionError``."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"It is longer than {MAX_LENGTH:,} characters.", _IN_A_STEP)
    try:
        expression = _ENVIRONMENT.compile(text)
    except (RuntimeError, ValueError) as error:
        raise _compile_error(str(error)) from None
    kind = expression.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConditionError(f"It gives {kind!r}, not true or false.", "Compare it with something.")
    condition = Condition(text, expression)
    condition.check_bounds()
    return condition


def condition_context(
    *,
    metrics: Mapping[str, Mapping[str, Any]],
    ir: Mapping[str, Any],
    status: Mapping[str, str],
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    """The context of an evaluation, each by node key.

    A metric that is None (it doesn't apply, or is unknown) is left out, so that a condition on it is false instead of
    an error; Decimals become floats. IRs and inputs are taken as they are, being JSON data already.
    """
    known = {node: {key: value for key, value in of.items() if value is not None} for node, of in metrics.items()}
    plain_status = {node: str(value) for node, value in status.items()}
    return {"metrics": json_context(known), "ir": ir, "status": plain_status, "inputs": inputs}


def json_context(data: Any) -> Any:
    """The same as JSON data that CEL can read: Decimals and integers past 64 bits become floats, UUIDs and dates text.

    Raises ``TypeError``, ``ValueError`` or ``RecursionError`` where that can't be done.
    """
    return json.loads(json.dumps(data, default=_plain), parse_int=_int64_or_float)


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON data")


def _int64_or_float(digits: str) -> int | float:
    """A float beyond 64 bits, infinity beyond a float."""
    if len(digits) > 20:
        return float(digits)
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(number)


def _compile_error(text: str) -> ConditionError:
    if "recursion" in text:
        return ConditionError("It is nested, or strung together, more than 32 deep.", "Use parentheses to balance it.")
    found = re.search(r"<input>:(\d+):(\d+): ([^\n]+)", text)
    message = f"Line {found[1]}, column {found[2]}: {_cut(found[3], 300)}" if found else _readable(text)
    hint = f"The variables are {', '.join(sorted(VARIABLES))}." if "undeclared reference" in text else ""
    return ConditionError(message, hint)


def _readable(text: str) -> str:
    """An error of the library without its status code, cut to a line or two (it may quote the data)."""
    return _cut(re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", text), 300)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _walk(root: Tree) -> Iterator[tuple[Tree, tuple[Loop, ...]]]:
    stack: list[tuple[Tree, tuple[Loop, ...]]] = [(root, ())]
    while stack:
        tree, loops = stack.pop()
        yield tree, loops
        if isinstance(tree, Loop):
            stack.append((tree.over, loops))
            stack.extend((part, (*loops, tree)) for part in tree.body)
        else:
            stack.extend((child, loops) for child in children(tree))


def _named_node(tree: Tree) -> str | None:
    """The node key in ``ir.key`` or ``ir["key"]``."""
    if isinstance(tree, Select):
        return tree.field if _is_node_variable(tree.operand) else None
    if isinstance(tree, Call) and tree.function == "_[_]" and _is_node_variable(tree.args[0]):
        index = tree.args[1]
        return index.text if isinstance(index, Constant) else None
    return None


def _is_node_variable(tree: Tree) -> bool:
    return isinstance(tree, Identifier) and tree.name in NODE_VARIABLES


def _is_path(tree: Tree) -> bool:
    """``ir.split.parts[0].fields``: it looks a value up and makes none."""
    while True:
        if isinstance(tree, Select):
            tree = tree.operand
        elif isinstance(tree, Call) and tree.function == "_[_]" and isinstance(tree.args[1], Constant):
            tree = tree.args[0]
        else:
            return isinstance(tree, Identifier)


def _is_join(tree: Tree) -> bool:
    """A ``+`` that may copy text or lists; not the one that a ``map`` is made of."""
    return isinstance(tree, Call) and bool(tree.overloads & _JOINS) and not _appends(tree)


def _appends(tree: Tree) -> bool:
    return isinstance(tree, Call) and tree.function == "_+_" and tree.args[0] == Identifier(_ACCUMULATOR)


def _is_builder(loop: Loop) -> bool:
    return any(_appends(tree) for part in loop.body for tree, loops in _walk(part) if not loops)


def _is_walk(tree: Tree) -> bool:
    if not isinstance(tree, Call) or tree.function not in _COMPARISONS | {"matches"}:
        return False
    return tree.function not in _SCALAR_WITH_CONSTANT or not any(isinstance(arg, Constant) for arg in tree.args)


_SCALAR_WITH_CONSTANT = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})


def _literals(parts: tuple[tuple[Tree, tuple[Loop, ...]], ...]) -> list[Literal]:
    return [Literal(()), *(tree for tree, _ in parts if isinstance(tree, Literal))]


def _check_names(tree: Tree) -> None:
    if isinstance(tree, Loop):
        for name in VARIABLES.intersection(tree.variables):
            raise ConditionError(f"A loop can't call its item {name!r}: that is a variable.", "Choose another name.")


def _check_pattern(tree: Tree, in_loop: bool) -> None:
    if not isinstance(tree, Call) or tree.function != "matches":
        return
    pattern = tree.args[-1]
    if not isinstance(pattern, Constant) or pattern.text is None:
        raise ConditionError("The pattern of 'matches' has to be a text literal.", "Write the pattern out.")
    if in_loop and (len(pattern.text) > MAX_PATTERN_IN_LOOP or "{" in pattern.text):
        raise ConditionError(
            f"Inside a loop a pattern is at most {MAX_PATTERN_IN_LOOP} characters and has no counted repetition.",
            _IN_A_STEP,
        )


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
    while level and size.values <= MAX_COST and size.depth <= MAX_DATA_DEPTH:
        below: list[Any] = []
        for value in level:
            size.values += 1
            if isinstance(value, str):
                size.values += len(value) // CHARACTERS_PER_VALUE
            elif isinstance(value, Mapping | list | tuple):
                size.longest = max(size.longest, len(value))
                below.extend(value.values() if isinstance(value, Mapping) else value)
        level = below
        size.depth += 1
    return size
