"""What an adjudicator compares: the reviewers' answers as columns, and each thing they were asked as a row."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.canonical import canonical_json
from feedback.models import ReviewAnswer, ReviewQuestion
from feedback.models.work import VERDICT_COLOURS
from metrics.documents import differences
from pipelines.review.adjudication import AnswerSoFar
from pipelines.review.content import Content

MOST_CHANGES = 20
MOST_SHOWN = 200  # characters of a value
NOTHING = SafeString('<span class="muted">nothing</span>')


@dataclass(frozen=True, slots=True)
class Row:
    """One thing asked; ``cells`` are HTML, one for each reviewer."""

    label: str
    cells: list[SafeString]
    differs: bool


def so_far_views(
    so_far: Sequence[AnswerSoFar], questions: Iterable[ReviewQuestion], content: Content
) -> dict[str, Any] | None:
    """The reviewers' names and the rows; rows that nobody filled are left out. None without answers."""
    if not so_far:
        return None
    given = [each.given for each in so_far]
    rows = [
        _row("Verdict", given, lambda each: each.verdict, _verdict),
        *(_row(each.label, given, _answer_to(each.key), _text) for each in questions),
        _row("Correction", given, lambda each: each.correction, lambda value: _changes(content.document, value)),
        _row("Comments", given, lambda each: each.comments, _text, compares=False),
        _row("On places", given, lambda each: each.remarks, _remarks, compares=False),
    ]
    return {"names": [each.name for each in so_far], "rows": [row for row in rows if row is not None]}


def _row(
    label: str,
    given: Sequence[ReviewAnswer],
    read: Callable[[ReviewAnswer], Any],
    show: Callable[[Any], SafeString],
    *,
    compares: bool = True,
) -> Row | None:
    values = [read(each) for each in given]
    if all(value in (None, "", []) for value in values):
        return None
    cells = [NOTHING if value in (None, "", []) else show(value) for value in values]
    return Row(label, cells, compares and len({canonical_json(value) for value in values}) > 1)


def _answer_to(key: str) -> Callable[[ReviewAnswer], Any]:
    return lambda each: each.answers.get(key)


def _text(value: Any) -> SafeString:
    return format_html("{}", value)


def _verdict(verdict: str) -> SafeString:
    label = ReviewAnswer.Verdict(verdict).label
    return format_html('<span class="chip chip-{}">{}</span>', VERDICT_COLOURS[verdict], label)


def _changes(output: Any, correction: Any) -> SafeString:
    found = differences(output, correction, most=MOST_CHANGES + 1)
    lines = [
        (change["path"] or "/", change["operation"], _short(change["after"]) if "after" in change else "")
        for change in found[:MOST_CHANGES]
    ]
    listed = format_html_join("", "<li><code>{}</code> {} <code>{}</code></li>", lines)
    return format_html("<ul>{}{}</ul>", listed, SafeString("<li>and more</li>") if len(found) > MOST_CHANGES else "")


def _remarks(remarks: Sequence[dict[str, str]]) -> SafeString:
    lines = ((each["path"] or "/", each["comment"]) for each in remarks)
    return format_html("<ul>{}</ul>", format_html_join("", "<li><code>{}</code> {}</li>", lines))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
