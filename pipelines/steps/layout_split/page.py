"""A page as a tree of visible nodes, each with its box: what the segmentation reads, rendered or not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from metrics.boxes import Box
from pipelines.steps.contract import StepError

MAX_BYTES = 10_000_000
MAX_TAGS = 400_000  # what is parsed at all
MAX_ELEMENTS = 20_000
MAX_DEPTH = 250

Element = etree._Element


def word_set(text: str) -> frozenset[str]:
    """The words of a list, as a set."""
    return frozenset(text.split())


UNSEEN_TAGS = word_set(
    "head script style noscript template meta link title base param source track datalist option map area"
)
MEDIA_TAGS = word_set("img picture svg video audio canvas iframe object embed")
CONTROL_TAGS = frozenset(["input", "select", "textarea", "button"])
INLINE_TAGS = word_set(
    "a abbr b bdi bdo br cite code data dfn em font i img input kbd label mark meter output picture progress q "
    "s samp select small span strong sub sup svg textarea time u var wbr button"
)
HEADING_TAGS = ("h1", "h2", "h3", "h4", "h5", "h6")
SCRIPT_ADDRESS = re.compile(r"^[\s\x00-\x1f]*(?:java|vb)script:", re.IGNORECASE)
SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Style:
    """The little of an element's computed style that tells parts apart.

    ``position`` is CSS's own word. ``background`` is any text that differs where the background does, empty where
    there is none. ``font_size`` is in CSS pixels, 0 where unknown.
    """

    position: str = "static"
    background: str = ""
    font_size: float = 0.0


@dataclass(eq=False, slots=True)
class Node:
    """A visible element. ``own_text`` is the text directly in it, collapsed; ``box`` is in CSS pixels."""

    element: Element
    tag: str
    own_text: str
    style: Style
    box: Box
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """This node and all below it, in document order, without recursion."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def attribute(self, name: str) -> str:
        return self.element.get(name) or ""

    @property
    def words(self) -> frozenset[str]:
        """Words of its class and id, lower case: ``btn-primary`` gives ``btn`` and ``primary``."""
        return frozenset(re.findall(r"[a-z]+", f"{self.attribute('class')} {self.attribute('id')}".lower()))


@dataclass(frozen=True, slots=True)
class Page:
    """``size`` is the whole design's, in CSS pixels."""

    body: Node
    size: Box
    title: str | None
    language: str | None


def enclosing(boxes: list[Box]) -> Box:
    """The smallest box around all of a list that is not empty."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    return Box(left, top, max(box.right for box in boxes) - left, max(box.bottom for box in boxes) - top)


def check_html(content: bytes, name: str) -> None:
    """Refuse what is not a page before anything parses it. Raises ``StepError``."""
    if not content.strip(b"\xef\xbb\xbf \t\r\n\x00"):
        raise StepError("design-empty", f"{name} is empty. Give a page with something on it.")
    if len(content) > MAX_BYTES:
        raise StepError("design-too-large", f"{name} has {len(content):,} bytes; at most {MAX_BYTES:,} are read.")
    if _is_binary(content):
        raise StepError("design-not-html", f"{name} holds binary data, not HTML. Give an HTML page or a picture.")
    if content.count(b"<") > MAX_TAGS:
        raise StepError("design-too-large", f"{name} has more than {MAX_TAGS:,} tags. Give one page, not a data dump.")


def _is_binary(content: bytes) -> bool:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, half of which is zeros
        return False
    head = content[:4096]
    controls = sum(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in head)
    return content.startswith(b"%PDF-") or controls > max(8, len(head) // 50)


def parse_html(html: str, name: str) -> Element:
    """The document's root, without scripts, comments, event handlers and script addresses.

    Never recurses, so nesting can't exhaust the stack. Raises ``StepError``.
    """
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(html.replace("\0", "").encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        raise StepError("design-not-html", f"No HTML could be read from {name}.")
    depth = _depth(root)
    if depth > MAX_DEPTH:
        raise StepError(
            "design-too-deep",
            f"{name} nests elements more than {MAX_DEPTH} deep. Look for tags that are never closed.",
        )
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise StepError("design-too-large", f"{name} has more than {MAX_ELEMENTS:,} elements. Give a shorter page.")
    _disarm(root)
    return root


def _disarm(root: Element) -> None:
    etree.strip_elements(root, "script", "noscript", "template", with_tail=False)
    for element in root.iter():
        for name, value in list(element.items()):
            if str(name).startswith("on") or SCRIPT_ADDRESS.match(str(value)):
                del element.attrib[name]


def _depth(root: Element) -> int:
    depth = deepest = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def find_body(root: Element) -> Element:
    body = root.find("body")
    return root if body is None else body


def title_of(root: Element) -> str | None:
    text = collapse(root.findtext(".//title") or "")
    return text[:1000] or None


def language_of(root: Element) -> str | None:
    return (root.get("lang") or root.get("xml:lang") or "").strip()[:35] or None


def collapse(text: str) -> str:
    return SPACE.sub(" ", text).strip()


def own_text(element: Element) -> str:
    """The text directly in an element, not that of its child elements."""
    pieces = [element.text or "", *(child.tail or "" for child in element)]
    return collapse(" ".join(pieces))


def visible_text(nodes: list[Node]) -> str:
    """The text a reader sees, one line per block of it."""
    pieces: list[str] = []
    for top in nodes:
        shown = {node.element for node in top.walk()}
        for event, element in etree.iterwalk(top.element, events=("start", "end")):
            _take_text(event, element, top.element, shown, pieces)
        pieces.append("\n")
    lines = (collapse(line) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _take_text(event: str, element: Element, top: Element, shown: set[Element], pieces: list[str]) -> None:
    if element.tag not in INLINE_TAGS or element.tag == "br":
        pieces.append("\n")
    if event == "start" and element in shown and element.text:
        pieces.append(SPACE.sub(" ", element.text))
    parent = element.getparent()
    if event == "end" and element is not top and parent in shown and element.tail:
        pieces.append(SPACE.sub(" ", element.tail))


def outer_html(nodes: list[Node]) -> str:
    """The nodes' own HTML, as ``parse_html`` left it: without scripts, comments and event handlers."""
    return "\n".join(etree.tostring(node.element, method="html", encoding="unicode", with_tail=False) for node in nodes)


def selector_of(element: Element, ids: Mapping[str, int]) -> str:
    """A CSS selector for one element: from the nearest ancestor whose id is its own (``ids`` counts them) down."""
    steps: list[str] = []
    current: Element | None = element
    while current is not None and current.tag not in ("html", "body"):
        identity = current.get("id") or ""
        if ids.get(identity) == 1 and re.fullmatch(r"[A-Za-z_][\w-]*", identity):
            return " > ".join([f"#{identity}", *reversed(steps)])
        steps.append(_step(current))
        current = current.getparent()
    return " > ".join(["body", *reversed(steps)])


def _step(element: Element) -> str:
    before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    is_alone = before == 0 and next(element.itersiblings(element.tag), None) is None
    return str(element.tag) if is_alone else f"{element.tag}:nth-of-type({before + 1})"
