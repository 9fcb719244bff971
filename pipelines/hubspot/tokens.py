"""How many of a rendered module's words an editor may change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from metrics.text import word_tokens
from pipelines.hubspot.fields import default_values
from pipelines.hubspot.template import HublTemplate

# Unicode noncharacters: no text holds them, no escaping touches them.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_NEVER_SHOWN = frozenset({"iframe", "noscript", "script", "style", "template", "title"})
_MARKED_TYPES = frozenset({"text", "richtext", "number", "email", "date", "choice"})


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Word tokens of visible text and alternative texts, and how many of them come from fields."""

    total: int
    from_fields: int


def shown_text(html: str) -> str:
    """The text of a fragment with its images' alternative texts and its buttons' values, forms included.

    Linear in the length of ``html``, without recursion.
    """
    if not html.strip():
        return ""
    target: Any = _TextTarget()
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True)
    text: str = etree.fromstring(html.encode("utf-8", "replace"), parser)  # type: ignore[assignment]
    return text


def count_tokens(template: HublTemplate, fields: Sequence[Mapping[str, Any]]) -> TokenCount:
    """Count the words of the module rendered with its defaults.

    Field values are rendered between marks that no text contains, so a word counts as a field's only where it is shown.
    """
    marked = shown_text(template.render(_marked(default_values(fields), fields)))
    pieces = marked.split(_OPEN)
    inside = outside = 0
    outside += len(word_tokens(pieces[0]))
    for piece in pieces[1:]:
        value, _, rest = piece.partition(_CLOSE)
        inside += len(word_tokens(value))
        outside += len(word_tokens(rest))
    return TokenCount(inside + outside, inside)


def _marked(values: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {field["name"]: _mark(values.get(field["name"]), field) for field in fields}


def _mark(value: Any, field: Mapping[str, Any]) -> Any:
    kind = field["type"]
    if isinstance(value, list):
        return [_mark(item, field) for item in value]
    if kind == "group" and isinstance(value, dict):
        return _marked(value, field.get("children", ()))
    if kind in _MARKED_TYPES and value not in (None, ""):
        return f"{_OPEN}{value}{_CLOSE}"
    if kind in ("image", "logo") and isinstance(value, dict) and value.get("alt"):
        return {**value, "alt": f"{_OPEN}{value['alt']}{_CLOSE}"}
    return value


class _TextTarget:
    """An lxml parser target that gathers what is shown, with a space at every tag."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._hidden = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _NEVER_SHOWN:
            self._hidden += 1
        self._pieces.append(" ")
        if not self._hidden and tag in ("img", "area"):
            self._pieces.append(attributes.get("alt", ""))
        elif (
            not self._hidden and tag == "input" and attributes.get("type", "").lower() in ("button", "reset", "submit")
        ):
            self._pieces.append(attributes.get("value", ""))
        self._pieces.append(" ")

    def end(self, tag: str) -> None:
        if tag in _NEVER_SHOWN:
            self._hidden -= 1
        self._pieces.append(" ")

    def data(self, text: str) -> None:
        if not self._hidden:
            self._pieces.append(text)

    def close(self) -> str:
        return "".join(self._pieces)
