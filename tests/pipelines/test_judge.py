"""A judge rates outputs, what it says is kept, and how far it agrees with reviewers is worked out."""

import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone

from config.ai_providers import read_providers
from config.canonical import content_hash
from config.history import changes_of
from config.models import uuid7
from feedback import ground_truth
from feedback.models import Evaluation, Judge, Judgement, ReviewItem, ReviewQueue
from feedback.models.judges import METRIC_PREFIX
from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from monitoring.models import TestRun
from pipelines.judging import lease
from pipelines.judging.calibration import calibration_report
from pipelines.judging.lease import JudgeBusy
from pipelines.judging.making import save_judge
from pipelines.judging.working import Limits, judge_queue
from pipelines.models import PipelineRun, PromptData, PromptResult
from pipelines.review.content import load_content
from tests import factories
from tests.pipelines.building import pipeline
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.model_server import OPENAI, ModelServer, Reply, model_server
from tests.pipelines.prompting import a_prompt
from tests.waiting import until

pytestmark = pytest.mark.django_db
Serve = Callable[..., ModelServer]


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings, logging_on: None) -> None:
    settings.REVIEW_ENABLED = True


@pytest.fixture
def serve(settings: LazySettings) -> Iterator[Serve]:
    """Have the provider ``remote`` answer with these documents in turn."""
    opened = []

    def open_server(*answers: Any) -> ModelServer:
        replies = [each if isinstance(each, Reply) else Reply(body=reply(each)) for each in answers]
        context = model_server(*replies)
        server = context.__enter__()
        opened.append(context)
        entry = {"kind": "openai", "baseUrl": server.base_url, "keyVariable": "", "model": "model-1"}
        settings.AI_PROVIDERS = read_providers(json.dumps({"remote": entry}))
        return server

    yield open_server
    for context in opened:
        context.__exit__(None, None, None)


