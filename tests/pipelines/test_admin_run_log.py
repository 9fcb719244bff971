"""What steps say while they run, on the run page: their lines and how far they are."""

import re
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from pipelines.models import PipelineRun, StepLog, StepRun
from tests import factories

SCRIPT = "<script>alert(1)</script>"

pytestmark = pytest.mark.django_db


def page_of(client: Client, of: PipelineRun) -> str:
    answer = client.get(reverse("admin:pipelines_pipelinerun_change", args=[of.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def running(of: PipelineRun | None = None, **fields: Any) -> StepRun:
    """A step under way."""
    now = timezone.now()
    known = {"status": "running", "attempt": 1, "started_at": now, "lease_token": uuid.uuid4(), "lease_expires_at": now}
    step: StepRun = factories.StepRunFactory(pipeline_run=of or factories.PipelineRunFactory(), **known, **fields)
    return step


def say(step: StepRun, *messages: str, attempt: int = 1) -> None:
    StepLog.objects.bulk_create(StepLog(step_run=step, attempt=attempt, message=message) for message in messages)


def said(page: str) -> list[str]:
    """The messages on the page, each with what stands before it but for its time."""
    found = re.findall(r"<li><time [^>]*>[\d:]+</time> (.*?)</li>", page)
    return [re.sub(r"<[^>]+>", "", each) for each in found]


def live(client: Client, of: PipelineRun, etag: str = "") -> Any:
    url = reverse("admin:pipelines_pipelinerun_live", args=[of.pk])
    return client.get(url, headers={"If-None-Match": etag} if etag else {})


def test_lines_stand_in_order_escaped_and_with_their_attempt(client: Client, boss: User) -> None:
    step = factories.StepRunFactory(completed=True)
    StepRun.objects.filter(pk=step.pk).update(attempt=2)
    say(step, "first try")
    say(step, SCRIPT, "done", attempt=2)

    page = page_of(client, step.pipeline_run)

    assert said(page) == ["attempt 1 first try", "&lt;script&gt;alert(1)&lt;/script&gt;", "done"]
    assert SCRIPT not in page


def test_the_last_two_hundred_lines_are_shown_and_lead_to_all(client: Client, boss: User) -> None:
    step = factories.StepRunFactory(completed=True)
    say(step, *(f"line {n}" for n in range(250)))
    say(factories.StepRunFactory(completed=True), "of another")

    page = page_of(client, step.pipeline_run)

    assert said(page) == [f"line {n}" for n in range(50, 250)]
    link = reverse("admin:pipelines_steplog_changelist", query={"step_run__id__exact": str(step.pk)})
    assert f'href="{link}">all 250 lines' in page
    assert client.get(link).context["cl"].result_count == 250
    assert client.get(f"{link}&p=5").status_code == 200


def test_many_talkative_steps_make_no_endless_page(client: Client, boss: User) -> None:
    of = factories.PipelineRunFactory()
    version = factories.StepVersionFactory()
    steps = StepRun.objects.bulk_create(
        StepRun(pipeline_run=of, step_version=version, node_key="each", map_index=n, attempt=1) for n in range(100)
    )
    StepLog.objects.bulk_create(
        StepLog(step_run=step, attempt=1, message=f"{n} of {step.map_index}") for step in steps for n in range(30)
    )

    lines = said(page_of(client, of))

    assert len(lines) == 2_000
    assert lines[:20] == [f"{n} of 0" for n in range(10, 30)]


def test_a_step_that_runs_says_how_far_it_is(client: Client, boss: User) -> None:
    step = running(node_key="first", progress_done=3, progress_total=10)

    page = page_of(client, step.pipeline_run)

    assert '<progress value="3" max="10" aria-label="Progress of first">' in page
    assert re.search(r'aria-label="first: Running · [\d.]+ m?s · 30 %"', page)


@pytest.mark.parametrize(("done", "total"), [(0, 0), (12, 10), (2_147_483_647, 2_147_483_647)])
def test_a_progress_that_makes_no_sense_is_shown_all_the_same(
    done: int, total: int, client: Client, boss: User
) -> None:
    step = running(node_key="first", progress_done=done, progress_total=total)
    running(step.pipeline_run, node_key="second", progress_done=done, progress_total=total)

    page = page_of(client, step.pipeline_run)

    assert ("100 %" in page) == (total > 0)


def test_what_is_said_while_a_step_runs_is_news(client: Client, boss: User) -> None:
    step = running(node_key="first")
    # That time goes on is news, too, every few seconds: of two tries one is answered within a tick.
    tries = [live(client, step.pipeline_run, live(client, step.pipeline_run).headers["ETag"]) for _ in range(2)]
    assert 304 in {each.status_code for each in tries}
    etag = tries[-1].headers["ETag"]

    say(step, "half way")
    answer = live(client, step.pipeline_run, etag)
    assert said(answer.content.decode()) == ["half way"]

    StepRun.objects.filter(pk=step.pk).update(progress_done=1, progress_total=2)
    assert "1 of 2" in live(client, step.pipeline_run, answer.headers["ETag"]).content.decode()


def test_the_log_of_what_runs_or_failed_is_open(client: Client, boss: User) -> None:
    of = factories.PipelineRunFactory()
    failed = factories.StepRunFactory(pipeline_run=of, status="failed", finished_at=timezone.now())
    for step in (running(of), failed, factories.StepRunFactory(pipeline_run=of, completed=True)):
        say(step, "a line")

    page = page_of(client, of)

    assert len(re.findall(r'<details class="step-log" [^>]* open>', page)) == 2
    assert page.count('<details class="step-log"') == 3


def test_lines_are_shown_to_those_who_may_read_them(client: Client) -> None:
    user = factories.UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_pipelinerun"))
    client.force_login(user)
    step = running()
    say(step, "secret")

    assert said(page_of(client, step.pipeline_run)) == []
    user.user_permissions.add(Permission.objects.get(codename="view_steplog"))
    assert said(page_of(client, step.pipeline_run)) == ["secret"]


def test_a_page_with_lines_costs_the_same_for_many_steps(client: Client, boss: User) -> None:
    of = factories.PipelineRunFactory()

    def queries(count: int) -> int:
        for _ in range(count):
            say(running(of), "a", "b")
        with CaptureQueriesContext(connection) as captured:
            page_of(client, of)
        return len(captured)

    assert queries(1) == queries(20)
