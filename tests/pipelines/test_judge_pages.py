"""Judges in the admin and over REST: made, fixed, read, and to whom they are open."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from feedback.models import Judge, ReviewItem
from pipelines.judging.calibration import refresh_calibration
from pipelines.seeding.roles import plant_role
from tests import factories
from tests.queries import queries_of_page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


@pytest.fixture
def judge() -> Judge:
    """It agrees with the reviewers on two of three, has no score for a fourth, and no answer to a fifth."""
    made: Judge = factories.JudgeFactory(key="faithful", name="Faithful")
    for verdict, score in (("accept", 0.9), ("reject", 0.1), ("reject", 0.8)):
        judged(made, item(verdict), score=score)
    error = {"code": "answer-unusable", "message": "At /score: This is not a <b>number</b>."}
    judged(made, item("accept"), score=None, outcome="unusable", error=error)
    factories.JudgementFactory(judge=made, reason="Nobody reviewed this.")
    return made


def item(verdict: str) -> ReviewItem:
    answer = factories.ReviewAnswerFactory(verdict=verdict)
    made: ReviewItem = answer.assignment.item
    return made


def judged(judge: Judge, item: ReviewItem, **fields: Any) -> None:
    factories.JudgementFactory(
        judge=judge, target_id=item.target_id, **{"reason": "Looks <b>fine</b> to me.", **fields}
    )


def reader(*codenames: str) -> APIClient:
    user = factories.UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_a_judge_and_what_it_said_are_read_over_rest(judge: Judge) -> None:
    client = reader("view_judge", "view_judgement")
    assert client.get(f"/api/judges/{judge.pk}").json()["calibration"] is None
    refresh_calibration(judge)

    [found] = client.get("/api/judges?key=faithful").json()["results"]

    assert (found["metricKey"], found["promptId"], found["passFrom"]) == ("judge_faithful", str(judge.prompt_id), 0.5)
    figures = found["calibration"]
    assert (figures["items"], figures["agreed"], figures["confusion"]) == (3, 2, [[1, 1], [0, 1]])
    assert (figures["withoutScore"], figures["withoutAnswer"]) == (1, 1)
    assert client.get(f"/api/judges/{judge.pk}/calibration").json() == figures
    [unusable] = client.get(f"/api/judgements?judgeId={judge.pk}&outcome=unusable").json()["results"]
    assert (unusable["score"], unusable["passed"], unusable["error"]["code"]) == (None, None, "answer-unusable")
    assert client.get(f"/api/judgements/{unusable['id']}").json() == unusable


def test_judges_are_there_for_who_may_see_them_while_review_is_on(judge: Judge, settings: LazySettings) -> None:
    addresses = ["/api/judges", f"/api/judges/{judge.pk}/calibration", "/api/judgements"]

    assert [reader("view_judgement").get(each).status_code for each in addresses] == [403, 403, 200]
    assert [reader("view_judge").get(each).status_code for each in addresses] == [200, 200, 403]
    settings.REVIEW_ENABLED = False
    assert [reader("view_judge").get(each).status_code for each in addresses] == [404] * 3


@pytest.mark.parametrize("route", ["judges", "judgements"])
def test_lists_cost_the_same_for_many_rows(route: str, judge: Judge) -> None:
    client = reader("view_judge", "view_judgement")

    def queries() -> int:
        return queries_of_page(client, f"/api/{route}")

    queries()  # reads the user's permissions, which are then known
    few = queries()
    factories.JudgementFactory.create_batch(5)
    assert queries() == few <= 2


def test_the_report_costs_the_same_for_many_items(judge: Judge) -> None:
    client = reader("view_judge")
    queue = factories.ReviewQueueFactory()

    def queries() -> int:
        return queries_of_page(client, f"/api/judges/{judge.pk}/calibration")

    def more(count: int) -> None:
        for _ in range(count):
            answer = factories.ReviewAnswerFactory(assignment__item__queue=queue)
            judged(judge, answer.assignment.item)

    more(1)
    queries()  # reads the user's permissions, which are then known
    few = queries()
    more(10)
    assert queries() == few


def test_the_page_shows_how_far_it_agrees_and_where_not(client: Client, boss: User, judge: Judge) -> None:
    page = client.get(reverse("admin:feedback_judge_calibration", args=[judge.pk])).content.decode()

    assert "<strong>67%</strong> of the outputs alike, 21% to 94%" in page
    assert "<strong>0.40</strong>" in page
    assert page.count("Looks &lt;b&gt;fine&lt;/b&gt; to me.") == 1
    assert "1 output got no score, as the answer was not valid; that counts as nothing, not as 0." in page
    assert "1 scored output has no accepted answer" in page


def test_a_judge_without_judgements_says_so(client: Client, boss: User) -> None:
    fresh = factories.JudgeFactory()

    page = client.get(reverse("admin:feedback_judge_calibration", args=[fresh.pk])).content.decode()

    assert "It has judged no output yet" in page
    assert "Not calibrated against reviewers" in client.get(reverse("admin:feedback_judge_changelist")).content.decode()


def test_what_a_judge_measures_with_is_fixed_once_it_has_judged(client: Client, boss: User, judge: Judge) -> None:
    fresh = factories.JudgeFactory()
    assert 'name="pass_from"' in client.get(reverse("admin:feedback_judge_change", args=[fresh.pk])).content.decode()
    url = reverse("admin:feedback_judge_change", args=[judge.pk])

    page = client.get(url).content.decode()
    saved = client.post(url, {"name": "Another", "description": "", "question_key": "fits", "pass_from": "0.9"})

    assert 'name="pass_from"' not in page
    assert "Add another judge to change it." in page
    assert saved.status_code == 302
    judge.refresh_from_db()
    assert (judge.name, judge.question_key, judge.pass_from) == ("Another", "fits", 0.5)


def test_an_administrator_adds_a_judge_and_only_with_a_known_provider(client: Client, db: None) -> None:
    plant_role("administrator")
    user = factories.UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    prompt = factories.AIPromptFactory()
    data = {"key": "new", "name": "New", "prompt": prompt.pk, "max_tokens": 100, "pass_from": 0.5}
    url = reverse("admin:feedback_judge_add")

    refused = client.post(url, {**data, "provider": "nobody"})
    made = client.post(url, {**data, "provider": "echo"})

    assert "There is no such provider. Known are echo" in refused.content.decode()
    assert made.status_code == 302
    assert Judge.objects.get().prompt == prompt


def test_a_judgements_page_says_how_far_its_judge_agrees(client: Client, boss: User, judge: Judge) -> None:
    said = judge.judgements.earliest("pk")
    url = reverse("admin:feedback_judgement_change", args=[said.pk])

    assert "not calibrated against reviewers" in client.get(url).content.decode()
    refresh_calibration(judge)
    assert "agrees with reviewers on 67% of 3" in client.get(url).content.decode()


def test_its_scores_on_a_runs_page_say_how_far_it_agrees(client: Client, boss: User, judge: Judge) -> None:
    refresh_calibration(judge)
    metric = factories.MetricDefinitionFactory(key=judge.metric_key)
    result = factories.MetricResultFactory(metric=metric, value=0.25)
    url = reverse("admin:pipelines_pipelinerun_change", args=[result.step_run.pipeline_run_id])

    page = client.get(url).content.decode()

    assert "judge_faithful: 0.25" in page
    assert "agrees with reviewers on 67% of 3 (21% to 94%), kappa 0.40" in page
