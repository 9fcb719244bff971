"""The run page's picture of the DAG, its time line, and how it follows a run under way."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from rest_framework.test import APIClient

from pipelines import engine
from pipelines.executors import inline
from pipelines.models import PipelineRun, StepRun, StepVersion
from tests import factories
from tests.pipelines.building import PAGE, pipeline, run
from tests.pipelines.example_steps import HANDLERS

SCRIPT = "<script>alert(1)</script>"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]


@pytest.fixture(autouse=True)
def handlers(settings: LazySettings) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def page_of(client: Client, of: PipelineRun) -> str:
    answer = client.get(reverse("admin:pipelines_pipelinerun_change", args=[of.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def labels(page: str) -> list[str]:
    """What the boxes of the picture say."""
    return re.findall(r'class="dag-node [^>]*aria-label="([^"]*)"', page)


def live(client: Client, of: PipelineRun, etag: str = "") -> Any:
    url = reverse("admin:pipelines_pipelinerun_live", args=[of.pk])
    return client.get(url, headers={"If-None-Match": etag} if etag else {})


def wide_run(count: int, **fields: Any) -> PipelineRun:
    """A run of ``count`` nodes in a row, none of which has begun."""
    version = factories.StepVersionFactory()
    nodes: list[dict[str, Any]] = [
        {"key": f"n{index}", "stepVersionId": str(version.pk), "dependsOn": [f"n{index - 1}"] if index else []}
        for index in range(count)
    ]
    made: PipelineRun = factories.PipelineRunFactory(dag={"nodes": nodes}, **fields)
    rows = [StepRun(pipeline_run=made, step_version=version, node_key=node["key"]) for node in nodes]
    StepRun.objects.bulk_create(rows)
    return made


def test_each_node_is_drawn_in_its_state_and_leads_to_its_section(client: Client, boss: User) -> None:
    done = run(pipeline({"key": "first"}, {"key": "second", "dependsOn": ["first"], "params": {"refuse": "no"}}))

    page = page_of(client, done)

    first, second = labels(page)
    assert re.fullmatch(r"first: Completed · [\d.]+ m?s", first)
    assert re.fullmatch(r"second: Failed · [\d.]+ m?s", second)
    assert 'class="dag-node dag-success" href="#node-first"' in page
    assert 'id="node-first"' in page
    assert page.count('class="dag-line dag-line-plain"') == 1


def test_what_was_skipped_hangs_on_dashed_lines(client: Client, boss: User) -> None:
    done = run(pipeline({"key": "first"}, {"key": "never", "dependsOn": ["first"], "condition": "false"}))

    page = page_of(client, done)

    assert labels(page)[1] == "never: Skipped; runs only if false"
    assert page.count('class="dag-line dag-line-off"') == 1


def test_a_fan_out_is_one_box_with_counts(client: Client, boss: User) -> None:
    nodes = [
        {"key": "split", "stepVersionId": "listed@1", "params": {"count": 3}},
        {"key": "each", "forEach": "ir.split.parts", "dependsOn": ["split"], "parallelGroup": "few"},
    ]
    done = run(pipeline(*nodes, parallelGroups={"few": {"limit": 2}}), design=PAGE)
    StepRun.objects.filter(pipeline_run=done, map_index=1).update(status="failed")

    page = page_of(client, done)

    wanted = "each: 3 of 3 · 1 failed; in group few, 2 at a time; runs once for each item of ir.split.parts"
    assert labels(page)[1] == wanted
    bars = re.findall(r"<title>(each\[\d\]): (?:completed|failed), ", page)
    assert sorted(bars) == ["each[0]", "each[1]", "each[2]"]


def test_the_time_line_tells_when_each_node_ran(client: Client, boss: User) -> None:
    page = page_of(client, run(pipeline({"key": "first"}, {"key": "second", "dependsOn": ["first"]})))

    bars = re.findall(r'class="time-bars" role="img" aria-label="([^"]*)"', page)
    assert [bar.partition(":")[0] for bar in bars] == ["first", "second"]
    assert all(re.fullmatch(r"\w+: began .+ in, took .+, completed", bar) for bar in bars)


def test_the_time_line_tells_what_has_not_begun_from_what_will_not_run(client: Client, boss: User) -> None:
    nodes = [
        {"key": "skipped", "condition": "false"},
        {"key": "broken", "condition": "ir.first > 1", "dependsOn": ["first"], "continueOnFail": True},
        {"key": "none", "forEach": "ir.first.items", "dependsOn": ["first"]},
        {"key": "waiting", "dependsOn": ["first"], "approval": True},
    ]
    made = run(pipeline({"key": "first", "params": {"ir": {"items": []}}}, *nodes))

    page = page_of(client, made)
    assert "1 more has not begun." in page
    assert "3 more did not run here: 1 skipped, 1 failed, 1 without items." in page

    engine.cancel(run_id=made.pk)
    page = page_of(client, made)
    assert "not begun" not in page
    assert "4 more did not run here: 1 skipped, 1 failed, 1 without items, 1 cancelled." in page


def test_what_did_not_run_is_counted_by_nodes_where_they_are_drawn_together(client: Client, boss: User) -> None:
    made = wide_run(300, status="cancelled", finished_at=timezone.now())
    StepRun.objects.filter(pipeline_run=made).update(status="cancelled", finished_at=timezone.now())
    StepRun.objects.filter(pipeline_run=made, node_key="n0").update(started_at=made.created_at)

    page = page_of(client, made)

    counted = re.search(r"(\d+) more did not run here: (\d+) cancelled", page)
    assert counted
    together = next(label for label in labels(page) if label.startswith("n0"))
    in_its_box = 1 + int(re.search(r"and (\d+) more", together)[1]) if "more" in together else 1
    assert int(counted[1]) == int(counted[2]) == 300 - in_its_box


def retrying(began: datetime, **fields: Any) -> StepRun:
    """A step run whose first attempt failed after 20 ms."""
    ended = began + timedelta(milliseconds=20)
    error = {"code": "example-refused", "message": "Not today."}
    past = [{"attempt": 1, "startedAt": began.isoformat(), "endedAt": ended.isoformat(), "error": error}]
    made = engine.start_run(version=pipeline({"key": "first", "retries": 2}))
    PipelineRun.objects.filter(pk=made.pk).update(created_at=began)
    step: StepRun = made.step_runs.get()
    for name, value in {"attempt": 1, "started_at": began, "past_attempts": past, **fields}.items():
        setattr(step, name, value)
    step.save()
    return step


def test_a_step_that_waits_for_its_next_attempt_is_not_shown_as_running(client: Client, boss: User) -> None:
    step = retrying(timezone.now() - timedelta(minutes=5), not_before=timezone.now() + timedelta(minutes=5))

    page = page_of(client, step.pipeline_run)

    assert labels(page) == ["first: Ready · to try again; is tried again up to 2 times"]
    assert "Attempt 1: <strong>example-refused</strong> Not today. It is tried again, not before " in page
    assert '<span class="muted">–</span>' in page
    assert "first: waited to be tried again" in page
    assert "fill-default" not in page


def test_a_step_that_was_cancelled_before_its_next_attempt_took_as_long_as_the_last(client: Client, boss: User) -> None:
    began = timezone.now() - timedelta(minutes=5)
    step = retrying(began, status="cancelled", finished_at=timezone.now())
    PipelineRun.objects.update(status="cancelled", finished_at=timezone.now())
    api = APIClient()
    api.force_authenticate(boss)

    page = page_of(client, step.pipeline_run)
    listed = client.get(reverse("admin:pipelines_steprun_changelist")).content.decode()

    assert labels(page) == ["first: Cancelled; is tried again up to 2 times"]
    assert '<span class="muted">20 ms</span>' in page
    assert "20 ms" in listed
    assert api.get(f"/api/step-runs/{step.pk}").json()["durationMs"] == 20


def test_the_page_tells_what_the_run_was_started_with(client: Client, boss: User) -> None:
    version = pipeline({"key": "first"})
    first = run(version, inputs={"site": SCRIPT}, params={"first": {"x": 1}})
    again = inline.carry(engine.rerun(run_id=first.pk, from_nodes=["first"]).pk, threads=0)

    page = page_of(client, again)

    assert "What it was started with" in page
    assert escape('"site": "<script>') in page
    assert SCRIPT not in page
    assert "Nodes that were named to run again" in page
    assert client.get(reverse("admin:pipelines_pipelinerun_json", args=[again.pk, "params"])).json() == first.params
    assert "What it was started with" not in page_of(client, run(version))


def test_a_failure_that_does_not_stop_the_run_says_so(client: Client, boss: User) -> None:
    refused = {"params": {"refuse": "no"}}
    page = page_of(client, run(pipeline({"key": "a", **refused}, {"key": "b", "continueOnFail": True, **refused})))

    failures = re.findall(r"<strong>example-refused</strong> no(.*)</li>", page)
    assert failures == ["", " (it may fail without stopping the run)"]


def test_attempts_that_were_given_up_have_bars(client: Client, boss: User) -> None:
    failing = {"key": "first", "params": {"crash": "no such luck"}, "retries": 2, "retryDelayMs": 1}
    made = run(pipeline(failing))

    page = page_of(client, made)

    assert page.count("given up") == 2
    assert "first: attempt 1, given up" in page


def test_attempts_of_which_no_times_are_known_have_none(client: Client, boss: User) -> None:
    past = [{"attempt": 1, "error": {}}]
    step = factories.StepRunFactory(node_key="first", completed=True, attempt=2, past_attempts=past)

    assert "given up" not in page_of(client, step.pipeline_run)


def test_a_run_whose_dag_cannot_be_read_any_more_is_shown_without_a_picture(client: Client, boss: User) -> None:
    made = factories.PipelineRunFactory(dag={"nodes": [{"key": SCRIPT}, 3], "edges": "none"})
    factories.StepRunFactory(pipeline_run=made, node_key=SCRIPT, completed=True, reason=SCRIPT)

    page = page_of(client, made)

    assert "dag-node" not in page
    assert "time-bars" in page
    assert SCRIPT not in page


def test_rules_from_outside_are_escaped(client: Client, boss: User) -> None:
    done = run(pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"], "condition": f'"{SCRIPT}" == "x"'}))

    page = page_of(client, done)

    assert "&lt;script&gt;alert(1)" in page
    assert SCRIPT not in page


def test_a_run_of_two_thousand_steps_has_a_page_of_bounded_size_and_cost(client: Client, boss: User) -> None:
    small, large = wide_run(3), wide_run(2_000)

    def cost(of: PipelineRun) -> tuple[int, str]:
        with CaptureQueriesContext(connection) as captured:
            page = page_of(client, of)
        return len(captured), page

    (few, _), (many, page) = cost(small), cost(large)

    assert few == many
    assert len(labels(page)) <= 120
    assert "The pipeline is large" in page
    assert "1700 more step runs are not shown here" in page
    assert len(page) < 1_000_000


def test_single_steps_are_shown_before_the_items_of_wide_fan_outs(client: Client, boss: User) -> None:
    made = wide_run(2)
    version = StepVersion.objects.get(step_runs__node_key="n0")
    StepRun.objects.bulk_create(
        StepRun(pipeline_run=made, step_version=version, node_key=f"wide{node}", map_index=index)
        for node in range(4)
        for index in range(100)
    )

    page = page_of(client, made)

    assert 'id="node-n0"' in page
    assert 'id="node-n1"' in page


def test_nothing_is_sent_again_while_nothing_has_changed(client: Client, boss: User) -> None:
    done = run(pipeline({"key": "first"}))

    answer = live(client, done)

    assert answer.status_code == 200
    assert "dag-node" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert f'data-run-etag="{answer.headers["ETag"].replace(chr(34), "&quot;")}"' in page_of(client, done)
    with CaptureQueriesContext(connection) as captured:
        assert live(client, done, answer.headers["ETag"]).status_code == 304
    assert len(captured) <= 5

    StepRun.objects.filter(pipeline_run=done).update(status="skipped")
    assert live(client, done, answer.headers["ETag"]).status_code == 200


def test_following_a_run_needs_its_permission(client: Client) -> None:
    made = factories.PipelineRunFactory()
    user = factories.UserFactory(is_staff=True)
    client.force_login(user)

    assert live(client, made).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_pipelinerun"))
    assert live(client, made).status_code == 200
