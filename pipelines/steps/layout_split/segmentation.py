"""Where a page falls apart: from the tree of visible nodes to its parts, in reading order.

The walk goes down from the body through wrappers and stops at what an author would call a block: a landmark, or a
band of the page that stands on its own by its heading or its background. What lies inside a block is left whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from metrics.boxes import Box
from pipelines.steps.layout_split.page import (
    CONTROL_TAGS,
    HEADING_TAGS,
    INLINE_TAGS,
    MEDIA_TAGS,
    Node,
    Page,
    enclosing,
    word_set,
)

LANDMARK_ROLES = {
    "banner": "header",
    "navigation": "nav",
    "main": "main",
    "region": "section",
    "complementary": "aside",
    "contentinfo": "footer",
}
LANDMARK_TAGS = frozenset({"header", "nav", "main", "section", "article", "aside", "footer"})
LOOSE_TAGS = INLINE_TAGS | word_set("h1 h2 h3 h4 h5 h6 p ul ol dl pre blockquote figure address hr")

TALL_SECTION = 1350  # CSS pixels; one and a half screens
MIN_BAND = 60
MIN_PART = 24
MAX_INTRODUCTION = 300  # characters


@dataclass(slots=True)
class Facts:
    """What a node holds, itself and all below it. ``level`` is its highest heading's (1 to 6; 9 for none)."""

    text: int = 0
    media: int = 0
    links: int = 0
    controls: int = 0
    level: int = 9
    landmarks: int = 0
    font_size: float = 0.0

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.media or self.controls)


@dataclass(eq=False, slots=True)
class Block:
    """One part of the page: one node, or several that follow one another."""

    nodes: list[Node] = field(default_factory=list)

    @property
    def box(self) -> Box:
        return enclosing([node.box for node in self.nodes])


def segment(page: Page, max_parts: int) -> list[Block]:
    """The page's parts from top to bottom, at least one where anything is visible, at most ``max_parts``."""
    walk = _Walk(page)
    blocks = walk.split(page.body)
    blocks = _without_slivers(blocks, walk.facts)
    while len(blocks) > max_parts:
        _join_smallest(blocks)
    return blocks


def landmark(node: Node) -> str | None:
    """The landmark a node is, by its tag or its role."""
    role = LANDMARK_ROLES.get(node.attribute("role").lower())
    return role or (node.tag if node.tag in LANDMARK_TAGS else None)


def gather_facts(root: Node) -> dict[Node, Facts]:
    """Facts of every node below ``root``, children before parents."""
    facts: dict[Node, Facts] = {}
    for node in reversed(list(root.walk())):
        own = Facts(
            text=len(node.own_text),
            media=int(node.tag in MEDIA_TAGS),
            links=int(node.tag == "a"),
            controls=int(node.tag in CONTROL_TAGS),
            landmarks=int(landmark(node) is not None),
            level=int(node.tag[1]) if node.tag in HEADING_TAGS else 9,
            font_size=node.style.font_size if node.own_text else 0.0,
        )
        for child in (facts[child] for child in node.children):
            own.text += child.text
            own.media += child.media
            own.links += child.links
            own.controls += child.controls
            own.landmarks += child.landmarks
            own.level = min(own.level, child.level)
            own.font_size = max(own.font_size, child.font_size)
        facts[node] = own
    return facts


