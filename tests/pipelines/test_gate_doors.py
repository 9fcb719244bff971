"""No way leads around a gate: what it compares others with is not changed, deleted or renamed away."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from config.problems import DomainError
from monitoring.flags import Key, Who, add_rule
from pipelines import definitions
from pipelines.ai.activation import activate_prompt, delete_prompt, save_prompt
from pipelines.ai.prompts import active_prompts
from pipelines.errors import PromptFixed
from pipelines.gates import GateRefused, MayNotOverride
from pipelines.models import AIProcess, AIPrompt, PipelineVersion, StepDefinition
from tests import factories
from tests.pipelines.test_gates import evaluated, first, following, gated, prompts
from tests.pipelines.test_gates import review_on as review_on
from tests.queries import queries_of_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]


def pressed(client: Client, model: str, action: str, row: Any) -> str:
    """What the admin answers to an action on one row of a list."""
    chosen = {"action": action, "_selected_action": [row.pk], "post": "yes"}
    return client.post(reverse(f"admin:pipelines_{model}_changelist"), chosen, follow=True).content.decode()


def why(action: Any) -> str:
    with pytest.raises(DomainError) as error:
        action()
    return f"{type(error.value).__name__}: {error.value.message}"


def test_the_active_version_is_neither_deleted_nor_given_another_dag(client: Client, boss: User) -> None:
    old = first()
    gate = gated()
    change = reverse("admin:pipelines_pipelineversion_change", args=[old.pk])
    delete = reverse("admin:pipelines_pipelineversion_delete", args=[old.pk])
    dag = '{"nodes": [{"key": "first", "stepVersionId": "emit@1", "params": {"ir": 0}}]}'

    assert "as a gate compares others with it" in client.get(delete).content.decode()
    client.post(delete, {"post": "yes"})
    assert "as a gate compares others with it" in pressed(client, "pipelineversion", "delete_selected", old)
    sent = client.post(change, {"dag": dag, "notes": ""}).content.decode()

    assert "example@1 is active and a gate compares others with it, so it keeps its DAG" in sent
    assert definitions.active_version("example").dag == old.dag
    assert "GateRefused: example@1 is active" in why(lambda: definitions.delete_version(old))
    assert client.post(change, {"dag": str(old.dag).replace("'", '"'), "notes": "Said."}).status_code == 302
    gate.enabled = False
    gate.save()
    assert client.post(delete, {"post": "yes"}).status_code == 302
    assert not PipelineVersion.objects.exists()


def test_versions_that_no_gate_compares_with_are_deleted_as_ever(client: Client, boss: User) -> None:
    first()
    new = following()
    gated()

    assert "deleted 1" in pressed(client, "pipelineversion", "delete_selected", new)
    assert list(PipelineVersion.objects.values_list("version", flat=True)) == [1]


def test_the_active_prompt_is_neither_deleted_nor_moved_nor_given_other_words(client: Client, boss: User) -> None:
    old, new = prompts()
    new.is_active = True
    save_prompt(new)
    activate_prompt(old)
    other = AIProcess.objects.create(key="other", name="Other")
    gated(process=old.process)
    delete = reverse("admin:pipelines_aiprompt_delete", args=[old.pk])

    assert "as a gate compares others with it" in client.get(delete).content.decode()
    client.post(delete, {"post": "yes"})
    pressed(client, "aiprompt", "delete_selected", old)
    assert why(lambda: delete_prompt(old)).startswith("GateRefused: describe@2 is not made active")

    def refusal(**changes: Any) -> str:
        changed = AIPrompt.objects.get(pk=old.pk)
        for name, value in changes.items():
            setattr(changed, name, value)
        return why(lambda: save_prompt(changed))

    for said in (refusal(process=other), refusal(version=3), refusal(content="Say nothing.")):
        assert said.startswith("GateRefused: describe@1 is the active one and a gate compares others with it")
    assert refusal(is_active=False, is_default=False).startswith("GateRefused: describe@2 is not made active")
    assert active_prompts("describe").first() == old


def test_a_prompt_that_moves_in_is_compared_with_the_one_that_was_asked(client: Client, boss: User) -> None:
    old, _ = prompts()
    other = AIProcess.objects.create(key="other", name="Other")
    strange = AIPrompt.objects.create(process=other, version=9, content="Say else.", is_active=True, is_default=True)
    gated(process=old.process)
    form = {"process": old.process_id, "version": 9, "content": "Say else.", "is_active": "on", "is_default": "on"}

    sent = client.post(
        reverse("admin:pipelines_aiprompt_change", args=[strange.pk]), {**form, "ir_validation_mode": ""}
    )

    assert "No completed evaluation on the frozen set home compares describe@9" in sent.content.decode()
    assert AIPrompt.objects.get(pk=strange.pk).process == other


def test_a_prompt_that_was_evaluated_keeps_the_words_that_it_passed_with(client: Client, boss: User) -> None:
    old, new = prompts()
    gate = gated(process=old.process)
    runs = definitions.active_version("example")
    evaluated(gate, runs, runs, prompt=new, baseline_prompt=old)
    new.content = "Say what you like."

    with pytest.raises(PromptFixed, match="describe@2 was asked or evaluated"):
        save_prompt(new)
    page = client.get(reverse("admin:pipelines_aiprompt_change", args=[new.pk])).content.decode()
    assert 'name="content"' not in page
    assert activate_prompt(AIPrompt.objects.get(pk=new.pk)).is_default


def test_what_dags_and_steps_name_keeps_its_name(client: Client, boss: User) -> None:
    old, _ = prompts()
    for row in (old.process, StepDefinition.objects.get(key="prompt")):
        address = reverse(f"admin:pipelines_{row._meta.model_name}_change", args=[row.pk])
        kept = row.key
        client.post(address, {"key": "renamed", "name": "Renamed", "description": ""} | formset(client, address))
        row.refresh_from_db()
        assert (row.key, row.name) == (kept, "Renamed")


def formset(client: Client, address: str) -> dict[str, str]:
    found = client.get(address).context["inline_admin_formsets"]
    return {f"{each.formset.prefix}-{name}": "0" for each in found for name in ("TOTAL_FORMS", "INITIAL_FORMS")}


def test_seeding_again_leaves_what_is_asked_as_it_is() -> None:
    call_command("seed", verbosity=0)
    process = AIProcess.objects.order_by("key").first()
    assert process is not None
    AIPrompt.objects.create(process=process, version=2, content="Mine.", is_active=True)
    process.prompts.get(version=1).ir_schemas.all().delete()
    AIPrompt.objects.filter(process=process, version=1).delete()

    call_command("seed", verbosity=0)

    asked = active_prompts(process.key).first()
    assert asked is not None
    assert asked.content == "Mine."


def test_a_canarys_gate_holds_for_who_is_not_in_the_canary(settings: LazySettings, client: Client, boss: User) -> None:
    settings.REVIEW_ENABLED = False
    first()
    new = following()
    gated()
    stranger = factories.UserFactory()
    add_rule(key=Key.REVIEW_ENABLED, who=Who.USER, target=factories.UserFactory(), value="on", reason="canary")

    for who in (stranger, None):
        with pytest.raises(GateRefused):
            definitions.activate_version(new, by=who)
    shown = client.get(reverse("admin:pipelines_pipelineversion_activate", args=[new.pk])).content.decode()
    assert "chip-danger" in shown
    assert reverse("admin:feedback_evaluation_add") not in shown


def test_one_who_may_overrides_the_gate_of_a_prompt_with_a_reason_that_its_history_keeps(
    client: Client, boss: User
) -> None:
    old, new = prompts()
    gated(process=old.process)

    with pytest.raises(MayNotOverride):
        activate_prompt(new, by=factories.UserFactory(), override_reason="please")
    with pytest.raises(GateRefused):
        activate_prompt(new, by=boss, override_reason=" ")
    page = reverse("admin:pipelines_aiprompt_activate", args=[new.pk])
    assert "Make active…" in client.get(page.replace("activate", "change")).content.decode()
    asked = client.get(page).content.decode()
    assert "Make it active all the same, because" in asked
    assert f"baseline_prompt={old.pk}" in asked
    assert "describe@2 is not made active" in client.post(page).content.decode()
    assert client.post(page, {"reason": "The old one swears."}).status_code == 302
    assert active_prompts("describe").first() == new

    history = client.get(reverse("admin:pipelines_aiprompt_history", args=[new.pk])).content.decode()
    assert "Gate overridden: The old one swears." in history


def test_over_rest_a_prompt_is_read_and_made_active(boss: User, settings: LazySettings) -> None:
    old, new = prompts()
    gate = gated(process=old.process)
    api = APIClient()
    api.force_authenticate(boss)
    address = f"/api/ai-prompts/{new.pk}"

    listed = api.get("/api/ai-prompts?process=describe&active=false").json()["results"]
    assert [(each["process"], each["version"], "content" in each) for each in listed] == [("describe", 2, False)]
    assert api.get(address).json()["content"] == "Say 2."
    refused = api.post(f"{address}/activate")
    assert (refused.status_code, refused.json()["code"]) == (409, "activation-gate-refused")
    assert refused.json()["errors"][0]["path"] == "home"
    over = api.post(f"{address}/activate", {"overrideReason": "The old one swears."})
    assert (over.status_code, over.json()["isDefault"]) == (200, True)
    runs = definitions.active_version("example")
    evaluated(gate, runs, runs, prompt=old, baseline_prompt=new)
    assert api.post(f"/api/ai-prompts/{old.pk}/activate").json()["isActive"] is True

    reader = factories.UserFactory()
    reader.user_permissions.set(Permission.objects.filter(codename="view_aiprompt"))
    api.force_authenticate(reader)
    assert [api.get(address).status_code, api.post(f"{address}/activate").status_code] == [200, 403]
    settings.REVIEW_ENABLED = False
    assert api.get(address).status_code == 404


def test_listing_prompts_costs_the_same_however_many_there_are(boss: User) -> None:
    api = APIClient()
    api.force_authenticate(boss)

    def queries() -> int:
        return queries_of_page(api, "/api/ai-prompts")

    factories.AIPromptFactory()
    queries()
    few = queries()
    factories.AIPromptFactory.create_batch(5)
    assert queries() == few


def test_the_database_itself_keeps_the_words_of_a_prompt_that_was_asked() -> None:
    asked = factories.PromptDataFactory().ai_prompt
    prompts_asked = AIPrompt.objects.filter(pk=asked.pk)

    for change in ({"content": "Say else."}, {"version": 9}, {"process": AIProcess.objects.create(key="o", name="O")}):
        with pytest.raises(IntegrityError, match="so its words stay"), transaction.atomic():
            prompts_asked.update(**change)
    assert prompts_asked.update(is_active=True, is_default=True) == 1
