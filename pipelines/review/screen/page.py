"""All that the page of one item shows."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from config.json_html import code_html, json_html
from config.json_lines import lines_html, noted_lines
from config.problems import DomainError
from feedback.models import ReviewAnswer, ReviewAssignment
from feedback.models.work import VERDICT_COLOURS
from metrics.models import MetricResult
from pipelines.admin.ir_views import read_module, read_scores, read_split
from pipelines.admin.run_page.chips import Chip
from pipelines.admin.run_page.rows import metric_chip
from pipelines.review.adjudication import AnswerSoFar
from pipelines.review.content import Content
from pipelines.review.opening import Opened
from pipelines.review.screen.form import Fields, editor_text, question_views
from pipelines.review.screen.rail import neighbours, read_rail
from pipelines.review.screen.so_far import so_far_views


def item_context(
    opened: Opened,
    reviewer: User,
    fields: Fields,
    so_far: Sequence[AnswerSoFar] = (),
    begun: str = "",
    error: DomainError | None = None,
) -> dict[str, Any]:
    """For the template; ``so_far`` is for an adjudicator, ``error`` the refusal of what was sent, if it was refused.

    ``begun`` is the letter of the reviewer whose answers stand in the fields, if any's.
    """
    assignment, questions, content = opened.assignment, opened.questions, opened.content
    queue = assignment.item.queue
    rail = read_rail(reviewer, queue, assignment)
    takes_answers = assignment.takes_answers
    return {
        "title": str(assignment.item),
        "assignment": assignment,
        "item": assignment.item,
        "queue": queue,
        "queues": rail.queues,
        "mine": rail.mine,
        **neighbours(rail.mine),
        "takes_answers": takes_answers,
        "so_far": so_far_views(so_far, questions, content),
        "answer": None if takes_answers else _own_answer(opened.answer),
        "questions": question_views(questions, fields, error),
        "fields": fields,
        "begun": begun,
        "refused": error.message if error else "",
        "faults": [each for each in error.errors if not str(each.get("path", "")).startswith("/answers/")]
        if error
        else [],
        "is_text": content.is_text,
        "editor": editor_text(content, fields) if takes_answers and content.document is not None else None,
        "contract": content.contract,
        **_output(assignment, content),
        **_input(assignment, content),
        **_metrics(content.metrics),
    }


def _own_answer(given: ReviewAnswer | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {
        "given": given,
        "verdict": Chip(given.get_verdict_display(), VERDICT_COLOURS[given.verdict]),
        "answers": given.answers.items(),
        "correction": json_html(given.correction) if given.correction is not None else "",
    }


def _output(assignment: ReviewAssignment, content: Content) -> dict[str, Any]:
    document = content.document
    if document is None:
        return {"is_gone": True}
    if isinstance(document, str):
        return {"text": code_html(document)}
    ir = document if isinstance(document, dict) else {}
    split = read_split(ir.get("source"), ir.get("parts"), ir.get("boundsSource"))
    module = read_module(ir.get("module"), ir.get("kind"))
    lines, line_count = noted_lines(document, _notes(content))
    row = {
        "step_run": content.step_run,
        "picture_url": _picture_url(assignment, content, "page") if split else "",
        "preview_url": reverse("review:preview", args=[assignment.pk]),
        "scores": read_scores(ir),
    }
    return {
        "row": row,
        "split": split,
        "module": module,
        "scores": row["scores"],
        "lines": lines_html(lines),
        "shown_lines": len(lines),
        "line_count": line_count,
        "fault_count": content.fault_count,
        "recorded_faults": content.faults,
    }


def _notes(content: Content) -> dict[str, list[str]]:
    notes = defaultdict(list)
    for fault in content.faults:
        notes[str(fault.get("path", ""))].append(" ".join(filter(None, (fault.get("message"), fault.get("hint")))))
    return notes


def _input(assignment: ReviewAssignment, content: Content) -> dict[str, Any]:
    given, prompt = content.given, content.prompt_data
    return {
        "design": assignment.item.design_split,
        "given": json_html(given.value) if given.value is not None else "",
        "beside_item": json_html(given.upstream) if given.has_item and given.upstream else "",
        "run_inputs": json_html(given.inputs) if given.inputs else "",
        "given_is_too_large": given.is_too_large,
        "params": json_html(given.params) if given.params else "",
        "prompt": code_html(prompt.prompt) if prompt else "",
        "prompt_name": str(prompt.ai_prompt) if prompt and prompt.ai_prompt else "",
        "prompt_context": json_html(prompt.context) if prompt and prompt.context else "",
        "part_picture_url": _picture_url(assignment, content, "part"),
        "page_picture_url": _picture_url(assignment, content, "page"),
    }


def _picture_url(assignment: ReviewAssignment, content: Content, which: str) -> str:
    return reverse("review:picture", args=[assignment.pk, which]) if which in content.pictures else ""


def _metrics(results: Sequence[MetricResult]) -> dict[str, Any]:
    """Without their links: a reviewer need not be able to open a row's page."""
    chips = [metric_chip(each, each.value) for each in results if each.value is not None]
    return {
        "metrics": [Chip(chip.text, chip.colour, title=chip.title) for chip in chips],
        "not_measured": [each.metric.key for each in results if each.value is None],
    }
