"""Turn a part into a template tree: what stays markup, what becomes a field, what repeats.

Everything is written for ``n`` like elements at once. At the top ``n`` is 1; the items of a repeater are unified into
one body, so that a repeater inside a repeater, an element that only some items have, and an attribute that differs
fall out of the same few functions. Nothing is thrown away: where items are too unlike to share a body, their content
becomes one formatted-text field each.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from lxml import etree, html

from metrics.text import word_tokens
from pipelines.hubspot.fields import MAX_GROUP_DEPTH, form_value
from pipelines.hubspot.tokens import shown_text
from pipelines.steps.module_generate import naming
from pipelines.steps.module_generate.alignment import MAX_ALIGNED, Likeness, align
from pipelines.steps.module_generate.attributes import (
    ESCAPE_TEXT,
    attribute_nodes,
    guard_braces,
)
from pipelines.steps.module_generate.children import (
    INSIDE_PROSE,
    PHRASING,
    PROSE,
    Child,
    Segment,
    Text,
    children_of,
    closing_gap,
    elements_from,
    gap_before,
    has_direct_text,
    has_text,
    prose_length,
    text_owner,
)
from pipelines.steps.module_generate.ids import SharedIds
from pipelines.steps.module_generate.nodes import (
    Code,
    FormChoice,
    Node,
    Repeat,
    Role,
    Slot,
    When,
    has_fields,
    slots_in,
    spread,
)
from pipelines.steps.module_generate.source import PartSource, inner_html, outer_html

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
# A drawing: one piece, unless it differs between the items of a repeater.
_WHOLE = frozenset({"canvas", "math", "svg"})
_LEAST_FILLED = 0.5
_PREFORMATTED = re.compile(r"<(pre|textarea)\b", re.IGNORECASE)
_INDENTATION = re.compile(r"[ \t]*\n\s*")


class _UnlikeError(Exception):
    """The elements cannot share a body."""


class Unifier:
    """Builds the template tree of one part. ``banned`` are the paths of repeaters that lost text and are not made."""

    def __init__(self, source: PartSource, *, kind: str, banned: Iterable[str] = (), repeaters: bool = True) -> None:
        self._source = source
        self._kind = kind
        self._banned = frozenset(banned)
        self._repeaters = repeaters
        self._likeness = Likeness()
        self._ids = SharedIds(source.root)
        self.words: dict[str, Counter[str]] = {}

    def tree(self) -> list[Node]:
        """The part's template. ``words`` then holds the source's words for each outermost repeater, by its path."""
        return self._content([self._source.root], 0, 0)

    def plain_tree(self) -> list[Node]:
        """The whole part as one formatted-text field, for one that cannot be taken apart."""
        return [_rich([inner_html(self._source.root)], naming.text_role(self._source.root, rich=True))]

    def _element(self, elements: Sequence[html.HtmlElement], depth: int, level: int) -> list[Node]:
        tag = str(elements[0].tag)
        if tag in _WHOLE:
            drawings = [outer_html(element) for element in elements]
            if len(set(drawings)) == 1:
                return [guard_braces(drawings[0])]
        nodes: list[Node] = [f"<{tag}", *attribute_nodes(elements), ">"]
        if tag in _VOID:
            return nodes
        nodes += self._content(elements, depth, level + 1)
        nodes.append(f"</{tag}>")
        if tag != "form":
            return nodes
        slot = Slot("form", naming.FORM, [form_value() for _ in elements])
        return [FormChoice(slot, nodes)]

    def _content(self, elements: Sequence[html.HtmlElement], depth: int, level: int) -> list[Node]:
        """What stands between the tags of ``elements``."""
        if all(not len(element) for element in elements) and elements[0].tag != "pre":
            return self._texts(elements)
        if any(self._is_rich(element) for element in elements):
            return [self._rich_content(elements)]
        children = [children_of(element) for element in elements]
        try:
            nodes = (
                self._sequence(children[0], depth, level)
                if len(elements) == 1
                else (self._aligned(children, depth, level))
            )
        except _UnlikeError:
            return [self._rich_content(elements)]
        tail = closing_gap(next(element for element in elements if len(element)))
        return [*nodes, "\n" + "  " * max(level - 1, 0) if tail == "\n" else tail]

    def _texts(self, elements: Sequence[html.HtmlElement]) -> list[Node]:
        if elements[0].tag == "textarea":
            texts = [element.text or "" for element in elements]
        else:
            texts = [" ".join((element.text or "").split()) for element in elements]
        if not any(texts):
            return []
        return [_text(texts, naming.text_role(elements[0]))]

    def _is_rich(self, element: html.HtmlElement) -> bool:
        """Whether an element's content is formatted text: words mixed with phrasing, or mostly paragraphs."""
        if element is self._source.root:
            return False
        tags = {str(child.tag) for child in element.iterdescendants(etree.Element)}
        if element.tag in ("pre", "dl") or (element.tag in PROSE and tags and tags <= {"br"}):
            return True
        if tags <= PHRASING:
            return has_direct_text(element) and any(has_text(child) or child.tag == "br" for child in element)
        if not tags <= INSIDE_PROSE or has_direct_text(element):
            return False
        kinds = [child.tag for child in element]
        return kinds.count("p") >= 2 and all(kind in PROSE for kind in kinds) and element.tag not in ("ul", "ol")

    def _rich_content(self, elements: Sequence[html.HtmlElement]) -> Code:
        for element in elements:
            self._ids.restore(element)
        values = [inner_html(element) for element in elements]
        if elements[0].tag != "pre":
            values = [_tidied(value) for value in values]
        return _rich(values, naming.text_role(elements[0], rich=True))

    def _sequence(self, children: list[Child], depth: int, level: int) -> list[Node]:
        nodes: list[Node] = []
        for segment in self._segments(children, depth, ()):
            nodes.append(_indented(segment.gap, level))
            if segment.text is not None:
                nodes += _text_run([segment.text], text_owner(children))
            elif segment.kind == "prose":
                values = ["\n".join(outer_html(block[0]) for block in segment.blocks)]
                nodes.append(_rich([_tidied(value) for value in values], naming.text_role(segment.first, rich=True)))
            elif segment.kind == "repeat":
                nodes += self._repeat([segment], depth, level)
            else:
                nodes += self._element([segment.first], depth, level)
        return nodes

    def _segments(
        self, children: list[Child], depth: int, known: Sequence[Segment], *, prose: bool = True
    ) -> list[Segment]:
        """Group one element's children. ``known`` are repeaters found in like elements: one such child repeats too."""
        segments: list[Segment] = []
        position = 0
        while position < len(children):
            child = children[position]
            if isinstance(child.item, Text):
                segments.append(Segment("text", text=child.item, gap=child.gap))
                position += 1
                continue
            run = elements_from(children, position)
            length = prose_length(run) if prose else 0
            if length:
                segments.append(Segment("prose", [(element,) for element in run[:length]], gap=child.gap))
            else:
                segment = self._repeat_at(run, depth, known)
                segment.gap = child.gap
                segments.append(segment)
                length = sum(len(block) for block in segment.blocks)
            position += length
        return segments

    def _repeat_at(self, run: list[html.HtmlElement], depth: int, known: Sequence[Segment]) -> Segment:
        single = Segment("single", [(run[0],)])
        if not self._repeaters or depth >= MAX_GROUP_DEPTH:
            return single
        period, count = self._likeness.period_at(run, 0)
        if count == 1:
            if any(len(other.blocks[0]) == 1 and self._likeness.of(other.first, run[0]) >= 0.5 for other in known):
                return Segment("repeat", single.blocks)
            return single
        if _path(run[0]) in self._banned:
            return single
        return Segment("repeat", [tuple(run[start : start + period]) for start in range(0, period * count, period)])

    def _repeat(self, segments: Sequence[Segment | None], depth: int, level: int) -> list[Node]:
        """A repeater over the blocks of every instance's segment; markup alone where nothing in them is a field."""
        flat = [block for segment in segments if segment for block in segment.blocks]
        counts = [len(segment.blocks) if segment else 0 for segment in segments]
        path = _path(flat[0][0])
        if depth == 0:
            words = " ".join(shown_text(outer_html(element)) for block in flat for element in block)
            self.words[path] = Counter(word_tokens(words))
        self._ids.share(flat, depth)
        body: list[Node] = []
        gap = _indented(gap_before(flat[min(1, len(flat) - 1)][0]), level + 1)
        for place in range(len(flat[0])):
            body += [gap, *self._element([block[place] for block in flat], depth + 1, level + 1)]
        if has_fields(body):
            role = naming.group_role(flat[0][0], self._kind, outermost=depth == 0)
            return [Repeat(role, body, counts, path, gap=_indented("\n" if "\n" in gap else "", level))]
        if len(set(counts)) > 1:
            raise _UnlikeError
        for block in flat[: counts[0]]:
            self._ids.restore(*block)
        again = flat[: counts[0]]
        return [node for block in again for element in block for node in (gap, *self._element([element], depth, level))]

    def _aligned(self, children: list[list[Child]], depth: int, level: int) -> list[Node]:
        """Unify the content of several elements column by column. Raises ``_UnlikeError`` for too unlike ones."""
        if max(map(len, children)) > MAX_ALIGNED * 4:
            raise _UnlikeError
        found = [segment for own in children for segment in self._segments(own, depth, (), prose=False)]
        known = [segment for segment in found if segment.kind == "repeat"][:MAX_ALIGNED]
        rows = [self._segments(own, depth, known, prose=False) for own in children]
        columns = self._columns(rows)
        filled = sum(segment is not None for column in columns for segment in column)
        if columns and filled < _LEAST_FILLED * len(columns) * len(rows):
            raise _UnlikeError
        nodes: list[Node] = []
        for column in columns:
            nodes += self._column(column, children, depth, level)
        return nodes

    def _columns(self, rows: list[list[Segment]]) -> list[list[Segment | None]]:
        if max(map(len, rows)) > MAX_ALIGNED:
            raise _UnlikeError
        longest = max(range(len(rows)), key=lambda index: len(rows[index]))
        columns: list[list[Segment | None]] = [[None] * len(rows) for _ in rows[longest]]
        for column, segment in zip(columns, rows[longest], strict=True):
            column[longest] = segment
        for index, row in enumerate(rows):
            if index == longest:
                continue
            models = [next(segment for segment in column if segment) for column in columns]
            merged: list[list[Segment | None]] = []
            for left, right in align(models, row, self._segment_likeness):
                column = columns[left] if left is not None else [None] * len(rows)
                column[index] = row[right] if right is not None else None
                merged.append(column)
            columns = merged
            if len(columns) > MAX_ALIGNED:
                raise _UnlikeError
        return columns

    def _segment_likeness(self, one: Segment, other: Segment) -> float:
        if one.kind != other.kind:
            return 0.0
        if one.kind == "text":
            return 1.0
        if len(one.blocks[0]) != len(other.blocks[0]):
            return 0.0
        likeness = self._likeness.of(one.first, other.first)
        return 0.1 + likeness if likeness else 0.0

    def _column(self, column: list[Segment | None], children: list[list[Child]], depth: int, level: int) -> list[Node]:
        present = [index for index, segment in enumerate(column) if segment]
        segments = [segment for segment in column if segment]
        gap = _indented(segments[0].gap, level)
        if segments[0].text is not None:
            texts = [segment.text if segment and segment.text else Text("", False, False) for segment in column]
            return [gap, *_text_run(texts, text_owner(children[present[0]]))]
        if segments[0].kind == "repeat":
            return [gap, *self._repeat(column, depth, level)]
        nodes = self._element([segment.first for segment in segments], depth, level)
        if len(present) == len(column):
            return [gap, *nodes]
        spread(nodes, present, len(column))
        return [_optional([gap, *nodes], segments[0].first, present, len(column))]


