"""Turn a part into a template tree: what stays markup, what becomes a field, what repeats.

Everything is written for ``n`` like elements at once. At the top ``n`` is 1; the items of a repeater are unified into
one body, so that a repeater inside a repeater, an element that only some items have, and an attribute that differs
fall out of the same few functions. Nothing is thrown away: where items are too unlike to share a body, their content
becomes one formatted-text field each.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lxml import etree, html

from metrics.text import word_tokens
from pipelines.hubspot.fields import MAX_GROUP_DEPTH, form_value
from pipelines.hubspot.tokens import shown_text
from pipelines.steps.module_generate import naming
from pipelines.steps.module_generate.alignment import MAX_ALIGNED, Likeness, align
from pipelines.steps.module_generate.attributes import (
    ESCAPE_TEXT,
    ID_CLOSE,
    ID_OPEN,
    attribute_nodes,
    guard_braces,
)
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
from pipelines.steps.module_generate.source import PartSource, inner_html, local_references, outer_html

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_PHRASING = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q"}
    | {"s", "samp", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
)
_PROSE = frozenset({"blockquote", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul", "dl", "hr"})
_INSIDE_PROSE = (
    _PHRASING | _PROSE | frozenset({"caption", "dd", "dt", "li", "tbody", "td", "tfoot", "th", "thead", "tr"})
)
# A drawing: one piece, unless it differs between the items of a repeater.
_WHOLE = frozenset({"canvas", "math", "svg"})
_LEAST_FILLED = 0.5
_PREFORMATTED = re.compile(r"<(pre|textarea)\b", re.IGNORECASE)
_INDENTATION = re.compile(r"[ \t]*\n\s*")


class _UnlikeError(Exception):
    """The elements cannot share a body."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A run of text between tags, with or without space at its ends."""

    words: str
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class _Child:
    """A child of an element and the white space before it: none, a space or a line break."""

    item: html.HtmlElement | _Text
    gap: str


@dataclass(slots=True)
class _Segment:
    """Children that become one thing: text, one element, or the blocks of a repeater."""

    kind: str
    blocks: list[tuple[html.HtmlElement, ...]] = field(default_factory=list)
    text: _Text | None = None
    gap: str = ""

    @property
    def first(self) -> html.HtmlElement:
        return self.blocks[0][0]


