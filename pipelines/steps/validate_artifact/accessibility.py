"""The accessibility category: can everyone perceive and operate the module?

axe-core in Chromium where there is one. Otherwise the part of its rules that markup alone decides, under axe's names.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal

from pipelines.steps.validate_artifact import axe
from pipelines.steps.validate_artifact.findings import Engine, Finding, Rule, Severity, Verdict
from pipelines.steps.validate_artifact.markup import MAX_TEXT_NODES, Element, Markup, text_of, words
from pipelines.steps.validate_artifact.scoring import score_of

RULES_VERSION = "1"


def _rule(key: str, severity: Severity, remedy: str) -> Rule:
    return Rule(key, "accessibility", severity, remedy)


IMAGE_ALT = _rule("image-alt", "error", "Give each image an alt text, empty where it only decorates.")
IMAGE_NAMED_BY_FILE = _rule(
    "image-alt-file-name", "warning", "Say in the alt text what the image shows, not its file name."
)
INPUT_IMAGE_ALT = _rule("input-image-alt", "error", "Say in the image button's alt text what it does.")
BUTTON_NAME = _rule("button-name", "error", "Give each button text or an aria-label that says what it does.")
LINK_NAME = _rule("link-name", "error", "Give each link text or an aria-label that says where it leads.")
LABEL = _rule("label", "error", "Give each form control a label.")
FRAME_TITLE = _rule("frame-title", "error", "Give each iframe a title that says what it shows.")
SVG_NAME = _rule("svg-img-alt", "error", 'Give each svg with role="img" a title or an aria-label.')
VIDEO_CAPTION = _rule("video-caption", "error", "Add captions to each video that has sound.")
AUTOPLAY = _rule("no-autoplay-audio", "warning", "Let visitors start sound themselves, or mute what plays on its own.")
LIST = _rule("list", "error", "Put only li elements directly into lists.")
LIST_ITEM = _rule("listitem", "error", "Put each li into a ul or ol.")
EMPTY_HEADING = _rule("empty-heading", "warning", "Give each heading text, or remove it.")
HEADING_ORDER = _rule("heading-order", "warning", "Go down one heading level at a time.")
TABINDEX = _rule("tabindex", "error", "Use no tabindex above 0; let the order of the markup lead.")
ROLE = _rule("aria-roles", "error", "Use only roles that ARIA defines.")
ATTRIBUTE = _rule("aria-valid-attr", "error", "Use only aria attributes that ARIA defines.")
HIDDEN_FOCUS = _rule("aria-hidden-focus", "error", "Leave nothing that can be focused inside aria-hidden content.")
CLICKABLE = _rule("click-without-keyboard", "error", "Use a button or a link for what can be clicked.")
LANGUAGE = _rule("html-has-lang", "error", "Name the page's language in the lang attribute of html.")
ZOOM = _rule("meta-viewport", "error", "Let visitors zoom: take user-scalable=no and maximum-scale off the viewport.")
TITLE = _rule("document-title", "error", "Give the page a title.")

# axe's rules of the same names break for the same reasons, so they get the same advice.
REMEDIES = {"color-contrast": "Choose colours whose contrast with their background is at least 4.5 to 1."} | {
    rule.key: rule.remedy
    for rule in (
        *(IMAGE_ALT, INPUT_IMAGE_ALT, SVG_NAME, VIDEO_CAPTION, AUTOPLAY, FRAME_TITLE, BUTTON_NAME, LINK_NAME, LABEL),
        *(LIST, LIST_ITEM, EMPTY_HEADING, HEADING_ORDER, TABINDEX, ROLE, ATTRIBUTE, HIDDEN_FOCUS),
        *(LANGUAGE, ZOOM, TITLE),
    )
}

ROLES = words(
    """
    alert alertdialog application article banner blockquote button caption cell checkbox code columnheader combobox
    complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic grid
    gridcell group heading img image insertion link list listbox listitem log main mark marquee math menu menubar
    menuitem menuitemcheckbox menuitemradio meter navigation none note option paragraph presentation progressbar radio
    radiogroup region row rowgroup rowheader scrollbar search searchbox separator slider spinbutton status strong
    subscript suggestion superscript switch tab table tablist tabpanel term text textbox time timer toolbar tooltip
    tree treegrid treeitem
    """
)
ARIA_ATTRIBUTES = words(
    """
    activedescendant atomic autocomplete braillelabel brailleroledescription busy checked colcount colindex colindextext
    colspan controls current describedby description details disabled dropeffect errormessage expanded flowto grabbed
    haspopup hidden invalid keyshortcuts label labelledby level live modal multiline multiselectable orientation owns
    placeholder posinset pressed readonly relevant required roledescription rowcount rowindex rowindextext rowspan
    selected setsize sort valuemax valuemin valuenow valuetext
    """
)
UNLABELLED_INPUTS = words("hidden submit reset button image")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".avif")
CONTROLS = words("button select textarea iframe")


def check_accessibility(markup: Markup, *, css: str, rendering: Literal["auto", "never"]) -> Verdict:
    """Score accessibility; the engine's note says what was not looked at, and why."""
    note = "Chromium was not to be used (rendering is never)."
    if rendering == "auto":
        judged = axe.run_axe(markup, css=css, remedies=REMEDIES)
        if isinstance(judged, axe.AxeReport):
            return Verdict("accessibility", score_of(judged.findings), judged.findings, judged.engine)
        note = judged
    findings = tuple(static_findings(markup))
    engine = Engine("irline static rules", RULES_VERSION, f"{note} Colour contrast, focus and scripts were not judged.")
    return Verdict("accessibility", score_of(findings), findings, engine)