class _Walk:
    def __init__(self, page: Page) -> None:
        self.size = page.size
        self.facts = gather_facts(page.body)

    def split(self, node: Node, is_inside: bool = False) -> list[Block]:
        """The blocks of one node. ``is_inside`` says that a section or its like already holds it."""
        kids = self._parts_of_flow(node)
        is_inside = is_inside or landmark(node) not in (None, "main")
        if not kids or node.own_text:
            return [Block([node])]
        if len(kids) == 1:
            inner = self.split(kids[0], is_inside)
            return inner if len(inner) > 1 else [Block([node])]
        rows = self._rows(kids)
        if len(rows) == 1:
            return self._split_columns(node, rows[0], is_inside)
        if not self._falls_apart(node, rows, is_inside):
            return [Block([node])]
        return self._split_rows(rows, is_inside)

    def _parts_of_flow(self, node: Node) -> list[Node]:
        """Children that make up the layout: no spacers and rules, and of overlays only navigation."""
        solid = [kid for kid in node.children if not self._is_spacer(kid)]
        flow = [kid for kid in solid if not _is_overlay(kid) or self._is_navigation(kid)]
        return flow or solid

    def _is_spacer(self, node: Node) -> bool:
        if node.tag == "hr":
            return True
        return self.facts[node].is_empty and not _is_painted_band(node)

    def _is_navigation(self, node: Node) -> bool:
        if landmark(node) in ("header", "nav", "aside"):
            return True
        at_top = node.box.y <= 10 and node.box.height <= 200 and node.box.width >= 0.8 * self.size.width
        return at_top and self.facts[node].links >= 2

    def _rows(self, kids: Sequence[Node]) -> list[list[Node]]:
        """Children side by side in one row, from top to bottom. An overlay is a row of its own."""
        rows: list[list[Node]] = []
        for kid in sorted(kids, key=lambda kid: kid.box.y):
            if rows and all(_is_beside(kid, other) for other in rows[-1]):
                rows[-1].append(kid)
            else:
                rows.append([kid])
        return rows

    def _split_columns(self, node: Node, columns: list[Node], is_inside: bool) -> list[Block]:
        """Columns are parts only where they make up the page: a side navigation, a sidebar, a main column."""
        is_page_frame = node.box.height >= 0.7 * self.size.height
        if not is_page_frame or sum(self._leads_to_landmark(column) for column in columns) < 2:
            return [Block([node])]
        return [block for column in sorted(columns, key=lambda c: c.box.x) for block in self.split(column, is_inside)]

    def _falls_apart(self, node: Node, rows: list[list[Node]], is_inside: bool) -> bool:
        kind = landmark(node)
        if node.tag == "body" or kind == "main":
            return True
        if kind in ("nav", "footer", "aside"):
            return False
        if kind == "header":
            return self._is_header_over_hero(rows)
        kids = [kid for row in rows for kid in row]
        if kind is None and sum(self._leads_to_landmark(kid) for kid in kids) >= 2:
            return True
        is_frame = node.box.height >= 0.4 * self.size.height and not is_inside
        if is_frame and (self._is_navigation(kids[0]) or any(landmark(kid) in ("nav", "footer") for kid in kids)):
            return True
        if is_inside and node.box.height < TALL_SECTION:
            return False
        return self._stand_alone(node, rows)

    def _is_header_over_hero(self, rows: list[list[Node]]) -> bool:
        """Whether a header holds the navigation and, below it, the page's opening."""
        first, rest = rows[0], rows[1:]
        height = enclosing([kid.box for row in rest for kid in row]).height
        return any(self._leads_to_landmark(kid) for kid in first) and height >= 200

    def _leads_to_landmark(self, node: Node) -> bool:
        """Whether a node is a landmark of the page, or wraps nothing else."""
        while landmark(node) is None and len(kids := self._parts_of_flow(node)) == 1 and not node.own_text:
            node = kids[0]
        return landmark(node) is not None or self.facts[node].landmarks >= 2

    def _stand_alone(self, node: Node, rows: list[list[Node]]) -> bool:
        """Whether rows without landmarks are parts by themselves.

        They are where they fill the page's width, or where several carry a heading of one level or a background of
        their own: an introduction above its details has the only heading of its level.
        """
        rows = [row for row in rows if len(row) == 1]  # several in a row are a grid, which stays whole
        if node.box.height < 0.4 * self.size.height:
            return False
        boxes = [row[0].box for row in rows]
        full = sum(box.width >= 0.97 * self.size.width and box.height >= MIN_BAND for box in boxes)
        if full >= 3:
            return True
        return self._headed_rows(rows) + self._painted_rows(node, rows) >= 2

    def _headed_rows(self, rows: list[list[Node]]) -> int:
        """How many rows have a heading as high as the first one met (the page's title counts as a second-level)."""
        levels = [max(2, min(self.facts[kid].level for kid in row)) for row in rows]
        first = next((level for level in levels if level < 9), None)
        return 0 if first is None else sum(level <= first for level in levels)

    def _painted_rows(self, node: Node, rows: list[list[Node]]) -> int:
        return sum(
            self.facts[row[0]].level == 9
            and row[0].box.width >= 0.9 * node.box.width
            and row[0].box.height >= MIN_BAND
            and row[0].style.background not in ("", node.style.background)
            for row in rows
        )

    def _split_rows(self, rows: list[list[Node]], is_inside: bool) -> list[Block]:
        blocks: list[Block] = []
        run: list[Node] = []
        for row in rows:
            if run and self._begins_anew(row, run):
                blocks.append(Block(run))
                run = []
            if run or self._is_loose(row):
                run = run + row
            else:
                blocks += self.split(row[0], is_inside) if len(row) == 1 else [Block(row)]
            if run and not self._is_loose(row):
                blocks.append(Block(run))
                run = []
        return [*blocks, Block(run)] if run else blocks

    def _is_loose(self, row: list[Node]) -> bool:
        """Whether a row waits for what follows it: bare text, or an introduction of a heading and little more."""
        if all(kid.tag in LOOSE_TAGS for kid in row):
            return True
        if len(row) > 1 or landmark(row[0]) or row[0].style.background or _is_overlay(row[0]):
            return False
        facts = self.facts[row[0]]
        is_heading = 1 < facts.level < 9 and facts.text < MAX_INTRODUCTION
        return is_heading and not facts.media and not facts.controls and not facts.links

    def _begins_anew(self, row: list[Node], run: list[Node]) -> bool:
        if any(landmark(kid) or _is_overlay(kid) or kid.style.background for kid in row):
            return True
        if all(kid.tag in HEADING_TAGS for kid in run):
            return False
        level = min(self.facts[kid].level for kid in row)
        return level < 9 and level <= max(2, min(self.facts[kid].level for kid in run))


