"""Starting, rerunning and deciding over REST, and the steps of runs."""

import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from monitoring.flags import Key, set_flag
from pipelines.api.serializers.runs import NO_ADDRESS
from pipelines.models import PipelineRun, StepRun
from tests.factories import IRArtifactFactory, MetricResultFactory, PipelineRunFactory, StepRunFactory, UserFactory
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True, username="operator"))
    return client


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def start(api: APIClient, body: Any = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post("/api/pipelines/example/runs", body or {}, headers=named)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_run_is_started_with_what_was_asked(api: APIClient) -> None:
    building.pipeline({"key": "a"})
    group = str(uuid.uuid4())

    answer = start(api, {"inputs": {"n": 1}, "params": {"a": {"x": 2}}, "priority": 5, "runGroupId": group})

    body = answer.json()
    run = PipelineRun.objects.get()
    assert (answer.status_code, body["status"], body["startedBy"]) == (201, "running", "operator")
    assert answer["Location"] == f"http://testserver/api/pipeline-runs/{run.pk}"
    assert (run.inputs, run.params, run.priority) == ({"n": 1}, {"a": {"x": 2}}, 5)
    assert body["runGroupId"] == group
    detail = api.get(answer["Location"]).json()
    assert (detail["stepCount"], detail["priority"], detail["rerunFrom"]) == (1, 5, None)


@pytest.mark.parametrize(
    ("address", "body", "path", "hint"),
    [
        ("pipelines/example/runs", {"verison": 1}, "/verison", "Did you mean 'version'?"),
        ("pipelines/example/runs", {"x" * 5000: 1}, f"/{'x' * 80}", "There are: version, inputs, params, "),
        ("pipelines/example/versions", {"dag": {"nodes": []}, "isActive": True}, "/isActive", "There are: dag, notes."),
        ("pipelines/example/versions/1/activate", {"reason": "x"}, "/reason", "Did you mean 'overrideReason'?"),
        ("pipelines/example/validate-dag", {"dag": {}, "notes": ""}, "/notes", "There are: dag."),
        ("pipeline-runs/{run}/rerun", {"fromnodes": ["a"]}, "/fromnodes", "Did you mean 'fromNodes'?"),
        ("pipeline-runs/{run}/rerun", {"inputs": {}}, "/inputs", "There are: fromNodes, params, "),
        ("pools", {"key": "p", "limit": 1, "weight": 2}, "/weight", "There are: key, limit, description."),
        ("pipeline-schedules", {"name": "n", "chron": "* * * * *"}, "/chron", "Did you mean 'cron'?"),
    ],
)
def test_a_member_that_is_no_field_is_refused_with_those_that_are(
    address: str, body: Any, path: str, hint: str, api: APIClient
) -> None:
    run = building.run(building.pipeline({"key": "a"}))

    answer = api.post(f"/api/{address.format(run=run.pk)}", body)

    assert answer.status_code == 400
    (fault,) = [error for error in answer.json()["errors"] if error["code"] == "unknown-field"]
    assert fault["path"] == path
    assert hint in fault["message"]
    assert PipelineRun.objects.count() == 1


def test_what_was_read_may_be_sent_back_changed(api: APIClient) -> None:
    building.pipeline({"key": "a"})
    made = api.post("/api/pipeline-schedules", {"name": "n", "pipeline": "example", "cron": "* * * * *"}).json()

    changed = api.patch(f"/api/pipeline-schedules/{made['id']}", {**made, "priority": 3})

    assert (changed.status_code, changed.json()["priority"]) == (200, 3)
    assert changed.json().keys() == made.keys()


@pytest.mark.parametrize("address", ["pipelines/example/runs", "pipeline-schedules"])
def test_an_address_that_is_none_is_refused_with_what_one_looks_like(address: str, api: APIClient) -> None:
    building.pipeline({"key": "a"})

    errors = api.post(f"/api/{address}", {"sourceUrl": "ftp://example.org"}).json()["errors"]

    assert {"path": "/sourceUrl", "code": "invalid", "message": NO_ADDRESS} in errors


def test_a_version_can_be_named(api: APIClient) -> None:
    first = building.pipeline({"key": "a"})
    building.pipeline({"key": "b"})

    assert start(api, {"version": 1}).json()["version"] == first.version
    assert start(api).json()["version"] == 2
    assert code(start(api, {"version": 7})) == (409, "pipeline-has-no-active-version")


@pytest.mark.parametrize("header", ['"k 1"', '"k\\"1"', "k-1"])
def test_a_repeated_key_starts_no_second_run(header: str, api: APIClient) -> None:
    building.pipeline({"key": "a"})

    first, again = (start(api, {"inputs": {"n": 1}}, Idempotency_Key=header) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert PipelineRun.objects.get().idempotency_key == header.strip('"').replace("\\", "")


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ({"version": 2}, {"/version": "version 1, not 2"}),
        ({"inputs": {"n": 2, "m": None}}, {"/inputs": "(m, n)"}),
        ({"params": {"a": {"x": 3}}}, {"/params": "(a)"}),
        ({"params": {}, "sourceUrl": "https://example.org/"}, {"/inputs": "(source)", "/params": "(a)"}),
        ({"version": 2, "inputs": {}}, {"/version": "version 1", "/inputs": "(n)"}),
    ],
)
def test_a_key_that_was_used_for_something_else_is_refused_with_what_differs(
    other: Any, differs: dict[str, str], api: APIClient
) -> None:
    building.pipeline({"key": "a"})
    first = {"version": 1, "inputs": {"n": 1}, "params": {"a": {"x": 2}}, "idempotencyKey": "k"}
    assert start(api, first).status_code == 201
    building.pipeline({"key": "a"})

    answer = start(api, {**first, **other})

    assert code(answer) == (422, "idempotency-key-reused")
    found = {error["path"]: error["message"] for error in answer.json()["errors"]}
    assert found.keys() == differs.keys()
    assert all(said in found[path] and said in answer.json()["detail"] for path, said in differs.items())
    assert PipelineRun.objects.count() == 1


