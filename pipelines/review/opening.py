"""A reviewer's own assignment with all that is shown of it. ``sql/review_assignment.sql`` reads it in one call."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import connection, models

from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from pipelines.columns import of_columns
from pipelines.models import DesignSplit, PipelineRun, StepRun
from pipelines.review.content import Content, read_content

Made = TypeVar("Made", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Opened:
    """The assignment comes with its item and queue, and the item with its design, its step run and that one's run.

    ``answer`` is the reviewer's own, None before they gave one; ``questions`` are in their order.
    """

    assignment: ReviewAssignment
    answer: ReviewAnswer | None
    questions: list[ReviewQuestion]
    content: Content


def open_assignment(pk: uuid.UUID, reviewer: User) -> Opened | None:
    """None where the reviewer has no such assignment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pipelines_review_assignment(%s, %s)::text", [pk, reviewer.pk])
        [text] = cursor.fetchone()
    if text is None:
        return None
    found = json.loads(text)
    assignment = of_columns(ReviewAssignment, found["assignment"])
    assignment.reviewer, assignment.item = reviewer, _item(found)
    questions = [of_columns(ReviewQuestion, each) for each in found["questions"]]
    return Opened(
        assignment, _row(ReviewAnswer, found["answer"]), questions, read_content(assignment.item, found["content"])
    )


def _item(found: Mapping[str, Any]) -> ReviewItem:
    item = of_columns(ReviewItem, found["item"])
    item.queue = of_columns(ReviewQueue, found["queue"])
    item.design_split = _row(DesignSplit, found["design"])
    item.step_run = _row(StepRun, found["stepRun"])
    if item.step_run is not None:
        item.step_run.pipeline_run = of_columns(PipelineRun, found["run"])
    return item


def _row(model: type[Made], columns: Mapping[str, Any] | None) -> Made | None:
    return of_columns(model, columns) if columns else None