def _is_overlay(node: Node) -> bool:
    return node.style.position in ("absolute", "fixed")


def _is_painted_band(node: Node) -> bool:
    """Whether a node without content shows a coloured or pictured area of some height."""
    if node.box.height < MIN_BAND:
        return False
    return any(inner.style.background for inner in node.walk() if inner.tag != "body")


def _is_beside(first: Node, second: Node) -> bool:
    if _is_overlay(first) or _is_overlay(second):
        return False
    a, b = first.box, second.box
    high = min(a.bottom, b.bottom) - max(a.y, b.y)
    wide = min(a.right, b.right) - max(a.x, b.x)
    return high > 0.5 * min(a.height, b.height) and wide < 0.5 * min(a.width, b.width)


def _without_slivers(blocks: list[Block], facts: dict[Node, Facts]) -> list[Block]:
    """Drop blocks with nothing to see and join those too low to be parts to the one before."""
    kept: list[Block] = []
    for block in blocks:
        if all(facts[node].is_empty and not _is_painted_band(node) for node in block.nodes):
            continue
        is_sliver = block.box.height < MIN_PART and not any(landmark(node) for node in block.nodes)
        if is_sliver and kept:
            kept[-1].nodes.extend(block.nodes)
        else:
            kept.append(block)
    return kept


def _join_smallest(blocks: list[Block]) -> None:
    """Join the neighbours that are the lowest together."""
    index = min(range(len(blocks) - 1), key=lambda i: blocks[i].box.height + blocks[i + 1].box.height)
    blocks[index].nodes.extend(blocks.pop(index + 1).nodes)