@pytest.mark.parametrize("again", [{}, {"version": 1}, {"priority": 9, "runGroupId": str(uuid.uuid4())}])
def test_a_repeated_key_gives_the_first_run_after_another_version_became_active(again: Any, api: APIClient) -> None:
    building.pipeline({"key": "a"})
    first = start(api, {"idempotencyKey": "k"}).json()
    building.pipeline({"key": "b"})

    answer = start(api, {"idempotencyKey": "k", **again})

    assert (answer.status_code, answer.json()["id"], answer.json()["version"]) == (200, first["id"], 1)


def test_a_key_in_the_body_is_the_same_key(api: APIClient) -> None:
    building.pipeline({"key": "a"})

    first = start(api, {"idempotencyKey": "k"})
    again = start(api, {"idempotencyKey": "k"}, Idempotency_Key='"k"')

    assert (first.status_code, again.status_code) == (201, 200)
    assert code(start(api, {"idempotencyKey": "k"}, Idempotency_Key='"other"')) == (400, "invalid-input")


@pytest.mark.parametrize("header", ["", '""', '"open', 'a"b', '"é"', "a b", f'"{"k" * 201}"'])
def test_a_key_that_is_none_is_refused(header: str, api: APIClient) -> None:
    building.pipeline({"key": "a"})

    assert code(start(api, Idempotency_Key=header)) == (400, "invalid-input")
    assert not PipelineRun.objects.exists()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"inputs": []}, "/inputs"),
        ({"params": {"a": 1}}, "/params/a"),
        ({"params": {"no/pe": {}}}, "/params/no~1pe"),
        ({"inputs": {"text": "x" * 1_000_001}}, "/inputs"),
        ({"version": 0}, "/version"),
        ({"priority": 1001}, "/priority"),
        ({"runGroupId": "x"}, "/runGroupId"),
        ({"sourceUrl": "/etc/passwd"}, "/sourceUrl"),
        ({"sourceUrl": "file:///etc/passwd"}, "/sourceUrl"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(body: Any, path: str, api: APIClient) -> None:
    building.pipeline({"key": "a"})

    answer = start(api, body)

    assert code(answer) == (400, "invalid-input")
    assert answer.json()["errors"][0]["path"] == path
    assert not PipelineRun.objects.exists()


def test_inputs_too_deep_to_keep_are_refused(api: APIClient) -> None:
    building.pipeline({"key": "a"})
    nested: Any = 1
    for _ in range(200):
        nested = [nested]

    assert code(start(api, {"inputs": {"deep": nested}})) == (400, "invalid-input")
    assert not PipelineRun.objects.exists()


def test_an_address_that_cannot_be_fetched_leaves_nothing(api: APIClient, media: Path) -> None:
    building.pipeline({"key": "a"})

    assert code(start(api, {"sourceUrl": "http://127.0.0.1:9/"})) == (422, "url-refused")
    assert not PipelineRun.objects.exists()
    assert not media.exists()


def test_a_pipeline_that_is_not_there(api: APIClient) -> None:
    assert code(start(api)) == (404, "pipeline-unknown")


def test_with_the_flag_off_the_refusal_says_how_to_switch_it_on(api: APIClient) -> None:
    building.pipeline({"key": "a"})
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")

    answer = start(api)

    assert code(answer) == (409, "pipeline-logging-disabled")
    assert "Feature flags" in answer.json()["detail"]


def test_a_run_is_run_again(api: APIClient) -> None:
    first = building.run(building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}))
    address = f"/api/pipeline-runs/{first.pk}/rerun"

    answer = api.post(address, {"fromNodes": ["b"], "params": {"b": {"x": 1}}, "idempotencyKey": "k"})
    again = api.post(address, {"fromNodes": ["b"], "params": {"b": {"x": 1}}}, headers={"Idempotency-Key": '"k"'})

    assert (answer.status_code, again.status_code) == (201, 200)
    assert answer.json()["id"] == again.json()["id"]
    assert answer.json()["rerunOf"] == str(first.pk)
    detail = api.get(answer["Location"]).json()
    kept = StepRun.objects.get(pipeline_run=first, node_key="a")
    assert [(step["nodeKey"], step["reusedFrom"]) for step in detail["steps"]] == [("a", str(kept.pk)), ("b", None)]
    assert detail["rerunFrom"] == ["b"]
    rows = api.get("/api/pipeline-runs", {"rerunOf": str(first.pk)}).json()["results"]
    assert [row["id"] for row in rows] == [answer.json()["id"]]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (409, "nothing-to-rerun")),
        ({"fromNodes": []}, (400, "invalid-input")),
        ({"fromNodes": ["nope"]}, (400, "invalid-input")),
    ],
)
def test_a_rerun_that_cannot_be(body: Any, refusal: tuple[int, str], api: APIClient) -> None:
    run = building.run(building.pipeline({"key": "a"}))

    assert code(api.post(f"/api/pipeline-runs/{run.pk}/rerun", body)) == refusal
    assert PipelineRun.objects.count() == 1


