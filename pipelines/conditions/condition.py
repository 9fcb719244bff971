"""Compiling a condition and evaluating it."""

import json
import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from cel_expr_python import cel

from pipelines.conditions.cel_tree import Call, Constant, Identifier, Select, Tree, read_tree, walk
from pipelines.conditions.cost import NODE_VARIABLES, VARIABLES, ConditionError, Cost

MAX_LENGTH = 2000

_ENVIRONMENT = cel.NewEnv(variables={name: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for name in VARIABLES})
_MISSING_KEY = re.compile(r"NOT_FOUND: Key not found in map : \"?(.*?)\"?$", re.DOTALL)
_NO_OVERLOAD = re.compile(r"No matching overloads found : (.+?)(\([^()]*\))?$")
_NOT_CEL_DATA = re.compile("out of range for|Non-CEL value type|Unexpected value type")


class Verdict(NamedTuple):
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
        self._cost = Cost(self._tree)

    def references(self) -> frozenset[str]:
        """The node keys it names, as ``ir.split`` or ``ir["split"]``."""
        return self._references

    def metrics(self) -> frozenset[tuple[str, str]]:
        """The metrics it names, each as the node's key and its own."""
        named = (_named_metric(tree) for tree, _ in walk(self._tree))
        return frozenset(metric for metric in named if metric is not None)

    @cached_property
    def looks_up(self) -> bool:
        """Whether it also finds nodes by other means (``ir[inputs.which]``), so that it needs all that lie above."""
        mentions = sum(_is_node_variable(tree) for tree, _ in walk(self._tree))
        return mentions > sum(_named_node(tree) is not None for tree, _ in walk(self._tree))

    def evaluate(self, context: Mapping[str, Any]) -> Verdict:
        """The verdict on a context as ``condition_context`` makes it. Never raises.

        A key that isn't there makes it false, with that reason; any other fault is an error.
        """
        data = {name: context.get(name, {}) for name in VARIABLES}
        refusal = self._cost.refusal(data)
        if refusal is not None:
            return Verdict(False, error=refusal)
        outcome = self._outcome(data)
        if isinstance(outcome, str) and _NOT_CEL_DATA.search(outcome):
            outcome = self._outcome_of_plain(data)
        return self._verdict(outcome)

    def _outcome(self, data: Mapping[str, Any]) -> bool | str:
        """What CEL says: true, false, or the text of an error."""
        try:
            result = self._expression.eval(data=data)
            value = result.value()
        except (RuntimeError, ValueError, TypeError) as error:
            return str(error)
        if isinstance(value, bool):
            return value
        return str(value) if result.type() == cel.Type.ERROR else f"It gives {result.type()!r}, not true or false."

    def _outcome_of_plain(self, data: Mapping[str, Any]) -> bool | str:
        try:
            return self._outcome(json_context(data))
        except (TypeError, ValueError, RecursionError) as error:
            return f"The data are not JSON: {error}"

    def _verdict(self, outcome: bool | str) -> Verdict:
        if isinstance(outcome, bool):
            return Verdict(outcome, "" if outcome else f"{_cut(self.text, 300)} is false")
        missing = _MISSING_KEY.match(outcome)
        if missing:
            return Verdict(False, f"'{_cut(missing[1], 100)}' is not there")
        return Verdict(False, error=_cut(f"{_cut(self.text, 100)}: {_mismatch(_readable(outcome))}", 300))

    @cached_property
    def _references(self) -> frozenset[str]:
        named = (_named_node(tree) for tree, _ in walk(self._tree))
        return frozenset(key for key in named if key is not None)


@lru_cache(maxsize=4096)
def compile_condition(text: str) -> Condition:
    """Compile a CEL expression of type bool. Raises ``ConditionError``."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"It is longer than {MAX_LENGTH:,} characters.", "Compute it in a step, test the result.")
    if not _is_unicode(text):
        raise ConditionError("It holds half of a surrogate pair.", "Type the character anew.")
    try:
        expression = _ENVIRONMENT.compile(text)
    except (RuntimeError, ValueError) as error:
        raise _compile_error(text, str(error)) from None
    kind = expression.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConditionError(f"It gives {kind!r}, not true or false.", "Compare it with something.")
    return Condition(text, expression)


def condition_context(
    *,
    metrics: Mapping[str, Mapping[str, Any]],
    ir: Mapping[str, Any],
    status: Mapping[str, str],
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    """The context of an evaluation: metrics, IRs and statuses by node key, of settled nodes, and the run's inputs.

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


