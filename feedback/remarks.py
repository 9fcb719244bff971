"""Comments that point at a place in the output. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from config.json_pointer import unescape_token
from feedback.errors import InvalidAnswers

MOST_REMARKS = 100
MOST_CHARACTERS = 2_000
MOST_NAMED = 10  # of the names that are at a place
MOST_OF_A_NAME = 40
POINTER = re.compile(r"(?:/(?:[^~/\0]|~[01])*)*")
INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


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


def check_places(remarks: Sequence[Mapping[str, str]], output: Any, correction: Any = None) -> None:
    """Whether each remark, checked already, points into the output or what it was corrected to.

    Raises ``InvalidAnswers``.
    """
    errors = []
    for index, remark in enumerate(remarks):
        fault = _fault_of_place(remark["path"], output)
        if fault and (correction is None or _fault_of_place(remark["path"], correction)):
            errors.append({"path": f"/remarks/{index}/path", "code": "remark-nowhere", "message": fault})
    if errors:
        raise InvalidAnswers(errors[0]["message"], errors=errors)


def _fault_of_place(path: str, document: Any) -> str:
    """Where the path leaves the document, and what is there, as a sentence; empty where it is a place."""
    here = ""
    for token in path.split("/")[1:]:
        if isinstance(document, dict) and unescape_token(token) in document:
            document = document[unescape_token(token)]
        elif isinstance(document, list) and INDEX.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return f"The output has no place {_short(path)}. At {_short(here) or 'its top'} is {_told(document)}."
        here = f"{here}/{token}"
    return ""


def _told(value: Any) -> str:
    if isinstance(value, dict):
        names = ", ".join(_short(name) for name in list(value)[:MOST_NAMED])
        return f"an object with {names}{' and more' if len(value) > MOST_NAMED else ''}" if value else "an empty object"
    if isinstance(value, list):
        return f"a list with the places 0 to {len(value) - 1}" if value else "an empty list"
    return "a single value"


def _short(text: str) -> str:
    return text if len(text) <= MOST_OF_A_NAME else f"{text[:MOST_OF_A_NAME]}…"


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
