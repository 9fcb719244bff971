"""How long redaction takes for a kilobyte, beside one pass of a regular expression over the same text. One JSON line.

Processor time, the best of several rounds. ``clean`` is what prompts about pages are made of, ``dirty`` the same with a
person's data in every paragraph, ``walls`` what is written to make it slow: the slowest of them is named.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from monitoring.redaction import Redactor

ROUNDS = 7
KILOBYTES = 32
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
FLOOR = re.compile(r"[\w.]+@[\w.]+")


def milliseconds_per_kilobyte(work: Callable[[str], object], text: str) -> float:
    """The best round's processor time."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work(text)
        times.append(time.process_time() - began)
    return min(times) * 1000 / (len(text.encode()) / 1024)


def filled(*pieces: str) -> str:
    """The pieces again and again, about ``KILOBYTES`` of them."""
    text = "\n".join(pieces) + "\n"
    return text * (KILOBYTES * 1024 // len(text) + 1)


def main() -> None:
    """Print the figures."""
    redactor = Redactor(key=b"benchmark")
    texts = {"clean": filled(CLEAN), "dirty": filled(*(CLEAN + one for one in PERSONAL))}
    figures = {name: milliseconds_per_kilobyte(redactor.text, text) for name, text in texts.items()}
    floor = {name: milliseconds_per_kilobyte(FLOOR.findall, text) for name, text in texts.items()}
    walls = {name: milliseconds_per_kilobyte(redactor.text, filled(text * 40)) for name, text in WALLS.items()}
    slowest = max(walls, key=lambda name: walls[name])
    print(
        json.dumps(
            {
                "benchmark": "redaction",
                "clean_ms_per_kb": round(figures["clean"], 4),
                "dirty_ms_per_kb": round(figures["dirty"], 4),
                "found": dict(redactor.text(texts["dirty"]).counts),
                "over_one_pass": {name: round(figures[name] / floor[name], 1) for name in figures},
                "slowest_wall": {slowest: round(walls[slowest], 4)},
            }
        )
    )


if __name__ == "__main__":
    main()
