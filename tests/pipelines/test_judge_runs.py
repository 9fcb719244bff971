"""A judge is put to work over REST: within bounds, kept as it comes, refused in words."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from rest_framework.test import APIClient

from feedback.models import Evaluation, Judge, Judgement
from pipelines.judging.working import Limits, judge_queue
from tests import factories
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.roles import roles as roles
from tests.pipelines.test_judge import Serve, evaluated, judge_of, reviewed, score
from tests.pipelines.test_judge import serve as serve

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings, logging_on: None) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = HANDLERS


@pytest.fixture
def boss(roles: dict[str, APIClient]) -> APIClient:
    return roles["administrator"]


def post(client: APIClient, judge: Judge, **body: Any) -> Any:
    return client.post(f"/api/judges/{judge.pk}/runs", {"budgetUsd": "5", **body})


def test_the_items_of_a_queue_are_judged_and_sent_again_it_goes_on(boss: APIClient, serve: Serve) -> None:
    factories.ModelPriceFactory(provider="remote", model="model-1", input_per_million=10, output_per_million=100)
    server = serve(*map(score, (0.9, 0.1, 0.8)))
    judge, queue = judge_of(), factories.ReviewQueueFactory(key="q")
    reviewed(queue, "accept", "reject", "accept")
    factories.ReviewItemFactory(queue=queue)

    first = post(boss, judge, queue="q", limit=2)
    second = post(boss, judge, queue="q")

    assert first.status_code == 200, first.json()
    assert first.json()["judged"] == {
        "scored": 2,
        "unusable": 0,
        "failed": 0,
        "withoutTruth": 0,
        "gone": 0,
        "costUsd": "0.00600000",
        "stopped": "2 were judged, as many as were asked for.",
    }
    assert (second.json()["judged"]["scored"], second.json()["judged"]["stopped"]) == (1, "")
    assert (first.json()["calibration"]["items"], second.json()["calibration"]["items"]) == (2, 3)
    assert (second.json()["metric"], "set" in second.json()) == ("judge_faithful", False)
    assert len(server.bodies) == 3
    assert boss.get(f"/api/judges/{judge.pk}").json()["calibration"] == second.json()["calibration"]


def test_the_budget_ends_it(boss: APIClient, serve: Serve) -> None:
    factories.ModelPriceFactory(provider="remote", model="model-1", input_per_million=10, output_per_million=100)
    serve(score(1))
    judge, queue = judge_of(), factories.ReviewQueueFactory(key="q")
    reviewed(queue, *["accept"] * 4)

    judged = post(boss, judge, queue="q", budgetUsd="0.004").json()["judged"]

    assert (judged["scored"], judged["stopped"]) == (2, "The budget of $0.0040 is spent.")


def test_time_ends_it_but_never_before_one_is_judged(serve: Serve) -> None:
    serve(score(1))
    judge, queue = judge_of(), factories.ReviewQueueFactory()
    reviewed(queue, "accept", "accept", "accept")

    worked = judge_queue(judge=judge, queue=queue, limits=Limits(within=timedelta()))

    assert (worked.scored, worked.gave_up) == (1, False)
    assert "to go on" in worked.stopped
    assert judge_queue(judge=judge, queue=queue, limits=Limits(within=timedelta(hours=1))).scored == 2


def test_an_evaluation_and_a_set_are_judged_on_both_sides(boss: APIClient, serve: Serve) -> None:
    evaluated("Wrong", "Bikes")
    call_command("evaluate", set_key="home", pipeline="example@2", against=1, verbosity=0)
    factories.ModelPriceFactory(provider="remote", model="model-1", input_per_million=0, output_per_million=0)
    serve(*map(score, (0.9, 0.2, 0.8, 0.3)))
    judge = judge_of()

    evaluation = post(boss, judge, evaluation=str(Evaluation.objects.latest("pk").pk)).json()
    of_set = post(boss, judge, set="home", pipeline="example", version=2, against=1).json()

    assert evaluation["judged"]["scored"] == Judgement.objects.count()
    compared = evaluation["set"]["compared"]
    assert (compared["items"], compared["improved"], compared["outcome"]) == (2, 2, "unclear")
    assert evaluation["set"]["new"]["mean"] == pytest.approx(0.85)
    assert (of_set["set"]["new"]["version"], of_set["set"]["old"]["version"]) == ("example@2", "example@1")
    alone = post(boss, judge, set="home", pipeline="example", version=2).json()
    assert (alone["set"]["old"], alone["set"]["compared"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"queue": "q", "set": "home", "pipeline": "example"}, ""),
        ({"queue": "q", "pipeline": "example"}, "/pipeline"),
        ({"set": "home"}, "/pipeline"),
        ({"set": "home", "pipeline": "example", "waiting": True}, "/waiting"),
        ({"queue": "nothing"}, "/queue"),
        ({"queue": "q", "limit": 21}, "/limit"),
        ({"queue": "q", "budgetUsd": None}, "/budgetUsd"),
        ({"queue": "q", "budgetUsd": "0"}, "/budgetUsd"),
        ({"queue": "q", "budgetUsd": "NaN"}, "/budgetUsd"),
        ({"evaluation": "no-id"}, "/evaluation"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(boss: APIClient, body: dict[str, Any], path: str) -> None:
    factories.ReviewQueueFactory(key="q")
    factories.GroundTruthSetFactory(key="home")

    refused = post(boss, judge_of(provider="echo"), **body)

    assert refused.status_code == 400
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["errors"][0]["path"] == path
    assert not Judgement.objects.exists()


def test_it_has_no_budget_of_its_own_and_says_what_is_in_the_way(boss: APIClient) -> None:
    judge = judge_of(provider="echo")
    factories.GroundTruthSetFactory(key="home")
    without = boss.post(f"/api/judges/{judge.pk}/runs", {"queue": "q"})
    unknown = post(boss, judge, set="home", pipeline="nothing")
    evaluation = post(boss, judge, evaluation=str(factories.EvaluationFactory().pk))

    assert (without.status_code, "/budgetUsd" in str(without.json())) == (400, True)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "pipeline-unknown")
    assert (evaluation.status_code, evaluation.json()["code"]) == (409, "ground-truth-not-evaluated")


def test_it_is_open_to_administrators_while_review_is_on(roles: dict[str, APIClient], settings: LazySettings) -> None:
    judge = judge_of(provider="echo")
    factories.ReviewQueueFactory(key="q")

    assert [post(roles[name], judge, queue="q").status_code for name in roles] == [403, 403, 200]
    assert post(APIClient(), judge, queue="q").status_code == 401
    settings.REVIEW_ENABLED = False
    assert post(roles["administrator"], judge, queue="q").status_code == 404
