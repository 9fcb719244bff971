"""Gates: a version is made active only where it is not worse than the active one on a frozen set."""

import threading
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from config.problems import DomainError, InvalidInput
from feedback import ground_truth
from feedback.models import ActivationGate, Evaluation, GroundTruthSet
from pipelines import definitions
from pipelines.ai.activation import activate_prompt, save_prompt
from pipelines.gates import GateRefused, MayNotOverride
from pipelines.models import AIProcess, AIPrompt, PipelineDefinition, PipelineVersion, StepDefinition, StepVersion
from pipelines.review.evaluating import services
from pipelines.review.gating import save_gate
from tests import factories
from tests.pipelines.building import pipeline, steps
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.truths import RIGHT, truths
from tests.queries import queries_of_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
WRONG = {"title": "Wrong"}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = {**HANDLERS, "prompt": "pipelines.ai.step.prompt"}


def frozen(count: int = 6, key: str = "home") -> GroundTruthSet:
    return ground_truth.freeze(truth_set=truths(count, key))


def first(ir: Any = RIGHT) -> PipelineVersion:
    return pipeline({"key": "first", "params": {"ir": ir}})


def following(ir: Any = RIGHT) -> PipelineVersion:
    """The next version of the pipeline, not active."""
    steps()
    dag = {"nodes": [{"key": "first", "stepVersionId": "emit@1", "params": {"ir": ir}}]}
    return definitions.create_version(pipeline=PipelineDefinition.objects.get(key="example"), dag=dag)


def gated(**more: Any) -> ActivationGate:
    definition = PipelineDefinition.objects.get(key="example")
    truth_set = more.pop("truth_set", None) or frozen()
    return save_gate(ActivationGate(pipeline=definition, truth_set=truth_set, **more))


def evaluated(gate: ActivationGate, new: PipelineVersion, old: PipelineVersion, **more: Any) -> Evaluation:
    """An evaluation that has been made, of six answers, that came to ``outcomes`` by metric."""
    outcomes = more.pop("outcomes", {"truth_json_exact": "equal"})
    metrics = {key: {"outcome": outcome} for key, outcome in outcomes.items()}
    evaluation: Evaluation = factories.EvaluationFactory(
        **{
            "truth_set": gate.truth_set,
            "set_was_frozen": True,
            "version": new,
            "baseline_version": old,
            "status": "completed",
            "finished_at": new.created_at,
            "report": {"answers": more.pop("answers", 6), "metrics": metrics},
            **more,
        }
    )
    return evaluation


def refused(version: PipelineVersion, **more: Any) -> GateRefused:
    with pytest.raises(GateRefused) as error:
        definitions.activate_version(version, **more)
    assert not PipelineVersion.objects.get(pk=version.pk).is_active
    return error.value


def test_a_version_passes_once_an_evaluation_says_so_and_not_where_it_is_worse() -> None:
    old, same, worse = first(), following(), following(WRONG)
    gate = gated()

    said = refused(same).message
    assert "No completed evaluation on the frozen set home compares example@2 with example@1" in said
    assert "manage.py evaluate --set home --pipeline example@2 --against 1" in said
    for version in (same, worse):
        made = services.start_evaluation(truth_set=gate.truth_set, version=version, baseline_version=old)
        services.carry(made.pk)
    fault = refused(worse).errors[0]
    assert fault["path"] == "home"
    assert fault["message"] == (
        "On the set home it is worse than example@1 by truth_json_exact, truth_json_similarity, truth_text_f1."
    )
    assert definitions.activate_version(same).is_active
    assert "compares example@3 with example@2" in refused(worse).message


def test_only_the_latest_evaluation_of_exactly_these_two_on_the_frozen_set_counts() -> None:
    old, other, new = first(), following(), following()
    gate = gated()
    evaluated(gate, new, old, set_was_frozen=False)
    evaluated(gate, new, other)
    evaluated(gate, other, old)
    evaluated(gate, new, old, truth_set=frozen(key="else"))
    evaluated(gate, new, old, status="running", report=None, finished_at=None)
    assert "No completed evaluation" in refused(new).message

    evaluated(gate, new, old)
    late = evaluated(gate, new, old, outcomes={"truth_json_exact": "worse", "truth_text_f1": "better"})
    assert f"worse than example@1 by truth_json_exact. Its evaluation is {late.pk}" in refused(new).message
    evaluated(gate, new, old, outcomes={"truth_json_exact": "better"})
    assert definitions.activate_version(new).is_active


def test_the_gate_says_what_an_unclear_change_counts_as_and_how_many_answers_it_takes() -> None:
    old, new = first(), following()
    gate = gated(when_unclear="refuse")
    evaluated(gate, new, old, outcomes={"truth_json_exact": "unclear"})
    assert "can't be told from example@1 by truth_json_exact, which this gate counts as worse" in refused(new).message

    ActivationGate.objects.update(when_unclear="allow", minimum_items=7)
    assert "6 answers were compared; it takes 7" in refused(new).message
    ActivationGate.objects.update(minimum_items=6)
    assert definitions.activate_version(new).is_active


