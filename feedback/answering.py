"""Whether answers fit their questions. Pure: a question is its key, whether it is required, and its schema."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from config.json_pointer import escape_token
from feedback.errors import InvalidAnswers


class Question(Protocol):
    key: str
    label: str
    is_required: bool

    @property
    def schema(self) -> dict[str, Any]: ...


def check_answers(questions: Iterable[Question], given: Any) -> dict[str, Any]:
    """The answers, without those left empty. Raises ``InvalidAnswers`` with a fault for each that does not fit."""
    if not isinstance(given, Mapping):
        raise InvalidAnswers("Send the answers as an object: the key of each question, and its answer.")
    asked = {question.key: question for question in questions}
    answers = filled(given)
    errors = [*_unknown(asked, answers), *_faults(asked, answers)]
    if errors:
        raise InvalidAnswers(errors[0]["message"], errors=errors)
    return answers


def filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers without those left empty, which are no answers."""
    return {key: value for key, value in given.items() if value is not None and value != ""}


def _unknown(asked: Mapping[str, Question], answers: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for key in sorted(map(str, answers.keys() - asked.keys())):
        yield _error(key[:80], "unknown-question", f"This queue asks no question {key[:80]!r}.")


def _faults(asked: Mapping[str, Question], answers: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for key, question in asked.items():
        if key in answers:
            fault = fault_of(question.schema, answers[key])
            if fault:
                yield _error(key, "answer-unfit", f"{question.label}: {fault}")
        elif question.is_required:
            yield _error(key, "answer-missing", f"{question.label}: answer this question.")


def _error(key: str, code: str, message: str) -> dict[str, str]:
    return {"path": f"/answers/{escape_token(key)}", "code": code, "message": message}


def fault_of(schema: Mapping[str, Any], value: Any) -> str:
    """What is wrong with an answer, as a sentence; empty where nothing is."""
    if "enum" in schema:
        fits = isinstance(value, str) and value in schema["enum"]
        return "" if fits else f"choose one of {', '.join(schema['enum'])}."
    return _fault_of_number(schema, value) if schema["type"] == "number" else _fault_of_text(schema, value)


def told_bounds(schema: Mapping[str, Any]) -> str:
    """The bounds of a number in words; empty where it has none."""
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"from {least:.15g} to {most:.15g}"
    if least is not None:
        return f"of at least {least:.15g}"
    return "" if most is None else f"of at most {most:.15g}"


def _fault_of_number(schema: Mapping[str, Any], value: Any) -> str:
    wanted = " ".join(filter(None, ("give a number", told_bounds(schema))))
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return f"{wanted}, in digits, with a point before decimals and no commas: 4 or 0.5."
    is_within = schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
    return "" if is_within else f"{wanted}."


def _is_finite(value: float) -> bool:
    """Whether a double holds it."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _fault_of_text(schema: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        return "give a text."
    if "\0" in value:
        return "a text cannot hold the character U+0000."
    return "" if len(value) <= schema["maxLength"] else f"the text has more than {schema['maxLength']:,} characters."