def static_findings(markup: Markup) -> Iterator[Finding]:
    """What can be told from the markup alone, in document order; content hidden from everyone is passed over."""
    hidden = _within(markup, lambda element: "hidden" in element.attributes)
    unread = _within(markup, lambda element: element.get("aria-hidden") == "true")
    labelled = _labelled_controls(markup)
    for element in markup.elements:
        if element in hidden:
            continue
        yield from _aria(element)
        if element in unread:
            if _can_take_focus(element):
                yield HIDDEN_FOCUS.at(element.place, f"<{element.name}> can be focused, but aria-hidden hides it.")
            continue
        yield from _media(element)
        yield from _operable(element, labelled)
        yield from _structure(element)
    for before, level, heading in markup.skipped_headings():
        yield HEADING_ORDER.at(heading.place, f"An h{level} follows an h{before}.")
    if markup.is_page:
        yield from _page(markup)


def _within(markup: Markup, opens: Callable[[Element], bool]) -> set[Element]:
    """The elements for which ``opens`` holds, with everything inside them."""
    inside: set[Element] = set()
    for element in markup.elements:
        if element.parent in inside or opens(element):
            inside.add(element)
    return inside


def _aria(element: Element) -> Iterator[Finding]:
    for role in element.get("role").lower().split():
        if role not in ROLES and not role.startswith(("doc-", "graphics-")):
            yield ROLE.at(element.place, f'role="{role[:60]}" is no role of ARIA.')
    for attribute in element.attributes:
        if attribute.startswith("aria-") and attribute[5:] not in ARIA_ATTRIBUTES:
            yield ATTRIBUTE.at(element.place, f'"{attribute[:60]}" is no attribute of ARIA.')


def _media(element: Element) -> Iterator[Finding]:
    name = element.name
    if name == "img" and not _is_presentational(element):
        alt = element.attributes.get("alt")
        if alt is None and not _has_aria_name(element):
            yield IMAGE_ALT.at(element.place, "The image has no alt attribute.")
        elif alt and alt.lower().endswith(IMAGE_SUFFIXES):
            yield IMAGE_NAMED_BY_FILE.at(element.place, f'alt="{alt[:60]}" is a file name.')
    if name == "svg" and element.get("role") == "img" and not accessible_name(element):
        yield SVG_NAME.at(element.place, "The picture has no accessible name.")
    if name == "iframe" and not (element.get("title") or _has_aria_name(element)):
        yield FRAME_TITLE.at(element.place, "The iframe has no title.")
    if name in {"video", "audio"} and "autoplay" in element.attributes and "muted" not in element.attributes:
        yield AUTOPLAY.at(element.place, f"The {name} starts on its own, with sound.")
    if name == "video" and "muted" not in element.attributes and not any(c.name == "track" for c in element.children):
        yield VIDEO_CAPTION.at(element.place, "The video has no caption track.")


