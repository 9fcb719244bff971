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
from django.utils import timezone

from monitoring import figures_page
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
    assert "spent; 1 unpriced" in page
    assert str(prompt) in page
    assert step.step_version.step.key in page
    by_prompt, by_model = answer.context["tables"]
    (by_step,) = answer.context["steps"]
    for link in (by_prompt["rows"][0]["link"], by_model["rows"][0]["not_passed"], by_step["link"], by_step["failed"]):
        assert runs_behind(client, link) == {run.pk}


def runs_behind(client: Client, link: str) -> set[Any]:
    return {row.pk for row in client.get(address_in(link)).context["cl"].result_list}


def test_a_link_leads_to_just_the_runs_that_its_figure_counts(client: Client, boss: User) -> None:
    prompt = AIPromptFactory()
    TestRunFactory(type="quality", prompt=prompt, model="small", status="failed")
    TestRunFactory(prompt=prompt, model="large", status="failed", cost_usd="0.5", latency_ms=5)
    TestRunFactory(model="", status="running")
    error = TestRunFactory(prompt=prompt, model="small", status="error", latency_ms=10)
    priced = TestRunFactory(prompt=prompt, model="small", cost_usd="0.5")
    plain = TestRunFactory(model="small", status="failed")

    page = client.get(reverse("admin:monitoring_figures"), {"model": "small"})

    of_prompt, of_none = page.context["tables"][0]["rows"]
    assert runs_behind(client, of_prompt["link"]) == {error.pk, priced.pk}
    assert runs_behind(client, of_prompt["not_passed"]) == {error.pk}
    assert runs_behind(client, of_prompt["unpriced"]) == {error.pk}
    assert runs_behind(client, of_none["link"]) == {plain.pk}
    days = {chart["title"]: chart["rows"][-1][0] for chart in page.context["charts"] if chart["rows"]}
    assert runs_behind(client, days["AI: runs that passed"]) == {error.pk, priced.pk, plain.pk}
    assert runs_behind(client, days["AI: 95 % were done in"]) == {error.pk}
    assert runs_behind(client, days["AI: cost of priced runs"]) == {priced.pk}


def test_runs_without_a_model_are_led_to(client: Client, boss: User) -> None:
    nameless = TestRunFactory(model="")
    TestRunFactory.create_batch(2, model="small")

    page = client.get(reverse("admin:monitoring_figures"))

    assert runs_behind(client, page.context["tables"][1]["rows"][1]["link"]) == {nameless.pk}


def test_steps_lead_to_the_runs_that_were_looked_at(
    client: Client, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_page, "LATEST_STEPS", 2)
    step, began = StepRunFactory(completed=True), timezone.now()
    runs = [
        TestRunFactory(step_run=step, attempt=number + 1, started_at=began - timedelta(minutes=number))
        for number in range(3)
    ]

    [row] = client.get(reverse("admin:monitoring_figures")).context["steps"]

    assert row["runs"] == 2
    assert runs_behind(client, row["link"]) == {run.pk for run in runs[:2]}


def test_small_costs_are_written_out(client: Client, boss: User) -> None:
    TestRunFactory(model="small", cost_usd="0.00000123")

    page = show(client)

    assert "0.000002 US$" in page
    assert "e-0" not in page


def test_it_says_how_many_it_leaves_out(client: Client, boss: User) -> None:
    for number in range(figures_page.SHOWN + 1):
        TestRunFactory(model=f"model-{number}")

    assert f"Of {figures_page.SHOWN + 1}, the {figures_page.SHOWN} with the most runs" in show(client)


def test_other_windows_keep_what_it_is_narrowed_to(client: Client, boss: User) -> None:
    page = client.get(reverse("admin:monitoring_figures"), {"model": "a&b"})

    assert all(preset["url"].endswith("&model=a%26b") for preset in page.context["presets"])


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
        ({"begins": "2026-02-01", "ends": "2026-01-01"}, "an earlier `from`"),
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
