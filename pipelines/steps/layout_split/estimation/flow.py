"""Laying a page out by its cascade: blocks below one another, text in lines, flex and grid in columns.

Not laid out: floats beside text, positioned offsets, tables by content. Those boxes come out roughly.
"""

import re
from dataclasses import dataclass

from metrics.boxes import Box
from pipelines.designs.bundle import DesignBundle
from pipelines.steps.layout_split.estimation.cascade import Cascade, Computed
from pipelines.steps.layout_split.estimation.files import file_of, natural_size, number, size_in, style_sheets
from pipelines.steps.layout_split.estimation.styles import Styles
from pipelines.steps.layout_split.page import Element, Node, Page, Style, find_body, language_of, own_text, title_of

VIEWPORT_HEIGHT = 900.0
CHARACTER_WIDTH = 0.5  # of the font size; what running text in common sans-serif fonts comes to
NOTHING = Box(0, 0, 1, 1)
REPLACED = {"svg": (24.0, 24.0), "video": (300.0, 150.0), "canvas": (300.0, 150.0), "iframe": (300.0, 150.0)}
CONTROLS = {"input": 170.0, "select": 120.0, "textarea": 180.0}
MAX_NESTING = 100  # deeper content counts as plain text, so that recursion stays shallow
CLEAR = frozenset({"", "none", "transparent", "inherit", "initial", "unset", "0", "0 0"})

# Text, or an element with its computed style.
Content = str | tuple[Element, Computed]


@dataclass(slots=True)
class Laid:
    """An element's node with the margins that are left outside its box."""

    node: Node
    margin_top: float
    margin_bottom: float
    margin_left: float = 0.0
    margin_right: float = 0.0


def estimate(root: Element, design: DesignBundle, width: int) -> Page:
    """The page's visible nodes with estimated boxes, in CSS pixels, for a viewport of ``width``."""
    cascade = Cascade(style_sheets(root, design), float(width), VIEWPORT_HEIGHT)
    body = find_body(root)
    styles = Styles(cascade, root)
    if body not in styles.of:
        return Page(Node(body, "body", "", Style(), NOTHING), NOTHING, title_of(root), language_of(root))
    laid = _Flow(styles, design, float(width)).block(body, styles.of[body], 0.0, 0.0, float(width))
    _shift([laid.node], laid.margin_top)
    height = max(1, round(max(node.box.bottom for node in laid.node.walk()) + laid.margin_bottom))
    size = Box(0, 0, width, height)
    for node in laid.node.walk():
        node.box = node.box.clip(size)
        node.children = [child for child in node.children if child.box.clip(size).area > 1]
    laid.node.box = size
    return Page(laid.node, size, title_of(root), language_of(root))


