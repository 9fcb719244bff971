"""How well ``layout_split`` finds the blocks of real pages, against what their authors' comments say.

    python -m benchmarks.layout_split [--kits FOLDER] [--page SUBSTRING] [--verbose]

The pages are MIT-licensed kits from npm, fetched once with ``npm pack`` into ``var/benchmarks/kits``.

Truth: an author's comment before an element (``<!-- Services-->``) marks the level at which the page's blocks lie.
Every visible element of that level, rules (``hr``) aside, is one true block, with the box Chromium gives it. A comment
that only says "page content" gives way to the commented blocks inside it, where those stack over most of its width.

There are two sets: the kits the rules were tuned on, and others whose pages played no part in choosing a number.

Printed is one JSON line, for each set: macro F1 (the mean over pages) at IoU 0.5 and 0.75 for a page rendered, a page
estimated without a browser, and a picture of the page; the same for two floors, one box for the whole page and equal
slices (as many as true blocks); and the ratio of each mode to the better floor.
"""

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from metrics.boxes import UNIT_SQUARE, Box, KindedBox, match_boxes
from pipelines.designs.bundle import DesignBundle
from pipelines.designs.rendering import find_browser, render_page
from pipelines.steps.contract import StepContext
from pipelines.steps.layout_split import layout_split

TUNED_ON = (
    "startbootstrap-modern-business@5.0.7",
    "startbootstrap-small-business@5.0.6",
    "startbootstrap-shop-homepage@5.0.6",
    "startbootstrap-scrolling-nav@5.0.6",
    "startbootstrap-full-width-pics@5.0.6",
    "startbootstrap-freelancer@7.0.7",
    "startbootstrap-resume@7.0.6",
)
HELD_OUT = (
    "startbootstrap-agency@7.0.12",
    "startbootstrap-business-casual@7.0.9",
    "startbootstrap-grayscale@7.0.6",
    "startbootstrap-heroic-features@5.0.6",
    "startbootstrap-landing-page@6.0.6",
    "startbootstrap-new-age@6.0.7",
)
SETS = {"tuned_on": TUNED_ON, "held_out": HELD_OUT}
CACHE = Path("var/benchmarks/kits")
MAX_FILE = 5_000_000
THRESHOLDS = (0.5, 0.75)

TRUTH_SCRIPT = """
() => {
  const isComment = node => node.nodeType === Node.COMMENT_NODE && /\\w/.test(node.data);
  const isShown = element => {
    const box = element.getBoundingClientRect();
    return element.tagName !== 'HR' && box.width * box.height > 1 && getComputedStyle(element).visibility !== 'hidden';
  };
  const hasComment = element => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_COMMENT);
    while (walker.nextNode()) if (isComment(walker.currentNode)) return true;
    return false;
  };
  const commented = parent => {
    const found = [];
    let comment = null;
    for (const node of parent.childNodes) {
      if (isComment(node)) comment = node.data.trim();
      else if (node.nodeType === Node.ELEMENT_NODE && isShown(node)) found.push({element: node, comment});
    }
    return found;
  };
  const innerLevel = element => {
    for (const parent of [element, ...element.querySelectorAll('*')]) {
      const blocks = commented(parent).filter(block => block.comment);
      if (blocks.length < 2) continue;
      const boxes = blocks.map(block => block.element.getBoundingClientRect());
      const outer = element.getBoundingClientRect();
      const isBelow = (box, i) => i === 0 || box.top >= boxes[i - 1].bottom - 1;
      const stacks = boxes.every((box, i) => box.width >= 0.75 * outer.width && isBelow(box, i));
      const covers = boxes.reduce((sum, box) => sum + box.height, 0) >= 0.6 * outer.height;
      return stacks && covers ? parent : null;
    }
    return null;
  };
  const truth = [];
  const take = ({element, comment}) => {
    const box = element.getBoundingClientRect();
    truth.push({comment, x: box.x, y: box.y + window.scrollY, width: box.width, height: box.height});
  };
  const descend = parent => {
    for (const block of commented(parent)) {
      if (block.comment === null && hasComment(block.element)) { descend(block.element); continue; }
      const inner = /^page content/i.test(block.comment || '') ? innerLevel(block.element) : null;
      if (inner) commented(inner).forEach(take); else take(block);
    }
  };
  descend(document.body);
  // A page lower than the window scrolls over the window's whole height, so its lowest box counts.
  const bottoms = [...document.querySelectorAll('*')].map(element => element.getBoundingClientRect().bottom);
  const height = Math.ceil(Math.min(document.documentElement.scrollHeight, Math.max(...bottoms)));
  return {truth, width: window.innerWidth, height};
}
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A page, its true blocks as fractions of it with their authors' words, and its picture (PNG)."""

    name: str
    bundle: DesignBundle
    truth: list[KindedBox]
    picture: bytes


Predict = Callable[[Sample], list[KindedBox]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--kits", type=Path, help="a folder of unpacked kits to measure on, instead of the fetched ones"
    )
    parser.add_argument("--page", default="", help="only pages whose name holds this")
    parser.add_argument("--verbose", action="store_true", help="print each page's figures and parts to standard error")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if find_browser() is None:
        return _skip("no Chromium to take the true boxes from; set IRLINE_CHROMIUM")
    if arguments.kits is None and not fetch_kits():
        return _skip("npm is not installed, and the kits are not in var/benchmarks/kits")
    folders = {"given": [arguments.kits]} if arguments.kits else {n: [CACHE / kit for kit in SETS[n]] for n in SETS}
    sets = {}
    for name, kits in folders.items():
        samples = [s for kit in kits for s in read_samples(kit) if arguments.page in s.name]
        if samples:
            sets[name] = measure(samples, arguments.verbose)
    print(json.dumps({"benchmark": "layout_split", "sets": sets}))
    return 0


