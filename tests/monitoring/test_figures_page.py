"""The page of figures in the admin."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import AIPromptFactory, StepRunFactory, TestRunFactory, UserFactory

pytestmark = pytest.mark.django_db


def show(client: Client, **query: Any) -> str:
    answer = client.get(reverse("admin:monitoring_figures"), query)
    assert answer.status_code == 200
    return answer.content.decode()


def address_in(link: str) -> str:
    return unescape(link.split('href="')[1].split('"')[0])


def test_it_shows_what_ran_and_leads_to_the_runs(client: Client, boss: User) -> None:
    prompt = AIPromptFactory()
    step = StepRunFactory(completed=True)
    run = TestRunFactory(prompt=prompt, model="small", status="failed", latency_ms=1200, step_run=step, attempt=1)
    TestRunFactory(type="quality", score_overall=80)

    answer = client.get(reverse("admin:monitoring_figures"))

    page = answer.content.decode()
    assert "1 unpriced" in page
    assert str(prompt) in page
    assert step.step_version.step.key in page
    by_prompt, by_model = answer.context["tables"]
    (by_step,) = answer.context["steps"]
    for link in (by_prompt["rows"][0]["link"], by_model["rows"][0]["not_passed"], by_step["link"], by_step["failed"]):
        found = client.get(address_in(link))
        assert [row.pk for row in found.context["cl"].result_list] == [run.pk]


def test_each_day_of_a_chart_leads_to_its_runs(client: Client, boss: User) -> None:
    began = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    small = TestRunFactory(model="small", status="passed", started_at=began)
    TestRunFactory(model="large", status="passed", started_at=began)
    TestRunFactory(model="small", status="passed", started_at=began + timedelta(hours=1))
    quality = TestRunFactory(type="quality", score_overall=80, started_at=began)

    page = client.get(reverse("admin:monitoring_figures"), {"begins": "2026-03-01", "model": "small"})

    rows = {chart["title"]: dict(chart["rows"]) for chart in page.context["charts"]}
    for title, run in (("Quality: mean score", quality), ("AI: runs that passed", small)):
        [link] = [link for link in rows[title] if "2026-03-02<" in link]
        assert [row.pk for row in client.get(address_in(link)).context["cl"].result_list] == [run.pk]


def test_it_can_be_narrowed(client: Client, boss: User) -> None:
    prompt = AIPromptFactory()
    TestRunFactory(prompt=prompt, model="small")
    TestRunFactory(prompt=prompt, model="large")

    page = show(client, model="small", prompt=prompt.pk)

    assert f"AI runs of prompt {prompt} and model small only" in page
    assert "large" not in page


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"begins": "soon"}, "Give a date, as 2026-01-31."),
        ({"begins": "2026-02-01", "ends": "2026-01-01"}, "before it begins"),
        ({"begins": "2020-01-01"}, "more than 366 days"),
        ({"prompt": "x", "begins": "2020-01-01"}, "Window"),
    ],
)
def test_a_window_that_is_none_is_refused_in_words(
    query: dict[str, str], says: str, client: Client, boss: User
) -> None:
    assert says in show(client, **query)


def test_an_empty_log_says_so(client: Client, boss: User) -> None:
    page = show(client)

    assert "No AI run began in this window." in page
    assert "No step ran in this window." in page


def test_what_people_named_is_escaped(client: Client, boss: User) -> None:
    TestRunFactory(model="<script>alert(1)</script>")

    assert "<script>alert(1)" not in show(client)


def test_it_asks_for_permission(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))

    assert client.get(reverse("admin:monitoring_figures")).status_code == 403


def test_it_costs_the_same_for_many_rows(client: Client, boss: User) -> None:
    def queries(rows: int) -> int:
        for _ in range(rows):
            TestRunFactory(prompt=AIPromptFactory(), step_run=StepRunFactory(completed=True), attempt=1)
        with CaptureQueriesContext(connection) as captured:
            show(client)
        return len(captured)

    assert queries(2) == queries(25)
