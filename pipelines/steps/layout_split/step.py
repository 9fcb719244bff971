"""The step ``layout_split``: a page or a picture of one in, its parts out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metrics.boxes import Box
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.rendering import RenderingError, decode_html, find_browser
from pipelines.steps.contract import OutputFile, SplitAssetOutput, StepContext, StepError, StepResult
from pipelines.steps.layout_split.capture import Capture, capture
from pipelines.steps.layout_split.estimation import estimate
from pipelines.steps.layout_split.kinds import classify, classify_boxes, heading_of
from pipelines.steps.layout_split.page import Page, check_html, outer_html, parse_html, selector_of, visible_text
from pipelines.steps.layout_split.picture import Picture, find_parts, open_picture
from pipelines.steps.layout_split.segmentation import Block, segment

IR_VERSION = "1.0"
DEFAULT_VIEWPORT_WIDTH = 1280
DEFAULT_MAX_PARTS = 40
RENDER_TIMEOUT_S = 15.0
MAX_TEXT = 100_000
MAX_SELECTED = 50
MAX_SELECTOR = 2000


@dataclass(frozen=True, slots=True)
class Settings:
    """The step's parameters, checked."""

    may_render: bool
    max_parts: int
    viewport_width: int

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "Settings":
        """Raises ``StepError`` for a value outside its range."""
        rendering = params.get("rendering", "auto")
        if rendering not in ("auto", "never"):
            raise StepError("parameter-invalid", f'rendering is "auto" or "never", not {rendering!r}.')
        return cls(
            may_render=rendering == "auto",
            max_parts=_integer(params, "maxParts", DEFAULT_MAX_PARTS, 1, 200),
            viewport_width=_integer(params, "viewportWidth", DEFAULT_VIEWPORT_WIDTH, 320, 3840),
        )


