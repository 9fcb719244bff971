"""Comments that point at a place in the output. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from feedback.errors import InvalidAnswers

MOST_REMARKS = 100
MOST_CHARACTERS = 2_000
POINTER = re.compile(r"(?:/(?:[^~/\0]|~[01])*)*")


def check_remarks(given: Any) -> list[dict[str, str]]:
    """``{path, comment}`` each, the path a JSON Pointer and empty for the whole. Raises ``InvalidAnswers``."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_REMARKS:
        raise InvalidAnswers(f"Send the remarks as a list of at most {MOST_REMARKS}.")
    faults = {index: fault for index, remark in enumerate(given) if (fault := _fault_of(remark))}
    if faults:
        errors = [
            {"path": f"/remarks/{index}", "code": "remark-unfit", "message": fault} for index, fault in faults.items()
        ]
        raise InvalidAnswers(errors[0]["message"], errors=errors)
    return [{"path": remark["path"], "comment": remark["comment"].strip()} for remark in given]


def _fault_of(remark: Any) -> str:
    """What is wrong with a remark, as a sentence; empty where nothing is."""
    if not isinstance(remark, dict) or remark.keys() != {"path", "comment"}:
        return "A remark has a path and a comment."
    path, comment = remark["path"], remark["comment"]
    if not isinstance(path, str) or len(path) > MOST_CHARACTERS or not POINTER.fullmatch(path):
        return "A remark's path is a JSON Pointer such as /parts/0/label; leave it empty for the whole output."
    if not isinstance(comment, str) or not comment.strip() or "\0" in comment:
        return "A remark needs its comment."
    return "" if len(comment) <= MOST_CHARACTERS else f"A remark has at most {MOST_CHARACTERS:,} characters."
