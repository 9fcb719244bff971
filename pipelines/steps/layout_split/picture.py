"""Parts of a picture of a page: a recursive XY-cut on edge projections.

A picture is first parted where a background ends over its whole width or height, then where rows of nothing are
clearly higher than the gaps inside a part. Cuts lie in the middle of a gap.
"""

import io
import itertools
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from metrics.boxes import Box
from pipelines.steps.contract import StepError

FORMATS = ("PNG", "JPEG", "WEBP")
MIN_SIDE = 16
MAX_PIXELS = 50_000_000
ANALYSIS_WIDTH = 640
MAX_ANALYSIS_HEIGHT = 12_000

ONE_COLOUR_RANGE = 6  # of 255; what compression alone makes of one colour
EDGE = 10  # of 255; a smaller step between neighbouring pixels is no edge
FULL_EDGE_SHARE = 0.8  # share of a line's pixels that change at once where a background ends
BLANK_SHARE = 0.004  # share of a line's pixels that may be edges in a blank line

# Fractions of the analysed width (1280 pixels of page are 1.0).
MIN_BAND = 0.03
MIN_BAND_PIXELS = 8
MIN_GAP = 0.06
GAP_TO_PADDING = 1.5
MIN_COLUMN = 0.12
SIDEBAR_MAX = 0.4
MARGIN = 0.02

