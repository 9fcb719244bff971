"""An element's attributes as template nodes, for one element or for the same element of every item of a repeater."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from lxml import html

from pipelines.hubspot.fields import image_value, link_value, url_value
from pipelines.steps.module_generate.naming import (
    BACKGROUND_IMAGE,
    FRAME,
    attribute_role,
    image_role,
    link_role,
    text_role,
)
from pipelines.steps.module_generate.nodes import Code, Node, Slot, When

# What an id that differs between items is replaced by while the items are compared; `write` makes it unique again.
ID_OPEN, ID_CLOSE = "\ufdd2", "\ufdd3"
ESCAPE_TEXT = "{{ $|escape_html }}"
_BACKGROUND = re.compile(r"^(.*?url\(\s*)(['\"]?)([^'\")]+)\2(\s*\).*)$", re.IGNORECASE | re.DOTALL)
_MARK = re.compile(rf"{ID_OPEN}\d:([^{ID_CLOSE}]*){ID_CLOSE}")
_HUBL_BRACE = re.compile(r"\{(?=[{%#])")
_PIXELS = re.compile(r"\d{1,5}")

Elements = Sequence[html.HtmlElement]


def literal(text: str) -> str:
    """Text as markup that HubL leaves alone: no ``{{``, ``{%`` or ``{#`` in it."""
    return guard_braces(escape(text, quote=False))


def guard_braces(markup: str) -> str:
    return _HUBL_BRACE.sub("&#123;", markup)


def attribute_nodes(elements: Elements) -> list[Node]:
    """The attributes of ``elements``, which share their tag: those that are content or differ become fields."""
    nodes: list[Node] = []
    handled: set[str] = set()
    for names, build in _CONTENT_ATTRIBUTES.get(str(elements[0].tag), ()):
        built = build(elements)
        if built:
            nodes += built
            handled |= names
    for name in dict.fromkeys(name for element in elements for name in element.attrib):
        if name not in handled:
            nodes += _plain(str(name), elements)
    return nodes


def _plain(name: str, elements: Elements) -> list[Node]:
    values = [element.get(name) for element in elements]
    if name == "style" and (background := _background(values, elements)):
        return background
    if len(set(values)) == 1:
        return [_constant(name, values[0] or "")]
    if name == "class":
        return _class_list([value or "" for value in values], elements)
    role = attribute_role(elements[0], name)
    given = {value for value in values if value is not None}
    if len(given) == 1 and ID_OPEN in (only := given.pop()):
        return [
            When(
                Slot("boolean", role, [value is not None for value in values], locked=True),
                "$",
                [_constant(name, only)],
            )
        ]
    slot = Slot("text", role, [_MARK.sub(r"\1", value or "") for value in values], locked=True)
    shown = Code(slot, f' {name}="{{{{ $|escape_attr }}}}"')
    return [shown] if None not in values else [When(slot, "$", [shown])]


def _constant(name: str, value: str) -> str:
    return f' {name}="{guard_braces(escape(value))}"'


def _class_list(values: list[str], elements: Elements) -> list[Node]:
    """Class names all share stay in the markup, the others become one field."""
    lists = [value.split() for value in values]
    shared = [name for name in dict.fromkeys(lists[0]) if all(name in names for names in lists)]
    own = [" ".join(name for name in names if name not in shared) for names in lists]
    role = attribute_role(elements[0], "class")
    slot = Slot("text", role, own, locked=role.name != "icon_class")
    before = guard_braces(escape(" ".join(shared)))
    return [f' class="{before} ' if before else ' class="', Code(slot, "{{ $|escape_attr }}"), '"']


def _background(values: list[str | None], elements: Elements) -> list[Node]:
    """A style attribute whose only difference is the picture it shows."""
    matches = [_BACKGROUND.match(value or "") for value in values]
    found = [match for match in matches if match]
    if len(found) < len(values) or any("url(" in match[4].lower() for match in found):
        return []
    if len({(match[1], match[4]) for match in found}) > 1 or found[0][3].startswith("data:"):
        return []
    label = " ".join(elements[0].get("aria-label", "").split())
    slot = Slot("image", BACKGROUND_IMAGE, [image_value(match[3].strip(), label) for match in found])
    before, after = (guard_braces(escape(found[0][group])) for group in (1, 4))
    return [f' style="{before}&#x27;', Code(slot, "{{ $.src|escape_url }}"), f'&#x27;{after}"']


def _image(elements: Elements) -> list[Node]:
    slot = Slot("image", image_role(elements[0]), [_image_of(element) for element in elements])
    nodes: list[Node] = [Code(slot, ' src="{{ $.src|escape_url }}" alt="{{ $.alt|escape_attr }}"')]
    for name in ("width", "height"):
        if any(name in value for value in slot.values):
            nodes.append(When(slot, f"$.{name}", [Code(slot, f' {name}="{{{{ $.{name} }}}}"')]))
    nodes.append(When(slot, '$.loading != "disabled"', [Code(slot, ' loading="{{ $.loading|escape_attr }}"')]))
    return nodes


def _image_of(element: html.HtmlElement) -> dict[str, Any]:
    return image_value(
        element.get("src", "").strip(),
        " ".join(element.get("alt", "").split()),
        width=_pixels(element.get("width")),
        height=_pixels(element.get("height")),
        loading=element.get("loading"),
    )


def _pixels(value: str | None) -> int | None:
    return int(value) if value and _PIXELS.fullmatch(value) else None


def _link(elements: Elements) -> list[Node]:
    hrefs = [element.get("href") for element in elements]
    if all(href is None for href in hrefs) or any(ID_OPEN in (href or "") for href in hrefs):
        return []
    values = [
        link_value(
            (element.get("href") or "").strip(),
            open_in_new_tab=element.get("target") == "_blank",
            no_follow="nofollow" in element.get("rel", "").split(),
        )
        for element in elements
    ]
    slot = Slot("link", link_role(elements[0]), values)
    href = Code(slot, ' href="{{ link_href($) }}"')
    nodes: list[Node] = [href] if None not in hrefs else [When(slot, "$.url.href", [href])]
    nodes.append(When(slot, "$.open_in_new_tab", [' target="_blank"']))
    kept = [name for name in elements[0].get("rel", "").split() if name != "nofollow"]
    if kept:
        nodes += [f' rel="{guard_braces(escape(" ".join(kept)))}', When(slot, "$.no_follow", [" nofollow"]), '"']
    else:
        nodes.append(When(slot, "$.no_follow", [' rel="nofollow"']))
    return nodes


def _frame(elements: Elements) -> list[Node]:
    slot = Slot("url", FRAME, [url_value(element.get("src", "").strip()) for element in elements])
    return [Code(slot, ' src="{{ $.href|escape_url }}"')] if any(value["href"] for value in slot.values) else []


def _input_text(name: str) -> Any:
    def build(elements: Elements) -> list[Node]:
        values = [" ".join(element.get(name, "").split()) for element in elements]
        is_button = elements[0].get("type", "").lower() in ("button", "reset", "submit")
        if not any(values) or (name == "value" and not is_button):
            return []
        role = text_role(elements[0].makeelement("button")) if is_button else text_role(elements[0])
        slot = Slot("text", role, values)
        shown = Code(slot, f' {name}="{{{{ $|escape_attr }}}}"')
        return [shown] if all(values) else [When(slot, "$", [shown])]

    return build


_CONTENT_ATTRIBUTES: dict[str, tuple[tuple[frozenset[str], Any], ...]] = {
    "a": ((frozenset({"href", "target", "rel"}), _link),),
    "iframe": ((frozenset({"src"}), _frame),),
    "img": ((frozenset({"src", "alt", "width", "height", "loading"}), _image),),
    "input": (
        (frozenset({"placeholder"}), _input_text("placeholder")),
        (frozenset({"value"}), _input_text("value")),
    ),
    "textarea": ((frozenset({"placeholder"}), _input_text("placeholder")),),
}
