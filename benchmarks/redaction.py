"""How long redaction takes for a kilobyte, beside one pass of a regular expression over the same text. One JSON line.

Processor time, the best of several rounds. ``clean`` is what prompts about pages are made of, ``dirty`` the same with a
person's data in every paragraph, ``walls`` what is written to make it slow, ``lists`` documents of nothing but short
values that are found: of both the slowest is named.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from monitoring.redaction import Redactor

ROUNDS = 7
KILOBYTES = 32
GOAL_MS = 1.0
CLEAN = (
    "Split the page into its parts. The hero has a heading, two paragraphs and a button; the section after it three "
    'columns with an icon each. <div class="col-md-4"><h3>Repairs</h3><p>Ready in 48 hours.</p></div> '
    '{"kind": "features", "bounds": {"x": 0.05, "y": 0.31, "width": 0.9, "height": 0.22}, "words": 184}. '
)
PERSONAL = (
    "Write to Amina.Haddad@example.com or call +44 20 7946 0958.",
    "She paid with 4111 1111 1111 1111 from 192.168.20.7.",
    "Send it back to GB82 WEST 1234 5698 7654 32, SSN 536-90-4399.",
    "api_key=9f8d7c6b5a4e3d2c1b and (415) 555-2671 on 2026-01-05.",
)
WALLS = {
    "numbers": "44051401358 ",
    "accounts": "GB82 ",
    "telephones": "+1234567 ",
    "addresses": "a@b.co ",
    "dashes": "12-345-678 ",
    "names": "password:'x1' ",
}
LISTS = {
    "addresses": "a{}@b.co",
    "ips": "192.168.7.{}",
    "ids": "536-90-{:04}",
    "pairs": "a{}:b",
}
FLOOR = re.compile(r"[\w.]+@[\w.]+")


def milliseconds_per_kilobyte(work: Callable[[Any], object], value: Any) -> float:
    """The best round's processor time, for a text or a document."""
    size = len((value if isinstance(value, str) else json.dumps(value)).encode()) / 1024
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work(value)
        times.append(time.process_time() - began)
    return min(times) * 1000 / size


def filled(*pieces: str) -> str:
    """The pieces again and again, about ``KILOBYTES`` of them."""
    text = "\n".join(pieces) + "\n"
    return text * (KILOBYTES * 1024 // len(text) + 1)


def slowest(figures: dict[str, float]) -> dict[str, float]:
    """The one that takes longest."""
    name = max(figures, key=lambda name: figures[name])
    return {name: round(figures[name], 4)}


def main() -> None:
    """Print the figures."""
    redactor = Redactor(key=b"benchmark")
    texts = {"clean": filled(CLEAN), "dirty": filled(*(CLEAN + one for one in PERSONAL))}
    figures = {name: milliseconds_per_kilobyte(redactor.text, text) for name, text in texts.items()}
    floor = {name: milliseconds_per_kilobyte(FLOOR.findall, text) for name, text in texts.items()}
    walls = {name: milliseconds_per_kilobyte(redactor.text, filled(text * 40)) for name, text in WALLS.items()}
    values = {name: [form.format(number) for number in range(250)] for name, form in LISTS.items()}
    lists = {name: milliseconds_per_kilobyte(redactor.document, value) for name, value in values.items()}
    print(
        json.dumps(
            {
                "benchmark": "redaction",
                "clean_ms_per_kb": round(figures["clean"], 4),
                "dirty_ms_per_kb": round(figures["dirty"], 4),
                "found": dict(redactor.text(texts["dirty"]).counts),
                "over_one_pass": {name: round(figures[name] / floor[name], 1) for name in figures},
                "slowest_wall": slowest(walls),
                "slowest_list": slowest(lists),
                "goals": {"ms_per_kb": GOAL_MS},
                "met": max(*figures.values(), *walls.values(), *lists.values()) < GOAL_MS,
            }
        )
    )


if __name__ == "__main__":
    main()
