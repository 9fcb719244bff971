"""The work itself: items, who holds which of their slots, and the answers."""

import uuid
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from config.models import Record
from feedback.models.queues import MOST_REVIEWERS, ItemKind, ReviewQueue

ADJUDICATION_SLOT = 0


class ReviewItem(Record):
    """One output to be reviewed in one queue.

    ``target_id`` is the key of a row of the table that ``kind`` names. ``answers_needed`` is the queue's number of
    reviewers when the item was added; ``free_slots`` is how many of them nobody holds or has filled. Of one that waits
    for an adjudicator it is 1 until somebody holds it.
    """

    Kind = ItemKind

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DISPUTED = "disputed", "Waits for an adjudicator"
        DONE = "done", "Done"
        WITHDRAWN = "withdrawn", "Withdrawn"

    SETTLED = (State.DISPUTED, State.DONE)  # no reviewer will answer any more; a withdrawn one can be put back

    queue = models.ForeignKey(ReviewQueue, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=16, choices=ItemKind)
    target_id = models.UUIDField()
    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="review_items"
    )
    design_split = models.ForeignKey(
        "pipelines.DesignSplit", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    module = models.ForeignKey(
        "pipelines.ModuleTemplate", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    artifact = models.ForeignKey(
        "pipelines.GeneratedArtifact", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    title = models.CharField(max_length=200, blank=True)
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    answers_needed = models.PositiveSmallIntegerField(default=1)
    free_slots = models.PositiveSmallIntegerField(default=1, editable=False)

    class Meta(Record.Meta):
        indexes = [
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("id"),
                condition=Q(state="open", free_slots__gte=1),
                name="review_item_next",
            ),
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("id"),
                condition=Q(state="disputed", free_slots__gte=1),
                name="review_item_to_adjudicate",
            ),
            models.Index(fields=["queue", "state", "-id"], name="review_item_by_state"),
            models.Index(fields=["kind", "target_id"], name="review_item_by_target"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="review_item_stays_in_its_queue",
                operation=pgtrigger.UpdateOf("queue_id"),  # type: ignore[no-untyped-call]
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__queue__df=pgtrigger.F("new__queue")),
                func="""
                    RAISE EXCEPTION 'An item stays in its queue.' USING ERRCODE = 'check_violation';
                """,
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["queue", "kind", "target_id"], name="reviewed_once_per_queue"),
            models.CheckConstraint(name="review_item_kind_known", condition=Q(kind__in=ItemKind.values)),
            models.CheckConstraint(
                name="review_item_state_known", condition=Q(state__in=["open", "disputed", "done", "withdrawn"])
            ),
            models.CheckConstraint(
                name="review_item_slots_in_bounds",
                condition=Q(answers_needed__gte=1, answers_needed__lte=MOST_REVIEWERS, free_slots__gte=0)
                & Q(free_slots__lte=F("answers_needed")),
            ),
        ]

    @property
    def open_slots(self) -> range:
        """The slots that somebody can hold now: none of an item that takes no more answers."""
        if self.state == self.State.DISPUTED:
            return range(ADJUDICATION_SLOT, ADJUDICATION_SLOT + 1)
        return range(1, self.answers_needed + 1) if self.state == self.State.OPEN else range(0)

    def __str__(self) -> str:
        return item_title(self.title, self.kind, self.target_id)


def item_title(title: str, kind: str, target_id: uuid.UUID) -> str:
    """What an item is called where it is listed: by what it shows, if it has no title."""
    return title or f"{ItemKind(kind).label} {target_id}"


