"""What the screen sends, and what it shows in its fields: a draft, or what was just sent and refused."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.http import QueryDict

from config.json_html import pretty_json
from config.problems import DomainError, InvalidInput
from feedback.answering import told_bounds
from feedback.models import ReviewQuestion
from feedback.services import Answer
from ir_schemas.validation import JsonFault, Limits, check_document, parse_json
from pipelines.review.adjudication import AnswerSoFar
from pipelines.review.content import Content
from pipelines.review.corrections import MOST_CHARACTERS, read_correction

DRAFT = Limits(max_bytes=2_500_000, max_values=10_000)
DRAFT_KEYS = ("answers", "correction", "comments", "remarks")
PREFIX = "q."
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
MOST_DIGITS = 400  # of the largest double written out, and some


@dataclass(frozen=True, slots=True)
class Fields:
    """The texts in the screen's fields: answers by question, the correction as text, and remarks."""

    answers: Mapping[str, str] = field(default_factory=dict)
    correction: str = ""
    comments: str = ""
    remarks: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question with what is in its field: ``choices`` where it has some, else ``value``.

    ``bounds`` are those of a number, in words.
    """

    question: ReviewQuestion
    name: str
    value: str
    choices: list[Choice]
    bounds: str
    error: str


def fields_of_draft(draft: Any) -> Fields:
    """Lenient: what does not fit is left out."""
    if not isinstance(draft, Mapping):
        return Fields()
    answers, remarks = draft.get("answers"), draft.get("remarks")
    return Fields(
        {key: _text(value) for key, value in answers.items()} if isinstance(answers, Mapping) else {},
        _text(draft.get("correction")),
        _text(draft.get("comments")),
        [
            {"path": _text(each.get("path")), "comment": _text(each.get("comment"))}
            for each in (remarks if isinstance(remarks, list) else [])
            if isinstance(each, Mapping)
        ],
    )


def fields_of_answer(so_far: Iterable[AnswerSoFar], name: str) -> Fields | None:
    """The answers and the correction of one of an item's reviewers, by their letter, for an adjudicator to begin with.

    Comments stay theirs. None where there is no such reviewer.
    """
    given = next((each.given for each in so_far if each.name == name), None)
    if given is None:
        return None
    correction = given.correction
    text = "" if correction is None else correction if isinstance(correction, str) else pretty_json(correction)
    return fields_of_draft({"answers": given.answers, "correction": text})


def fields_sent(data: QueryDict, content: Content) -> Fields:
    """What the form holds. Remarks without a comment are none, and an editor that was left alone holds nothing."""
    answers = {name.removeprefix(PREFIX): data.get(name, "").strip() for name in data if name.startswith(PREFIX)}
    correction = _newlines(data.get("correction", ""))
    pairs = zip(data.getlist("remark_path"), data.getlist("remark_comment"), strict=False)
    remarks = [{"path": path.strip(), "comment": comment} for path, comment in pairs if comment.strip()]
    is_untouched = correction == editor_text(content, Fields())
    return Fields(answers, "" if is_untouched else correction, data.get("comments", ""), remarks)


def answer_of(sent: Fields, data: QueryDict, content: Content, questions: Iterable[ReviewQuestion]) -> Answer:
    """Raises ``InvalidCorrection`` for one that is no JSON, and ``InvalidInput`` for a verdict that is none."""
    verdict = data.get("verdict", "")
    if verdict not in ("accept", "correct", "reject"):
        raise InvalidInput("Choose what becomes of the item: accept, correct or reject.")
    numbers = {each.key for each in questions if each.kind == ReviewQuestion.Kind.NUMBER}
    took = data.get("took_ms", "")
    return Answer(
        verdict=verdict,
        answers={key: _number(value) if key in numbers else value for key, value in sent.answers.items()},
        correction=read_correction(content, _newlines(data.get("correction", ""))) if verdict == "correct" else None,
        comments=_newlines(sent.comments).strip(),
        remarks=sent.remarks,
        took=timedelta(milliseconds=int(took)) if took.isdecimal() and len(took) < 10 else None,
    )


def read_draft(body: bytes) -> dict[str, Any]:
    """The draft in a request's body. Raises ``InvalidInput``."""
    try:
        draft = parse_json(body, DRAFT)
        check_document(draft, DRAFT)
    except JsonFault as fault:
        raise InvalidInput(f"This draft cannot be kept: {fault.message}") from fault
    if not isinstance(draft, dict):
        raise InvalidInput("Send the draft as an object.")
    return {key: draft[key] for key in DRAFT_KEYS if key in draft}


def question_views(
    questions: Iterable[ReviewQuestion], fields: Fields, error: DomainError | None
) -> list[QuestionView]:
    """In their order; ``error`` is the refusal of what was sent, if it was refused."""
    faults = {each.get("path"): each["message"] for each in error.errors} if error else {}
    return [
        QuestionView(
            question=each,
            name=f"{PREFIX}{each.key}",
            value=fields.answers.get(each.key, ""),
            choices=_choices(each, fields.answers.get(each.key, "")),
            bounds=told_bounds(each.schema),
            error=faults.get(f"/answers/{each.key}", ""),
        )
        for each in questions
    ]


def editor_text(content: Content, fields: Fields) -> str | None:
    """What the editor begins with: the draft, else the output; None for an output too large to be edited here."""
    if fields.correction:
        return fields.correction
    if content.is_text:
        return str(content.document)
    text = pretty_json(content.document)
    return text if len(text) <= MOST_CHARACTERS else None


def _choices(question: ReviewQuestion, chosen: str) -> list[Choice]:
    if question.kind == ReviewQuestion.Kind.PASS_FAIL:
        options = [("pass", "Pass"), ("fail", "Fail")]
    elif question.kind == ReviewQuestion.Kind.CATEGORY:
        options = [(each, each) for each in question.options]
    else:
        options = []
    return [Choice(value, label, value == chosen) for value, label in options]


def _number(text: str) -> int | float | str:
    """A number, or the text itself, which the check then refuses with its reason."""
    if len(text) > MOST_DIGITS or not NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _newlines(text: str) -> str:
    """A browser sends CR LF for every line's end."""
    return text.replace("\r\n", "\n")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
