"""What curators work with in a real browser: agreement, judges, ground truth, its sets, and the forms of all."""

import pytest
from django.conf import LazySettings
from django.urls import reverse
from django.utils import timezone

from feedback.models import Judge, ReviewQueue
from pipelines.judging.calibration import refresh_calibration
from tests import factories
from tests.browser.conftest import Admin, Screen
from tests.browser.test_admin import each_screen, faults


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


def asked_queue() -> ReviewQueue:
    """One with a question of each kind, answered by two who differ on one of two items; a metric foretells which."""
    queue: ReviewQueue = factories.ReviewQueueFactory(key="modules", name="Modules", reviewers_per_item=2)
    for order, (kind, more) in enumerate(
        {"pass_fail": {}, "category": {"options": ["good", "poor"]}, "number": {"minimum": 0}, "text": {}}.items()
    ):
        label = f"Is it what the part shows, as far as a {kind} can say?"
        factories.ReviewQuestionFactory(queue=queue, key=kind, label=label, kind=kind, order=order, **more)
    metric = factories.MetricDefinitionFactory(name="Share of the part's words that it keeps", direction="higher")
    reviewers = [factories.UserFactory(username=name) for name in ("ann.with.a.long.name@example.org", "bob")]
    for number, verdicts in enumerate((("accept", "accept"), ("accept", "reject"), ("reject", "reject"))):
        item = factories.ReviewItemFactory(queue=queue, state="done", free_slots=0)
        attempt = item.step_run.attempt
        factories.MetricResultFactory(metric=metric, step_run=item.step_run, value=1 - number / 2, attempt=attempt)
        for slot, (reviewer, verdict) in enumerate(zip(reviewers, verdicts, strict=True), 1):
            factories.ReviewAnswerFactory(
                assignment__item=item,
                assignment__reviewer=reviewer,
                assignment__slot=slot,
                verdict=verdict,
                answers={"pass_fail": "pass", "category": "good" if verdict == "accept" else "poor", "number": slot},
            )
    return queue


def asked_judge() -> Judge:
    """One that differs from the reviewers on one of two outputs."""
    judge: Judge = factories.JudgeFactory(key="faithful", name="Is it faithful to the part?")
    for score, reason in ((0.9, "It is all there."), (0.1, f"The menu is missing: {'https://example.org/' * 6}")):
        item = factories.ReviewItemFactory(state="done", free_slots=0)
        factories.ReviewAnswerFactory(assignment__item=item)
        factories.JudgementFactory(judge=judge, target_id=item.target_id, score=score, reason=reason)
    refresh_calibration(judge)
    return judge


def pages() -> dict[str, str]:
    """The address of each, by what it shows."""
    queue, judge = asked_queue(), asked_judge()
    reference = "0123456789abcdef" * 4
    old = factories.GroundTruthFactory(reference_id=reference, data={"title": "Old", "parts": [{"label": "x" * 300}]})
    new = factories.GroundTruthFactory(
        reference_id=reference,
        version=2,
        data={"title": "New", "parts": []},
        feedback=factories.ReviewFeedbackFactory(answer=queue.items.first().assignments.first().answer),
    )
    truth_set = factories.GroundTruthSetFactory(key="workshop", tags=["hard", "release 4"])
    frozen = factories.GroundTruthSetFactory(key="home", tags=["hard"], frozen_at=timezone.now())
    factories.GroundTruthSetItemFactory(truth_set=truth_set, ground_truth=old)
    return {
        "agreement": reverse("admin:feedback_reviewqueue_agreement", args=[queue.pk]),
        "calibration": reverse("admin:feedback_judge_calibration", args=[judge.pk]),
        "comparison": reverse("admin:feedback_groundtruth_compare", args=[new.pk]),
        "queue": reverse("admin:feedback_reviewqueue_change", args=[queue.pk]),
        "new queue": reverse("admin:feedback_reviewqueue_add"),
        "question": reverse("admin:feedback_reviewquestion_change", args=[queue.questions.first().pk]),
        "truth": reverse("admin:feedback_groundtruth_change", args=[new.pk]),
        "new truth": reverse("admin:feedback_groundtruth_add"),
        "truths": reverse("admin:feedback_groundtruth_changelist"),
        "set": reverse("admin:feedback_groundtruthset_change", args=[truth_set.pk]),
        "frozen set": reverse("admin:feedback_groundtruthset_change", args=[frozen.pk]),
        "new set": reverse("admin:feedback_groundtruthset_add"),
        "sets": reverse("admin:feedback_groundtruthset_changelist"),
        "judge": reverse("admin:feedback_judge_change", args=[judge.pk]),
        "new judge": reverse("admin:feedback_judge_add"),
        "reviews": reverse("admin:feedback_reviewfeedback_changelist"),
        "review": reverse("admin:feedback_reviewfeedback_change", args=[new.feedback_id]),
    }


@each_screen
def test_the_pages_of_curators_have_no_faults(admin: Admin, screen: Screen) -> None:
    page = admin.page(screen)

    found = {}
    for name, address in pages().items():
        admin.open(page, address)
        found[name] = faults(page)

    assert {name: each for name, each in found.items() if each} == {}
    assert admin.errors == []


def test_nothing_of_a_list_is_cut_on_a_phone(admin: Admin) -> None:
    asked_judge()
    page = admin.page(Screen(width=390))

    for model in ("judge", "judgement"):
        admin.open(page, reverse(f"admin:feedback_{model}_changelist"))
        cut = page.evaluate(
            "[...document.querySelectorAll('.data-row > td')]"
            ".filter((cell) => cell.scrollHeight > cell.clientHeight + 1 || cell.scrollWidth > cell.clientWidth + 1)"
            ".map((cell) => cell.dataset.label)"
        )
        assert cut == [], model


def test_what_differs_is_read_on_a_phone_without_a_look_to_the_side(admin: Admin) -> None:
    shown = pages()
    page = admin.page(Screen(width=390))

    for name in ("agreement", "calibration", "comparison"):
        admin.open(page, shown[name])
        wide = page.locator(".figures-scroll:has(.stacks)").evaluate_all(
            "(all) => all.filter((each) => each.scrollWidth > each.clientWidth + 1).length"
        )
        assert (name, wide) == (name, 0)
        assert page.locator(".stacks td[data-label]").count() > 0