def _operable(element: Element, labelled: set[Element]) -> Iterator[Finding]:
    name = element.name
    if (name == "button" or element.get("role") == "button") and not accessible_name(element):
        yield BUTTON_NAME.at(element.place, "The button has no accessible name.")
    if name == "a" and "href" in element.attributes and not accessible_name(element):
        yield LINK_NAME.at(element.place, "The link has no accessible name.")
    if (
        name == "input"
        and element.get("type").lower() == "image"
        and not (element.get("alt") or _has_aria_name(element))
    ):
        yield INPUT_IMAGE_ALT.at(element.place, "The image button has no alt text.")
    if _needs_label(element) and element not in labelled:
        yield LABEL.at(element.place, f"The <{name}> has no label.")
    if element.get("tabindex").isdecimal() and int(element.get("tabindex")[:6]) > 0:
        yield TABINDEX.at(element.place, f'tabindex="{element.get("tabindex")[:20]}" breaks the order of the page.')
    if "onclick" in element.attributes and not _can_take_focus(element) and not element.get("role"):
        yield CLICKABLE.at(element.place, f"The <{name}> reacts to clicks but not to the keyboard.")


def _structure(element: Element) -> Iterator[Finding]:
    name, parent = element.name, element.parent
    if name in {"h1", "h2", "h3", "h4", "h5", "h6"} and not accessible_name(element):
        yield EMPTY_HEADING.at(element.place, f"The {name} has no text.")
    if name == "li" and parent is not None and parent.name not in {"ul", "ol", "menu"} and not parent.get("role"):
        yield LIST_ITEM.at(element.place, f"The li stands in <{parent.name}>.")
    if name in {"ul", "ol"} and not element.get("role"):
        strangers = [child for child in element.children if child.name not in {"li", "script", "template"}]
        if strangers:
            yield LIST.at(element.place, f"The list holds <{strangers[0].name}> beside its items.")


def _page(markup: Markup) -> Iterator[Finding]:
    root = next(markup.named("html"), None)
    if root is None or not root.get("lang"):
        yield LANGUAGE.at("rendered page: html", "The page does not say its language.")
    if not any(text_of(title) for title in markup.named("title")):
        yield TITLE.at("rendered page: head", "The page has no title.")
    for meta in markup.named("meta"):
        settings = meta.get("content").replace(" ", "").lower()
        if meta.get("name").lower() == "viewport" and ("user-scalable=no" in settings or "maximum-scale=1" in settings):
            yield ZOOM.at(meta.place, f'content="{meta.get("content")[:60]}" keeps visitors from zooming.')


def accessible_name(element: Element) -> str:
    """The name assistive technology reads, by the parts of ARIA's name computation that need no style."""
    if _has_aria_name(element):
        return element.get("aria-label") or "labelled by another element"
    own = text_of(element)
    if own:
        return own
    for inner in islice(element.descendants(), MAX_TEXT_NODES):
        inner_name = inner.get("alt") or inner.get("aria-label") or (inner.get("title") if inner.name == "svg" else "")
        if inner_name and inner.get("aria-hidden") != "true":
            return inner_name
    return element.get("title") or (element.get("value") if element.name == "input" else "")


def _has_aria_name(element: Element) -> bool:
    return bool(element.get("aria-label") or element.get("aria-labelledby"))


def _is_presentational(element: Element) -> bool:
    return element.get("role").lower() in {"presentation", "none"}


def _needs_label(element: Element) -> bool:
    if element.name == "input":
        return element.get("type").lower() not in UNLABELLED_INPUTS
    return element.name in {"select", "textarea"}


def _labelled_controls(markup: Markup) -> set[Element]:
    """Controls that a label around them or pointing at them, or an attribute of their own, names."""
    labels = [label for label in markup.named("label") if text_of(label)]
    targets = {label.get("for") for label in labels if label.get("for")}
    inside = _within(markup, set(labels).__contains__)
    return {
        element
        for element in markup.elements
        if element in inside
        or element.get("id") in targets
        or _has_aria_name(element)
        or element.get("title")
        or element.get("placeholder")
    }


def _can_take_focus(element: Element) -> bool:
    if element.get("tabindex").startswith("-") or "disabled" in element.attributes:
        return False
    if element.name == "input":
        return element.get("type").lower() != "hidden"
    is_link = element.name == "a" and "href" in element.attributes
    return is_link or element.name in CONTROLS or "tabindex" in element.attributes
