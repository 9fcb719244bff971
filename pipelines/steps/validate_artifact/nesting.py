"""Which HTML element may stand inside which: the part of the standard's content models that pages break.

Tables from the HTML Living Standard, section 4 ("contexts in which this element can be used" and "content model").
"""

from collections.abc import Iterator

from pipelines.steps.validate_artifact.findings import Finding, Rule
from pipelines.steps.validate_artifact.markup import Element, Markup, words

PARENT = Rule("element-parent", "html", "error", "Put the element inside the parent that HTML asks for.")
CHILD = Rule(
    "element-child", "html", "error", "Wrap or move children that HTML does not allow directly in this element."
)
BLOCK = Rule(
    "block-in-phrasing", "html", "error", "Use a div instead of the outer element, or a span instead of the inner."
)
ANCESTOR = Rule("element-ancestor", "html", "error", "Take the element out of the outer one, which may not contain it.")

PARENTS = {
    "li": {"ul", "ol", "menu"},
    "dt": {"dl", "div"},
    "dd": {"dl", "div"},
    "figcaption": {"figure"},
    "legend": {"fieldset"},
    "summary": {"details"},
    "option": {"select", "optgroup", "datalist"},
    "optgroup": {"select"},
    "source": {"picture", "video", "audio"},
    "track": {"video", "audio"},
}

CHILDREN = {
    "ul": {"li"},
    "ol": {"li"},
    "menu": {"li"},
    "dl": {"dt", "dd", "div"},
    "select": {"option", "optgroup", "hr", "button"},
    "optgroup": {"option", "legend"},
    "picture": {"source", "img"},
    "table": {"caption", "colgroup", "thead", "tbody", "tfoot", "tr"},
    "tr": {"td", "th"},
}
ALLOWED_EVERYWHERE = {"script", "template"}

BLOCKS = words(
    """
    address article aside blockquote details dialog div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hgroup
    hr main nav ol p pre section table ul
    """
)
PHRASING_ONLY = words(
    """
    abbr b bdi bdo button cite code data dfn em h1 h2 h3 h4 h5 h6 i kbd label mark p pre q s samp small span strong sub
    summary sup time u var
    """
)
HEADINGS_ALLOWED = {"summary", "legend"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
TRANSPARENT = {"a", "ins", "del", "map", "object", "noscript", "canvas", "slot"}

ANCESTORS = {
    "a": {"a", "button"},
    "button": {"a", "button"},
    "details": {"a", "button"},
    "embed": {"a", "button"},
    "iframe": {"a", "button"},
    "input": {"a", "button"},
    "select": {"a", "button"},
    "textarea": {"a", "button"},
    "label": {"a", "button", "label"},
    "form": {"form"},
    "header": {"header", "footer", "address"},
    "footer": {"header", "footer", "address"},
    "main": {"article", "aside", "footer", "header", "nav"},
    "dfn": {"dfn"},
    "meter": {"meter"},
    "progress": {"progress"},
}
WATCHED = frozenset().union(*ANCESTORS.values())


def nesting_findings(markup: Markup) -> Iterator[Finding]:
    """Elements in places where HTML does not allow them, in document order."""
    around: dict[Element, frozenset[str]] = {}
    for element in markup.elements:
        if element.foreign:
            around[element] = around[element.parent] if element.parent else frozenset()
            continue
        outer = around[element.parent] if element.parent else frozenset[str]()
        yield from _misplaced(element, outer)
        around[element] = outer | {element.name} if _is_watched(element) else outer


def _misplaced(element: Element, outer: frozenset[str]) -> Iterator[Finding]:
    parent, name = element.parent, element.name
    if parent is not None and name in PARENTS and parent.name not in PARENTS[name]:
        yield PARENT.at(element.place, f"<{name}> stands in <{parent.name}>, but belongs in {_or(PARENTS[name])}.")
    if parent is not None and name not in CHILDREN.get(parent.name, {name}) | ALLOWED_EVERYWHERE:
        yield CHILD.at(element.place, f"<{parent.name}> may not have <{name}> as its child.")
    wrapper = _phrasing_wrapper(element)
    if wrapper is not None:
        yield BLOCK.at(
            element.place, f"<{name}> stands in <{wrapper.name}>, which may hold only text and inline elements."
        )
    forbidden = outer & ANCESTORS.get(name, set())
    if forbidden and not (name == "input" and element.get("type").lower() == "hidden"):
        yield ANCESTOR.at(element.place, f"<{name}> may not stand inside {_or(forbidden)}.")


def _phrasing_wrapper(element: Element) -> Element | None:
    """The element that may hold only phrasing content and yet holds this block; None where all is well."""
    if element.name not in BLOCKS:
        return None
    wrapper = element.parent
    while wrapper is not None and wrapper.name in TRANSPARENT:
        wrapper = wrapper.parent
    if wrapper is None or wrapper.name not in PHRASING_ONLY:
        return None
    return None if element.name in HEADINGS and wrapper.name in HEADINGS_ALLOWED else wrapper


def _is_watched(element: Element) -> bool:
    return element.name in WATCHED and (element.name != "a" or "href" in element.attributes)


def _or(names: set[str] | frozenset[str]) -> str:
    return " or ".join(f"<{name}>" for name in sorted(names))
