"""Evaluations as rows: started, taken on by whoever looks, carried on after a death, read by page and over REST."""

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from config.canonical import content_hash
from feedback import ground_truth
from feedback.models import Evaluation, EvaluationItem, GroundTruthSet
from metrics.models import MetricResult
from monitoring.flags import Key, Who, add_rule
from pipelines.approvals import approve
from pipelines.executors import duties, inline
from pipelines.models import AIProcess, AIPrompt, PipelineRun, PipelineVersion, StepDefinition, StepRun, StepVersion
from pipelines.models.runs import RunStatus
from pipelines.review.evaluating import services
from tests import factories
from tests.pipelines.building import PAGE, pipeline, run
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.truths import RIGHT, truths

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
BODY = {"set": "home", "pipeline": "example", "version": 2, "against": 1}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = {**HANDLERS, "prompt": "pipelines.ai.step.prompt"}


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be done in the background stays undone, so that each test says itself who looks."""
    begun: list[str] = []
    monkeypatch.setattr(inline, "in_background", lambda what, work: begun.append(what))
    return begun


def versions(*outputs: Any) -> list[PipelineVersion]:
    return [pipeline({"key": "first", "params": {"ir": ir}}) for ir in outputs]


def started(count: int = 2, **more: Any) -> Evaluation:
    old, new = versions(RIGHT, {"title": "Wrong"})
    return services.start_evaluation(truth_set=truths(count), version=new, baseline_version=old, **more)


def run_all(runs: list[uuid.UUID]) -> None:
    for run_id in runs:
        inline.carry(run_id, threads=0)


def test_whoever_looks_takes_it_as_far_as_it_goes() -> None:
    evaluation = started(3)

    runs = services.advance(evaluation.pk, most=2)
    assert len(runs) == 2
    assert services.advance(evaluation.pk, most=2) == runs, "both are under way still"
    run_all(runs)
    more = services.advance(evaluation.pk, most=2)
    assert not set(more) & set(runs)
    assert services.progress(evaluation) == (2, 6)
    while more:
        run_all(more)
        more = services.advance(evaluation.pk, most=2)

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.outcome) == ("completed", "unclear")
    assert evaluation.report["metrics"]["truth_json_exact"]["worsened"] == 3
    assert PipelineRun.objects.filter(run_group_id=evaluation.pk).count() == 6
    assert MetricResult.objects.filter(metric__key="truth_json_exact").count() == 6
    assert {item.change for item in evaluation.items.all()} == {-1}
    assert services.advance(evaluation.pk) == []
    assert MetricResult.objects.filter(metric__key="truth_json_exact").count() == 6


def test_one_that_died_half_way_is_carried_on_and_runs_nothing_twice() -> None:
    evaluation = started(2)
    run_all(services.advance(evaluation.pk, most=1))
    before = set(PipelineRun.objects.values_list("pk", flat=True))

    done = services.carry(evaluation.pk)

    assert done.status == "completed"
    assert before < set(PipelineRun.objects.values_list("pk", flat=True))
    assert PipelineRun.objects.count() == 4


def test_the_same_is_under_way_once() -> None:
    evaluation = started()
    same = {
        "truth_set": evaluation.truth_set,
        "version": evaluation.version,
        "baseline_version": evaluation.baseline_version,
    }

    again = services.start_evaluation(**same)

    assert (again.pk, again.is_replay) == (evaluation.pk, True)
    with pytest.raises(IntegrityError, match="one_evaluation_of_a_kind_under_way"), transaction.atomic():
        Evaluation.objects.create(**same)
    services.carry(evaluation.pk)
    assert services.start_evaluation(**same).pk != evaluation.pk


def test_what_the_set_held_at_the_start_is_what_counts() -> None:
    evaluation = started(2)
    ground_truth.take_out_of_set(
        truth_set=evaluation.truth_set, ids=evaluation.items.values_list("ground_truth", flat=True)
    )

    assert services.carry(evaluation.pk).report["answers"] == 2
    assert not evaluation.set_was_frozen


def test_one_that_cannot_go_on_fails_and_says_why() -> None:
    evaluation = started()
    StepVersion.objects.filter(step__key="emit").update(version=9)

    done = services.carry(evaluation.pk)

    assert (done.status, done.error["code"]) == ("failed", "dag-invalid")


def test_cancelled_it_ends_its_runs() -> None:
    evaluation = started()
    [run_id] = services.advance(evaluation.pk, most=1)

    assert services.cancel_evaluation(evaluation).status == "cancelled"

    assert PipelineRun.objects.get(pk=run_id).status == RunStatus.CANCELLED
    assert services.advance(evaluation.pk) == []
    with pytest.raises(services.EvaluationFinished, match="already ended as cancelled"):
        services.cancel_evaluation(evaluation)


def test_workers_take_it_on_while_review_is_on(settings: LazySettings) -> None:
    settings.PIPELINE_EXECUTOR = "distributed"
    evaluation = started(2)
    settings.REVIEW_ENABLED = False
    duties.look_once()
    assert not PipelineRun.objects.exists()
    settings.REVIEW_ENABLED = True

    for _ in range(3):
        duties.look_once()
        run_all(list(PipelineRun.objects.filter(status="running").values_list("pk", flat=True)))

    evaluation.refresh_from_db()
    assert evaluation.status == "completed"


def test_one_that_crashes_does_not_hold_up_the_others() -> None:
    bad = started(1)
    good = services.start_evaluation(truth_set=bad.truth_set, version=bad.version)
    EvaluationItem.objects.filter(evaluation=bad).update(reference="not the answer's")

    services.look()

    bad.refresh_from_db()
    assert (bad.status, bad.error["code"]) == ("failed", "evaluation-crashed")
    assert PipelineRun.objects.get().run_group_id == good.pk


def one_truth(**more: Any) -> GroundTruthSet:
    """A set with an answer to the inputs ``{"n": 0}``, as it may have been kept before provenance was checked."""
    given = {"scope": "first", "reference_id": content_hash({"n": 0}), "data": RIGHT, "provenance": {}, **more}
    truth_set: GroundTruthSet = factories.GroundTruthSetFactory(key="home")
    truth = factories.GroundTruthFactory(**given)
    ground_truth.put_into_set(truth_set=truth_set, truths=[truth])
    return truth_set


@pytest.mark.parametrize("inputs", [["a"], "text", 7])
def test_inputs_that_no_run_can_begin_with_are_refused_by_name(api: APIClient, inputs: Any) -> None:
    versions(RIGHT, RIGHT)
    truth = one_truth(provenance={"inputs": inputs}).members.get()

    refused = api.post("/api/evaluations", BODY, "json")

    assert (refused.status_code, refused.json()["code"]) == (409, "ground-truth-not-evaluable")
    assert f"The provenance of {truth} has inputs that are no object" in refused.json()["detail"]


@pytest.mark.parametrize("provenance", [{"designSplitId": "my page"}, {"designSplitId": 7}, ["a"], "text"])
def test_provenance_that_names_no_design_leaves_the_latest(api: APIClient, provenance: Any) -> None:
    run(versions(RIGHT, RIGHT)[0], design=PAGE)
    one_truth(reference_id=PAGE.sha256, provenance=provenance)

    made = api.post("/api/evaluations", BODY, "json")

    assert made.status_code == 201, made.json()
    done = services.carry(uuid.UUID(made.json()["id"]))
    assert (done.status, done.report["withoutOutput"]) == ("completed", 0)


def test_a_number_that_only_looks_like_one_is_no_item(api: APIClient) -> None:
    [version] = versions(RIGHT)
    reference = content_hash({"n": 0})
    truth_set = one_truth(reference_id=f"{reference}/²", provenance={"inputs": {"n": 0}})

    done = services.carry(services.start_evaluation(truth_set=truth_set, version=version).pk)

    assert done.status == "completed"


def test_a_design_that_storage_lost_ends_it_in_words() -> None:
    [version] = versions(RIGHT)
    design = run(version, design=PAGE).design_split
    design.bundle.delete(save=False)
    truth_set = one_truth(reference_id=PAGE.sha256)

    done = services.carry(services.start_evaluation(truth_set=truth_set, version=version).pk)

    assert (done.status, done.error["code"]) == ("failed", "ground-truth-not-evaluable")
    assert f"The file of the design {design} of {truth_set.members.get()} can't be read" in done.error["message"]


def test_a_design_that_storage_lost_is_taken_from_a_later_run() -> None:
    [version] = versions(RIGHT)
    design = run(version, design=PAGE).design_split
    truth_set = one_truth(reference_id=PAGE.sha256, provenance={"designSplitId": str(design.pk)})
    design.bundle.delete(save=False)
    run(version, design=PAGE)

    assert services.carry(services.start_evaluation(truth_set=truth_set, version=version).pk).status == "completed"


def test_one_that_crashes_where_there_are_no_workers_ends_in_words() -> None:
    evaluation = started(1)
    EvaluationItem.objects.filter(evaluation=evaluation).update(reference="not the answer's")

    done = services.carry(evaluation.pk)

    assert (done.status, done.error["code"]) == ("failed", "evaluation-crashed")


def test_one_that_fails_ends_its_runs() -> None:
    evaluation = started(2)
    [run_id] = services.advance(evaluation.pk, most=1)
    StepVersion.objects.filter(step__key="emit").update(version=9)

    assert services.advance(evaluation.pk, most=2) == []

    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.error["code"]) == ("failed", "dag-invalid")
    assert PipelineRun.objects.get(pk=run_id).status == RunStatus.CANCELLED


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)


@pytest.mark.usefixtures("one_at_a_time")
def test_one_that_waits_for_a_person_does_not_hold_up_the_others(settings: LazySettings) -> None:
    settings.PIPELINE_EXECUTOR = "distributed"
    asking = pipeline({"key": "first", "params": {"ir": RIGHT}, "approval": True})
    waits = services.start_evaluation(truth_set=truths(1), version=asking)
    services.look()
    other = services.start_evaluation(truth_set=waits.truth_set, version=versions(RIGHT)[0])

    for _ in range(2):
        services.look()
        run_all(list(PipelineRun.objects.filter(run_group_id=other.pk, status="running").values_list("pk", flat=True)))

    other.refresh_from_db()
    assert other.status == "completed"
    held = StepRun.objects.get(pipeline_run__run_group_id=waits.pk)
    approve(step_run_id=held.pk, user=factories.UserFactory(is_superuser=True))
    run_all(list(PipelineRun.objects.filter(run_group_id=waits.pk).values_list("pk", flat=True)))
    services.look()
    waits.refresh_from_db()
    assert waits.status == "completed"


@pytest.mark.usefixtures("one_at_a_time")
def test_one_whose_owner_lacks_review_does_not_hold_up_the_others(settings: LazySettings) -> None:
    settings.PIPELINE_EXECUTOR = "distributed"
    rests = started(1, started_by=factories.UserFactory())
    ada = factories.UserFactory()
    goes = services.start_evaluation(truth_set=rests.truth_set, version=rests.version, started_by=ada)
    settings.REVIEW_ENABLED = False
    add_rule(key=Key.REVIEW_ENABLED, who=Who.USER, target=ada, value="on", reason="canary")

    services.look()

    assert {run.run_group_id for run in PipelineRun.objects.all()} == {goes.pk}


def test_looking_costs_the_same_however_many_wait(settings: LazySettings) -> None:
    settings.PIPELINE_EXECUTOR = "distributed"
    asking = pipeline({"key": "first", "params": {"ir": RIGHT}, "approval": True})

    def queries(count: int) -> int:
        for n in range(count):
            services.start_evaluation(truth_set=truths(2, f"s{count}_{n}"), version=asking)
        services.look()
        with CaptureQueriesContext(connection) as captured:
            services.look()
        return len(captured)

    assert queries(1) == queries(5)


def test_an_answer_that_no_node_gives_is_refused_by_its_scope(api: APIClient) -> None:
    versions(RIGHT, RIGHT)
    one_truth(scope="describe", provenance={"inputs": {"n": 0}})

    refused = api.post("/api/evaluations", BODY, "json")

    assert (refused.status_code, refused.json()["code"]) == (409, "ground-truth-not-evaluable")
    assert "The set has answers for describe, and example@2 has no such node" in refused.json()["detail"]
    assert not Evaluation.objects.exists()


def test_nor_is_an_answer_compared_that_the_other_version_has_no_node_for(api: APIClient) -> None:
    pipeline({"key": "other"})
    versions(RIGHT)
    truths(1)

    refused = api.post("/api/evaluations", BODY, "json").json()

    assert "The set has answers for first, and example@1 has no such node. Its nodes are other." in refused["detail"]


def prompts() -> list[AIPrompt]:
    """Two prompts of which the second is right, and a pipeline that asks whichever is active."""
    process = AIProcess.objects.create(key="describe", name="Describe")
    step = StepDefinition.objects.create(key="prompt", name="prompt")
    StepVersion.objects.create(step=step, version=1, handler="prompt")
    made = [AIPrompt.objects.create(process=process, version=n, content=f"Say {n}.", is_active=n == 1) for n in (1, 2)]
    node = {"key": "first", "stepVersionId": "prompt@1", "config": {"prompt": "describe", "provider": "echo"}}
    pipeline(node, {"key": "other"})
    return made


def test_two_prompts_are_compared_in_the_same_version() -> None:
    old, new = prompts()
    version = PipelineVersion.objects.get()

    evaluation = services.carry(
        services.start_evaluation(truth_set=truths(1), version=version, prompt=new, baseline_prompt=old).pk
    )

    item = evaluation.items.get()
    assert item.run.params == {"first": {"prompt": "describe@2"}}
    assert item.baseline_run.params == {"first": {"prompt": "describe@1"}}
    assert str(evaluation) == "describe@2 in example@1 against describe@1 on home"


def test_what_cannot_be_compared_is_refused() -> None:
    _, new = prompts()
    version = PipelineVersion.objects.get()
    truth_set = truths(1)
    other = pipeline({"key": "first"}, key="other")
    stranger = factories.AIPromptFactory()

    def refused(**wanted: Any) -> str:
        with pytest.raises(services.NotEvaluable) as error:
            services.start_evaluation(truth_set=truth_set, **wanted)
        return error.value.message

    assert "is no version of example" in refused(version=version, baseline_version=other)
    assert "No node of other@1 asks the active prompt of describe" in refused(version=other, prompt=new)
    assert "Name both, or none" in refused(version=version, prompt=new, baseline_version=version)
    assert "Name both, or none" in refused(version=version, baseline_prompt=new)
    assert "asks the active prompt" in refused(version=version, prompt=new, baseline_prompt=stranger)
    assert not Evaluation.objects.exists()


@pytest.fixture
def api(nothing_starts: list[str]) -> APIClient:
    user = factories.UserFactory(username="ada")
    wanted = ("view_evaluation", "add_evaluation", "change_evaluation")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_over_rest_it_is_started_once_followed_and_read(
    api: APIClient, nothing_starts: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    versions(RIGHT, {"title": "Wrong"})
    truths(2)

    with django_capture_on_commit_callbacks(execute=True):
        made = api.post("/api/evaluations", BODY, "json")
    again = api.post("/api/evaluations", BODY, "json")

    assert (made.status_code, again.status_code, made.json()["id"]) == (201, 200, again.json()["id"])
    body, address = made.json(), made["Location"]
    assert nothing_starts == [f"evaluation {body['id']}"]
    assert (body["status"], body["runsScored"], body["runs"], body["startedBy"]) == ("running", 0, 4, "ada")
    services.carry(uuid.UUID(body["id"]))
    done = api.get(address).json()
    assert (done["status"], done["outcome"], done["baselineVersion"]) == ("completed", "unclear", 1)
    assert done["report"]["metrics"]["truth_json_exact"]["meanChange"] == -1
    [first, _] = api.get(f"{address}/items?changed=true").json()["results"]
    assert (first["scores"]["truth_json_exact"], first["baselineScores"]["truth_json_exact"]) == (0, 1)
    assert first["runId"] != first["baselineRunId"]
    listed = api.get("/api/evaluations?set=home&outcome=unclear").json()["results"]
    assert [row["id"] for row in listed] == [body["id"]]
    late = api.post(f"{address}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "evaluation-finished")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"set": "none"}, 404, "ground-truth-set-unknown"),
        ({"pipeline": "none"}, 404, "pipeline-unknown"),
        ({"version": 9}, 409, "pipeline-has-no-active-version"),
        ({"prompt": "describe"}, 409, "ground-truth-not-evaluable"),
        ({"prompt": "describe@1"}, 409, "ground-truth-not-evaluable"),
        ({"against": 0}, 400, "invalid"),
    ],
)
def test_over_rest_faults_are_refused(api: APIClient, change: Any, status: int, code: str) -> None:
    versions(RIGHT, RIGHT)
    truths(1)

    refused = api.post("/api/evaluations", {**BODY, **change}, "json")

    assert refused.status_code == status, refused.json()
    assert code in refused.json()["code"]
    assert not Evaluation.objects.exists()


def test_too_much_for_a_page_without_workers_is_refused(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    versions(RIGHT, RIGHT)
    truths(2)
    monkeypatch.setattr(services, "MOST_INLINE", 3)

    refused = api.post("/api/evaluations", BODY, "json").json()

    assert refused["code"] == "ground-truth-not-evaluable"
    assert "It takes 4 runs" in refused["detail"]
    assert not Evaluation.objects.exists()


def test_whoever_may_read_may_not_start_or_cancel(api: APIClient) -> None:
    evaluation = started()
    reader = factories.UserFactory()
    reader.user_permissions.set(Permission.objects.filter(codename="view_evaluation"))
    api.force_authenticate(reader)

    assert api.get(f"/api/evaluations/{evaluation.pk}").status_code == 200
    assert api.post("/api/evaluations", BODY, "json").status_code == 403
    assert api.post(f"/api/evaluations/{evaluation.pk}/cancel").status_code == 403


def test_listing_costs_the_same_however_many_there_are(api: APIClient) -> None:
    evaluation = started(1)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(address).status_code == 200
        return len(captured)

    items = f"/api/evaluations/{evaluation.pk}/items"
    queries(items)
    few = queries("/api/evaluations"), queries(items)
    factories.EvaluationFactory.create_batch(5)
    factories.EvaluationItemFactory.create_batch(5, evaluation=evaluation)
    assert (queries("/api/evaluations"), queries(items)) == few


def test_a_page_starts_it_and_shows_how_it_went(client: Client, boss: User, nothing_starts: list[str]) -> None:
    old, new = versions(RIGHT, {"title": "Wrong"})
    form = {
        "truth_set": truths(8).pk,
        "version": new.pk,
        "baseline_version": old.pk,
        "prompt": "",
        "baseline_prompt": "",
    }

    answer = client.post(reverse("admin:feedback_evaluation_add"), form)

    evaluation = Evaluation.objects.get()
    page = url("change", evaluation)
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert "0 of 16 runs scored" in client.get(page).content.decode()
    services.carry(evaluation.pk)
    shown = client.get(page).content.decode()
    for text in ("Completed", "Worse", "8 of 8", "-1.000", "1.000 → 0.000", "example@2", "The set was"):
        assert text in shown
    item = evaluation.items.first()
    assert f"{item.run_id}/change/#step-{item.step_run_id}" in shown
    assert f"{item.baseline_run_id}/change/#step-{item.baseline_step_run_id}" in shown
    live = client.get(url("live", evaluation))
    assert client.get(url("live", evaluation), headers={"If-None-Match": live["ETag"]}).status_code == 304


def test_the_page_costs_the_same_however_many_answers_there_are(client: Client, boss: User) -> None:
    def queries(count: int) -> int:
        [version] = versions(RIGHT)
        evaluation = services.carry(services.start_evaluation(truth_set=truths(count, f"s{count}"), version=version).pk)
        with CaptureQueriesContext(connection) as captured:
            assert f"All {count} answers" in client.get(url("change", evaluation)).content.decode()
        return len(captured)

    queries(1)
    assert queries(2) == queries(9)


def test_how_far_it_is_is_counted_once(client: Client, boss: User, api: APIClient) -> None:
    evaluation = started(2)
    address, live = f"/api/evaluations/{evaluation.pk}", url("live", evaluation)

    for asking, path in ((api, address), (client, url("change", evaluation)), (client, live)):
        with CaptureQueriesContext(connection) as captured:
            assert asking.get(path).status_code == 200
        counted = [query["sql"] for query in captured if 'COUNT(DISTINCT "feedback_evaluationitem"' in query["sql"]]
        assert len(counted) == 1, path


def test_the_page_cancels_and_carries_on(
    client: Client, boss: User, nothing_starts: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    evaluation = started(1)
    assert client.get(url("cancel", evaluation)).status_code == 405

    with django_capture_on_commit_callbacks(execute=True):
        client.post(url("carry_on", evaluation))
    said = client.post(url("cancel", evaluation), follow=True).content.decode()

    assert nothing_starts == [f"evaluation {evaluation.pk}"]
    assert "The evaluation is cancelled" in said
    assert "already ended as cancelled" in client.post(url("cancel", evaluation), follow=True).content.decode()


def test_the_page_calls_an_answer_by_the_beginning_of_its_hash(client: Client, boss: User) -> None:
    [version] = versions(RIGHT)
    evaluation = services.carry(services.start_evaluation(truth_set=truths(1), version=version).pk)
    truth = evaluation.items.get().ground_truth

    shown = client.get(url("change", evaluation)).content.decode()

    assert f'title="{truth}">first {truth.reference_id[:12]}… v1</a>' in shown


def test_the_form_says_what_is_compared_with_what(client: Client, boss: User) -> None:
    form = client.get(reverse("admin:feedback_evaluation_add")).context["adminform"].form

    labels = {name: field.label for name, field in form.fields.items()}
    assert labels == {
        "truth_set": "Set",
        "version": "Pipeline version",
        "baseline_version": "Compare with",
        "prompt": "Prompt",
        "baseline_prompt": "Compare with",
    }


def test_the_page_is_read_only_without_the_permission(client: Client) -> None:
    evaluation = started(1)
    reader = factories.UserFactory(is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_evaluation"))
    client.force_login(reader)

    shown = client.get(url("change", evaluation)).content.decode()

    assert "Cancel" not in shown
    assert client.post(url("cancel", evaluation)).status_code == 403
    assert client.get(reverse("admin:feedback_evaluation_add")).status_code == 403


def url(name: str, evaluation: Evaluation) -> str:
    return reverse(f"admin:feedback_evaluation_{name}", args=[evaluation.pk])
