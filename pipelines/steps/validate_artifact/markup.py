"""A module's markup as every category reads it: a flat list of elements that know where they were written."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from justhtml import Document, DocumentFragment, JustHTML, Node, ParseError

MAX_SOURCE = 250_000
MAX_ELEMENTS = 20_000
MAX_REOPENED = 750_000
MAX_TEXT_NODES = 300

# A parser opens formatting elements that were never closed again in every later paragraph, so its work can grow with
# the number of these tags times the number of all.
TAG = re.compile(r"<(?:(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>]))?", re.IGNORECASE)
HEADING = re.compile(r"h([1-6])")


@dataclass(slots=True, eq=False)
class Element:
    """``written`` is the start tag as it stands in the source, empty for an element the parser added itself.

    ``attributes`` of a bare attribute are empty strings. ``line`` counts from 1.
    """

    name: str
    attributes: Mapping[str, str]
    parent: "Element | None"
    depth: int
    line: int | None
    offset: int
    written: str
    has_end_tag: bool
    foreign: bool
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def get(self, attribute: str) -> str:
        """The attribute's value without outer blanks; empty where there is none."""
        return self.attributes.get(attribute, "").strip()

    def ancestors(self) -> Iterator["Element"]:
        element = self.parent
        while element is not None:
            yield element
            element = element.parent

    def descendants(self) -> Iterator["Element"]:
        """Every element inside this one, in document order."""
        stack = self.children[::-1]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.children))

    @property
    def place(self) -> str:
        """Where a person finds it: its line in the rendered module and a short selector."""
        steps = [_step(element) for element in islice(self.ancestors(), 2)]
        selector = " > ".join([*reversed(steps), _step(self)])
        return f"rendered module, line {self.line}: {selector}" if self.line else f"rendered module: {selector}"


@dataclass(frozen=True)
class Markup:
    """``source`` is what was read of it, ``size`` the whole in bytes; ``cut`` says that not all of it was read."""

    source: str
    size: int
    is_page: bool
    elements: tuple[Element, ...]
    errors: tuple[ParseError, ...]
    has_doctype: bool
    cut: bool

    def named(self, *names: str) -> Iterator[Element]:
        return (element for element in self.elements if element.name in names and not element.foreign)

    @cached_property
    def ids(self) -> Counter[str]:
        return Counter(element.attributes["id"] for element in self.elements if element.attributes.get("id"))

    @cached_property
    def headings(self) -> tuple[tuple[int, Element], ...]:
        """The headings in document order, each with its level."""
        found = ((HEADING.fullmatch(element.name), element) for element in self.elements)
        return tuple((int(match[1]), element) for match, element in found if match)

    def skipped_headings(self) -> Iterator[tuple[int, int, Element]]:
        """Each heading more than one level below the one before it, with both levels.

        The first may have any level: a module does not know what stands above it.
        """
        for (before, _), (level, element) in zip(self.headings, self.headings[1:], strict=False):
            if level > before + 1:
                yield before, level, element


def parse_markup(source: str, *, page: bool) -> Markup:
    """Parse a whole page or a module's fragment, in time and memory that hostile markup can't stretch."""
    whole = source.removeprefix("\ufeff")
    text = _readable(whole)
    parsed = JustHTML(text, fragment=not page, sanitize=False, collect_errors=True, track_node_locations=True)
    elements = tuple(islice(_elements(parsed.root, text), MAX_ELEMENTS + 1))
    return Markup(
        source=text,
        size=len(source.encode("utf-8", "surrogatepass")),
        is_page=page,
        elements=elements[:MAX_ELEMENTS],
        errors=tuple(parsed.errors),
        has_doctype=any(node.name == "!doctype" for node in parsed.root.children or []),
        cut=len(text) < len(whole) or len(elements) > MAX_ELEMENTS,
    )


def words(text: str) -> frozenset[str]:
    """A set of names written as running text."""
    return frozenset(text.split())


def text_of(element: Element) -> str:
    """The element's text with single blanks, from at most its first 300 elements."""
    parts = [*element.texts]
    for descendant in islice(element.descendants(), MAX_TEXT_NODES):
        parts.extend(descendant.texts)
    return " ".join(" ".join(parts).split())


def _readable(source: str) -> str:
    """The longest beginning of the source that a parser gets through in bounded time and memory."""
    text = source[:MAX_SOURCE]
    formatting = 0
    for tags, match in enumerate(TAG.finditer(text)):
        formatting += match[1] is not None
        if formatting * tags > MAX_REOPENED:
            return text[: match.start()]
    return text


def _elements(root: Document | DocumentFragment, source: str) -> Iterator[Element]:
    """The elements in document order, without recursion; what a template holds is not part of the page."""
    stack: list[tuple[Node, Element | None]] = [(child, None) for child in reversed(root.children or [])]
    while stack:
        node, parent = stack.pop()
        if node.name == "#text" and parent is not None:
            parent.texts.append(str(node.data or ""))
        if node.name.startswith(("#", "!")):
            continue
        element = _element(node, parent, source)
        if parent is not None:
            parent.children.append(element)
        stack.extend((child, element) for child in reversed(node.children or []))
        yield element


def _element(node: Node, parent: Element | None, source: str) -> Element:
    # The tag's own span and end tag are not in justhtml's public interface, but no other parser here tells them.
    start, end = getattr(node, "_start_tag_start", None), getattr(node, "_start_tag_end", None)
    written = source[start:end] if start is not None and end is not None else ""
    return Element(
        name=node.name,
        attributes={name: value or "" for name, value in (node.attrs or {}).items()},
        parent=parent,
        depth=parent.depth + 1 if parent else 1,
        line=node.origin_line,
        offset=start if start is not None else -1,
        written=written,
        has_end_tag=bool(getattr(node, "_end_tag_present", False)),
        foreign=node.namespace not in {None, "html"},
    )


def _step(element: Element) -> str:
    if element.get("id"):
        return f"{element.name}#{element.get('id')[:60]}"
    first_class = next(iter(element.get("class")[:60].split()), "")
    return f"{element.name}.{first_class}" if first_class else element.name
