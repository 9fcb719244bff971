"""How one JSON document differs from another. Pure.

``differences`` lists the places; ``comparisons`` turns an output and its ground truth into scores of 0 to 1, where 1 is
the truth itself.
"""

from collections.abc import Callable, Iterator, Mapping
from math import isclose
from typing import Any

from config.json_pointer import escape_token
from metrics.boxes import Box, KindedBox, match_boxes
from metrics.text import bag_f1, word_tokens

MOST_BOXES = 1_000
MOST_NUMBER = 1e300
IOU = 0.5
TOLERANCE = 0.01  # of the larger number
ABSENT: Any = object()

Difference = dict[str, Any]


def differences(before: Any, after: Any, *, most: int | None = None) -> list[Difference]:
    """``{operation, path, before, after}`` for each place, by JSON Pointer, the first ``most``.

    ``operation`` is ``added``, ``removed`` or ``changed``, without ``before`` and ``after`` where there is none. List
    items are compared by their place. 1 and 1.0 are equal; true and 1 are not.
    """
    found = []
    for path, old, new in _apart(before, after, ""):
        operation = "added" if old is ABSENT else "removed" if new is ABSENT else "changed"
        sides = {name: value for name, value in (("before", old), ("after", new)) if value is not ABSENT}
        found.append({"operation": operation, "path": path, **sides})
        if len(found) == most:
            break
    return found


def _apart(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _apart(before.get(key, ABSENT), after.get(key, ABSENT), f"{path}/{escape_token(key)}")
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            old = before[place] if place < len(before) else ABSENT
            new = after[place] if place < len(after) else ABSENT
            yield from _apart(old, new, f"{path}/{place}")
    elif not _same(before, after):
        yield path, before, after


def _same(before: Any, after: Any) -> bool:
    return isinstance(before, bool) == isinstance(after, bool) and bool(before == after)


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no other, with its place; an empty list or object is one."""
    if isinstance(document, dict) and document:
        for key, value in document.items():
            yield from leaves(value, f"{path}/{escape_token(key)}")
    elif isinstance(document, list) and document:
        for place, value in enumerate(document):
            yield from leaves(value, f"{path}/{place}")
    else:
        yield path, document


def json_exact(output: Any, truth: Any) -> float:
    """1 where nothing differs, else 0."""
    return 0.0 if differences(output, truth, most=1) else 1.0


def json_similarity(output: Any, truth: Any) -> float:
    """The share of places, of both documents together, that hold the same value."""
    ours, theirs = dict(leaves(output)), dict(leaves(truth))
    places = ours.keys() | theirs.keys()
    return sum(_same(ours.get(path, ABSENT), theirs.get(path, ABSENT)) for path in places) / len(places)


def text_f1(output: Any, truth: Any) -> float | None:
    """F1 of the words of all texts, without regard to where they stand; None where the truth has none."""
    ours, theirs = _words(output), _words(truth)
    return bag_f1(ours, theirs) if theirs else None


def _words(document: Any) -> list[str]:
    return [word for _, value in leaves(document) if isinstance(value, str) for word in word_tokens(value)]


def numbers_close(output: Any, truth: Any) -> float | None:
    """The share of the truth's numbers that the output has at their place, to within 1 %; None where it has none."""
    ours = dict(leaves(output))
    theirs = {path: value for path, value in leaves(truth) if _is_number(value)}
    if not theirs:
        return None
    close = (
        _is_number(ours.get(path)) and isclose(ours[path], value, rel_tol=TOLERANCE) for path, value in theirs.items()
    )
    return sum(close) / len(theirs)


def _is_number(value: Any) -> bool:
    """Whether it is one that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -MOST_NUMBER < value < MOST_NUMBER


def box_f1(output: Any, truth: Any) -> float | None:
    """F1 of the parts whose boxes overlap those of the truth by half or more; None where the truth has no ``parts``."""
    theirs = _boxes(truth)
    if theirs is None:
        return None
    return match_boxes(_boxes(output) or [], theirs, IOU).f1


def _boxes(document: Any) -> list[KindedBox] | None:
    parts = document.get("parts") if isinstance(document, dict) else None
    if not isinstance(parts, list) or len(parts) > MOST_BOXES:
        return None
    try:
        return [KindedBox(str(part.get("kind", "")), Box.from_bounds(part["bounds"])) for part in parts]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


COMPARATORS: Mapping[str, Callable[[Any, Any], float | None]] = {
    "truth_json_exact": json_exact,
    "truth_json_similarity": json_similarity,
    "truth_text_f1": text_f1,
    "truth_numbers_close": numbers_close,
    "truth_box_f1": box_f1,
}
"""By the key of the metric that keeps the score."""


def comparisons(output: Any, truth: Any) -> dict[str, float]:
    """The scores that apply to this truth, by metric key, each 0 to 1."""
    scores = {key: compare(output, truth) for key, compare in COMPARATORS.items()}
    return {key: score for key, score in scores.items() if score is not None}