def test_a_gate_asks_nothing_where_there_is_nothing_to_compare_or_it_rests(settings: LazySettings) -> None:
    old, new = first(), following()
    gate = gated()
    assert definitions.activate_version(old).is_active
    settings.REVIEW_ENABLED = False
    assert definitions.activate_version(new).is_active
    settings.REVIEW_ENABLED = True
    refused(old)
    ActivationGate.objects.update(enabled=False)
    assert definitions.activate_version(old).is_active
    ActivationGate.objects.update(enabled=True)
    PipelineVersion.objects.update(is_active=False)
    assert definitions.activate_version(new).is_active
    assert str(gate) == "example on home"


def test_one_who_may_overrides_with_a_reason_that_the_history_keeps(client: Client, boss: User) -> None:
    first()
    new = following()
    gated()
    clerk = factories.UserFactory()

    with pytest.raises(MayNotOverride):
        definitions.activate_version(new, by=clerk, override_reason="please")
    with pytest.raises(InvalidInput, match="at most 500"):
        definitions.activate_version(new, by=boss, override_reason="x" * 501)
    refused(new, by=boss, override_reason="  ")
    page = reverse("admin:pipelines_pipelineversion_activate", args=[new.pk])
    asked = client.get(page).content.decode()
    assert "Make it active all the same, because" in asked
    client.post(page, {"reason": "The shop is down."})

    new.refresh_from_db()
    assert new.is_active
    history = client.get(reverse("admin:pipelines_pipelineversion_history", args=[new.pk])).content.decode()
    assert "Gate overridden: The shop is down." in history


def test_every_door_asks_the_gates(client: Client, boss: User) -> None:
    old, new = first(), following()
    gate = gated()
    api = APIClient()
    api.force_authenticate(boss)
    address = "/api/pipelines/example/versions/2/activate"

    over_rest = api.post(address)
    assert (over_rest.status_code, over_rest.json()["code"]) == (409, "activation-gate-refused")
    assert over_rest.json()["errors"][0]["path"] == "home"
    chosen = {"action": "activate", "_selected_action": [new.pk]}
    listed = client.post(reverse("admin:pipelines_pipelineversion_changelist"), chosen, follow=True)
    assert "example@2 is not made active" in listed.content.decode()
    page = reverse("admin:pipelines_pipelineversion_activate", args=[new.pk])
    assert "example@2 is not made active" in client.post(page).content.decode()
    assert definitions.active_version("example") == old

    evaluated(gate, new, old)
    assert "it is not worse than example@1" in client.get(page).content.decode()
    assert api.post(address).json()["isActive"] is True
    assert (
        api.post("/api/pipelines/example/versions/1/activate", {"overrideReason": "Back."}, "json").status_code == 200
    )


def test_who_may_not_override_is_not_asked_for_a_reason(client: Client) -> None:
    first()
    new = following()
    gated()
    clerk = factories.UserFactory(is_staff=True)
    wanted = ("view_pipelineversion", "change_pipelineversion")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(clerk)
    page = reverse("admin:pipelines_pipelineversion_activate", args=[new.pk])

    asked = client.get(page).content.decode()
    sent = client.post(page, {"reason": "please"}).content.decode()

    assert "Refused" in asked
    assert "all the same" not in asked
    assert "Only who holds feedback.override_gate" in sent


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_at_once_the_second_is_compared_with_the_first() -> None:
    old, one, two = first(), following(), following()
    gate = gated()
    evaluated(gate, one, old)
    evaluated(gate, two, old)
    start = threading.Barrier(2)
    came_to: dict[str, str] = {}

    def press(version: PipelineVersion) -> None:
        try:
            start.wait()
            definitions.activate_version(version)
            came_to[str(version)] = "active"
        except GateRefused as refusal:
            came_to[str(version)] = refusal.message
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(version,)) for version in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    active = definitions.active_version("example")
    assert active in (one, two)
    other = two if active == one else one
    assert came_to[str(active)] == "active"
    assert f"compares {other} with {active}, which is active" in came_to[str(other)]


def prompts() -> tuple[AIPrompt, AIPrompt]:
    """Two prompts, the first active, and a pipeline that asks whichever is."""
    process = AIProcess.objects.create(key="describe", name="Describe")
    step = StepDefinition.objects.create(key="prompt", name="prompt")
    StepVersion.objects.create(step=step, version=1, handler="prompt")
    old, new = (
        AIPrompt.objects.create(process=process, version=n, content=f"Say {n}.", is_active=n == 1) for n in (1, 2)
    )
    pipeline({"key": "first", "stepVersionId": "prompt@1", "config": {"prompt": "describe"}})
    return old, new


