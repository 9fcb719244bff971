"""The syntax tree of a compiled CEL expression.

``cel_expr_python`` gives the tree only serialised: a protocol-buffers ``Any`` that holds a ``cel.expr.CheckedExpr``
(https://github.com/google/cel-spec, proto/cel/expr/checked.proto and syntax.proto). What is needed of it is read here
straight from the wire format (https://protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; ``text`` is None unless it is a string."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Identifier:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field``, or ``has(operand.field)``."""

    operand: "Tree"
    field: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator; ``overloads`` are those that the type checker left open (``add_int64``)."""

    function: str
    args: tuple["Tree", ...]
    overloads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Literal:
    """A list or map literal with its elements (keys and values for a map)."""

    elements: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro such as ``all``, ``exists`` or ``map``, run over ``over``."""

    variables: tuple[str, ...]
    over: "Tree"
    body: tuple["Tree", ...]


Tree = Constant | Identifier | Select | Call | Literal | Loop


def read_tree(serialized: bytes) -> Tree:
    """The tree of ``Expression.serialize()``. CEL's own parser nests at most 32 deep, so recursion is safe."""
    checked = _one(serialized, 2)
    overloads: dict[int, frozenset[str]] = {}
    for entry in _all(checked, 2):
        names = frozenset(name.decode() for name in _all(_one(entry, 2), 3))
        overloads[_number(entry, 1)] = names
    return _expression(_one(checked, 4), overloads)


def walk(root: Tree) -> Iterator[tuple[Tree, tuple[Loop, ...]]]:
    """Every part of a tree, with the loops in whose body it stands, outermost first."""
    stack: list[tuple[Tree, tuple[Loop, ...]]] = [(root, ())]
    while stack:
        tree, loops = stack.pop()
        yield tree, loops
        if isinstance(tree, Loop):
            stack.append((tree.over, loops))
            stack.extend((part, (*loops, tree)) for part in tree.body)
        else:
            stack.extend((child, loops) for child in _children(tree))


def _children(tree: Constant | Identifier | Select | Call | Literal) -> tuple[Tree, ...]:
    if isinstance(tree, Select):
        return (tree.operand,)
    if isinstance(tree, Call):
        return tree.args
    return tree.elements if isinstance(tree, Literal) else ()


def _expression(message: bytes, overloads: dict[int, frozenset[str]]) -> Tree:
    kind, inner = next(
        (number, value) for number, value in _fields(message) if number != 2 and isinstance(value, bytes)
    )
    if kind == 3:
        texts = _all(inner, 6)
        return Constant(texts[0].decode() if texts else None)
    if kind == 4:
        return Identifier(_one(inner, 1).decode())
    if kind == 5:
        return Select(_expression(_one(inner, 1), overloads), _one(inner, 2).decode())
    if kind == 6:
        args = tuple(_expression(arg, overloads) for arg in (*_all(inner, 1), *_all(inner, 3)))
        return Call(_one(inner, 2).decode(), args, overloads.get(_number(message, 2), frozenset()))
    if kind == 7:
        return Literal(tuple(_expression(element, overloads) for element in _all(inner, 1)))
    if kind == 8:
        parts = [part for entry in _all(inner, 2) for field in (3, 4) for part in _all(entry, field)]
        return Literal(tuple(_expression(part, overloads) for part in parts))
    variables = tuple(name.decode() for field in (1, 8) for name in _all(inner, field))
    body = tuple(_expression(part, overloads) for field in (4, 5, 6, 7) for part in _all(inner, field))
    return Loop(variables, _expression(_one(inner, 2), overloads), body)


def _all(message: bytes, number: int) -> list[bytes]:
    return [value for field, value in _fields(message) if field == number and isinstance(value, bytes)]


def _one(message: bytes, number: int) -> bytes:
    found = _all(message, number)
    return found[0] if found else b""


def _number(message: bytes, number: int) -> int:
    return next((value for field, value in _fields(message) if field == number and isinstance(value, int)), 0)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field of a message: its number, and an int for a varint or the raw bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}[wire]
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
