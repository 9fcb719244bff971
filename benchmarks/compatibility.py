"""How many verdicts are decided, how many are right, and how long they take, beside jsonschema-rs's own containment.

    python -m benchmarks.compatibility

Prints one JSON line. The cases are those of the tests, with the truth worked out by hand; each gives two verdicts. For
the peer, `yes` is read as compatible, `no` as incompatible (its own documentation asks to treat `no` as no proof), and
its time is for both directions too. Times are milliseconds a case; `ratio` is the median over the peer's.
"""

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable

import jsonschema_rs
from jsonschema_rs.canonical import CanonicalizationError

from ir_schemas.compatibility import compare
from tests.ir_schemas.compatibility_cases import CASES, Case

WORDS = {"yes": "compatible", "no": "incompatible", "unknown": "undecided"}


def ours(case: Case) -> tuple[str, str]:
    comparison = compare(case.old, case.new)
    return comparison.backward.status, comparison.forward.status


def peer(case: Case) -> tuple[str, str]:
    old, new = (jsonschema_rs.canonicalize(schema, offline=True, validate_formats=True) for schema in case[1:3])
    try:
        return WORDS[str(new.covers(old))], WORDS[str(old.covers(new))]
    except CanonicalizationError:
        return "undecided", "undecided"


def score(verdicts: Callable[[Case], tuple[str, str]]) -> dict[str, float]:
    """Run all cases, and count what was said of each verdict."""
    counts: Counter[str] = Counter()
    times = []
    for case in CASES:
        started = time.perf_counter()
        said = verdicts(case)
        times.append((time.perf_counter() - started) * 1000)
        for status, truth in zip(said, (case.backward, case.forward), strict=True):
            right = status == ("compatible" if truth else "incompatible")
            counts["undecided" if status == "undecided" else "right" if right else "wrong"] += 1
    return {
        "right": counts["right"],
        "wrong": counts["wrong"],
        "undecided": counts["undecided"],
        "median_ms": round(statistics.median(times), 3),
        "worst_ms": round(max(times), 1),
    }


def main() -> None:
    score(ours)  # once to warm the caches that a running server has warm
    irline, canonical = score(ours), score(peer)
    ratio = round(irline["median_ms"] / canonical["median_ms"], 1)
    print(json.dumps({"benchmark": "compatibility", "verdicts": 2 * len(CASES), "irline": irline,
                      "jsonschema_rs": canonical, "ratio": ratio}))  # fmt: skip


if __name__ == "__main__":
    main()