def _skip(reason: str) -> int:
    print(json.dumps({"benchmark": "layout_split", "skipped": reason}))
    return 0


def fetch_kits() -> bool:
    """Have every kit unpacked in the cache; False where one is absent and npm is too."""
    missing = [kit for kits in SETS.values() for kit in kits if not (CACHE / kit).is_dir()]
    if missing and shutil.which("npm") is None:
        return False
    for kit in missing:
        CACHE.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(["npm", "pack", kit, "--silent"], cwd=CACHE, check=True, capture_output=True, text=True)
        archive = CACHE / packed.stdout.strip().splitlines()[-1]
        with tarfile.open(archive) as tar:
            tar.extractall(CACHE / kit, filter="data")
        archive.unlink()
    return True


def read_samples(folder: Path) -> Iterator[Sample]:
    for page in sorted(folder.glob("**/dist/*.html")):
        kit = page.parent.parent.name
        files = {
            path.relative_to(page.parent).as_posix(): path.read_bytes()
            for path in page.parent.rglob("*")
            if path.is_file() and path.stat().st_size <= MAX_FILE
        }
        yield read_sample(f"{kit}/{page.name}", DesignBundle("html", page.name, page.name, files))


def read_sample(name: str, bundle: DesignBundle) -> Sample:
    async def look(page: Any) -> tuple[dict[str, Any], bytes]:
        seen = await page.evaluate(TRUTH_SCRIPT)
        clip = {"x": 0, "y": 0, "width": seen["width"], "height": seen["height"]}
        return seen, await page.screenshot(full_page=True, clip=clip, animations="disabled")

    seen, picture = render_page(bundle, look).value
    width, height = seen["width"], seen["height"]
    truth = [
        KindedBox(
            str(block["comment"]),
            Box(block["x"] / width, block["y"] / height, block["width"] / width, block["height"] / height).clip(
                UNIT_SQUARE
            ),
        )
        for block in seen["truth"]
    ]
    return Sample(name, bundle, [block for block in truth if block.box.area > 0], picture)


def _split(design: DesignBundle, **params: Any) -> list[KindedBox]:
    result = layout_split(StepContext(params=params, design=design))
    return [KindedBox(part["kind"], Box.from_bounds(part["bounds"])) for part in result.ir["parts"]]


def rendered(sample: Sample) -> list[KindedBox]:
    return _split(sample.bundle)


def estimated(sample: Sample) -> list[KindedBox]:
    return _split(sample.bundle, rendering="never")


def image(sample: Sample) -> list[KindedBox]:
    return _split(DesignBundle("image", "page.png", "page.png", {"page.png": sample.picture}))


def whole_page(sample: Sample) -> list[KindedBox]:
    return [KindedBox("other", UNIT_SQUARE)]


def equal_slices(sample: Sample) -> list[KindedBox]:
    count = len(sample.truth)
    return [KindedBox("other", Box(0, i / count, 1, 1 / count)) for i in range(count)]


def measure(samples: list[Sample], verbose: bool) -> dict[str, Any]:
    floors = {p.__name__: score(samples, p, verbose=False) for p in (whole_page, equal_slices)}
    modes = {p.__name__: score(samples, p, verbose) for p in (rendered, estimated, image)}
    best = {name: max(floor[name] for floor in floors.values()) for name in ("f1_at_50", "f1_at_75")}
    for mode in modes.values():
        mode["ratio_to_floor"] = round(mode["f1_at_75"] / best["f1_at_75"], 2) if best["f1_at_75"] else None
    return {
        "pages": len(samples),
        "true_blocks": sum(len(sample.truth) for sample in samples),
        "modes": modes,
        "floors": floors,
    }


def score(samples: list[Sample], predict: Predict, verbose: bool) -> dict[str, Any]:
    """Macro F1 at each threshold, and the mean seconds a page took."""
    by_threshold: dict[float, list[float]] = {iou: [] for iou in THRESHOLDS}
    started = time.perf_counter()
    predictions = [predict(sample) for sample in samples]
    seconds = (time.perf_counter() - started) / len(samples)
    for sample, parts in zip(samples, predictions, strict=True):
        matches = {iou: match_boxes(parts, sample.truth, iou) for iou in THRESHOLDS}
        for iou, match in matches.items():
            by_threshold[iou].append(match.f1)
        if verbose:
            _explain(predict.__name__, sample, parts, matches[0.75].pairs, matches[0.75].f1)
    figures = {f"f1_at_{round(iou * 100)}": round(mean(values), 3) for iou, values in by_threshold.items()}
    return figures | {"seconds_per_page": round(seconds, 3)}


def _explain(mode: str, sample: Sample, parts: list[KindedBox], pairs: tuple[tuple[int, int], ...], f1: float) -> None:
    lines = [f"{mode} {sample.name}: F1 at 0.75 {f1:.2f}"]
    matched = dict(pairs)
    for index, part in enumerate(parts):
        found = f"= {sample.truth[matched[index]].kind}" if index in matched else "-"
        lines.append(f"  {part.kind:<13}{_percent(part.box)}  {found}")
    for index, block in enumerate(sample.truth):
        if index not in matched.values():
            lines.append(f"  missed       {_percent(block.box)}  {block.kind}")
    print("\n".join(lines), file=sys.stderr)


def _percent(box: Box) -> str:
    return " ".join(f"{100 * side:5.1f}" for side in (box.x, box.y, box.width, box.height))


if __name__ == "__main__":
    sys.exit(main())
