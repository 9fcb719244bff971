"""The performance category: what the module weighs, and what in its markup holds a page up.

Limits for a single module are a part of what Lighthouse allows a whole page (DOM size, depth and children are its own).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.steps.validate_artifact.findings import Engine, Finding, Rule, Severity, Verdict
from pipelines.steps.validate_artifact.markup import Element, Markup
from pipelines.steps.validate_artifact.scoring import score_of

RULES_VERSION = "1"

# Bytes (UTF-8, uncompressed) from which a file is a warning and from which it is an error.
WEIGHTS: Mapping[str, tuple[int, int]] = {
    "html": (50_000, 150_000),
    "css": (50_000, 150_000),
    "js": (50_000, 150_000),
}
DOM_SIZE = (800, 1_400)
DOM_DEPTH = 32
DOM_CHILDREN = 60
MAX_INLINE_STYLES = 10
MAX_DATA_URI = 4_096
MAX_INLINE_SVG = 10_000
FIRST_IMAGES = 1
TOP_KINDS = frozenset({"header", "hero"})


def _rule(key: str, severity: Severity, remedy: str) -> Rule:
    return Rule(key, "performance", severity, remedy)


HEAVY = {
    "html": _rule("html-weight", "warning", "Make the module's HTML smaller, or split the module."),
    "css": _rule("css-weight", "warning", "Remove the styles that the module does not use."),
    "js": _rule("js-weight", "warning", "Remove the code that the module does not use."),
}
TOO_HEAVY = {name: _rule(rule.key, "error", rule.remedy) for name, rule in HEAVY.items()}
IMAGE_SIZE = _rule("image-size", "warning", "Give each image width and height, so that the page does not jump.")
IMAGE_LAZY = _rule("image-lazy", "warning", 'Add loading="lazy" to images below the first screen.')
FIRST_IMAGE_LAZY = _rule("first-image-lazy", "warning", 'Take loading="lazy" off the image at the top of the page.')
DATA_URI = _rule("data-uri", "warning", "Upload large embedded images as files, which browsers can cache.")
FRAME_LAZY = _rule("frame-lazy", "warning", 'Add loading="lazy" to iframes.')
BLOCKING_SCRIPT = _rule("blocking-script", "error", "Move scripts into module.js, or add defer to their tags.")
STYLESHEET = _rule("blocking-stylesheet", "warning", "Move linked styles into module.css or the theme.")
STYLE_ELEMENT = _rule("style-element", "info", "Move style elements into module.css.")
CSS_IMPORT = _rule("css-import", "warning", "Replace @import in the CSS by the imported rules; each delays the page.")
INLINE_STYLES = _rule("inline-styles", "warning", "Move inline styles into module.css.")
DOM_LARGE = _rule("dom-size", "warning", "Use fewer elements, or split the module.")
DOM_TOO_LARGE = _rule(DOM_LARGE.key, "error", DOM_LARGE.remedy)
DOM_DEEP = _rule("dom-depth", "warning", "Nest elements less deeply.")
DOM_WIDE = _rule("dom-children", "warning", "Give no element more than 60 children.")
SVG_WEIGHT = _rule("svg-weight", "info", "Upload large inline drawings as files.")
VIDEO_PRELOAD = _rule(
    "video-preload", "info", 'Add preload="none" or "metadata" to videos that do not start on their own.'
)
FONT_DISPLAY = _rule("font-display", "info", "Add font-display: swap to each @font-face.")
DOCUMENT_WRITE = _rule("document-write", "error", "Replace document.write; it stops the page while it loads.")

IMPORT = re.compile(r"@import\b", re.IGNORECASE)
FONT_FACE = re.compile(r"@font-face\s*\{([^{}]{0,2000})\}", re.IGNORECASE)
WRITE = re.compile(r"\bdocument\s*\.\s*write(?:ln)?\s*\(")


def check_performance(markup: Markup, *, module: Mapping[str, Any], kind: str) -> Verdict:
    """Score weight and loading; ``kind`` is the part's, which tells whether it stands at the top of a page."""
    findings = (
        *_weights(markup, module),
        *_styles(markup, module["css"]),
        *_scripts(markup, module["js"]),
        *_media(markup, kind),
        *_tree(markup),
    )
    engine = Engine("irline performance rules", RULES_VERSION, "Files are weighed uncompressed; nothing was loaded.")
    return Verdict("performance", score_of(findings), findings, engine)


