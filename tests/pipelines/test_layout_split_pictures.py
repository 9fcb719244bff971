"""The step ``layout_split`` on pictures of pages."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from metrics.boxes import Box, union_area
from pipelines.steps.contract import SplitAssetOutput, StepError
from tests.pipelines.split_pages import encoded, parts, picture, screenshot, split

SCHEMA = jsonschema_rs.Draft202012Validator(Path("pipelines/steps/schemas/layout_split.json").read_text())


def spans(found: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(part["boundsPx"]["y"], part["boundsPx"]["y"] + part["boundsPx"]["height"]) for part in found]


def test_parts_end_where_backgrounds_do() -> None:
    image = screenshot((80, "#222", "#222"), (400, "navy", "white"), (500, "white", "black"), (160, "#eee", "gray"))
    ir = split(picture(image)).ir
    assert spans(ir["parts"]) == [(0, 80), (80, 480), (480, 980), (980, 1140)]
    assert [part["kind"] for part in ir["parts"]] == ["header", "hero", "content", "footer"]
    assert ir["boundsSource"] == "image"
    assert (ir["source"]["width"], ir["source"]["height"]) == (800, 1140)
    SCHEMA.validate(ir)


def test_parts_of_one_background_end_in_the_middle_of_a_wide_gap() -> None:
    image = screenshot((400, "white", "black"), (500, "white", "black"), margin=80)
    assert len(parts(picture(image))) == 2
    first, second = spans(parts(picture(image)))
    assert first[1] == second[0] == pytest.approx(400, abs=8)


def test_a_side_column_is_a_part() -> None:
    image = screenshot((500, "white", "black"), (500, "#ddd", "black"), width=1000)
    image.paste("#123456", (0, 0, 250, 1000))
    boxes = [part["boundsPx"] for part in parts(picture(image))]
    assert [(box["x"], box["width"]) for box in boxes] == [(0, 250), (250, 750), (250, 750)]


def test_every_part_is_cut_out() -> None:
    image = screenshot((200, "navy", "white"), (300, "white", "black"))
    result = split(picture(image))
    for part, output in zip(result.ir["parts"], result.outputs, strict=True):
        assert isinstance(output, SplitAssetOutput)
        assert output.file is not None
        assert output.file.path == part["image"] == f"parts/{part['key']}.png"
        crop = Image.open(io.BytesIO(output.file.content))
        assert crop.size == (part["boundsPx"]["width"], part["boundsPx"]["height"])


@pytest.mark.parametrize(("name", "options"), [("JPEG", {"quality": 60}), ("WEBP", {"quality": 60})])
def test_compressed_pictures_give_the_same_parts(name: str, options: dict[str, int]) -> None:
    image = screenshot((200, "navy", "white"), (300, "white", "black"), (120, "#222", "white"))
    for (top, bottom), (true_top, true_bottom) in zip(
        spans(parts(picture(encoded(image, name, **options)))), [(0, 200), (200, 500), (500, 620)], strict=True
    ):
        assert (top, bottom) == (pytest.approx(true_top, abs=3), pytest.approx(true_bottom, abs=3))


def test_a_transparent_picture_is_read_over_white() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((0, 0, 128, 255), (0, 0, 400, 150))
    assert spans(parts(picture(image))) == [(0, 150), (150, 400)]


def test_no_more_parts_than_allowed() -> None:
    image = screenshot(*[(100, "navy", "white"), (100, "white", "black")] * 10)
    found = parts(picture(image), maxParts=4)
    assert len(found) == 4
    assert spans(found)[-1][1] == 2000


def claiming(width: int, height: int) -> bytes:
    """A PNG whose head promises that many pixels. Drawing them all would take seconds in every worker."""
    small = encoded(Image.new("1", (1, 1)))
    head = b"IHDR" + struct.pack(">II", width, height) + small[24:29]
    return small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "design-empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 90, "image-unreadable"),
        (b"GIF89a and so on", "image-unreadable"),
        (encoded(screenshot((300, "navy", "white")))[:-200], "image-unreadable"),
        (encoded(Image.new("RGB", (300, 200), "teal")), "image-one-colour"),
        (encoded(Image.new("RGBA", (300, 200), (9, 9, 9, 0))), "image-one-colour"),
        (claiming(30_000, 30_000), "image-too-large"),
        (encoded(screenshot((300, "navy", "white")).resize((300, 9))), "image-too-small"),
    ],
    ids=["empty", "broken", "gif", "cut short", "teal", "clear", "bomb", "strip"],
)
def test_a_picture_of_nothing_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(StepError) as refused:
        split(picture(content))
    assert refused.value.code == code
    assert "page.png" in refused.value.message


@settings(max_examples=60)
@given(st.integers(16, 90), st.integers(16, 160), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_parts_tile_the_picture(width: int, height: int, most: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 2, (height, 1, 1), dtype=np.uint8) * 200
    noise = np.random.default_rng(seed + 1).integers(0, 40, (height, width, 3), dtype=np.uint8)
    found = parts(picture(Image.fromarray(rows + noise)), maxParts=most)
    boxes = [Box.from_bounds(part["bounds"]) for part in found]
    assert 1 <= len(boxes) <= most
    assert union_area(boxes) == pytest.approx(1, abs=1e-4)
    assert sum(box.area for box in boxes) == pytest.approx(1, abs=1e-4)
