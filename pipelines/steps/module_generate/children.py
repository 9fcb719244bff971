"""An element's children in order, with the text and white space between them, and what makes running text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree, html

PHRASING = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q"}
    | {"s", "samp", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
)
PROSE = frozenset({"blockquote", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul", "dl", "hr"})
INSIDE_PROSE = PHRASING | PROSE | frozenset({"caption", "dd", "dt", "li", "tbody", "td", "tfoot", "th", "thead", "tr"})


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text between tags, with or without space at its ends."""

    words: str
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class Child:
    """A child of an element and the white space before it: none, a space or a line break."""

    item: html.HtmlElement | Text
    gap: str


@dataclass(slots=True)
class Segment:
    """Children that become one thing: text, one element, or the blocks of a repeater."""

    kind: str
    blocks: list[tuple[html.HtmlElement, ...]] = field(default_factory=list)
    text: Text | None = None
    gap: str = ""

    @property
    def first(self) -> html.HtmlElement:
        return self.blocks[0][0]


def children_of(element: html.HtmlElement) -> list[Child]:
    """An element's children in order, with its runs of text."""
    children: list[Child] = []
    gap = _add_text(children, element.text)
    for child in element:
        children.append(Child(child, gap))
        gap = _add_text(children, child.tail)
    return children


def _add_text(children: list[Child], text: str | None) -> str:
    """Append a run of text, if there is one; the white space before what follows."""
    if not text:
        return ""
    words = " ".join(text.split())
    if not words:
        return "\n" if "\n" in text else " "
    children.append(Child(Text(words, text[0].isspace(), text[-1].isspace()), ""))
    return ""


def elements_from(children: Sequence[Child], start: int) -> list[html.HtmlElement]:
    run: list[html.HtmlElement] = []
    for child in children[start:]:
        if isinstance(child.item, Text):
            break
        run.append(child.item)
    return run


def prose_length(run: Sequence[html.HtmlElement]) -> int:
    """How many elements from the first make up running text: three or more, two of them paragraphs."""
    length = 0
    while length < len(run) and _is_prose(run[length]):
        length += 1
    return length if length >= 3 and [element.tag for element in run[:length]].count("p") >= 2 else 0


def _is_prose(element: html.HtmlElement) -> bool:
    return element.tag in PROSE and all(
        str(child.tag) in INSIDE_PROSE for child in element.iterdescendants(etree.Element)
    )


def has_direct_text(element: html.HtmlElement) -> bool:
    return any((text or "").strip() for text in (element.text, *(child.tail for child in element)))


def has_text(element: html.HtmlElement) -> bool:
    return any(text.strip() for text in element.itertext())


def gap_before(element: html.HtmlElement) -> str:
    previous, parent = element.getprevious(), element.getparent()
    text = previous.tail if previous is not None else parent.text if parent is not None else None
    return "\n" if "\n" in (text or "") else " " if (text or "")[-1:].isspace() else ""


def closing_gap(element: html.HtmlElement) -> str:
    tail = element[-1].tail or ""
    return "\n" if "\n" in tail and not tail.strip() else " " if tail and not tail.strip() else ""


def text_owner(children: Sequence[Child]) -> html.HtmlElement | None:
    for child in children:
        if not isinstance(child.item, Text):
            parent: html.HtmlElement | None = child.item.getparent()
            return parent
    return None