class _Flow:
    def __init__(self, styles: Styles, design: DesignBundle, viewport_width: float) -> None:
        self.styles = styles
        self.design = design
        self.viewport_width = viewport_width
        self._widths: dict[Element, float] = {}

    def block(self, element: Element, style: Computed, x: float, y: float, available: float) -> Laid:
        """An element as a block with its border box's corner at ``x``, ``y``, in a container ``available`` wide."""
        _, margin_right, _, margin_left = style.sides("margin", available)
        width = self._outer_width(element, style, available, margin_left + margin_right)
        if style.get("margin-left") == style.get("margin-right") == "auto":
            margin_left = max(0.0, (available - width) / 2)
        return self._place(element, style, Box(x + margin_left, y, width, 0), available, margin_left, margin_right)

    def _outer_width(self, element: Element, style: Computed, available: float, margins: float) -> float:
        width = style.length("width", available, available - margins)
        if element.tag == "img":
            width = min(self._picture_width(element, style, available), available)
        limit = style.length("max-width", available, width)
        return max(1.0, min(width, limit))

    def _place(
        self, element: Element, style: Computed, frame: Box, base: float, left: float = 0.0, right: float = 0.0
    ) -> Laid:
        """Fill an element of known corner and width with its content, which gives its height."""
        top, _, bottom, _ = style.sides("margin", base)
        node = Node(element, str(element.tag), own_text(element), _style(style), frame)
        pad_top, pad_right, pad_bottom, pad_left = style.sides("padding", base)
        inner = Box(frame.x + pad_left, frame.y + pad_top, max(1.0, frame.width - pad_left - pad_right), 0)
        content, first, last = self._fill(node, style, inner)
        if pad_top or style.get("display") != "block":
            content += first
        else:
            top = max(top, first)
            _shift(node.children, -first)
        if pad_bottom or style.get("display") != "block":
            content += last
        else:
            bottom = max(bottom, last)
        height = self._height(element, style, pad_top + content + pad_bottom, frame.width)
        node.box = Box(frame.x, frame.y, frame.width, height)
        if self.styles.depth[element] >= MAX_NESTING:
            self._fold(node)
        return Laid(node, top, bottom, left, right)

    def _fold(self, outer: Node) -> None:
        """Give everything below a node that node's own box."""
        waiting = [outer]
        while waiting:
            node = waiting.pop()
            shown = [child for child in node.element if child in self.styles.of]
            node.children = [
                Node(child, str(child.tag), own_text(child), _style(self.styles.of[child]), outer.box)
                for child in shown
            ]
            waiting.extend(node.children)

    def _height(self, element: Element, style: Computed, content: float, width: float) -> float:
        if element.tag == "img":
            return self._picture_height(element, style, width)
        if element.tag in REPLACED:
            return style.length("height", 0.0, number(element.get("height")) or REPLACED[element.tag][1])
        if element.tag in CONTROLS:
            rows = (number(element.get("rows")) or 2.0) if element.tag == "textarea" else 1.0
            content += rows * style.line_height
        declared = "" if style.get("height").endswith("%") else style.get("height")
        height = style.length("height", 0.0, content) if declared else content
        return max(height, style.length("min-height", 0.0))

    def _fill(self, node: Node, style: Computed, inner: Box) -> tuple[float, float, float]:
        """Lay an element's children inside ``inner``; the content's height, and the outer margins at its ends."""
        if node.tag in REPLACED or node.tag in CONTROLS or node.tag == "img":
            return 0.0, 0.0, 0.0
        contents = self._contents(node.element)
        display = style.get("display")
        if display in ("grid", "inline-grid"):
            return self._grid(node, style, contents, inner), 0.0, 0.0
        if display in ("flex", "inline-flex") and not style.get("flex-direction").startswith("column"):
            return self._flex(node, style, contents, inner), 0.0, 0.0
        return self._stack(node, style, contents, inner)

    def _contents(self, element: Element) -> list[Content]:
        if self.styles.depth[element] >= MAX_NESTING:
            return ["".join(map(str, element.itertext()))]
        contents: list[Content] = [element.text] if element.text and element.text.strip() else []
        for child in element:
            if child in self.styles.of:
                contents.append((child, self.styles.of[child]))
            if child.tail and child.tail.strip():
                contents.append(child.tail)
        return contents

    def _stack(self, node: Node, style: Computed, contents: list[Content], inner: Box) -> tuple[float, float, float]:
        """Blocks below one another, what is inline between them in lines."""
        y, first, pending = inner.y, 0.0, 0.0
        line: list[Content] = []
        is_first = True
        for content in [*contents, None]:
            if content is not None and not self._is_block(content):
                line.append(content)
                continue
            if line:
                y += pending
                y += self._lines(node, style, line, Box(inner.x, y, inner.width, 0))
                pending, line, is_first = 0.0, [], False
            if content is None or isinstance(content, str):
                continue
            element, computed = content
            if computed.get("position") in ("absolute", "fixed"):
                node.children.append(self._overlay(element, computed, inner, y))
                continue
            laid = self.block(element, computed, inner.x, y, inner.width)
            gap = max(pending, laid.margin_top) if pending >= 0 else pending + laid.margin_top
            if is_first:
                first, gap = laid.margin_top, laid.margin_top
            _shift([laid.node], gap)
            node.children.append(laid.node)
            y, pending, is_first = laid.node.box.bottom, laid.margin_bottom, False
        return y - inner.y - first, first, pending

    def _is_block(self, content: Content) -> bool:
        return not isinstance(content, str) and content[0] in self.styles.blocks

    def _overlay(self, element: Element, style: Computed, inner: Box, y: float) -> Node:
        is_fixed = style.get("position") == "fixed"
        room = self.viewport_width if is_fixed else inner.width
        fills = style.get("left") and style.get("right")
        width = style.length("width", room, room if fills else min(room, self.widest(element, style)))
        frame = Box(0.0 if is_fixed else inner.x, 0.0 if is_fixed else y, max(1.0, width), 0)
        return self._place(element, style, frame, room).node

    def _lines(self, node: Node, style: Computed, contents: list[Content], inner: Box) -> float:
        """Break inline content into lines; its height."""
        x, y, height = 0.0, 0.0, 0.0
        for content in contents:
            width, tall, laid = self._inline(content, style, inner)
            if laid is not None:
                if x and x + width > inner.width:
                    x, y, height = 0.0, y + height, 0.0
                _shift([laid], y, x)
                node.children.append(laid)
            x, height = x + width, max(height, tall)
            while x > inner.width and laid is None:
                x, y = x - inner.width, y + height
        return y + height

    def _inline(self, content: Content, style: Computed, inner: Box) -> tuple[float, float, Node | None]:
        """Width and height that inline content takes in its lines, and its node unless it is text."""
        if isinstance(content, str):
            return _text_width(content, style), style.line_height, None
        element, computed = content
        if element.tag == "br":
            return inner.width, style.line_height, None
        _, right, _, left = computed.sides("margin", inner.width)
        wanted = self.widest(element, computed)
        width = max(1.0, min(computed.length("width", inner.width, wanted), inner.width))
        laid = self._place(element, computed, Box(inner.x + left, inner.y, width, 0), inner.width)
        _shift([laid.node], laid.margin_top)
        return left + width + right, laid.margin_top + laid.node.box.height + laid.margin_bottom, laid.node

    def _items(self, node: Node, contents: list[Content], inner: Box) -> list[tuple[Element, Computed]]:
        """The children that take part in columns; overlays are laid at once."""
        items: list[tuple[Element, Computed]] = []
        for content in contents:
            if isinstance(content, str):
                continue
            if content[1].get("position") in ("absolute", "fixed"):
                node.children.append(self._overlay(*content, inner, inner.y))
            else:
                items.append(content)
        return items

    def _flex(self, node: Node, style: Computed, contents: list[Content], inner: Box) -> float:
        items = self._items(node, contents, inner)
        if not items:
            return style.line_height if any(isinstance(content, str) for content in contents) else 0.0
        gap = style.length("column-gap", inner.width)
        may_wrap = style.get("flex-wrap").startswith("wrap")
        rows: list[list[tuple[Element, Computed, float]]] = [[]]
        used = 0.0
        for element, computed in items:
            basis = self._basis(element, computed, inner.width)
            if may_wrap and rows[-1] and used + gap + basis > inner.width + 1:
                rows.append([])
                used = 0.0
            rows[-1].append((element, computed, basis))
            used += basis + gap
        return self._rows(node, style, [_fit(row, inner.width, gap) for row in rows], inner, gap)

    def _basis(self, element: Element, style: Computed, room: float) -> float:
        """The outer width an item asks for before it grows or shrinks."""
        _, right, _, left = style.sides("margin", room)
        basis = style.get("flex-basis", "auto")
        if basis not in ("auto", "content"):
            return left + right + max(0.0, style.length("flex-basis", room))
        wanted = style.length("width", room, min(room, self.widest(element, style)))
        return left + right + min(wanted, style.length("max-width", room, wanted))

    def _grid(self, node: Node, style: Computed, contents: list[Content], inner: Box) -> float:
        items = self._items(node, contents, inner)
        gap = style.length("column-gap", inner.width)
        count = _columns(style, inner.width)
        track = (inner.width - gap * (count - 1)) / count
        rows: list[list[tuple[Element, Computed, float]]] = []
        free = 0
        for element, computed in items:
            span = min(count, _span(computed))
            if span > free:
                rows.append([])
                free = count
            rows[-1].append((element, computed, span * track + (span - 1) * gap))
            free -= span
        return self._rows(node, style, rows, inner, gap)

    def _rows(
        self, node: Node, style: Computed, rows: list[list[tuple[Element, Computed, float]]], inner: Box, gap: float
    ) -> float:
        """Lay rows of items of known outer widths below one another; items stretch unless they are aligned."""
        y = inner.y
        row_gap = style.length("row-gap", 0.0)
        for row in rows:
            x, placed = inner.x, []
            for element, computed, width in row:
                _, right, _, left = computed.sides("margin", inner.width)
                frame = Box(x + left, y, max(1.0, width - left - right), 0)
                laid = self._place(element, computed, frame, inner.width)
                _shift([laid.node], laid.margin_top)
                placed.append(laid)
                x += width + gap
            tall = max((laid.margin_top + laid.node.box.height + laid.margin_bottom for laid in placed), default=0.0)
            for laid in placed:
                self._align(laid, style, y, tall)
                node.children.append(laid.node)
            y += tall + row_gap
        return max(0.0, y - inner.y - (row_gap if rows else 0.0))

    def _align(self, laid: Laid, style: Computed, y: float, tall: float) -> None:
        spare = tall - laid.margin_top - laid.node.box.height - laid.margin_bottom
        align = style.get("align-items", "stretch")
        if "center" in align:
            _shift([laid.node], spare / 2)
        elif "end" in align:
            _shift([laid.node], spare)
        elif align in ("stretch", "normal"):
            box = laid.node.box
            laid.node.box = Box(box.x, box.y, box.width, box.height + spare)

    def widest(self, element: Element, style: Computed) -> float:
        """How wide an element's content would like to be, its paddings included."""
        if element not in self._widths:
            self._widths[element] = self._measure(element, style)
        return self._widths[element]

    def _measure(self, element: Element, style: Computed) -> float:
        _, right, _, left = style.sides("padding", 0.0)
        if element.tag == "img":
            return self._picture_width(element, style, self.viewport_width)
        if element.tag in REPLACED or element.tag in CONTROLS:
            natural = CONTROLS.get(element.tag) or REPLACED[element.tag][0]
            return style.length("width", 0.0, number(element.get("width")) or natural) + left + right
        in_line = block = 0.0
        is_row = "flex" in style.get("display") and not style.get("flex-direction").startswith("column")
        for content in self._contents(element):
            width = _text_width(content, style) if isinstance(content, str) else self._measured_item(*content)
            if self._is_block(content) and not is_row:
                block = max(block, width)
            else:
                in_line += width
        return max(in_line, block) + left + right

    def _measured_item(self, element: Element, style: Computed) -> float:
        if style.get("position") in ("absolute", "fixed"):
            return 0.0
        _, right, _, left = style.sides("margin", 0.0)
        natural = self.widest(element, style)
        declared = style.get("width")
        return left + right + (natural if declared.endswith("%") else style.length("width", 0.0, natural))

    def _picture_width(self, element: Element, style: Computed, room: float) -> float:
        width = style.length("width", room, number(element.get("width")) or self._own_size(element, style)[0])
        return max(1.0, min(width, style.length("max-width", room, width)))

    def _picture_height(self, element: Element, style: Computed, width: float) -> float:
        own_width, own_height = self._own_size(element, style)
        in_shape = width * own_height / own_width
        declared = style.get("height")
        if not declared:
            return max(1.0, number(element.get("height")) or in_shape)
        return max(1.0, in_shape if declared.endswith("%") else style.length("height", 0.0, in_shape))

    def _own_size(self, element: Element, style: Computed) -> tuple[float, float]:
        """A picture's size by its file or address, else by its attributes, else that of its alternative text."""
        address = element.get("src") or ""
        if found := natural_size(file_of(self.design, address)) or size_in(address):
            return found
        width, height = number(element.get("width")), number(element.get("height"))
        return width or max(16.0, _text_width(element.get("alt") or "", style)), height or style.line_height