class ReviewAssignment(Record):
    """One reviewer's turn at an item: slots 1 to ``answers_needed``, and ``ADJUDICATION_SLOT`` for who decides.

    A reviewer has one row an item, ever. A slot is taken while its row is reserved or submitted; one that is released
    or expired goes to the next reviewer, and may come back to the same one. ``draft`` is what was saved so far.
    ``queue`` is the item's, which the database copies, so that a reviewer's own work in a queue is found by an index.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", "Reserved"
        SUBMITTED = "submitted", "Answered"
        SKIPPED = "skipped", "Skipped"
        RELEASED = "released", "Given back"
        EXPIRED = "expired", "Expired"

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="assignments")
    queue = models.ForeignKey(ReviewQueue, on_delete=models.PROTECT, related_name="+", editable=False, db_index=False)
    slot = models.PositiveSmallIntegerField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="review_assignments")
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    claimed_at = models.DateTimeField()
    reserved_until = models.DateTimeField(null=True, blank=True)
    draft = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=500, blank=True, help_text="Why it was skipped.")

    class Meta(Record.Meta):
        indexes = [
            models.Index(fields=["reserved_until"], condition=Q(state="reserved"), name="assignment_lapses"),
            models.Index(fields=["reviewer", "-id"], name="assignment_by_reviewer"),
            models.Index(
                F("reviewer"),
                F("queue"),
                F("claimed_at").desc(),
                F("id").desc(),
                include=["state"],
                name="assignment_mine",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="assignment_in_the_queue_of_its_item",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    NEW.queue_id := (SELECT queue_id FROM feedback_reviewitem WHERE id = NEW.item_id);
                    RETURN NEW;
                """,
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer"], name="item_once_per_reviewer"),
            models.UniqueConstraint(
                fields=["item", "slot"], condition=Q(state__in=["reserved", "submitted"]), name="slot_taken_once"
            ),
            models.CheckConstraint(
                name="assignment_state_known",
                condition=Q(state__in=["reserved", "submitted", "skipped", "released", "expired"]),
            ),
            models.CheckConstraint(
                name="assignment_reserved_until_a_time",
                condition=Q(state="reserved", reserved_until__isnull=False)
                | (~Q(state="reserved") & Q(reserved_until__isnull=True)),
            ),
            models.CheckConstraint(name="assignment_slot_in_bounds", condition=Q(slot__lte=MOST_REVIEWERS)),
        ]

    @property
    def is_adjudication(self) -> bool:
        return self.slot == ADJUDICATION_SLOT

    @property
    def takes_answers(self) -> bool:
        """Whether its reviewer can still answer, as long as nobody else has taken the place."""
        is_undecided = self.state not in (self.State.SUBMITTED, self.State.SKIPPED)
        return is_undecided and self.slot in self.item.open_slots

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.get_state_display()}"


class AnswerQuerySet(models.QuerySet["ReviewAnswer"]):
    def visible_to(self, user: Any) -> "AnswerQuerySet":
        """One's own, and everybody's on items that are settled: nobody is led by another's opinion."""
        return self.filter(Q(assignment__reviewer=user.pk) | Q(assignment__item__state__in=ReviewItem.SETTLED))


class ReviewAnswer(Record):
    """What a reviewer answered: a verdict, an answer to each question by its key, and perhaps a correction.

    ``correction`` is the whole output as it should be; ``corrected_under`` is the id of the schema version that it was
    found valid under, null where none was in force. ``remarks`` are ``{path, comment}``, the path a JSON Pointer.
    Append-only, and visible to others only once the item takes no more answers.
    """

    class Verdict(models.TextChoices):
        ACCEPT = "accept", "Accepted"
        CORRECT = "correct", "Corrected"
        REJECT = "reject", "Rejected"

    assignment = models.OneToOneField(ReviewAssignment, on_delete=models.CASCADE, related_name="answer")
    verdict = models.CharField(max_length=8, choices=Verdict)
    answers = models.JSONField(default=dict, blank=True)
    correction = models.JSONField(null=True, blank=True)
    corrected_under = models.UUIDField(null=True, blank=True)
    comments = models.TextField(blank=True)
    remarks = models.JSONField(default=list, blank=True)
    duration_ms = models.PositiveIntegerField()

    objects = models.Manager.from_queryset(AnswerQuerySet)()

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(
                name="answer_verdict_known", condition=Q(verdict__in=["accept", "correct", "reject"])
            ),
            models.CheckConstraint(
                name="answer_corrects_iff_corrected",
                condition=Q(verdict="correct", correction__isnull=False)
                | (~Q(verdict="correct") & Q(correction__isnull=True, corrected_under__isnull=True)),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="answer_never_changes",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.* IS DISTINCT FROM NEW.*"),
                func="RAISE EXCEPTION 'A reviewer''s answer never changes.' USING ERRCODE = 'check_violation';",
            )
        ]

    def __str__(self) -> str:
        return self.get_verdict_display()


STATE_COLOURS: dict[str, str] = {"open": "info", "disputed": "warning", "done": "success", "withdrawn": "default"}
ASSIGNMENT_COLOURS: dict[str, str] = {
    "reserved": "info",
    "submitted": "success",
    "skipped": "default",
    "released": "default",
    "expired": "warning",
}
VERDICT_COLOURS: dict[str, str] = {"accept": "success", "correct": "warning", "reject": "danger"}
