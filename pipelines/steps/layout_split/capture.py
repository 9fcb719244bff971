"""A page as Chromium lays it out: every visible element with its box and a little of its style, and a picture."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from metrics.boxes import Box
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.rendering import RenderingError, render_page
from pipelines.steps.contract import StepError
from pipelines.steps.layout_split.page import (
    MAX_ELEMENTS,
    UNSEEN_TAGS,
    Element,
    Node,
    Page,
    Style,
    enclosing,
    find_body,
    language_of,
    own_text,
    parse_html,
    title_of,
)

if TYPE_CHECKING:
    from playwright.async_api import FloatRect
    from playwright.async_api import Page as BrowserPage

MARK = "data-irline-box"
MAX_PICTURE_HEIGHT = 8000

# The boxes travel as an attribute of each element, so the one HTML text that comes back carries everything.
MEASURE_SCRIPT = """
({mark, maxElements}) => {
  const elements = document.querySelectorAll('*');
  if (elements.length > maxElements) return null;
  const root = document.documentElement;
  window.scrollTo(0, 0);
  let bottom = root.getBoundingClientRect().bottom;
  for (const element of elements) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const boxless = element === document.body && element.getClientRects().length === 0;
    const hidden = boxless || style.display === 'none' || style.visibility !== 'visible';
    const colour = style.backgroundColor.replace(/\\s/g, '');
    const clear = colour === 'transparent' || /^rgba\\(.*,0\\)$/.test(colour);
    const background = (clear ? '' : colour) + (style.backgroundImage === 'none' ? '' : ' picture');
    if (!hidden && style.position !== 'fixed') bottom = Math.max(bottom, box.bottom);
    element.setAttribute(mark, hidden ? '' : [
      box.x + window.scrollX, box.y + window.scrollY, box.width, box.height,
      parseFloat(style.fontSize), style.position, background,
    ].join(';'));
  }
  // A page lower than the window still scrolls over the window's whole height.
  return {html: root.outerHTML, height: Math.min(root.scrollHeight, Math.ceil(bottom))};
}
"""


@dataclass(frozen=True, slots=True)
class Capture:
    """``picture`` is a PNG of the page from its top, at most 8,000 pixels high."""

    page: Page
    picture: bytes
    engine: tuple[str, str]
    refused: tuple[str, ...]


def capture(bundle: DesignBundle, *, width: int, scripts: bool, timeout_s: float) -> Capture:
    """Render the bundle's page. Raises ``RenderingError``, also for a page whose own scripts spoil the measuring."""

    async def measure(browser_page: "BrowserPage") -> tuple[str, int, bytes]:
        found = await browser_page.evaluate(MEASURE_SCRIPT, {"mark": MARK, "maxElements": MAX_ELEMENTS})
        if found is None:
            raise RenderingError("failed", f"The page's scripts made more than {MAX_ELEMENTS:,} elements.")
        height = max(1, int(found["height"]))
        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": min(height, MAX_PICTURE_HEIGHT)}
        return (
            str(found["html"]),
            height,
            await browser_page.screenshot(full_page=True, clip=clip, animations="disabled"),
        )

    try:
        rendered = render_page(bundle, measure, width=width, scripts=scripts, timeout_s=timeout_s)
        html, height, picture = rendered.value
        page = page_from_markup(html, Box(0, 0, width, height), bundle.name)
    except StepError as error:
        raise RenderingError("failed", error.message) from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RenderingError("failed", "The page's scripts spoil what its boxes are measured with.") from error
    return Capture(page, shrink(picture), rendered.engine, rendered.refused)


def page_from_markup(html: str, size: Box, name: str) -> Page:
    """The tree of the elements that ``MEASURE_SCRIPT`` found visible."""
    root = parse_html(html, name)
    marks = {element: str(element.attrib.pop(MARK, "")) for element in root.iter()}
    body_element = find_body(root)
    text = own_text(body_element) if marks[body_element] else ""
    body = Node(body_element, "body", text, _style(marks[body_element]), size)
    waiting = [body]
    while waiting:
        node = waiting.pop()
        node.children = [child for element in node.element if (child := _node(element, marks[element], size))]
        waiting.extend(node.children)
    _wrap_what_has_no_box(body)
    return Page(body, size, title_of(root), language_of(root))


def _node(element: Element, mark: str, size: Box) -> Node | None:
    if not mark or element.tag in UNSEEN_TAGS:
        return None
    x, y, width, height = (float(number) for number in mark.split(";")[:4])
    return Node(element, str(element.tag), own_text(element), _style(mark), Box(x, y, width, height).clip(size))


def _style(mark: str) -> Style:
    if not mark:
        return Style()
    font_size, position, background = mark.split(";", 6)[4:]
    return Style(position, background, float(font_size))


def _wrap_what_has_no_box(body: Node) -> None:
    """Give an element of no area (floats, ``display: contents``) its children's extent; drop what stays empty."""
    for node in reversed(list(body.walk())):
        node.children = [child for child in node.children if child.box.area > 1]
        if node.box.area <= 1 and node.children:
            node.box = enclosing([child.box for child in node.children])


def shrink(picture: bytes) -> bytes:
    """The same picture as a PNG of 256 colours: a quarter of the size, and good enough to draw boxes over."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