def test_a_rerun_names_the_place_of_a_node_that_is_not_there(api: APIClient) -> None:
    run = building.run(building.pipeline({"key": "a"}))

    answer = api.post(f"/api/pipeline-runs/{run.pk}/rerun", {"fromNodes": ["a", "nope"]})

    assert [each["path"] for each in answer.json()["errors"]] == ["/fromNodes/1"]


def test_a_run_that_goes_on_cannot_be_run_again(api: APIClient) -> None:
    run = PipelineRunFactory()

    assert code(api.post(f"/api/pipeline-runs/{run.pk}/rerun")) == (409, "run-unfinished")


@pytest.mark.parametrize(("verb", "status"), [("approve", "ready"), ("decline", "failed")])
def test_a_person_decides_on_a_waiting_step(verb: str, status: str, api: APIClient) -> None:
    run = building.run(building.pipeline({"key": "a", "approval": True}))
    (waiting,) = api.get("/api/step-runs", {"status": "waiting"}).json()["results"]
    address = f"/api/step-runs/{waiting['stepRunId']}/{verb}"

    answer = api.post(address, {"comment": "Seen."})

    body = answer.json()
    assert (answer.status_code, body["status"], body["pipelineRunId"]) == (200, status, str(run.pk))
    assert (body["decidedBy"], body["decisionComment"]) == ("operator", "Seen.")
    assert code(api.post(address)) == (409, "step-not-waiting")


