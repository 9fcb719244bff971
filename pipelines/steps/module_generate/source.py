"""A part's HTML made ready to be taken apart: parsed, and rid of everything that is not content or look."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

from lxml import etree, html

from pipelines.steps.contract import StepError

MAX_CHARACTERS = 2_000_000
MAX_ELEMENTS = 20_000
MAX_DEPTH = 100
# libxml2 gives up some levels below this one and loses what is there.
_PARSED_DEPTH = 1_000

_DROPPED_TAGS = frozenset(
    {"applet", "base", "embed", "frame", "frameset", "link", "meta", "noscript", "object", "script", "style"}
    | {"template", "title"}
)
_DROPPED_ATTRIBUTES = frozenset({"srcset", "sizes", "srcdoc", "nonce", "integrity", "crossorigin", "ping"})
_EVENT_ATTRIBUTE = re.compile(r"on[a-z]+$|@|x-on:|v-on:|hx-on", re.IGNORECASE)
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_:][\w:.\-]*$")
_URL_ATTRIBUTES = frozenset({"action", "formaction", "href", "poster", "src", "xlink:href"})
_SCRIPT_URL = re.compile(r"[\s\x00-\x1f]*(?:javascript|vbscript|data\s*:\s*text/html)\s*:?", re.IGNORECASE)
_STYLE_URL = re.compile(r"url\(\s*(['\"]?)(.*?)\1\s*\)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_REFERENCES = (
    "aria-controls",
    "aria-describedby",
    "aria-labelledby",
    "data-bs-parent",
    "data-bs-target",
    "data-parent",
)
_MORE_REFERENCES = ("data-target", "for", "headers", "href", "list")


@dataclass(frozen=True, slots=True)
class PartSource:
    """``text`` is the part's HTML as given, without characters that no document may hold. ``root`` is a container
    element whose children are the part's; ``css`` its own style elements' text. ``notes`` say what was left out.
    ``simple`` is false for a part too large or deep to be taken apart.
    """

    text: str
    root: html.HtmlElement
    css: str = ""
    notes: list[str] = field(default_factory=list)
    simple: bool = True

    def markup(self) -> str:
        return inner_html(self.root)

    def copy(self) -> "PartSource":
        """The same part, free to be changed."""
        return PartSource(self.text, copy.deepcopy(self.root), self.css, self.notes, self.simple)


def read_part(markup: str, *, base_url: str | None = None) -> PartSource:
    """Parse a part and drop what a module never carries: scripts, event handlers, frames' documents, comments.

    Image URLs become absolute when ``base_url`` is known. Raises ``StepError`` (``part-too-large``, ``part-too-deep``,
    ``part-without-content``).
    """
    if len(markup) > MAX_CHARACTERS:
        raise StepError(
            "part-too-large", f"The part has more than {MAX_CHARACTERS:,} characters; split the design into more parts."
        )
    text = _FORBIDDEN.sub("", markup)
    root = _parse(text)
    css = "\n".join(style.text or "" for style in root.iter("style"))
    notes = _clean(root)
    if not (len(root) or (root.text or "").strip()):
        raise StepError(
            "part-without-content", "The part shows nothing: no text, no picture, no form. Check the split before it."
        )
    depth = _depth(root)
    if depth > _PARSED_DEPTH:
        raise StepError(
            "part-too-deep", f"The part's elements nest more than {_PARSED_DEPTH} deep; simplify the design."
        )
    if base_url:
        _resolve_images(root, base_url)
    elements = sum(1 for _ in root.iter(etree.Element))
    return PartSource(text, root, css, notes, elements <= MAX_ELEMENTS and depth <= MAX_DEPTH)


def _parse(markup: str) -> html.HtmlElement:
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    document = html.document_fromstring(f"<!doctype html><body>{markup}".encode(), parser=parser)
    body: html.HtmlElement = document.find("body")
    return body


def _clean(root: html.HtmlElement) -> list[str]:
    dropped: dict[str, int] = {}
    for element in list(root.iter(etree.Element)):
        tag = str(element.tag).lower()
        if tag in _DROPPED_TAGS and element.getparent() is not None:
            element.drop_tree()
            if tag not in ("style", "meta", "link", "title"):
                dropped[f"<{tag}>"] = dropped.get(f"<{tag}>", 0) + 1
            continue
        for name in _clean_attributes(element):
            dropped[name] = dropped.get(name, 0) + 1
    return [f"Left out: {name} ({count} times)." for name, count in sorted(dropped.items())][:20]


def _clean_attributes(element: html.HtmlElement) -> Iterator[str]:
    """Drop attributes that run scripts or that fields replace; yield what is worth a note."""
    for name, value in list(element.attrib.items()):
        if _EVENT_ATTRIBUTE.match(name) or not _ATTRIBUTE_NAME.match(name):
            del element.attrib[name]
            yield "script attributes"
        elif name in _DROPPED_ATTRIBUTES:
            del element.attrib[name]
            if name == "srcset":
                yield "srcset of images, as the field's image replaces it"
        elif name in _URL_ATTRIBUTES and _SCRIPT_URL.match(value):
            element.set(name, "#")
            yield "script URLs"


def _resolve_images(root: html.HtmlElement, base_url: str) -> None:
    for element in root.iter(etree.Element):
        if element.tag == "img" and element.get("src"):
            element.set("src", _resolved(element.get("src", ""), base_url))
        style = element.get("style", "")
        if "url(" in style.lower():
            resolved = _STYLE_URL.sub(lambda match: f"url('{_resolved(match[2], base_url)}')", style)
            element.set("style", resolved)


def _resolved(url: str, base_url: str) -> str:
    try:
        return urljoin(base_url, url)
    except ValueError:
        return url


def _depth(root: html.HtmlElement) -> int:
    deepest = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def outer_html(element: html.HtmlElement) -> str:
    markup: str = html.tostring(element, encoding="unicode", with_tail=False)
    return markup


def inner_html(element: html.HtmlElement) -> str:
    """The markup between an element's tags."""
    pieces = [html_text(element.text)]
    for child in element:
        pieces.append(html.tostring(child, encoding="unicode", with_tail=True))
    return "".join(pieces)


def html_text(text: str | None) -> str:
    return (text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def local_references(element: html.HtmlElement) -> Iterator[tuple[str, str]]:
    """The ids an element's attributes refer to, as ``(attribute, id)``."""
    for name in (*_REFERENCES, *_MORE_REFERENCES):
        value = element.get(name)
        if not value:
            continue
        if name == "href":
            if value.startswith("#") and len(value) > 1:
                yield name, value[1:]
            continue
        for reference in value.split():
            yield name, reference.removeprefix("#")
