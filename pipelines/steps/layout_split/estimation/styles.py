"""Which elements of a page are shown, with what computed style, and which of them stack."""

from pipelines.steps.layout_split.estimation.cascade import Cascade, Computed, names_of
from pipelines.steps.layout_split.page import Element

STACKING = frozenset({"block", "flex", "grid", "list-item", "table"})


class Styles:
    """The computed style of every element that is shown, read once from the root down and without recursion.

    ``blocks`` holds those that stack: by their display, or as inline elements around such. ``depth`` counts ancestors.
    """

    def __init__(self, cascade: Cascade, root: Element) -> None:
        style = cascade.compute(root, names_of(root), None)
        self.of: dict[Element, Computed] = {root: style} if _is_shown(root, style) else {}
        self.depth: dict[Element, int] = dict.fromkeys(self.of, 0)
        waiting = list(self.of)
        while waiting:
            parent = waiting.pop()
            is_closed = parent.tag == "details" and parent.get("open") is None
            for child in parent:
                style = cascade.compute(child, names_of(child), self.of[parent])
                if _is_shown(child, style) and not (is_closed and child.tag != "summary"):
                    self.of[child], self.depth[child] = style, self.depth[parent] + 1
                    waiting.append(child)
        self.blocks: set[Element] = set()
        for element in reversed(self.of):
            if self._stacks(element):
                self.blocks.add(element)

    def _stacks(self, element: Element) -> bool:
        style = self.of[element]
        display = style.get("display", "inline")
        if display in STACKING or style.get("position") in ("absolute", "fixed"):
            return style.get("float", "none") == "none"
        return display == "inline" and any(child in self.blocks for child in element)


def _is_shown(element: Element, style: Computed) -> bool:
    is_hidden = style.get("display") == "none" or style.get("visibility") == "hidden"
    return not is_hidden and element.get("hidden") is None and element.get("type") != "hidden"