class Unifier:
    """Builds the template tree of one part. ``banned`` are the paths of repeaters that lost text and are not made."""

    def __init__(self, source: PartSource, *, kind: str, banned: Iterable[str] = (), repeaters: bool = True) -> None:
        self._source = source
        self._kind = kind
        self._banned = frozenset(banned)
        self._repeaters = repeaters
        self._likeness = Likeness()
        self._referring = _referring_elements(source.root)
        self._original_ids: dict[html.HtmlElement, dict[str, str]] = {}
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
        children = [_children(element) for element in elements]
        try:
            nodes = (
                self._sequence(children[0], depth, level)
                if len(elements) == 1
                else (self._aligned(children, depth, level))
            )
        except _UnlikeError:
            return [self._rich_content(elements)]
        tail = _closing_gap(next(element for element in elements if len(element)))
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
        if element.tag in ("pre", "dl") or (element.tag in _PROSE and tags and tags <= {"br"}):
            return True
        if tags <= _PHRASING:
            return _has_direct_text(element) and any(_has_text(child) or child.tag == "br" for child in element)
        if not tags <= _INSIDE_PROSE or _has_direct_text(element):
            return False
        kinds = [child.tag for child in element]
        return kinds.count("p") >= 2 and all(kind in _PROSE for kind in kinds) and element.tag not in ("ul", "ol")

    def _rich_content(self, elements: Sequence[html.HtmlElement]) -> Code:
        for element in elements:
            self._restore_ids(element)
        values = [inner_html(element).strip() for element in elements]
        return _rich(values, naming.text_role(elements[0], rich=True))

    def _sequence(self, children: list[_Child], depth: int, level: int) -> list[Node]:
        nodes: list[Node] = []
        for segment in self._segments(children, depth, ()):
            nodes.append(_indented(segment.gap, level))
            if segment.text is not None:
                nodes += _text_run([segment.text], _text_owner(children))
            elif segment.kind == "prose":
                values = ["\n".join(outer_html(block[0]) for block in segment.blocks)]
                nodes.append(_rich(values, naming.text_role(segment.first, rich=True)))
            elif segment.kind == "repeat":
                nodes += self._repeat([segment], depth, level)
            else:
                nodes += self._element([segment.first], depth, level)
        return nodes

    def _segments(
        self, children: list[_Child], depth: int, known: Sequence[_Segment], *, prose: bool = True
    ) -> list[_Segment]:
        """Group one element's children. ``known`` are repeaters found in like elements: one such child repeats too."""
        segments: list[_Segment] = []
        position = 0
        while position < len(children):
            child = children[position]
            if isinstance(child.item, _Text):
                segments.append(_Segment("text", text=child.item, gap=child.gap))
                position += 1
                continue
            run = _elements_from(children, position)
            length = _prose_length(run) if prose else 0
            if length:
                segments.append(_Segment("prose", [(element,) for element in run[:length]], gap=child.gap))
            else:
                segment = self._repeat_at(run, depth, known)
                segment.gap = child.gap
                segments.append(segment)
                length = sum(len(block) for block in segment.blocks)
            position += length
        return segments

    def _repeat_at(self, run: list[html.HtmlElement], depth: int, known: Sequence[_Segment]) -> _Segment:
        single = _Segment("single", [(run[0],)])
        if not self._repeaters or depth >= MAX_GROUP_DEPTH:
            return single
        period, count = self._likeness.period_at(run, 0)
        if count == 1:
            if any(len(other.blocks[0]) == 1 and self._likeness.of(other.first, run[0]) >= 0.5 for other in known):
                return _Segment("repeat", single.blocks)
            return single
        if _path(run[0]) in self._banned:
            return single
        return _Segment("repeat", [tuple(run[start : start + period]) for start in range(0, period * count, period)])

    def _repeat(self, segments: Sequence[_Segment | None], depth: int, level: int) -> list[Node]:
        """A repeater over the blocks of every instance's segment; markup alone where nothing in them is a field."""
        flat = [block for segment in segments if segment for block in segment.blocks]
        counts = [len(segment.blocks) if segment else 0 for segment in segments]
        path = _path(flat[0][0])
        if depth == 0:
            words = " ".join(shown_text(outer_html(element)) for block in flat for element in block)
            self.words[path] = Counter(word_tokens(words))
        self._share_ids(flat, depth)
        body: list[Node] = []
        gap = _indented(_gap_before(flat[min(1, len(flat) - 1)][0]), level + 1)
        for place in range(len(flat[0])):
            body += [gap, *self._element([block[place] for block in flat], depth + 1, level + 1)]
        if has_fields(body):
            role = naming.group_role(flat[0][0], self._kind, outermost=depth == 0)
            return [Repeat(role, body, counts, path, gap=_indented("\n" if "\n" in gap else "", level))]
        if len(set(counts)) > 1:
            raise _UnlikeError
        for block in flat[: counts[0]]:
            self._restore_ids(*block)
        again = flat[: counts[0]]
        return [node for block in again for element in block for node in (gap, *self._element([element], depth, level))]

    def _aligned(self, children: list[list[_Child]], depth: int, level: int) -> list[Node]:
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

    def _columns(self, rows: list[list[_Segment]]) -> list[list[_Segment | None]]:
        if max(map(len, rows)) > MAX_ALIGNED:
            raise _UnlikeError
        longest = max(range(len(rows)), key=lambda index: len(rows[index]))
        columns: list[list[_Segment | None]] = [[None] * len(rows) for _ in rows[longest]]
        for column, segment in zip(columns, rows[longest], strict=True):
            column[longest] = segment
        for index, row in enumerate(rows):
            if index == longest:
                continue
            models = [next(segment for segment in column if segment) for column in columns]
            merged: list[list[_Segment | None]] = []
            for left, right in align(models, row, self._segment_likeness):
                column = columns[left] if left is not None else [None] * len(rows)
                column[index] = row[right] if right is not None else None
                merged.append(column)
            columns = merged
            if len(columns) > MAX_ALIGNED:
                raise _UnlikeError
        return columns

    def _segment_likeness(self, one: _Segment, other: _Segment) -> float:
        if one.kind != other.kind:
            return 0.0
        if one.kind == "text":
            return 1.0
        if len(one.blocks[0]) != len(other.blocks[0]):
            return 0.0
        likeness = self._likeness.of(one.first, other.first)
        return 0.1 + likeness if likeness else 0.0

    def _column(
        self, column: list[_Segment | None], children: list[list[_Child]], depth: int, level: int
    ) -> list[Node]:
        present = [index for index, segment in enumerate(column) if segment]
        segments = [segment for segment in column if segment]
        gap = _indented(segments[0].gap, level)
        if segments[0].text is not None:
            texts = [segment.text if segment and segment.text else _Text("", False, False) for segment in column]
            return [gap, *_text_run(texts, _text_owner(children[present[0]]))]
        if segments[0].kind == "repeat":
            return [gap, *self._repeat(column, depth, level)]
        nodes = self._element([segment.first for segment in segments], depth, level)
        if len(present) == len(column):
            return [gap, *nodes]
        spread(nodes, present, len(column))
        return [_optional([gap, *nodes], segments[0].first, present, len(column))]

    def _share_ids(self, blocks: Sequence[tuple[html.HtmlElement, ...]], depth: int) -> None:
        """Give ids that items number by hand (``answer1``, ``answer2``) one common mark, with all that refers to them.

        Only for ids that nothing outside their item refers to, and of elements that an item has one of; the mark is
        written as an id with the item's number.
        """
        marks: dict[str, str] = {}
        owner = {element: index for index, block in enumerate(blocks) for top in block for element in top.iter()}
        for alike in _alike_with_ids(blocks):
            ids = [element.get("id", "") for element in alike]
            holders: dict[str, set[int | None]] = {}
            for index, name in enumerate(ids):
                holders.setdefault(name, set()).add(index)
            referred = ((name, element) for name in holders for element in self._referring.get(name, ()))
            if len(holders) == 1 or any(
                name in marks or owner.get(near) not in holders[name] for name, near in referred
            ):
                continue
            stem = naming.field_name(_shared_start(ids).rstrip("0123456789-_") or str(alike[0].tag)).replace("_", "-")
            if any(f":{stem}{ID_CLOSE}" in mark for mark in marks.values()):
                stem += f"-{len(marks)}"
            marks |= dict.fromkeys(ids, f"{ID_OPEN}{depth}:{stem}{ID_CLOSE}")
        for element in owner if marks else ():
            self._mark_ids(element, marks)

    def _mark_ids(self, element: html.HtmlElement, marks: dict[str, str]) -> None:
        changed = {"id": marks[element.get("id", "")]} if element.get("id") in marks else {}
        for name, reference in local_references(element):
            if reference in marks:
                value = changed.get(name, element.get(name, ""))
                words = (marks[reference] if word == reference else word for word in value.split())
                changed[name] = f"#{marks[reference]}" if value.startswith("#") else " ".join(words)
        if changed:
            originals = self._original_ids.setdefault(element, {})
            originals |= {name: element.get(name, "") for name in changed if name not in originals}
            for name, value in changed.items():
                element.set(name, value)

    def _restore_ids(self, *elements: html.HtmlElement) -> None:
        for top in elements:
            for element in top.iter(etree.Element):
                for name, value in self._original_ids.pop(element, {}).items():
                    element.set(name, value)