def reply(answer: Any) -> dict[str, Any]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    message = {"role": "assistant", "content": text}
    return {**OPENAI, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


def score(value: float) -> dict[str, Any]:
    return {"reason": "So.", "score": value}


def judge_of(content: str = "Rate {{ inputs.output }}", **fields: Any) -> Judge:
    made: Judge = factories.JudgeFactory(
        key="faithful", prompt=a_prompt(content), **{"provider": "remote", "temperature": None, **fields}
    )
    return made


def reviewed(queue: ReviewQueue, *verdicts: str, **answers: Any) -> list[ReviewItem]:
    """An item that one reviewer has answered for each of the verdicts."""
    items: list[ReviewItem] = []
    for n, verdict in enumerate(verdicts):
        artifact = factories.IRArtifactFactory(ir_json={"n": n})
        item = factories.ReviewItemFactory(queue=queue, target_id=artifact.pk, state="done", free_slots=0)
        correction = {"n": -1} if verdict == "correct" else None
        factories.ReviewAnswerFactory(assignment__item=item, verdict=verdict, correction=correction, answers=answers)
        items.append(item)
    return items


def test_what_a_judge_says_is_kept_with_its_prompts_version_and_its_cost(serve: Serve) -> None:
    factories.ModelPriceFactory(provider="remote", model="model-1", input_per_million=10, output_per_million=100)
    server = serve(score(0.8))
    judge = judge_of("Rate {{ inputs.output }}, made of {{ inputs.input|default('nothing') }}", pass_from=0.7)
    queue = factories.ReviewQueueFactory()
    [item] = reviewed(queue, "accept")

    worked = judge_queue(judge=judge, queue=queue)

    assert (worked.scored, worked.cost) == (1, Decimal("0.003"))
    judgement = Judgement.objects.get()
    assert (judgement.score, judgement.passed, judgement.reason) == (0.8, True, "So.")
    assert (judgement.target_id, judgement.step_run, judgement.cost_usd) == (
        item.target_id, item.step_run, Decimal("0.003"),
    )  # fmt: skip
    assert server.bodies[0]["messages"][-1]["content"].startswith('Rate {"n": 0}')
    data, result = PromptData.objects.get(), PromptResult.objects.get()
    assert (data.ai_prompt, judgement.prompt_data, data.step_run) == (judge.prompt, data, None)
    assert (result.result, result.total_cost_usd, result.provider) == (score(0.8), Decimal("0.003"), "remote")
    entry = TestRun.objects.get(prompt=judge.prompt)
    assert (entry.cost_usd, entry.summary["promptVersion"]) == (Decimal("0.003"), judge.prompt.version)
    measured = MetricResult.objects.get(metric__key="judge_faithful")
    assert (measured.step_run, measured.value, measured.passed) == (item.step_run, 0.8, True)
    assert measured.details["prompt"] == "naming@1"


@pytest.mark.parametrize(
    "answer", ["Seven of ten.", {"reason": "So.", "score": 7}, {"score": 0.5}, {"reason": "So.", "score": None}]
)
def test_an_answer_that_is_not_valid_is_no_score_and_never_0(answer: Any, serve: Serve) -> None:
    server = serve(answer)
    judge, queue = judge_of(), factories.ReviewQueueFactory()
    reviewed(queue, "reject")

    worked = judge_queue(judge=judge, queue=queue)

    assert (worked.unusable, worked.scored, len(server.bodies)) == (1, 0, 2)
    judgement = Judgement.objects.get()
    assert (judgement.outcome, judgement.score, judgement.passed) == ("unusable", None, None)
    assert judgement.error["code"] == "answer-unusable"
    measured = MetricResult.objects.get(metric__key="judge_faithful")
    assert (measured.value, measured.passed) == (None, None)
    assert measured.details["why"] == judgement.error["message"]
    report = calibration_report(judge)
    assert (report.calibration.items, report.without_score) == (0, 1)
    assert judge_queue(judge=judge, queue=queue).unusable == 0, "it is not paid for again"


def test_the_prompts_own_schema_is_what_its_answers_are_held_to(serve: Serve) -> None:
    serve({"score": 0.4, "style": "poor"}, {"score": 0.4}, {"score": 0.4})
    number = {"type": "number"}
    schema = {"type": "object", "required": ["score", "style"], "properties": {"score": number, "style": {}}}
    judge = factories.JudgeFactory(prompt=a_prompt(schema=schema), provider="remote")
    judge.prompt.content = "{{ inputs.output }}"
    judge.prompt.save()
    queue = factories.ReviewQueueFactory()
    reviewed(queue, "accept", "accept")

    worked = judge_queue(judge=judge, queue=queue)

    assert (worked.scored, worked.unusable) == (1, 1)


def test_its_agreement_with_reviewers_is_worked_out_and_kept(serve: Serve) -> None:
    serve(*map(score, (0.9, 0.1, 0.8, 0.2, 0.3)))  # the newest item is judged first
    judge, queue = judge_of(), factories.ReviewQueueFactory(key="q")
    items = reviewed(queue, "accept", "correct", "reject", "reject", "accept")
    factories.ReviewItemFactory(queue=queue)

    out = StringIO()
    call_command("judge", judge="faithful", queue="q", json=True, stdout=out, stderr=StringIO())

    told = json.loads(out.getvalue())
    found = told["calibration"]
    assert (found["items"], found["agreed"], found["percent"]) == (5, 3, 0.6)
    assert found["confusion"] == [[2, 1], [1, 1]]
    assert found["kappa"] == pytest.approx(1 / 6)
    assert found["percentInterval"][0] < 0.6 < found["percentInterval"][1]
    assert told["judged"]["scored"] == 5
    judge.refresh_from_db()
    assert judge.calibration == found
    assert [each.item for each in calibration_report(judge).disagreements] == [items[2], items[0]], "the furthest first"
    assert Judgement.objects.count() == 5, "an item without an accepted answer is not judged"


def test_a_judge_can_be_held_to_a_question(serve: Serve) -> None:
    serve(score(1))
    judge, queue = judge_of(question_key="faithful"), factories.ReviewQueueFactory()
    factories.ReviewQuestionFactory(queue=queue, key="faithful")
    reviewed(queue, "accept", faithful="fail")
    reviewed(queue, "reject", faithful="pass")
    reviewed(queue, "accept")

    judge_queue(judge=judge, queue=queue)

    report = calibration_report(judge)
    assert (report.calibration.table, report.without_answer) == (((0, 1), (0, 1)), 1)


def test_where_reviewers_disagree_the_adjudicator_is_who_it_is_compared_with(serve: Serve) -> None:
    serve(score(1))
    judge, queue = judge_of(), factories.ReviewQueueFactory(reviewers_per_item=2)
    [item] = reviewed(queue, "accept")
    factories.ReviewAnswerFactory(assignment__item=item, assignment__slot=2, verdict="reject")
    assert judge_queue(judge=judge, queue=queue).scored == 0
    factories.ReviewAnswerFactory(assignment__item=item, assignment__slot=0, verdict="reject")

    judge_queue(judge=judge, queue=queue)

    assert calibration_report(judge).calibration.table == ((0, 1), (0, 0))


def test_a_judge_that_compares_sees_the_truth_and_needs_it(serve: Serve) -> None:
    server = serve(score(0.5))
    judge = judge_of("{{ inputs.output }} is to be {{ inputs.truth }}", compares=True)
    queue = factories.ReviewQueueFactory()
    with_truth, without = reviewed(queue, "accept", "accept")
    step_run = with_truth.step_run
    reference = step_run.pipeline_run.design_split.sha256
    for version in (1, 2):
        truth = factories.GroundTruthFactory(
            scope=step_run.node_key, reference_id=reference, version=version, data={"n": version}
        )

    worked = judge_queue(judge=judge, queue=queue)

    assert (worked.scored, worked.without_truth) == (1, 1)
    assert server.bodies[0]["messages"][-1]["content"] == '{"n": 0} is to be {"n": 2}'
    assert Judgement.objects.get().ground_truth == truth
    assert without.target_id != Judgement.objects.get().target_id


def test_a_judge_finds_the_truth_that_was_kept_by_the_page_alone_if_it_is_of_the_same_inputs(serve: Serve) -> None:
    server = serve(score(0.5))
    judge = judge_of("{{ inputs.output }} is to be {{ inputs.truth }}", compares=True)
    queue = factories.ReviewQueueFactory()
    [item] = reviewed(queue, "accept")
    step_run = item.step_run
    assert step_run is not None
    PipelineRun.objects.update(inputs={"tone": "dry"})
    kept = {"scope": step_run.node_key, "reference_id": step_run.pipeline_run.design_split.sha256}
    factories.GroundTruthFactory(**kept, version=1, data={"n": "dry"}, provenance={"inputs": {"tone": "dry"}})
    factories.GroundTruthFactory(**kept, version=2, data={"n": "warm"}, provenance={"inputs": {"tone": "warm"}})

    judge_queue(judge=judge, queue=queue)

    assert server.bodies[0]["messages"][-1]["content"] == '{"n": 0} is to be {"n": "dry"}'


def test_limits_and_the_budget_hold(serve: Serve) -> None:
    factories.ModelPriceFactory(provider="remote", model="model-1", input_per_million=10, output_per_million=100)
    serve(score(1))
    judge, queue = judge_of(), factories.ReviewQueueFactory()
    reviewed(queue, *["accept"] * 6)

    few = judge_queue(judge=judge, queue=queue, limits=Limits(items=2))
    assert (few.scored, few.gave_up) == (2, False)
    dear = judge_queue(judge=judge, queue=queue, limits=Limits(budget=Decimal("0.004")))
    assert (dear.scored, dear.gave_up) == (2, False), "$0.003 each: the second goes beyond"
    assert "budget" in dear.stopped
    rest = judge_queue(judge=judge, queue=queue)
    assert (rest.scored, rest.stopped) == (2, "")


def test_a_budget_is_not_spent_blindly(serve: Serve) -> None:
    serve(score(1))
    judge, queue = judge_of(), factories.ReviewQueueFactory()
    reviewed(queue, "accept", "accept")

    worked = judge_queue(judge=judge, queue=queue, limits=Limits(budget=Decimal(5)))

    assert (worked.scored, worked.cost, worked.gave_up) == (1, None, True)
    assert "price" in worked.stopped


def test_a_provider_that_fails_is_asked_no_more_and_its_items_come_again(serve: Serve) -> None:
    serve(Reply(status=401, body={"error": {"message": "no"}}))
    judge, queue = judge_of(), factories.ReviewQueueFactory(key="q")
    reviewed(queue, *["accept"] * 5)

    with pytest.raises(CommandError, match="3 times in a row"):
        call_command("judge", judge="faithful", queue="q", stdout=StringIO(), stderr=StringIO())

    assert set(Judgement.objects.values_list("outcome", "score")) == {("failed", None)}
    assert Judgement.objects.count() == 3
    serve(score(1))
    assert judge_queue(judge=judge, queue=queue).scored == 5


def test_a_judge_that_has_judged_is_changed_no_more(serve: Serve) -> None:
    serve(score(1))
    judge, queue = judge_of(), factories.ReviewQueueFactory()
    Judge.objects.update(pass_from=0.6)
    reviewed(queue, "accept")
    judge_queue(judge=judge, queue=queue)
    Judge.objects.update(name="Another name", question_key="fits")

    for change in ({"pass_from": 0.9}, {"model": "other"}, {"prompt": factories.AIPromptFactory()}):
        with pytest.raises(IntegrityError, match="Add another"), transaction.atomic():
            Judge.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.JudgementFactory(judge=judge, target_id=Judgement.objects.get().target_id)
    for broken in ({"score": 1.5}, {"score": None}, {"outcome": "unusable"}, {"outcome": "failed", "score": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            factories.JudgementFactory(**broken)


def test_reviewers_are_not_shown_what_a_judge_said(serve: Serve) -> None:
    serve(score(1))
    queue = factories.ReviewQueueFactory()
    [item] = reviewed(queue, "accept")
    factories.MetricResultFactory(step_run=item.step_run)
    judge_queue(judge=judge_of(), queue=queue)

    keys = [each.metric.key for each in load_content(item).metrics]

    assert len(keys) == 1
    assert not keys[0].startswith(METRIC_PREFIX)
    assert MetricResult.objects.filter(step_run=item.step_run).count() == 2


def test_items_that_wait_are_judged_when_that_is_asked_for() -> None:
    judge, queue = judge_of(provider="echo"), factories.ReviewQueueFactory()
    factories.ReviewItemFactory(queue=queue)
    factories.ReviewItemFactory(queue=queue, state="withdrawn")

    assert judge_queue(judge=judge, queue=queue).scored == 0
    assert judge_queue(judge=judge, queue=queue, waiting=True).scored == 1
    assert Judgement.objects.get().calls == 1


def test_the_command_says_what_it_would_do_and_what_it_did(settings: LazySettings) -> None:
    judge_of(provider="echo")
    reviewed(factories.ReviewQueueFactory(key="q"), "accept", "reject")

    def said(**options: Any) -> str:
        out = StringIO()
        call_command("judge", judge="faithful", stdout=out, stderr=StringIO(), **options)
        return out.getvalue()

    assert "2 items of q would be looked at" in said(queue="q", dry_run=True)
    assert not Judgement.objects.exists()
    assert "There is no item yet that reviewers judged too." in said()
    text = said(queue="q")
    assert "2 scored" in text
    assert "of 2 (" in text
    for options in ({"queue": "nope"}, {"queue": "q", "limit": 0}, {"queue": "q", "budget": "-1"}):
        with pytest.raises(CommandError):
            said(**options)
    with pytest.raises(CommandError, match="There are: faithful"):
        call_command("judge", judge="nope")
    settings.REVIEW_ENABLED = False
    with pytest.raises(CommandError, match="REVIEW_ENABLED is off"):
        said()


@pytest.mark.django_db(transaction=True)
def test_one_process_works_for_a_judge_at_a_time() -> None:
    judge = judge_of(provider="echo")
    queue = factories.ReviewQueueFactory(key="q")
    reviewed(queue, "accept")
    refused: list[str] = []

    def meanwhile(judgement: Judgement) -> None:
        connection.close()
        save_judge(judge)
        refused.append(elsewhere())

    judge_queue(judge=judge, queue=queue, observe=meanwhile)

    assert refused == ["The judge faithful is at work elsewhere. Wait until it is done."]
    assert Judgement.objects.count() == 1
    assert elsewhere() == "", "it is free again"
    assert {field.name for change in changes_of(judge) for field in change.fields} == {"calibration", "calibrated_at"}


def elsewhere() -> str:
    """Have the judge work in another thread; why it was refused."""
    refused = [""]

    def work() -> None:
        try:
            call_command("judge", judge="faithful", queue="q", stdout=StringIO(), stderr=StringIO())
        except CommandError as error:
            refused[0] = str(error)
        finally:
            connection.close()

    other = threading.Thread(target=work)
    other.start()
    other.join()
    return refused[0]


@pytest.mark.django_db(transaction=True)
def test_who_is_at_work_longer_than_a_lease_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.2)
    judge, queue = judge_of(provider="echo"), factories.ReviewQueueFactory(key="q")
    reviewed(queue, "accept")
    refused = []

    def linger(judgement: Judgement) -> None:
        seen: set[Any] = set()
        until(lambda: len(seen) > 3, meanwhile=lambda: seen.add(Judge.objects.get().held_until))
        refused.append(elsewhere())

    judge_queue(judge=judge, queue=queue, observe=linger)

    assert refused == ["The judge faithful is at work elsewhere. Wait until it is done."]


@pytest.mark.django_db(transaction=True)
def test_who_stood_still_for_longer_than_a_lease_leaves_the_rest_to_who_took_over(serve: Serve) -> None:
    server = serve(score(0.8))
    judge, queue = judge_of(), factories.ReviewQueueFactory(key="q")
    reviewed(queue, "accept", "accept", "accept")

    def stand_still(judgement: Judgement) -> None:
        Judge.objects.update(held_until=F("created_at"))
        assert elsewhere() == ""

    with pytest.raises(JudgeBusy, match="was taken over"):
        judge_queue(judge=judge, queue=queue, observe=stand_still)

    assert Judgement.objects.count() == len(server.bodies) == 3
    assert Judge.objects.get().held_by is None


def evaluated(*titles: str) -> Any:
    """Two answers, and a version for each title that was evaluated on them."""
    truth_set = factories.GroundTruthSetFactory(key="home")
    truths = [
        ground_truth.add_version(
            scope="first", reference_id=content_hash({"n": n}), data={"title": "Bikes"}, provenance={"inputs": {"n": n}}
        )
        for n in range(2)
    ]
    ground_truth.put_into_set(truth_set=truth_set, truths=truths)
    for number, title in enumerate(titles, 1):
        pipeline({"key": "first", "params": {"ir": {"title": title}}})
        call_command("evaluate", set_key="home", pipeline=f"example@{number}", stdout=StringIO(), stderr=StringIO())
    return truth_set


def judged(**options: Any) -> Any:
    out = StringIO()
    call_command("judge", judge="faithful", set_key="home", stdout=out, stderr=StringIO(), **options)
    return json.loads(out.getvalue()) if options.get("json") else out.getvalue()


def test_what_was_evaluated_on_a_set_is_judged_and_compared_item_by_item(serve: Serve, settings: LazySettings) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    evaluated("Wrong", "Bikes")
    server = serve(*map(score, (0.9, 0.2, 0.8, 0.3)))
    judge_of("{{ inputs.output.title }} for {{ inputs.truth.title }}", compares=True)

    told = judged(pipeline="example@2", against=1, json=True)["set"]

    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert asked == ["Bikes for Bikes", "Wrong for Bikes"] * 2, "a pair after the other"
    assert (told["new"]["version"], told["old"]["version"]) == ("example@2", "example@1")
    assert (told["new"]["mean"], told["old"]["mean"]) == pytest.approx((0.85, 0.25))
    compared = told["compared"]
    assert (compared["outcome"], compared["items"], compared["improved"]) == ("unclear", 2, 2)
    assert compared["meanChange"] == pytest.approx(0.6)
    assert MetricResult.objects.filter(metric__key="judge_faithful").count() == 4
    assert "By this judge can't tell: +0.600" in judged(pipeline="example@2", against=1)
    assert len(server.bodies) == 4, "nothing is judged twice"


def test_an_answer_without_a_score_is_left_out_of_the_comparison(serve: Serve, settings: LazySettings) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    evaluated("Wrong", "Bikes")
    serve(score(0.9), "no", "no", score(0.5), score(0.5))
    judge_of()

    told = judged(pipeline="example@2", against=1, json=True)["set"]

    assert (told["old"]["withoutScore"], told["old"]["mean"]) == (1, 0.5)
    assert (told["compared"]["items"], told["compared"]["outcome"]) == (1, "equal")
    IRArtifact.objects.filter(step_run__pipeline_run__pipeline_version__version=1).update(
        ir_json=None, pruned_at=timezone.now()
    )
    with pytest.raises(CommandError, match="Nothing of example@1 that is still stored was evaluated on home"):
        judged(pipeline="example@2", against=1)


def test_a_set_that_cannot_be_judged_is_refused_with_the_reason(serve: Serve, settings: LazySettings) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    judge_of(provider="echo")
    with pytest.raises(CommandError, match="There is no set 'home'"):
        judged(pipeline="example")
    evaluated("Wrong")
    with pytest.raises(CommandError, match="Name a --queue, a --set with its --pipeline, or an --evaluation"):
        judged()
    with pytest.raises(CommandError, match="no version 7"):
        judged(pipeline="example", against=7)
    assert not Judgement.objects.exists()


def test_the_very_outputs_of_an_evaluation_are_judged_on_both_sides(
    serve: Serve, settings: LazySettings, boss: User, client: Client
) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    evaluated("Wrong", "Bikes")
    call_command(
        "evaluate", set_key="home", pipeline="example@2", against=1, stdout=StringIO(), stderr=StringIO()
    )  # fmt: skip
    evaluation = Evaluation.objects.latest("pk")
    server = serve(*map(score, (0.9, 0.2, 0.8, 0.3)))
    judge_of("{{ inputs.output.title }}")

    def said(**options: Any) -> str:
        out = StringIO()
        call_command("judge", judge="faithful", stdout=out, stderr=StringIO(), **options)
        return out.getvalue()

    text = said(evaluation=evaluation.pk)

    assert [body["messages"][-1]["content"] for body in server.bodies] == ["Bikes", "Wrong"] * 2
    assert "example@2: 0.850 on average, 2 scored" in text
    assert "By this judge can't tell: +0.600" in text
    page = client.get(f"/admin/feedback/evaluation/{evaluation.pk}/change/").content.decode()
    assert "By judge" in page
    assert "+0.600 (" in page
    assert "no item yet that reviewers judged too" in page
    outputs = evaluation.items.values_list("step_run", "baseline_step_run")
    assert {key for pair in outputs for key in pair} == set(Judgement.objects.values_list("step_run", flat=True))
    with pytest.raises(CommandError, match="There is no evaluation"):
        said(evaluation=uuid7())
    Evaluation.objects.filter(pk=evaluation.pk).update(status="cancelled", report=None, outcome="")
    with pytest.raises(CommandError, match="Only completed ones"):
        said(evaluation=evaluation.pk)