def test_the_steps_of_a_run_are_paged_and_narrowed(api: APIClient) -> None:
    run = PipelineRunFactory()
    wanted = StepRunFactory(pipeline_run=run, node_key="a", completed=True)
    StepRunFactory(pipeline_run=run, node_key="b")
    StepRunFactory()

    assert len(api.get("/api/step-runs").json()["results"]) == 3
    rows = api.get("/api/step-runs", {"pipelineRunId": str(run.pk), "nodeKey": "a", "status": "completed"}).json()
    assert [row["stepRunId"] for row in rows["results"]] == [str(wanted.pk)]
    first = api.get("/api/step-runs", {"pipelineRunId": str(run.pk), "pageSize": 1}).json()
    assert len(api.get(first["next"]).json()["results"]) == 1


def test_reading_steps_costs_the_same_however_many_there_are(api: APIClient) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get("/api/step-runs?pageSize=200").status_code == 200
        return len(captured)

    MetricResultFactory.create_batch(2)
    few = cost()
    MetricResultFactory.create_batch(28)

    assert cost() == few


def test_an_ir_is_read_by_those_who_may(api: APIClient) -> None:
    step_run = StepRunFactory(completed=True)
    artifact = IRArtifactFactory(step_run=step_run, ir_json={"parts": [{"snake_key": 1}]})
    address = f"/api/step-runs/{step_run.pk}/ir"

    body = api.get(address).json()

    assert body["ir"] == {"parts": [{"snake_key": 1}]}
    assert (body["artifactId"], body["contentHash"]) == (str(artifact.pk), artifact.content_hash)
    assert code(api.get(f"/api/step-runs/{StepRunFactory().pk}/ir")) == (404, "not-found")
    viewer = UserFactory()
    viewer.user_permissions.add(Permission.objects.get(codename="view_steprun"))
    api.force_authenticate(viewer)
    assert api.get(f"/api/step-runs/{step_run.pk}").status_code == 200
    assert api.get(address).status_code == 403


def test_the_steps_of_a_huge_run_are_bounded_in_its_detail(api: APIClient) -> None:
    run = PipelineRunFactory()
    version = StepRunFactory(pipeline_run=run, node_key="split").step_version
    StepRun.objects.bulk_create(
        StepRun(pipeline_run=run, step_version=version, node_key="each", map_index=index) for index in range(1200)
    )

    detail = api.get(f"/api/pipeline-runs/{run.pk}").json()

    assert (len(detail["steps"]), detail["stepCount"]) == (1000, 1201)


def wait_for_background() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("run "):
            thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_started_is_carried_to_its_end(api: APIClient) -> None:
    building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]})

    answer = start(api)

    assert answer.status_code == 201
    wait_for_background()
    assert PipelineRun.objects.get().status == "completed"


@pytest.mark.django_db(transaction=True)
def test_eight_who_start_with_one_key_at_once_get_one_run() -> None:
    building.pipeline({"key": "a"})
    user = UserFactory(is_superuser=True)
    barrier = threading.Barrier(8)
    answers = []

    def begin() -> None:
        client = APIClient()
        client.force_authenticate(user)
        barrier.wait()
        answers.append(start(client, Idempotency_Key='"k"'))
        connection.close()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for_background()

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == PipelineRun.objects.count() == 1