def _path(element: html.HtmlElement) -> str:
    path: str = element.getroottree().getpath(element)
    return path


def _indented(gap: str, level: int) -> str:
    return "\n" + "  " * level if gap == "\n" else gap


def _text(values: list[str], role: Role) -> Code:
    return Code(Slot("text", role, list(values)), ESCAPE_TEXT)


def _tidied(markup: str) -> str:
    """Markup without the indentation it had on its page."""
    return markup.strip() if _PREFORMATTED.search(markup) else _INDENTATION.sub("\n", markup.strip())


def _rich(values: list[str], role: Role) -> Code:
    return Code(Slot("richtext", role, [guard_braces(value) for value in values]), "{{ $ }}")


def _text_run(texts: Sequence[Text], owner: html.HtmlElement | None) -> list[Node]:
    role = naming.text_role(owner) if owner is not None else naming.text_role(html.Element("p"))
    before = " " if any(text.before for text in texts) else ""
    after = " " if any(text.after for text in texts) else ""
    return [before, _text([text.words for text in texts], role), after]


def _optional(nodes: list[Node], element: html.HtmlElement, present: Sequence[int], count: int) -> When:
    """``nodes`` where the item has them: asked of a field that is never blank there, or of a switch."""
    for slot in slots_in(nodes):
        if slot.kind in ("text", "richtext") and not slot.locked and all(slot.values[index] for index in present):
            return When(slot, "$", nodes)
        if slot.kind == "image" and all(slot.values[index]["src"] for index in present):
            return When(slot, "$.src", nodes)
    switch = Slot("boolean", naming.switch_role(element), [index in present for index in range(count)])
    return When(switch, "$", nodes)
