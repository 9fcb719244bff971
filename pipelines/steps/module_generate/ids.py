"""Ids that the items of a repeater number by hand, given one common name while the items are compared."""

from collections.abc import Sequence

from lxml import etree, html

from pipelines.steps.module_generate import naming
from pipelines.steps.module_generate.attributes import ID_CLOSE, ID_OPEN
from pipelines.steps.module_generate.source import local_references


class SharedIds:
    """Replaces ids below ``root`` by marks, and can put them back."""

    def __init__(self, root: html.HtmlElement) -> None:
        self._referring = _referring_elements(root)
        self._originals: dict[html.HtmlElement, dict[str, str]] = {}

    def share(self, blocks: Sequence[tuple[html.HtmlElement, ...]], depth: int) -> None:
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
            elsewhere = any(
                owner.get(near) not in holders[name] for name in holders for near in self._referring.get(name, ())
            )
            if len(holders) == 1 or elsewhere or any(name in marks for name in holders):
                continue
            stem = naming.field_name(_shared_start(ids).rstrip("0123456789-_") or str(alike[0].tag)).replace("_", "-")
            if any(f":{stem}{ID_CLOSE}" in mark for mark in marks.values()):
                stem += f"-{len(marks)}"
            marks |= dict.fromkeys(ids, f"{ID_OPEN}{depth}:{stem}{ID_CLOSE}")
        for element in owner if marks else ():
            self._mark(element, marks)

    def _mark(self, element: html.HtmlElement, marks: dict[str, str]) -> None:
        changed = {"id": marks[element.get("id", "")]} if element.get("id") in marks else {}
        for name, reference in local_references(element):
            if reference in marks:
                value = changed.get(name, element.get(name, ""))
                words = (marks[reference] if word == reference else word for word in value.split())
                changed[name] = f"#{marks[reference]}" if value.startswith("#") else " ".join(words)
        if changed:
            originals = self._originals.setdefault(element, {})
            originals |= {name: element.get(name, "") for name in changed if name not in originals}
            for name, value in changed.items():
                element.set(name, value)

    def restore(self, *elements: html.HtmlElement) -> None:
        for top in elements:
            for element in top.iter(etree.Element):
                for name, value in self._originals.pop(element, {}).items():
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


def _shared_start(texts: Sequence[str]) -> str:
    shortest = min(texts, key=len)
    length = next(
        (end for end, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1), len(shortest)
    )
    return shortest[:length]
