"""``forEach``: the path to a list in an upstream IR, and the list at its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_ITEMS = 10_000


class ForEachError(Exception):
    """The path leads to no list.

    ``code`` is ``source-missing`` (the upstream node has no IR), ``path-missing``, ``not-a-list`` or
    ``too-many-items``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ForEachPath:
    """``source`` is the upstream node's key, ``steps`` the field names below its IR."""

    source: str
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join(("ir", self.source, *self.steps))


def parse_for_each(text: str) -> ForEachPath:
    """Read ``ir.split.parts`` or ``split.parts``. Raises ``ValueError`` on an empty part.

    A node whose key is itself ``ir`` is named in full: ``ir.ir.parts``.
    """
    parts = text.split(".")
    if not all(parts):
        raise ValueError("A path is field names with single dots between them, such as 'ir.split.parts'.")
    if parts[0] == "ir" and len(parts) > 1:
        parts = parts[1:]
    return ForEachPath(parts[0], tuple(parts[1:]))


def resolve_for_each(path: ForEachPath, irs: Mapping[str, Any], limit: int = MAX_ITEMS) -> list[Any]:
    """The items to run over. ``irs`` maps node keys to IRs (a list of its items' IRs for a node that ran forEach).

    Raises ``ForEachError`` when there is no list at the path, or it has more than ``limit`` items.
    """
    if path.source not in irs:
        raise ForEachError("source-missing", f"Node {path.source!r} has handed over no IR.")
    value = irs[path.source]
    walked = f"ir.{path.source}"
    for step in path.steps:
        if not isinstance(value, dict):
            raise ForEachError("path-missing", f"{walked} is {_kind(value)}, so it has no field {step!r}.")
        if step not in value:
            raise ForEachError("path-missing", f"{walked} has no field {step!r}.")
        value = value[step]
        walked = f"{walked}.{step}"
    if not isinstance(value, list):
        raise ForEachError("not-a-list", f"{walked} is {_kind(value)}, not a list.")
    if len(value) > limit:
        raise ForEachError("too-many-items", f"{walked} has {len(value):,} items; at most {limit:,} can be run over.")
    return value


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "true or false"), (int | float, "a number"), (str, "text"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)
