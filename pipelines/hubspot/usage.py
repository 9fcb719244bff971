"""Which fields a template reads, told from its syntax tree alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import nodes

FieldPath = tuple[str, ...]
_Aliases = Mapping[str, FieldPath]
_INLINE_FIELD_TAGS = frozenset(
    {"inline_image_field", "inline_rich_text", "inline_richtext_field", "inline_text", "inline_text_field"}
)


def used_fields(tree: nodes.Template) -> frozenset[FieldPath]:
    """The paths below ``module`` that the tree reads.

    A loop variable and a variable set to a field stand for that field; what is passed to a macro counts as read whole.
    Raises ``RecursionError`` for a tree that nests too deeply.
    """
    return frozenset(path for path in _read_in(tree, {"module": ()}) if path)


def _read_in(node: nodes.Node, aliases: _Aliases) -> Iterator[FieldPath]:
    path = _path_of(node, aliases)
    if path is not None:
        yield path
        yield from _read_in_subscripts(node, aliases)
    elif isinstance(node, nodes.For):
        yield from _read_in_loop(node, aliases)
    elif isinstance(node, nodes.Macro):
        names = {argument.name for argument in node.args}
        yield from _read_in_body(node.body, {name: path for name, path in aliases.items() if name not in names})
    elif isinstance(node, nodes.Template | nodes.Block | nodes.If | nodes.AssignBlock):
        yield from _read_in_body(list(node.iter_child_nodes()), aliases)
    else:
        yield from _read_by_tag(node)
        for child in node.iter_child_nodes():
            yield from _read_in(child, aliases)


def _read_in_body(body: list[Any], aliases: _Aliases) -> Iterator[FieldPath]:
    """Statements in order, where ``{% set card = module.card %}`` names a field for those after it."""
    known = dict(aliases)
    for statement in body:
        if isinstance(statement, nodes.Assign) and isinstance(statement.target, nodes.Name):
            path = _path_of(statement.node, known)
            known.pop(statement.target.name, None)
            if path:
                known[statement.target.name] = path
                yield path
                continue
        yield from _read_in(statement, known)


def _read_in_loop(loop: nodes.For, aliases: _Aliases) -> Iterator[FieldPath]:
    path = _path_of(loop.iter, aliases)
    known = dict(aliases)
    if path is None:
        yield from _read_in(loop.iter, aliases)
    elif isinstance(loop.target, nodes.Name):
        known[loop.target.name] = path
        yield from _read_in_subscripts(loop.iter, aliases)
    read_in_body = list(_read_in_body(loop.body, known))
    yield from read_in_body
    # A loop that reads nothing of its items reads the group as a whole: it counts them.
    if path is not None and not any(len(used) > len(path) and used[: len(path)] == path for used in read_in_body):
        yield path
    if loop.test is not None:
        yield from _read_in(loop.test, known)
    yield from _read_in_body(loop.else_, aliases)


def _read_by_tag(node: nodes.Node) -> Iterator[FieldPath]:
    """``{% inline_text field="title" %}`` reads ``module.title``."""
    if not (isinstance(node, nodes.Filter) and node.name == "hubl_tag" and isinstance(node.node, nodes.Const)):
        return
    if node.node.value in _INLINE_FIELD_TAGS:
        for argument in node.kwargs:
            if argument.key == "field" and isinstance(argument.value, nodes.Const):
                yield tuple(str(argument.value.value).removeprefix("module.").split("."))


def _read_in_subscripts(node: nodes.Node, aliases: _Aliases) -> Iterator[FieldPath]:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getitem):
            yield from _read_in(node.arg, aliases)
        node = node.node


def _path_of(node: nodes.Node, aliases: _Aliases) -> FieldPath | None:
    """The field a chain of names stands for; an index or a computed key keeps the path it is applied to."""
    if isinstance(node, nodes.Name):
        return aliases.get(node.name)
    if isinstance(node, nodes.Getattr):
        base = _path_of(node.node, aliases)
        return None if base is None else (*base, node.attr)
    if isinstance(node, nodes.Getitem):
        base = _path_of(node.node, aliases)
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return (*base, key) if base is not None and isinstance(key, str) else base
    return None