def _referring_elements(root: html.HtmlElement) -> dict[str, set[html.HtmlElement]]:
    referring: dict[str, set[html.HtmlElement]] = {}
    for element in root.iter(etree.Element):
        for _, reference in local_references(element):
            referring.setdefault(reference, set()).add(element)
    return referring


def _alike_with_ids(blocks: Sequence[tuple[html.HtmlElement, ...]]) -> list[list[html.HtmlElement]]:
    """For each place where every block has just one element with an id: those elements, in the order of the blocks."""
    by_place: dict[str, list[tuple[int, html.HtmlElement]]] = {}
    for index, block in enumerate(blocks):
        paths: dict[html.HtmlElement | None, str] = {}
        for number, top in enumerate(block):
            for element in top.iter(etree.Element):
                paths[element] = f"{paths.get(element.getparent(), number)}/{element.tag}"
                if element.get("id"):
                    by_place.setdefault(paths[element], []).append((index, element))
    everywhere = list(range(len(blocks)))
    return [
        [element for _, element in found] for found in by_place.values() if [index for index, _ in found] == everywhere
    ]


def _children(element: html.HtmlElement) -> list[_Child]:
    """An element's children in order, with its runs of text."""
    children: list[_Child] = []
    gap = _add_text(children, element.text)
    for child in element:
        children.append(_Child(child, gap))
        gap = _add_text(children, child.tail)
    return children


