"""The files a page refers to, and how large its pictures are."""

import io
import re
from urllib.parse import urljoin

from PIL import Image

from pipelines.designs.assets import bundle_path
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.rendering import SIZE_IN_ADDRESS
from pipelines.steps.layout_split.page import Element


def style_sheets(root: Element, design: DesignBundle) -> list[str]:
    """The page's style sheets in order: its own, and those it links to among the design's files."""
    sheets: list[str] = []
    for element in root.iter("link", "style"):
        if element.tag == "style":
            sheets.append(element.text or "")
        elif "stylesheet" in (element.get("rel") or "").lower().split():
            sheets.append(file_of(design, element.get("href") or "").decode("utf-8", "replace"))
    return sheets


def file_of(design: DesignBundle, address: str) -> bytes:
    """What an address in the page names among the design's files; empty where it names none."""
    try:
        return design.files.get(bundle_path(urljoin(f"file:///{design.entry}", address)), b"")
    except ValueError:
        return b""


def number(text: str | None) -> float | None:
    """An attribute such as ``width="300"`` in pixels; None for a share and for what is no number."""
    found = re.match(r"\s*(\d{1,5}(?:\.\d+)?)\s*(?:px)?\s*$", text or "")
    return float(found[1]) if found else None


def size_in(address: str) -> tuple[float, float] | None:
    """The size that an address names, as those of placeholder services do (``/600x400``)."""
    found = SIZE_IN_ADDRESS.search(address)
    return (float(found[1]), float(found[2])) if found else None


def natural_size(content: bytes) -> tuple[float, float] | None:
    """A picture's own size in pixels, from its header; None for what is no readable picture."""
    if content.lstrip()[:5] in (b"<svg ", b"<?xml"):
        return _svg_size(content)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG", "WEBP", "GIF"]) as image:
            return float(image.width), float(image.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _svg_size(content: bytes) -> tuple[float, float] | None:
    head = content[:2000].decode("utf-8", "replace")
    if found := re.search(r"""viewBox=["'][-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)""", head):
        wide, high = float(found[1]), float(found[2])
        return (wide, high) if wide and high else None
    return None
