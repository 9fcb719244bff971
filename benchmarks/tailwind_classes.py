"""How often our answer to "is this a Tailwind class?" is the engine's own.

    npm install --prefix var/tailwind tailwindcss@4.3.5
    python -m benchmarks.tailwind_classes --engine var/tailwind [--pages FOLDER] [--write FILE]

Asked are 20,000 made-up classes, about half of which the engine accepts: its utilities with values of every kind,
fitting or not, with variants and modifiers, and names of other frameworks. ``--pages`` adds the classes of the HTML
files in a folder. ``--write`` keeps 1,500 made-up classes with the engine's verdicts, for the tests.

Printed is one JSON line: agreement with the engine, that of the floor (the engine's exported class list alone, which
has no variants and no open-ended values), the ratio of the two, and the time of one class, as a ratio to the engine's.
"""

import argparse
import json
import os
import random
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.steps.validate_artifact.markup import words
from pipelines.steps.validate_artifact.tailwind.engine import DesignSystem, design_system, is_tailwind_class

SEED = 11
MADE_UP = 20_000
KEPT = 1_500

FREE_VALUES = sorted(
    words(
        """
        0 1 7 13 37 100 250 999 2.5 3.25 1.3 01 -4 37% 5.5% 1/2 7/9 2/3 1.5/2 (--x) (length:--y) (color:--z) (x)
        foo px-foo red-550 primary 2x [3px] [1.5rem] [#fff] [red] [50%] [3] [foo] [url(/a.png)] [var(--x)]
        [calc(100%-3px)] [rgb(1,2,3)] [1fr_2fr] [repeat(3,minmax(0,1fr))] [center_top] [0_0_3px_red]
        [length:var(--x)] [color:red] [linear-gradient(red,blue)] ["x"] ['a;b'] [a;b] [] [_] [--x] [auto]
        [min(1px,2px)] [1px_solid_red] [-3px] [.5] [10vh] [45deg] [200ms] [a:b] [16/9]
        """
    )
)
MODIFIERS = sorted(words("50 37 33.3 100 2.5 tight foo [0.3] [foo] (--x) [] sm none 7 1000 oklch"))
VARIANTS = sorted(
    words(
        """
        sm md lg xl hover focus dark group-hover first last odd before group-hover/card peer-checked/x has-[a]
        not-hover data-[open] data-open aria-checked aria-[sort=none] nth-3 nth-[2n+1] nth-foo supports-grid
        min-[3px] min-foo max-lg @md @[3px] @md/x [&_p] [&:hover] [@media_print] [>a] [p] [] in-[.a] group-foo
        not-md in-md peer-data-[x] hover/x MD foo-bar
        """
    )
)
STRANGERS = sorted(
    words(
        """
        btn card nav-item fa-home fas row col-6 d-flex wp-block js-x is-active mr-auto p m- flex- text-muted
        btn-primary container-fluid swiper-slide hero w h- hidden-xs col-md-4 bg-light rounded-circle fw-bold
        position-relative text-primary
        """
    )
)


@dataclass(frozen=True)
class Verdicts:
    version: str
    accepted: list[bool]
    listed: list[bool]
    milliseconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", type=Path, required=True, help="the folder that tailwindcss was installed in")
    parser.add_argument("--pages", type=Path, help="a folder of HTML files whose classes to ask too")
    parser.add_argument("--write", type=Path, help="keep some made-up classes with their verdicts in this file")
    options = parser.parse_args()
    made_up = make_classes(random.Random(SEED), MADE_UP)
    report = {"benchmark": "tailwind_classes", "made_up": compare(made_up, options.engine)}
    if options.pages:
        report["pages"] = compare(classes_of(options.pages), options.engine)
    if options.write:
        write_verdicts(options.write, random.Random(SEED).sample(made_up, KEPT), options.engine)
    print(json.dumps(report))


def compare(classes: list[str], engine: Path) -> dict[str, float | int | str]:
    theirs = ask_engine(classes, engine)
    started = time.perf_counter()
    ours = [is_tailwind_class(name) for name in classes]
    microseconds = (time.perf_counter() - started) * 1e6 / len(classes)
    agreement = share(ours, theirs.accepted)
    floor = share(theirs.listed, theirs.accepted)
    return {
        "engine": theirs.version,
        "classes": len(classes),
        "accepted": round(sum(theirs.accepted) / len(classes), 4),
        "agreement": round(agreement, 4),
        "floor": round(floor, 4),
        "ratio": round(agreement / floor, 3),
        "microseconds_per_class": round(microseconds, 2),
        "time_ratio_to_engine": round(microseconds * len(classes) / 1e3 / theirs.milliseconds, 3),
    }


def share(answers: list[bool], truth: list[bool]) -> float:
    return sum(answer == true for answer, true in zip(answers, truth, strict=True)) / len(truth)


def ask_engine(classes: list[str], engine: Path) -> Verdicts:
    answer = subprocess.run(
        ["node", Path(__file__).with_name("tailwind_verdicts.mjs")],
        input=json.dumps(classes).encode(),
        env={**os.environ, "NODE_PATH": str((engine / "node_modules").resolve())},
        capture_output=True,
        check=True,
    )
    return Verdicts(**json.loads(answer.stdout))


def classes_of(folder: Path) -> list[str]:
    attributes = (re.findall(r'class="([^"]*)"', path.read_text(errors="ignore")) for path in folder.rglob("*.html"))
    return sorted({name for found in attributes for attribute in found for name in attribute.split()})


def make_classes(chance: random.Random, count: int) -> list[str]:
    system = design_system()
    roots, statics = sorted(system.utilities), sorted(system.statics)
    classes: set[str] = set()
    while len(classes) < count:
        kind = chance.random()
        if kind < 0.08:
            utility = chance.choice(STRANGERS)
        elif kind < 0.16:
            utility = chance.choice(statics)
        elif kind < 0.2:
            utility = (
                f"[{chance.choice(['color', '--x', 'mask-type', 'Color'])}:{chance.choice(FREE_VALUES).strip('[]')}]"
            )
        else:
            utility = f"{(root := chance.choice(roots))}-{make_value(chance, system, root)}".removesuffix("-")
        classes.add(decorate(chance, system, utility))
    return sorted(classes)


def make_value(chance: random.Random, system: DesignSystem, root: str) -> str:
    """A named value of the root or, less often, of any other, or one of every other kind."""
    kind = chance.random()
    other = root if kind < 0.4 else chance.choice(sorted(system.utilities))
    named = sorted(system.utilities[other].named)
    return chance.choice(named) if named and kind < 0.55 else chance.choice(FREE_VALUES)


def decorate(chance: random.Random, system: DesignSystem, utility: str) -> str:
    modifier = f"/{chance.choice(MODIFIERS)}" if chance.random() < 0.2 else ""
    important = chance.choice(["!"] + [""] * 20)
    variants = []
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
        known = chance.choice(sorted(system.variants))
        compound = f"{chance.choice(['group', 'peer', 'not', 'has', 'in'])}-{known}"
        variants.append(chance.choice([known, compound, *[chance.choice(VARIANTS)] * 4]))
    return ":".join([*variants, f"{utility}{modifier}{important}"])


def write_verdicts(path: Path, classes: list[str], engine: Path) -> None:
    verdicts = ask_engine(classes, engine)
    by_class = dict(sorted(zip(classes, verdicts.accepted, strict=True)))
    path.write_text(json.dumps({"engine": verdicts.version, "accepted": by_class}, indent=0) + "\n")


if __name__ == "__main__":
    main()