def _add_text(children: list[_Child], text: str | None) -> str:
    """Append a run of text, if there is one; the white space before what follows."""
    if not text:
        return ""
    words = " ".join(text.split())
    if not words:
        return "\n" if "\n" in text else " "
    children.append(_Child(_Text(words, text[0].isspace(), text[-1].isspace()), ""))
    return ""


def _elements_from(children: Sequence[_Child], start: int) -> list[html.HtmlElement]:
    run: list[html.HtmlElement] = []
    for child in children[start:]:
        if isinstance(child.item, _Text):
            break
        run.append(child.item)
    return run


def _prose_length(run: Sequence[html.HtmlElement]) -> int:
    """How many elements from the first make up running text: three or more, two of them paragraphs."""
    length = 0
    while length < len(run) and _is_prose(run[length]):
        length += 1
    return length if length >= 3 and [element.tag for element in run[:length]].count("p") >= 2 else 0


def _is_prose(element: html.HtmlElement) -> bool:
    return element.tag in _PROSE and all(
        str(child.tag) in _INSIDE_PROSE for child in element.iterdescendants(etree.Element)
    )


def _has_direct_text(element: html.HtmlElement) -> bool:
    return any((text or "").strip() for text in (element.text, *(child.tail for child in element)))


def _has_text(element: html.HtmlElement) -> bool:
    return any(text.strip() for text in element.itertext())


def _path(element: html.HtmlElement) -> str:
    path: str = element.getroottree().getpath(element)
    return path


def _gap_before(element: html.HtmlElement) -> str:
    previous, parent = element.getprevious(), element.getparent()
    text = previous.tail if previous is not None else parent.text if parent is not None else None
    return "\n" if "\n" in (text or "") else " " if (text or "")[-1:].isspace() else ""


def _closing_gap(element: html.HtmlElement) -> str:
    tail = element[-1].tail or ""
    return "\n" if "\n" in tail and not tail.strip() else " " if tail and not tail.strip() else ""


def _shared_start(texts: Sequence[str]) -> str:
    shortest = min(texts, key=len)
    length = next(
        (end for end, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1), len(shortest)
    )
    return shortest[:length]


def _indented(gap: str, level: int) -> str:
    return "\n" + "  " * level if gap == "\n" else gap


def _text(values: list[str], role: Role) -> Code:
    return Code(Slot("text", role, list(values)), ESCAPE_TEXT)


def _rich(values: list[str], role: Role) -> Code:
    tidy = [value if _PREFORMATTED.search(value) else _INDENTATION.sub("\n", value) for value in values]
    return Code(Slot("richtext", role, [guard_braces(value) for value in tidy]), "{{ $ }}")


def _text_run(texts: Sequence[_Text], owner: html.HtmlElement | None) -> list[Node]:
    role = naming.text_role(owner) if owner is not None else naming.text_role(html.Element("p"))
    before = " " if any(text.before for text in texts) else ""
    after = " " if any(text.after for text in texts) else ""
    return [before, _text([text.words for text in texts], role), after]


def _text_owner(children: Sequence[_Child]) -> html.HtmlElement | None:
    for child in children:
        if not isinstance(child.item, _Text):
            parent: html.HtmlElement | None = child.item.getparent()
            return parent
    return None


def _optional(nodes: list[Node], element: html.HtmlElement, present: Sequence[int], count: int) -> When:
    """``nodes`` where the item has them: asked of a field that is never blank there, or of a switch."""
    for slot in slots_in(nodes):
        if slot.kind in ("text", "richtext") and not slot.locked and all(slot.values[index] for index in present):
            return When(slot, "$", nodes)
        if slot.kind == "image" and all(slot.values[index]["src"] for index in present):
            return When(slot, "$.src", nodes)
    switch = Slot("boolean", naming.switch_role(element), [index in present for index in range(count)])
    return When(switch, "$", nodes)