def _integer(params: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise StepError("parameter-invalid", f"{name} is a whole number from {low} to {high}, not {value!r}.")
    return value


def layout_split(context: StepContext) -> StepResult:
    """Cut the run's design into parts, in reading order.

    Parameters: ``rendering`` (``auto``: with Chromium where there is one; ``never``), ``maxParts`` (1 to 200, 40),
    ``viewportWidth`` (320 to 3840 CSS pixels, 1280).

    Raises ``StepError`` with ``design-missing``, ``design-empty``, ``design-too-large``, ``design-not-html``,
    ``design-too-deep``, ``design-no-visible-content``, ``image-unreadable``, ``image-too-large``,
    ``image-too-small``, ``image-one-colour`` or ``parameter-invalid``.
    """
    settings = Settings.from_params(context.params)
    if context.design is None:
        raise StepError("design-missing", "This step needs a design. Start the run with a page or a picture.")
    if context.design.kind == "image":
        return _split_picture(context.design, settings)
    return _split_page(context.design, settings, context)


def _split_page(design: DesignBundle, settings: Settings, context: StepContext) -> StepResult:
    check_html(design.content, design.name)
    root = parse_html(decode_html(design.content), design.name)
    has_scripts = b"<script" in design.content.lower()
    context.reporter.log(f"{design.name}: {len(design.content):,} bytes, {len(design.files)} files")
    captured, notes = _render(design, settings, has_scripts)
    for note in notes:
        context.reporter.log(note)
    page = captured.page if captured else estimate(root, design, settings.viewport_width)
    blocks = segment(page, settings.max_parts)
    if not blocks:
        raise StepError(
            "design-no-visible-content",
            f"{design.name} shows nothing: no text, picture or coloured area. If scripts build the page, save it from "
            "a browser first.",
        )
    how = "rendered" if captured else "estimated"
    context.reporter.log(f"{len(blocks)} parts on {page.size.width:g} by {page.size.height:g} px, {how}")
    picture = Picture.from_png(captured.picture) if captured else None
    parts, outputs = _page_parts(blocks, page, picture)
    if captured:
        outputs.append(_page_output(captured, len(parts)))
    ir = {
        "irVersion": IR_VERSION,
        "source": _source(design, page.size) | {"title": page.title, "language": page.language},
        "boundsSource": "rendered" if captured else "estimated",
        "notes": notes,
        "parts": parts,
    }
    if captured:
        ir["engine"] = dict(zip(("name", "version"), captured.engine, strict=True))
    return StepResult(ir, outputs)


def _render(design: DesignBundle, settings: Settings, has_scripts: bool) -> tuple[Capture | None, list[str]]:
    """The page as a browser shows it, without its own scripts where they keep it from showing; and notes for people."""
    if not settings.may_render:
        return None, ["Bounds are estimated, as rendering is switched off for this step."]
    if find_browser() is None:
        return None, ["Bounds are estimated, as no Chromium was found."]
    notes: list[str] = []
    for scripts in (True, False) if has_scripts else (True,):
        try:
            captured = capture(design, width=settings.viewport_width, scripts=scripts, timeout_s=RENDER_TIMEOUT_S)
        except RenderingError as error:
            notes.append(f"Rendering {'with' if scripts else 'without'} the page's scripts failed: {error}"[:500])
            continue
        if captured.refused:
            notes.append(f"{len(captured.refused)} requests were refused, the first to {captured.refused[0]}"[:500])
        return captured, notes
    return None, [*notes, "Bounds are estimated."]


def _page_parts(
    blocks: Sequence[Block], page: Page, picture: Picture | None
) -> tuple[list[dict[str, Any]], list[SplitAssetOutput]]:
    ids = Counter(identity for node in page.body.walk() if (identity := node.attribute("id")))
    keys: Counter[str] = Counter()
    parts, outputs = [], []
    for order, (block, (kind, confidence)) in enumerate(zip(blocks, classify(blocks), strict=True)):
        heading = heading_of(block)
        key = _next_key(kind, keys)
        crop = _crop(picture, block.box, key)
        part = _part(key, order, kind, confidence, block.box, page.size, heading) | {
            "selector": _selector(block, ids),
            "heading": heading,
            "text": visible_text(block.nodes)[:MAX_TEXT],
            "html": outer_html(block.nodes),
            "image": crop.path if crop else None,
        }
        parts.append(part)
        outputs.append(_part_output(part, crop))
    return parts, outputs


def _selector(block: Block, ids: Mapping[str, int]) -> str | None:
    """A selector of all the block's nodes; None where that would be too long to be of use."""
    if len(block.nodes) > MAX_SELECTED:
        return None
    selector = ", ".join(selector_of(node.element, ids) for node in block.nodes)
    return selector if len(selector) <= MAX_SELECTOR else None


def _split_picture(design: DesignBundle, settings: Settings) -> StepResult:
    picture = open_picture(design.content, design.name)
    boxes = find_parts(picture, settings.max_parts)
    keys: Counter[str] = Counter()
    parts, outputs = [], []
    for order, (box, (kind, confidence)) in enumerate(zip(boxes, classify_boxes(boxes, picture.size), strict=True)):
        key = _next_key(kind, keys)
        crop = OutputFile(f"parts/{key}.png", picture.crop_png(box))
        part = _part(key, order, kind, confidence, box, picture.size, None) | {"image": crop.path}
        parts.append(part)
        outputs.append(_part_output(part, crop))
    ir = {
        "irVersion": IR_VERSION,
        "source": _source(design, picture.size),
        "boundsSource": "image",
        "notes": [],
        "parts": parts,
    }
    return StepResult(ir, outputs)


def _source(design: DesignBundle, size: Box) -> dict[str, Any]:
    return {
        "kind": design.kind,
        "name": design.name[:500],
        "sha256": design.sha256,
        "width": round(size.width),
        "height": round(size.height),
    }


def _next_key(kind: str, keys: Counter[str]) -> str:
    """``hero`` for the first of a kind, ``hero_2`` for the next."""
    keys[kind] += 1
    return kind if keys[kind] == 1 else f"{kind}_{keys[kind]}"


def _part(
    key: str, order: int, kind: str, confidence: float, box: Box, size: Box, heading: str | None
) -> dict[str, Any]:
    inside = box.clip(size)
    return {
        "key": key,
        "order": order,
        "kind": kind,
        "label": (heading or key.replace("_", " ").capitalize())[:200],
        "bounds": {
            "x": round(inside.x / size.width, 6),
            "y": round(inside.y / size.height, 6),
            "width": round(inside.width / size.width, 6),
            "height": round(inside.height / size.height, 6),
        },
        "boundsPx": {
            "x": round(inside.x),
            "y": round(inside.y),
            "width": round(inside.width),
            "height": round(inside.height),
        },
        "confidence": confidence,
    }


def _part_output(part: Mapping[str, Any], file: OutputFile | None) -> SplitAssetOutput:
    kept = ("label", "bounds", "boundsPx", "confidence", "selector", "heading", "text")
    meta = {name: part[name] for name in kept if part.get(name) is not None}
    return SplitAssetOutput(part["key"], part["kind"], part["order"], meta, file)


def _crop(picture: Picture | None, box: Box, key: str) -> OutputFile | None:
    """The part's picture, where it lies on the page's; the page's may end sooner."""
    if picture is None or box.clip(picture.size).area < 1:
        return None
    return OutputFile(f"parts/{key}.png", picture.crop_png(box.clip(picture.size)))


def _page_output(captured: Capture, order: int) -> SplitAssetOutput:
    """The whole page's picture, for screens to draw the parts over; no part itself."""
    size = captured.page.size
    meta = {"width": round(size.width), "height": round(size.height)}
    return SplitAssetOutput("page", "page", order, meta, OutputFile("page.png", captured.picture))
