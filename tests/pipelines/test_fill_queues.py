"""manage.py fill_queues: what a queue's rule brings into it."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback import services
from feedback.models import ReviewItem, ReviewQueue
from monitoring.flags import Key, set_flag
from pipelines.executors import duties
from pipelines.models import PromptResult, StepRun
from pipelines.review import filling
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


def fill(key: str | None = None, **options: Any) -> None:
    call_command("fill_queues", **({"queue": key} if key else {}), **options)


def targets(queue: ReviewQueue) -> set[Any]:
    return set(queue.items.values_list("target_id", flat=True))


def artifact(**more: Any) -> Any:
    return factories.IRArtifactFactory(**more)


def broken(**more: Any) -> Any:
    return artifact(outcome="invalid", is_valid=False, error_count=1, **more)


def test_without_a_queue_it_says_where_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    fill()

    assert "There is no active queue. Make one in the admin" in capsys.readouterr().out


def test_outputs_come_once_the_newest_first_until_enough_wait(capsys: pytest.CaptureFixture[str]) -> None:
    old, new = artifact(), artifact()
    queue = factories.ReviewQueueFactory(key="all", most_open=1)

    fill()
    assert targets(queue) == {new.pk}
    fill()
    assert targets(queue) == {new.pk}
    assert capsys.readouterr().out.splitlines()[-1] == "all: 0 added. 1 wait already; filling stops at 1."
    ReviewQueue.objects.update(most_open=5)
    fill("all", dry_run=True)
    assert targets(queue) == {new.pk}
    fill()
    fill()

    assert targets(queue) == {new.pk, old.pk}
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "all: 1 would be added",
        "all: 1 added",
        "all: 0 added. No output meets its rule that it does not hold yet.",
    ]
    item = ReviewItem.objects.get(target_id=new.pk)
    assert item.title == f"{new.step_run.node_key} · {item.design_split}"
    assert item.step_run == new.step_run


def test_each_condition_narrows() -> None:
    wanted = broken()
    step = wanted.step_run.step_version.step
    pipeline = wanted.step_run.pipeline_run.pipeline
    artifact(step_run__step_version=wanted.step_run.step_version)
    broken()

    rules = {"invalid": {"only_invalid": True}, "step": {"step": step}, "pipeline": {"pipeline": pipeline}}
    queues = {name: factories.ReviewQueueFactory(**rule) for name, rule in rules.items()}
    both = factories.ReviewQueueFactory(only_invalid=True, step=step)
    fill()

    assert {name: len(targets(queue)) for name, queue in queues.items()} == {"invalid": 2, "step": 2, "pipeline": 1}
    assert targets(both) == {wanted.pk}


@pytest.mark.parametrize(("direction", "limit", "bad"), [("higher", None, 0.5), ("lower", None, 0.9), ("lower", 1, 2)])
def test_a_metric_asks_for_its_bad_side(direction: str, limit: float | None, bad: float) -> None:
    metric = factories.MetricDefinitionFactory(direction=direction, target=0.7)
    rows = {value: factories.MetricResultFactory(metric=metric, value=value) for value in (0.5, 0.7, 0.9, 2)}
    made = {value: artifact(step_run=row.step_run) for value, row in rows.items()}
    queue = factories.ReviewQueueFactory(metric=metric, metric_limit=limit)

    fill()

    found = {value for value, row in made.items() if row.pk in targets(queue)}
    expected = {0.5: {0.5}, 0.9: {0.9, 2}, 2: {2}}[bad]
    assert found == expected


def test_a_metric_without_a_target_is_refused_and_keeps_no_other_queue_waiting() -> None:
    artifact()
    factories.ReviewQueueFactory(key="a", metric=factories.MetricDefinitionFactory(key="speed", target=None))
    other = factories.ReviewQueueFactory(key="b")

    with pytest.raises(CommandError, match="Not every queue"):
        fill()

    assert len(targets(other)) == 1


def test_a_share_is_drawn_the_same_again() -> None:
    for _ in range(60):
        artifact()
    half, same = (factories.ReviewQueueFactory(share_percent=50) for _ in range(2))

    fill()
    drawn = targets(half)
    half.items.all().delete()
    fill()

    assert targets(half) == drawn != targets(same)
    assert 10 < len(drawn) < 50


def test_an_output_that_was_taken_over_or_pruned_is_not_reviewed_again() -> None:
    first = artifact()
    copy = factories.StepRunFactory(completed=True, reused_from=first.step_run)
    artifact(step_run=copy)
    queue = factories.ReviewQueueFactory()
    late = factories.StepRunFactory(completed=True)
    artifact(step_run=late)
    StepRun.objects.filter(pk=late.pk).update(attempt=2)

    fill()

    assert targets(queue) == {first.pk}


def test_modules_come_with_their_files_and_prompt_results_by_process() -> None:
    made = factories.GeneratedArtifactFactory(module__name="hero")
    link = factories.StepOutputLinkFactory(target_type="ModuleTemplate", target_id=made.module_id)
    answer = factories.PromptResultFactory()
    factories.PromptResultFactory()
    process = answer.prompt_data.ai_prompt.process
    modules = factories.ReviewQueueFactory(kind="module")
    prompts = factories.ReviewQueueFactory(kind="prompt_result", process=process)

    fill()

    item = modules.items.get()
    assert (item.module, item.artifact, item.step_run) == (made.module, made, link.step_run)
    assert item.title.startswith("hero")
    assert prompts.items.get().target_id == answer.pk
    assert prompts.items.get().title == f"{process.name} · model-1"


def test_a_queue_at_rest_stays_as_it_is() -> None:
    artifact()
    queue = factories.ReviewQueueFactory(key="rests", is_active=False)

    fill()
    with pytest.raises(CommandError, match="no active queue 'rests'"):
        fill("rests")
    assert "at rest" in filling.fill(queue).why_none

    assert targets(queue) == set()


def test_filling_costs_the_same_for_many() -> None:
    def queries(count: int) -> int:
        for _ in range(count):
            artifact()
        with CaptureQueriesContext(connection) as captured:
            filling.fill(factories.ReviewQueueFactory(kind="ir_artifact"))
        return len(captured)

    assert queries(2) == queries(20)


def test_workers_fill_queues_while_review_is_on(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REVIEW_ENABLED = False
    run = factories.PipelineRunFactory(finished=True)
    artifact(step_run__pipeline_run=run)
    queue = factories.ReviewQueueFactory()
    monkeypatch.setattr(filling._Duty, "next_at", 0.0)

    with pytest.raises(CommandError, match="REVIEW_ENABLED is off"):
        fill()
    duties.look_once()
    assert targets(queue) == set()
    set_flag(key=Key.REVIEW_ENABLED, value="on", reason="test")
    duties.look_once()
    assert len(targets(queue)) == 1
    artifact(step_run__pipeline_run=run)
    duties.look_once()
    assert len(targets(queue)) == 1, "once a minute is enough"


def test_what_was_withdrawn_does_not_come_back() -> None:
    artifact()
    queue = factories.ReviewQueueFactory()
    fill()
    services.withdraw(items=queue.items.all())

    fill()

    assert queue.items.get().state == "withdrawn"


def test_outputs_of_evaluations_come_in_only_by_their_scores() -> None:
    evaluation = factories.EvaluationFactory()
    ran = factories.PipelineRunFactory(run_group_id=evaluation.pk)
    scored, usual = artifact(step_run__pipeline_run=ran), artifact()
    module = factories.GeneratedArtifactFactory().module
    factories.StepOutputLinkFactory(target_type="ModuleTemplate", target_id=module.pk, step_run=scored.step_run)
    factories.PromptResultFactory(prompt_data__step_run=scored.step_run)
    exact = factories.MetricDefinitionFactory(key="truth_json_exact", target=1)
    factories.MetricResultFactory(step_run=scored.step_run, metric=exact, value=0)
    kinds = {kind: factories.ReviewQueueFactory(kind=kind) for kind in ("ir_artifact", "module", "prompt_result")}
    wrong = factories.ReviewQueueFactory(metric=exact)

    fill()

    assert {kind: targets(queue) for kind, queue in kinds.items()} == {
        "ir_artifact": {usual.pk}, "module": set(), "prompt_result": set(),
    }  # fmt: skip
    assert targets(wrong) == {scored.pk}


def test_prompt_results_are_the_last_answers_that_there_are() -> None:
    step_run = factories.StepRunFactory(completed=True)
    StepRun.objects.filter(pk=step_run.pk).update(attempt=2)
    answers = [
        factories.PromptResultFactory(
            prompt_data__step_run=step_run, prompt_data__metadata={"attempt": attempt, "call": call}
        )
        for attempt, call in ((1, 1), (2, 1), (2, 2))
    ]
    superseded = factories.StepRunFactory()
    factories.PromptResultFactory(prompt_data__step_run=superseded, prompt_data__metadata={"attempt": 1})
    StepRun.objects.filter(pk=superseded.pk).update(attempt=2)
    factories.PromptResultFactory(result=None)
    recorded = factories.PromptResultFactory(prompt_data__source="api", prompt_data__metadata={"attempt": "first"})
    queue = factories.ReviewQueueFactory(kind="prompt_result")

    fill()

    assert targets(queue) == {answers[2].pk, recorded.pk}


def test_what_judges_said_is_not_reviewed(settings: LazySettings, logging_on: None) -> None:
    reviewed = artifact()
    item = factories.ReviewItemFactory(queue__key="outputs", target_id=reviewed.pk, state="done", free_slots=0)
    factories.ReviewAnswerFactory(assignment__item=item)
    judge = factories.JudgeFactory(provider="echo")
    call_command("judge", judge=judge.key, queue="outputs", limit=1)
    queue = factories.ReviewQueueFactory(kind="prompt_result")

    fill()

    assert PromptResult.objects.exists()
    assert targets(queue) == set()