Pixels = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Picture:
    """``image`` is RGB, upright, over white where it was transparent."""

    image: Image.Image

    @classmethod
    def from_png(cls, content: bytes) -> "Picture":
        """A picture of our own making, which needs no checks."""
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            return cls(image.convert("RGB"))

    @property
    def size(self) -> Box:
        return Box(0, 0, self.image.width, self.image.height)

    def crop_png(self, box: Box) -> bytes:
        """The part inside ``box`` (in this picture's pixels) as a PNG."""
        corners = (
            round(box.x),
            round(box.y),
            max(round(box.right), round(box.x) + 1),
            max(round(box.bottom), round(box.y) + 1),
        )
        buffer = io.BytesIO()
        self.image.crop(corners).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def open_picture(content: bytes, name: str) -> Picture:
    """Raises ``StepError``: empty, unreadable, too large or too small, or of one colour."""
    if not content:
        raise StepError("design-empty", f"{name} is empty. Give a PNG, JPEG or WebP picture of a page.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if min(image.size) < MIN_SIDE:
                raise StepError(
                    "image-too-small", f"{name} has {image.width} × {image.height} pixels, too few to show a page."
                )
            upright = _upright_rgb(image)
    except Image.DecompressionBombError as error:
        raise StepError("image-too-large", f"{name} has more than {MAX_PIXELS:,} pixels. Scale it down.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise StepError("image-unreadable", f"{name} could not be read as PNG, JPEG or WebP.") from error
    if max(int(np.ptp(np.asarray(channel))) for channel in upright.split()) <= ONE_COLOUR_RANGE:
        raise StepError("image-one-colour", f"{name} is of one colour, so it shows no page. Give a screenshot.")
    return Picture(upright)


def _upright_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def find_parts(picture: Picture, max_parts: int) -> list[Box]:
    """The parts' boxes in the picture's pixels, in reading order; one box for all where nothing parts it."""
    scale = min(1.0, ANALYSIS_WIDTH / picture.image.width, MAX_ANALYSIS_HEIGHT / picture.image.height)
    width, height = (max(MIN_SIDE, round(side * scale)) for side in picture.image.size)
    small = picture.image.resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.int16)
    boxes = [box for column in _columns(pixels) for box in _bands(pixels, column)]
    while len(boxes) > max_parts:
        _join_smallest(boxes)
    across, down = picture.image.width / width, picture.image.height / height
    return [Box(box.x * across, box.y * down, box.width * across, box.height * down) for box in boxes]


def _columns(pixels: Pixels) -> list[Box]:
    """The whole picture, or a side column and the rest where one background ends over the whole height."""
    height, width = pixels.shape[:2]
    changes = _steps(pixels, axis=1).mean(axis=0)
    edges = [int(x) + 1 for x in np.flatnonzero(changes >= FULL_EDGE_SHARE)]
    for x in edges:
        if MIN_COLUMN * width <= min(x, width - x) <= SIDEBAR_MAX * width:
            return [Box(0, 0, x, height), Box(x, 0, width - x, height)]
    return [Box(0, 0, width, height)]


def _bands(pixels: Pixels, column: Box) -> list[Box]:
    left, right = round(column.x), round(column.right)
    part = pixels[:, left:right]
    lowest = max(MIN_BAND_PIXELS, MIN_BAND * pixels.shape[1])
    edges = _spread(_background_ends(part), len(part), lowest)
    cuts = [0, *edges, len(part)]
    blank = _blank_rows(part)
    for top, bottom in itertools.pairwise(cuts):
        cuts += [top + cut for cut in _gap_cuts(blank[top:bottom], max(lowest, MIN_GAP * pixels.shape[1]))]
    cuts.sort()
    return [Box(left, top, right - left, bottom - top) for top, bottom in itertools.pairwise(cuts)]


def _background_ends(part: Pixels) -> NDArray[np.intp]:
    """Rows where the picture changes over its whole width, both margins included: cards leave those alone."""
    steps = _steps(part, axis=0)
    margin = max(1, round(MARGIN * steps.shape[1]))
    is_full = steps.mean(axis=1) >= FULL_EDGE_SHARE
    at_margins = (steps[:, :margin].mean(axis=1) >= 0.5) & (steps[:, -margin:].mean(axis=1) >= 0.5)
    return np.flatnonzero(is_full & at_margins) + 1


def _steps(pixels: Pixels, axis: int) -> NDArray[np.bool_]:
    """Where neighbours along an axis differ by more than an edge in any channel; one shorter on that axis."""
    steps: NDArray[np.int16] = np.abs(np.diff(pixels, axis=axis)).max(axis=2)
    return steps > EDGE


def _spread(edges: NDArray[np.intp], height: int, lowest: float) -> list[int]:
    """The edges that leave a band of at least ``lowest`` on either side; of close ones the first."""
    kept: list[int] = []
    for edge in map(int, edges):
        if edge - (kept[-1] if kept else 0) >= lowest and height - edge >= lowest:
            kept.append(edge)
    return kept


def _blank_rows(part: Pixels) -> NDArray[np.bool_]:
    shares: NDArray[np.float64] = _steps(part, axis=1).mean(axis=1)
    return shares <= BLANK_SHARE


def _gap_cuts(blank: NDArray[np.bool_], lowest: float) -> list[int]:
    """The middles of the gaps that part a band of one background.

    Two parts that meet bring their paddings together, so the gap between them is about twice the band's own padding.
    """
    runs = _runs(blank)
    inner = [(start, end) for start, end in runs if start > 0 and end < len(blank)]
    above = next((end for start, end in runs if start == 0), 0)
    below = next((len(blank) - start for start, end in runs if end == len(blank)), 0)
    needed = max(lowest, GAP_TO_PADDING * min(above, below))
    return [(start + end) // 2 for start, end in inner if end - start >= needed]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every run of true values."""
    padded = np.concatenate([[False], flags, [False]]).astype(np.int8)
    changes = np.diff(padded)
    return list(zip(np.flatnonzero(changes == 1).tolist(), np.flatnonzero(changes == -1).tolist(), strict=True))


def _join_smallest(boxes: list[Box]) -> None:
    """Join the two neighbours of one column that are the lowest together."""
    pairs = [i for i in range(len(boxes) - 1) if boxes[i].x == boxes[i + 1].x] or [0]
    index = min(pairs, key=lambda i: boxes[i].height + boxes[i + 1].height)
    first, second = boxes[index], boxes.pop(index + 1)
    right, bottom = max(first.right, second.right), max(first.bottom, second.bottom)
    left, top = min(first.x, second.x), min(first.y, second.y)
    boxes[index] = Box(left, top, right - left, bottom - top)