def _weights(markup: Markup, module: Mapping[str, Any]) -> Iterator[Finding]:
    sizes = {"html": markup.size} | {name: len(module[name].encode("utf-8", "surrogatepass")) for name in ("css", "js")}
    for name, size in sizes.items():
        warning, error = WEIGHTS[name]
        if size > warning:
            rule = TOO_HEAVY[name] if size > error else HEAVY[name]
            yield rule.at(f"module.{name}", f"The {name.upper()} weighs {size:,} bytes; up to {warning:,} is light.")


def _styles(markup: Markup, css: str) -> Iterator[Finding]:
    for link in markup.named("link"):
        if "stylesheet" in link.get("rel").lower().split() and not markup.is_page:
            yield STYLESHEET.at(link.place, "The module links a style sheet that holds up the page.")
    for style in markup.named("style"):
        yield STYLE_ELEMENT.at(style.place, "Styles stand in the markup.")
    for _ in IMPORT.finditer(css):
        yield CSS_IMPORT.at("module.css", "@import loads a further style sheet after this one.")
    for face in FONT_FACE.finditer(css):
        if "font-display" not in face[1].lower():
            yield FONT_DISPLAY.at("module.css", "Text stays invisible until this font has loaded.")
    styled = [element for element in markup.elements if element.get("style")]
    if len(styled) > MAX_INLINE_STYLES:
        yield INLINE_STYLES.at(styled[0].place, f"{len(styled)} elements carry a style attribute.")


def _scripts(markup: Markup, js: str) -> Iterator[Finding]:
    for script in markup.named("script"):
        deferred = script.attributes.keys() & {"async", "defer"} or script.get("type").lower() == "module"
        if script.get("src") and not deferred:
            yield BLOCKING_SCRIPT.at(
                script.place, f'The script "{script.get("src")[:80]}" blocks the page while it loads.'
            )
    for place, code in (("module.js", js), ("rendered module", markup.source)):
        if WRITE.search(code):
            yield DOCUMENT_WRITE.at(place, "The code calls document.write.")


def _media(markup: Markup, kind: str) -> Iterator[Finding]:
    for number, image in enumerate(markup.named("img")):
        at_top = kind in TOP_KINDS and number < FIRST_IMAGES
        yield from _image(image, at_top=at_top)
    for frame in markup.named("iframe"):
        if frame.get("loading").lower() != "lazy":
            yield FRAME_LAZY.at(frame.place, "The iframe loads with the page.")
    for video in markup.named("video"):
        if "autoplay" not in video.attributes and video.get("preload").lower() not in {"none", "metadata"}:
            yield VIDEO_PRELOAD.at(video.place, "The video may be fetched before anyone starts it.")


def _image(image: Element, *, at_top: bool) -> Iterator[Finding]:
    if not (image.get("width") and image.get("height")):
        yield IMAGE_SIZE.at(image.place, "The image has no width and height.")
    lazy = image.get("loading").lower() == "lazy"
    if at_top and lazy:
        yield FIRST_IMAGE_LAZY.at(image.place, "The first image of the page loads late.")
    if not at_top and not lazy:
        yield IMAGE_LAZY.at(image.place, "The image loads with the page, wherever it stands.")
    source = image.get("src")
    if source.startswith("data:") and len(source) > MAX_DATA_URI:
        yield DATA_URI.at(image.place, f"The image is embedded, {len(source):,} characters long.")


def _tree(markup: Markup) -> Iterator[Finding]:
    count = len(markup.elements)
    warning, error = DOM_SIZE
    if count > warning:
        rule = DOM_TOO_LARGE if count > error else DOM_LARGE
        yield rule.at(
            "rendered module", f"The markup has {count:,} elements; a whole page should have at most {warning}."
        )
    deepest = max(markup.elements, key=lambda element: element.depth, default=None)
    if deepest is not None and deepest.depth > DOM_DEPTH:
        yield DOM_DEEP.at(deepest.place, f"Elements nest {deepest.depth} deep.")
    for element in markup.elements:
        if len(element.children) > DOM_CHILDREN:
            yield DOM_WIDE.at(element.place, f"The element has {len(element.children):,} children.")
    yield from _drawings(markup)


def _drawings(markup: Markup) -> Iterator[Finding]:
    """Inline drawings by the length of their tags; what stands inside one counts with the outermost."""
    drawing_of: dict[Element, Element] = {}
    weights: Counter[Element] = Counter()
    for element in markup.elements:
        outer = drawing_of.get(element.parent) if element.parent else None
        drawing = outer or (element if element.name == "svg" else None)
        if drawing is not None:
            drawing_of[element] = drawing
            weights[drawing] += len(element.written)
    for drawing, weight in weights.items():
        if weight > MAX_INLINE_SVG:
            yield SVG_WEIGHT.at(drawing.place, f"The drawing takes {weight:,} characters of markup.")