def _fit(row: list[tuple[Element, Computed, float]], room: float, gap: float) -> list[tuple[Element, Computed, float]]:
    """Grow or shrink a row's items to its width, as ``flex-grow`` says and by their size."""
    spare = room - gap * (len(row) - 1) - sum(width for _, _, width in row)
    grows = [max(0.0, style.length("flex-grow", 0.0)) for _, style, _ in row]
    if spare > 0 and sum(grows) > 0:
        return [(e, s, width + spare * grow / sum(grows)) for (e, s, width), grow in zip(row, grows, strict=True)]
    if spare < 0:
        total = sum(width for _, _, width in row)
        return [(e, s, max(1.0, width + spare * width / total)) for e, s, width in row]
    return row


def _columns(style: Computed, room: float) -> int:
    template = style.get("grid-template-columns")
    if repeated := re.match(r"repeat\(\s*(\d{1,2})\s*,", template):
        return max(1, int(repeated[1]))
    if automatic := re.match(r"repeat\(\s*auto-fi[lt]\s*,\s*minmax\(\s*([\d.]+)(px|rem|em)", template):
        return max(1, int(room // max(1.0, float(automatic[1]) * (1 if automatic[2] == "px" else 16))))
    tracks = re.sub(r"\([^()]*\)", "", template).split()
    return max(1, min(24, len(tracks))) if template not in ("", "none") else 1


def _span(style: Computed) -> int:
    found = re.search(r"span\s+(\d{1,2})", style.get("grid-column"))
    return max(1, int(found[1])) if found else 1


def _style(style: Computed) -> Style:
    colour, picture = style.get("background-color"), style.get("background-image")
    background = ("" if colour in CLEAR else colour) + ("" if picture in CLEAR else " picture")
    return Style(style.get("position", "static"), background, style.font_size)


def _text_width(text: str, style: Computed) -> float:
    return CHARACTER_WIDTH * style.font_size * len(" ".join(text.split()) + " ")


def _shift(nodes: list[Node], down: float, right: float = 0.0) -> None:
    if not down and not right:
        return
    for top in nodes:
        for node in top.walk():
            node.box = Box(node.box.x + right, node.box.y + down, node.box.width, node.box.height)
