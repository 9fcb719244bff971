"""The admin's pages that start, cancel, run again and approve: each says what will happen, and asks."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from monitoring.flags import Key, set_flag
from pipelines import engine
from pipelines.definitions import create_version
from pipelines.models import PipelineRun, PipelineVersion, StepRun
from tests import factories
from tests.pipelines.building import PAGE, pipeline, run, statuses
from tests.pipelines.example_steps import HANDLERS

SCRIPT = "<script>alert(1)</script>"
REFUSED = {"key": "b", "dependsOn": ["a"], "params": {"refuse": "no"}}
WAITING = {"key": "b", "dependsOn": ["a"], "approval": True}

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]


@pytest.fixture(autouse=True)
def handlers(settings: LazySettings) -> None:
    settings.PIPELINE_STEPS = HANDLERS


@pytest.fixture
def operator(client: Client) -> User:
    """A member of staff who may see definitions and runs, and operate these."""
    user: User = factories.UserFactory(is_staff=True)
    names = ("view_pipelinedefinition", "view_pipelineversion", "view_pipelinerun", "operate_pipelinerun")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return user


def url(name: str, row: Any) -> str:
    return reverse(f"admin:pipelines_{name}", args=[row.pk])


def start_url(version: PipelineVersion) -> str:
    return url("pipelinedefinition_run", version.pipeline)


def page_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f-]{36})"', page)
    assert found
    return found[1]


def start(client: Client, of: PipelineVersion, **fields: str) -> Any:
    known = {"version": str(of.pk), "token": str(uuid.uuid4())}
    return client.post(start_url(of), {**known, **fields})


def said(client: Client, answer: Any) -> list[str]:
    """The messages on the page that the answer leads to."""
    assert answer.status_code == 302, answer.context["form"].errors
    return [str(message) for message in client.get(answer.headers["Location"]).context["messages"]]


def labels(page: str) -> list[str]:
    return re.findall(r'class="dag-node [^>]*aria-label="([^"]*)"', page)


def waiting_step() -> StepRun:
    run(pipeline({"key": "a"}, WAITING))
    return StepRun.objects.get(status="waiting")


# Start


def test_a_run_is_started_with_what_was_given(client: Client, operator: User) -> None:
    version = pipeline({"key": "a"}, WAITING)
    page = page_of(client, start_url(version))

    answer = start(client, version, token=token_of(page), inputs='{"n": 1}', params='{"a": {"x": 2}}')

    made = PipelineRun.objects.get()
    assert "wait for a person at <code>b</code>" in page
    assert labels(page) == ["a: emit@1", "b: emit@1; waits for a person&#x27;s approval"]
    assert answer.headers["Location"] == url("pipelinerun_change", made)
    assert said(client, answer) == ["The run has started. This page follows it."]
    assert (made.inputs, made.params, made.started_by) == ({"n": 1}, {"a": {"x": 2}}, operator)
    assert LogEntry.objects.get().user == operator


def test_an_earlier_version_can_be_chosen(client: Client, operator: User) -> None:
    old = pipeline({"key": "a"})
    new = pipeline({"key": "b"})

    assert labels(page_of(client, start_url(new))) == ["b: emit@1"]
    page = page_of(client, f"{start_url(new)}?version={old.pk}")
    assert f'<option value="{old.pk}" selected>' in page
    assert labels(page) == ["a: emit@1"]
    start(client, old)
    assert PipelineRun.objects.get().pipeline_version == old


def test_pressing_twice_starts_one_run(client: Client, operator: User) -> None:
    version = pipeline({"key": "a"})
    token = str(uuid.uuid4())

    first, second = (start(client, version, token=token) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]
    assert said(client, second)[-1] == "This run had been started already; no second one was."
    assert PipelineRun.objects.count() == 1


@pytest.mark.parametrize(("version", "inputs"), [(1, '{"n": 2}'), (2, "")])
def test_what_is_changed_after_a_start_is_a_run_of_its_own(
    version: int, inputs: str, client: Client, operator: User
) -> None:
    first = pipeline({"key": "a"})
    other = {1: first, 2: pipeline({"key": "b"})}[version]
    token = str(uuid.uuid4())
    start(client, first, token=token)

    page = start(client, other, token=token, inputs=inputs).content.decode()

    assert "This page has already started a run, with other values." in page
    assert start(client, other, token=token_of(page), inputs=inputs).status_code == 302
    runs = PipelineRun.objects.order_by("pk").values_list("pipeline_version", "inputs")
    assert list(runs) == [(first.pk, {}), (other.pk, json.loads(inputs or "{}"))]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"inputs": "[]"}, "Write a JSON object"),
        ({"inputs": "{"}, "Line 1, column 2"),
        ({"params": '{"z": {}}'}, "is no node of this pipeline"),
        ({"params": '{"a": 3}'}, "must be an object"),
        ({"source": "file:///etc/passwd"}, "begins with http"),
        ({"source": "http://127.0.0.1:9/"}, "127.0.0.1"),
        ({"version": "x"}, "valid choice"),
        ({"token": ""}, "Load this page again"),
        ({"token": "x"}, "Load it again"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(
    fields: dict[str, str], complaint: str, client: Client, operator: User
) -> None:
    answer = start(client, pipeline({"key": "a"}), **fields)

    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert not PipelineRun.objects.exists()


def test_nothing_starts_while_runs_are_switched_off(client: Client, operator: User) -> None:
    version = pipeline({"key": "a"})
    done = run(version)
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")

    for path in (start_url(version), url("pipelinerun_rerun", done)):
        page = page_of(client, path)
        assert "PIPELINE_LOGGING_ENABLED is off" in page
        assert re.search(r'<button class="action action-primary" type="submit" disabled>', page)
    assert "PIPELINE_LOGGING_ENABLED is off" in start(client, version).content.decode()
    again = client.post(f"{url('pipelinerun_rerun', done)}?scope=*", {"token": str(uuid.uuid4())})
    assert "PIPELINE_LOGGING_ENABLED is off" in again.content.decode()
    assert PipelineRun.objects.count() == 1


def test_a_pipeline_without_a_version_says_what_is_missing(client: Client, operator: User) -> None:
    empty = factories.PipelineDefinitionFactory()

    assert "has no version yet" in page_of(client, url("pipelinedefinition_run", empty))


def test_a_pipeline_is_started_where_none_is_active(client: Client, operator: User) -> None:
    made = create_version(
        pipeline=pipeline({"key": "a"}).pipeline, dag={"nodes": [{"key": "z", "stepVersionId": "emit@1"}]}
    )
    PipelineVersion.objects.update(is_active=False)

    start(client, made)

    assert PipelineRun.objects.get().pipeline_version == made


# Cancel


def test_a_run_is_cancelled_after_a_question(client: Client, operator: User) -> None:
    made = engine.start_run(version=pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}))

    assert "2 wait for their turn, and will not run." in page_of(client, url("pipelinerun_cancel", made))
    first, second = (client.post(url("pipelinerun_cancel", made)) for _ in range(2))

    assert statuses(made) == {"a": "cancelled", "b": "cancelled"}
    assert said(client, first) == [
        "The run is cancelled. What it had done so far is kept.",
        "The run had been cancelled already.",
    ]
    assert second.status_code == 302
    assert LogEntry.objects.get().change_message == "Cancelled."


def test_a_run_that_has_ended_stays_as_it_is(client: Client, operator: User) -> None:
    done = run(pipeline({"key": "a"}))

    for ask in (client.get, client.post):
        answer = ask(url("pipelinerun_cancel", done))
        assert "already ended as completed" in said(client, answer)[0]
    assert statuses(done) == {"a": "completed"}


# Run again


def test_what_failed_runs_again(client: Client, operator: User) -> None:
    failed = run(pipeline({"key": "a"}, REFUSED, {"key": "c", "dependsOn": ["b"]}))
    page = page_of(client, url("pipelinerun_rerun", failed))

    answer = client.post(url("pipelinerun_rerun", failed), {"token": token_of(page)})

    assert labels(page) == ["a: Reused", "b: Runs again", "c: Runs again"]
    assert "2 nodes run again, 1 does not" in page
    made = PipelineRun.objects.get(rerun_of=failed)
    assert answer.headers["Location"] == url("pipelinerun_change", made)
    assert said(client, answer) == ["The rerun has started. This page follows it."]
    assert made.started_by == operator
    assert str(made.pk) in page_of(client, url("pipelinerun_change", failed))


def test_a_run_runs_again_from_the_node_that_is_pressed(client: Client, operator: User) -> None:
    done = run(pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}))
    link = f"{url('pipelinerun_rerun', done)}?scope=b"
    assert f'href="{link}"' in page_of(client, url("pipelinerun_change", done))

    page = page_of(client, link)
    fields = {"token": token_of(page), "params": '{"b": {"x": 1}}'}
    answers = [client.post(link, fields) for _ in range(2)]

    made = PipelineRun.objects.get(rerun_of=done)
    assert labels(page) == ["a: Reused", "b: Runs again"]
    assert (made.rerun_from, made.params) == (["b"], {"b": {"x": 1}})
    assert said(client, answers[1])[-1] == "This rerun had been started already; no second one was."


def test_everything_runs_again_where_nothing_failed(client: Client, operator: User) -> None:
    done = run(pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}))

    page = page_of(client, url("pipelinerun_rerun", done))
    nothing = page_of(client, f"{url('pipelinerun_rerun', done)}?scope=")

    assert labels(page) == ["a: Runs again", "b: Runs again"]
    assert "Every step of run" in nothing
    answer = client.post(f"{url('pipelinerun_rerun', done)}?scope=", {"token": str(uuid.uuid4())})
    assert "Every step of run" in answer.content.decode()
    assert PipelineRun.objects.count() == 1


def test_only_the_items_that_failed_are_counted(client: Client, operator: User) -> None:
    nodes = (
        {"key": "split", "stepVersionId": "listed@1", "params": {"count": 3}},
        {
            "key": "each",
            "stepVersionId": "picky@1",
            "dependsOn": ["split"],
            "forEach": "ir.split.parts",
            "params": {"refuse": [1]},
        },
    )
    failed = run(pipeline(*nodes), design=PAGE)

    assert labels(page_of(client, url("pipelinerun_rerun", failed)))[1].startswith("each: Runs again: 1 of 3 items")


def test_a_run_under_way_does_not_run_again(client: Client, operator: User) -> None:
    made = engine.start_run(version=pipeline({"key": "a"}))

    assert "has not ended" in page_of(client, url("pipelinerun_rerun", made))
    assert "Run again" not in page_of(client, url("pipelinerun_change", made))
    answer = client.post(url("pipelinerun_rerun", made), {"token": str(uuid.uuid4())})
    assert "has not ended" in answer.content.decode()


def test_an_unknown_node_is_refused(client: Client, operator: User) -> None:
    done = run(pipeline({"key": "a"}))
    link = f"{url('pipelinerun_rerun', done)}?scope=nothing"

    assert "not one of the available choices" in page_of(client, link)
    client.post(link, {"token": str(uuid.uuid4())})
    assert PipelineRun.objects.count() == 1


def test_a_run_whose_dag_cannot_be_read_any_more_does_not_run_again(client: Client, operator: User) -> None:
    made = factories.PipelineRunFactory(finished=True, dag={"nodes": 3})

    assert "cannot run again" in said(client, client.get(url("pipelinerun_rerun", made)))[0]


def test_what_a_rerun_costs_to_ask_does_not_grow(client: Client, operator: User) -> None:
    def queries(*nodes: dict[str, Any], key: str) -> int:
        done = run(pipeline(*nodes, key=key))
        with CaptureQueriesContext(connection) as captured:
            page_of(client, url("pipelinerun_rerun", done))
        return len(captured)

    assert queries({"key": "a"}, key="few") == queries(*({"key": f"n{n}"} for n in range(8)), key="many")


# Decide


@pytest.mark.parametrize(("verb", "status"), [("approve", "ready"), ("decline", "failed")])
def test_a_waiting_step_is_decided(verb: str, status: str, client: Client, operator: User) -> None:
    step = waiting_step()
    run_page = page_of(client, url("pipelinerun_change", step.pipeline_run))
    assert f'href="{url("steprun_decide", step)}"' in run_page

    page = page_of(client, url("steprun_decide", step))
    fields = {"decision": verb, "comment": SCRIPT}
    answers = [client.post(url("steprun_decide", step), fields) for _ in range(2)]

    assert "and so does the run" in page
    step.refresh_from_db()
    assert (step.status, step.decided_by, step.decision_comment) == (status, operator, SCRIPT)
    assert answers[0].headers["Location"] == f"{url('pipelinerun_change', step.pipeline_run)}#node-b"
    verdict = {"approve": "approved", "decline": "declined"}[verb]
    assert said(client, answers[1]) == [f"Step b is {verdict}.", f"You had {verdict} b already."]
    after = page_of(client, url("pipelinerun_change", step.pipeline_run))
    assert f"{verdict.capitalize()} by {operator}" in after
    assert SCRIPT not in after


def test_of_two_who_decide_the_second_is_told_who_was_first(client: Client, operator: User) -> None:
    step = waiting_step()
    engine.approve(step_run_id=step.pk, user=factories.UserFactory(username="ann"))

    answer = client.post(url("steprun_decide", step), {"decision": "decline"})

    assert "was approved by ann" in said(client, answer)[0]
    assert "does not wait" in said(client, client.get(url("steprun_decide", step)))[0]


@pytest.mark.parametrize("fields", [{}, {"decision": "maybe"}, {"decision": "approve", "comment": "x" * 2001}])
def test_a_decision_that_is_none_changes_nothing(fields: dict[str, str], client: Client, operator: User) -> None:
    step = waiting_step()

    assert client.post(url("steprun_decide", step), fields).status_code == 200
    step.refresh_from_db()
    assert step.status == "waiting"


# All of them


@pytest.mark.parametrize("missing", ["operate_pipelinerun", "view_pipelinerun"])
def test_each_page_asks_for_its_permissions(missing: str, client: Client, operator: User) -> None:
    step = waiting_step()
    of, version = step.pipeline_run, step.pipeline_run.pipeline_version
    operator.user_permissions.remove(Permission.objects.get(codename=missing))

    pages = [
        start_url(version),
        url("pipelinerun_cancel", of),
        url("pipelinerun_rerun", of),
        url("steprun_decide", step),
    ]
    for path in pages:
        assert client.get(path).status_code == 403
        assert client.post(path, {"decision": "approve", "token": str(uuid.uuid4())}).status_code == 403
    assert statuses(of) == {"a": "completed", "b": "waiting"}
    shown = [url("pipelinedefinition_change", version.pipeline), url("pipelineversion_change", version)]
    for path in [*shown, *([url("pipelinerun_change", of)] if missing == "operate_pipelinerun" else [])]:
        page = page_of(client, path)
        assert not any(f'href="{each}' in page for each in pages)


def test_a_form_without_its_token_of_the_session_is_refused(operator: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    step = waiting_step()

    for path in (start_url(step.pipeline_run.pipeline_version), url("pipelinerun_cancel", step.pipeline_run)):
        assert strict.post(path).status_code == 403
    assert strict.post(url("steprun_decide", step), {"decision": "approve"}).status_code == 403


def test_what_is_not_there_is_not_found(client: Client, operator: User) -> None:
    nowhere = PipelineRun(pk=uuid.uuid4())

    for name in ("pipelinedefinition_run", "pipelinerun_cancel", "pipelinerun_rerun", "steprun_decide"):
        assert client.get(url(name, nowhere)).status_code == 404


# Carried on, by threads of this process


@pytest.fixture
def carried(transactional_db: None, logging_on: None) -> Iterator[None]:
    """Runs that are carried in the background have ended before the database is cleaned."""
    yield
    join_runs()


def join_runs() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("run "):
            thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_run_goes_on_behind_the_answer_and_again_after_the_approval(
    client: Client, carried: None, operator: User
) -> None:
    version = pipeline({"key": "a"}, WAITING)
    assert start(client, version).status_code == 302
    join_runs()
    step = StepRun.objects.get(status="waiting")

    client.post(url("steprun_decide", step), {"decision": "approve"})
    join_runs()

    made = PipelineRun.objects.get()
    assert (made.status, statuses(made)) == ("completed", {"a": "completed", "b": "completed"})