def test_a_prompt_is_compared_as_the_active_pipeline_asks_it(client: Client, boss: User) -> None:
    old, new = prompts()
    gate = gated(process=old.process)
    runs = definitions.active_version("example")
    with pytest.raises(GateRefused) as error:
        activate_prompt(new)
    assert "manage.py evaluate --set home --pipeline example --prompt describe@2 --against 1" in error.value.message
    chosen = {"action": "activate", "_selected_action": [new.pk]}
    listed = reverse("admin:pipelines_aiprompt_changelist")
    assert "describe@2 is not made active" in client.post(listed, chosen, follow=True).content.decode()
    form = {"process": old.process_id, "version": 2, "content": "Say 2.", "is_active": "on", "ir_validation_mode": ""}
    sent = client.post(reverse("admin:pipelines_aiprompt_change", args=[new.pk]), form).content.decode()
    assert "No completed evaluation on the frozen set home compares describe@2" in sent
    assert not AIPrompt.objects.get(pk=new.pk).is_active

    evaluated(gate, runs, runs, prompt=new, baseline_prompt=old)
    assert "now get version 2" in client.post(listed, chosen, follow=True).content.decode()
    assert AIPrompt.objects.get(pk=new.pk).is_default


def test_while_a_gate_guards_them_one_prompt_stays_active() -> None:
    old, new = prompts()
    old.is_active = False
    save_prompt(old)
    old.is_active = True
    save_prompt(old)
    gated(process=old.process)

    old.is_active = False
    with pytest.raises(GateRefused, match="one of them stays active"):
        save_prompt(old)
    new.content = "Say three."
    assert save_prompt(new).content == "Say three."


@pytest.fixture
def api() -> APIClient:
    user = factories.UserFactory(username="ada")
    user.user_permissions.set(Permission.objects.filter(codename__endswith="_activationgate"))
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_over_rest_a_gate_is_made_changed_and_taken_away(api: APIClient) -> None:
    first()
    frozen()
    body = {"pipeline": "example", "set": "home", "whenUnclear": "refuse"}

    made = api.post("/api/activation-gates", body, "json")
    again = api.post("/api/activation-gates", body, "json")

    assert (made.status_code, made.json()["minimumItems"], made.json()["createdBy"]) == (201, 6, "ada")
    assert (again.status_code, again.json()["code"]) == (400, "invalid-input")
    address = f"/api/activation-gates/{made.json()['id']}"
    assert api.patch(address, {"enabled": False}, "json").json()["enabled"] is False
    assert api.get("/api/activation-gates?set=home&enabled=true").json()["results"] == []
    assert api.delete(address).status_code == 204


def test_a_gate_that_could_never_pass_is_refused(client: Client, boss: User) -> None:
    first()
    process = AIProcess.objects.create(key="describe", name="Describe")
    thawed = factories.GroundTruthSetFactory(key="thawed")

    def why(**more: Any) -> str:
        with pytest.raises((DomainError, ValidationError)) as error:
            gated(**more)
        return str(error.value)

    assert "Freeze the set thawed first" in why(truth_set=thawed)
    assert "holds 6 answers, so it can't compare 7" in why(truth_set=frozen(key="six"), minimum_items=7)
    assert "No node of example@1 asks the active prompt" in why(truth_set=frozen(key="seven"), process=process)
    strange = factories.GroundTruthSetFactory(key="strange")
    factories.GroundTruthSetItemFactory.create_batch(6, truth_set=strange)
    assert "answers for layout_split, and example@1 has no such node" in why(
        truth_set=ground_truth.freeze(truth_set=strange)
    )
    form = {"pipeline": PipelineDefinition.objects.get().pk, "truth_set": thawed.pk, "minimum_items": 6}
    sent = client.post(reverse("admin:feedback_activationgate_add"), {**form, "when_unclear": "allow"})
    assert "Freeze the set thawed first" in sent.content.decode()
    assert not ActivationGate.objects.exists()


def test_whoever_may_read_gates_may_not_change_them(api: APIClient) -> None:
    gate = factories.ActivationGateFactory()
    reader = factories.UserFactory()
    reader.user_permissions.set(Permission.objects.filter(codename="view_activationgate"))
    api.force_authenticate(reader)
    address = f"/api/activation-gates/{gate.pk}"

    assert api.get(address).status_code == 200
    answers = [api.patch(address, {}), api.delete(address), api.post("/api/activation-gates", {})]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


def test_listing_gates_costs_the_same_however_many_there_are(api: APIClient) -> None:
    def queries() -> int:
        return queries_of_page(api, "/api/activation-gates")

    factories.ActivationGateFactory()
    queries()
    few = queries()
    factories.ActivationGateFactory.create_batch(5)
    assert queries() == few