def _compile_error(condition: str, text: str) -> ConditionError:
    if "recursion" in text:
        return ConditionError("It is nested, or strung together, more than 32 deep.", "Use parentheses to balance it.")
    found = re.search(r"<input>:(\d+):(\d+): ([^\n]+)", text)
    message = f"Line {found[1]}, column {found[2]}: {_in_words(found[3])}" if found else _readable(text)
    hint = next((hint for words, hint in _HINTS.items() if words in text), "")
    unknown = _UNDECLARED.match(found[3]) if found else None
    if found and unknown and _opens_call(condition, int(found[1]), int(found[2])):
        hint = _function_hint(unknown[1])
    return ConditionError(message, hint)


def _opens_call(text: str, line: int, column: int) -> bool:
    """Whether a parenthesis stands there: CEL gives the place of it for a function that it doesn't know."""
    return text.split("\n")[line - 1][column - 1 : column] == "("


def _function_hint(name: str) -> str:
    if name in FUNCTIONS:
        return "It takes other values."
    near = get_close_matches(name, FUNCTIONS, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"The functions are {', '.join(FUNCTIONS)}."


FUNCTIONS = (
    "all", "bool", "contains", "double", "duration", "dyn", "endsWith", "exists", "exists_one", "filter", "has", "int",
    "map", "matches", "size", "startsWith", "string", "timestamp",
)  # fmt: skip

_UNDECLARED = re.compile("undeclared reference to '(.*?)'")
_HINTS = {
    "undeclared reference": f"The variables are {', '.join(sorted(VARIABLES))}.",
    "token recognition error at: '=": "Two values are compared with ==.",
    "range of a comprehension": "Put dyn(…) around what is looped over.",
    "Syntax error": "Values are compared with == and the like, joined with && and ||; text stands in quotes.",
}


def _in_words(fault: str) -> str:
    """A fault of the parser without its list of every token that it would have taken."""
    told = re.sub(r" (expecting|at input) .*| \(in container ''\)", "", fault)
    for jargon, words in _WORDS.items():
        told = told.replace(jargon, words)
    return _cut(told, 300)


_WORDS = {
    "mismatched input '<EOF>'": "something is missing at the end",
    "at '<EOF>'": "at the end",
    "mismatched input": "unexpected",
    "extraneous input": "unexpected",
    "token recognition error at:": "this is no part of an expression:",
}


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _readable(text: str) -> str:
    """An error of the library without its status code, cut to a line or two (it may quote the data)."""
    return _cut(re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", text), 300)


def _mismatch(text: str) -> str:
    """An error of an operator or function that was given the wrong values, in words; any other as it is."""
    found = _NO_OVERLOAD.search(text)
    return f"'{found[1].strip('_@')}' can't be applied to {found[2] or 'these values'}." if found else text


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _named_node(tree: Tree) -> str | None:
    """The node key in ``ir.key`` or ``ir["key"]``."""
    of, key = _member(tree)
    return key if _is_node_variable(of) else None


def _named_metric(tree: Tree) -> tuple[str, str] | None:
    """The node's key and the metric's in ``metrics.node.key``, in either spelling."""
    of_node, key = _member(tree)
    variable, node = _member(of_node)
    if isinstance(variable, Identifier) and variable.name == "metrics" and node is not None and key is not None:
        return node, key
    return None


def _member(tree: Tree | None) -> tuple[Tree | None, str | None]:
    """What ``of.key`` and ``of["key"]`` are made of."""
    if isinstance(tree, Select):
        return tree.operand, tree.field
    if isinstance(tree, Call) and tree.function == "_[_]":
        index = tree.args[1]
        return tree.args[0], index.text if isinstance(index, Constant) else None
    return None, None


def _is_node_variable(tree: Tree | None) -> bool:
    return isinstance(tree, Identifier) and tree.name in NODE_VARIABLES
