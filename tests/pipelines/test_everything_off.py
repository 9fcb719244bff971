"""Off means off: at the defaults no new table is written and every legacy answer is what it was, to the byte.

And a flag that is switched off while a run is under way leaves that run whole.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from config import env
from ir_schemas.models import IRArtifact
from monitoring import alerts
from monitoring.flags import Key, set_flag
from monitoring.models import FeatureFlag, FlagRule, TestRun
from pipelines import engine
from pipelines.errors import LoggingDisabled
from pipelines.executors import inline
from pipelines.executors.duties import look_once
from pipelines.models import PipelineRun, PromptData
from pipelines.steps.contract import StepContext, StepResult
from tests.contract.test_legacy_reads import EXAMPLES, frozen
from tests.factories import AlertFactory, DesignSplitFactory, PipelineDefinitionFactory, UserFactory
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db

APPS = ("ir_schemas", "metrics", "monitoring", "feedback", "pipelines")
LEGACY = {
    *("DesignSplit", "SplitAsset", "ModuleTemplate", "GeneratedArtifact", "ValidationResult", "ReviewFeedback"),
    *("AIProcess", "AIPrompt", "PromptData", "PromptResult"),
}
TRIED: set[str] = set()
RETRIES = {"retries": 1, "retryDelayMs": 1}
MODES = {(Key.IR_VALIDATION_MODE, "on"): "log"}
RUN = {"idempotencyKey": "a", "prompt": "Describe.", "result": {"title": "x"}, "model": "m", "provider": "p"}


@pytest.fixture(autouse=True)
def defaults(settings: LazySettings) -> None:
    """What the environment gives where it says nothing and DEBUG is off."""
    declared = {variable.name: variable.default for variable in env.VARIABLES}
    for key in Key:
        setattr(settings, key, declared[key])
    settings.IR_VALIDATION_MODE = declared["IR_VALIDATION_MODE"] or "off"
    settings.PIPELINE_STEPS = HANDLERS | {"emit": "tests.pipelines.test_everything_off.switching"}


@pytest.fixture
def api(boss: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(boss)
    return client


def switching(context: StepContext) -> StepResult:
    """Switches as it is told to, then fails where it was told to by its first attempt."""
    if context.map_index in (None, 1):
        switch(*context.params.get("switch", ()))
    first = context.idempotency_key not in TRIED
    TRIED.add(context.idempotency_key)
    if first and context.params.get("fails"):
        raise RuntimeError("at first")
    return StepResult(ir={"parts": [1, 2]})


def switch(*values: str) -> None:
    """Every flag, to each of these in turn."""
    for value in values:
        for key in Key:
            set_flag(key=key, value=MODES.get((key, value), value), reason="while a run is under way")


def new_tables() -> Iterator[Any]:
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            if model.__name__ not in LEGACY and model._meta.managed:
                yield model


def rows() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in new_tables()}


def test_every_flag_is_off_where_nothing_is_set() -> None:
    declared = {variable.name: variable.default for variable in env.VARIABLES}

    assert [declared[key] for key in Key if key != Key.IR_VALIDATION_MODE] == [False] * (len(Key) - 1)
    assert declared[Key.IR_VALIDATION_MODE] == ""
    assert {"monitoring.TestRun", "pipelines.PipelineRun", "ir_schemas.IRArtifact"} <= rows().keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_legacy_answer_is_what_it_was_and_writes_nothing(name: str, api: APIClient) -> None:
    row = EXAMPLES[name]()
    before = rows()

    assert api.get(f"/api/{name}/{row.pk}").content == frozen(name)
    assert api.get(f"/api/{name}").content == b'{"next":null,"results":[' + frozen(name) + b"]}"
    assert rows() == before


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_legacy_address_has_the_methods_that_it_always_had(name: str, api: APIClient) -> None:
    for address in (f"/api/{name}", f"/api/{name}/{EXAMPLES[name]().pk}"):
        for method in ("get", "head", "post", "put", "patch", "delete", "options"):
            for client, status in ((api, 200 if method in ("get", "head") else 405), (APIClient(), 401)):
                given = getattr(client, method)(address)
                assert (given.status_code, given["Allow"]) == (status, "GET, HEAD, OPTIONS"), (address, method)
                assert not given.cookies


def test_whatever_is_tried_no_new_table_is_written(
    api: APIClient, client: Client, seeded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts._Duty, "next_at", 0.0)
    AlertFactory(no_data="fire")
    design = DesignSplitFactory()
    definition = PipelineDefinitionFactory()
    before = rows()

    assert api.post("/api/ai-runs", RUN).status_code == 201
    quality = {"idempotencyKey": "q", "designSplitId": str(design.pk), "scores": {"html": 90}}
    assert api.post("/api/quality-runs", quality).status_code == 201
    refused = api.post("/api/pipelines/design_to_modules/runs", {"sourceUrl": "https://example.org/"})
    assert (refused.status_code, refused.json()["code"]) == (409, "pipeline-logging-disabled")
    for closed in ("/api/monitoring/test-runs", "/api/monitoring/alerts", "/api/monitoring/alert-firings"):
        assert api.get(closed).status_code == 404
    assert client.get("/admin/monitoring/alert/").status_code == 404
    look_once()
    with pytest.raises(CommandError):
        call_command("check_alerts")
    for page in ("/admin/", "/admin/monitoring/testrun/figures", "/admin/monitoring/featureflag/"):
        assert client.get(page).status_code == 200
    call_command("fold_rollups", verbosity=0)
    call_command("flags", "list", verbosity=0)

    assert PromptData.objects.count() == 1
    design.refresh_from_db()
    assert design.metrics["quality"]["scores"]["html"] == 90
    assert rows() == before
    assert definition.runs.count() == 0


def passed(*nodes: str) -> list[tuple[str, str]]:
    return [(node, "passed") for node in nodes]


def carried(run: PipelineRun) -> None:
    if settings.PIPELINE_EXECUTOR == "inline":
        inline.carry(run.pk, threads=0)
    else:
        call_command("worker", once=True, concurrency=2)
    run.refresh_from_db()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("executor", "stage"),
    [
        *(("inline", stage) for stage in ("before", "body", "fan-out", "retry", "approval")),
        *(("distributed", stage) for stage in ("body", "retry")),
    ],
)
def test_switching_off_mid_run_lets_the_run_end_whole_and_refuses_the_next(
    executor: str, stage: str, settings: LazySettings
) -> None:
    values = ["off", "on", "off"]
    settings.PIPELINE_EXECUTOR = executor
    switch("on")
    told = {stage: {"switch": values}}
    version = building.pipeline(
        {"key": "first", "params": told.get("body", {})},
        {"key": "each", "dependsOn": ["first"], "forEach": "first.parts", "params": told.get("fan-out", {})},
        {"key": "flaky", "dependsOn": ["first"], "params": {"fails": True, **told.get("retry", {})}, **RETRIES},
        {"key": "gate", "dependsOn": ["each", "flaky"], "approval": True},
    )
    run = engine.start_run(version=version)
    if stage == "before":
        switch(*values)
    carried(run)
    if stage == "approval":
        switch(*values)
    engine.approve(step_run_id=run.step_runs.get(node_key="gate").pk, user=UserFactory())
    carried(run)

    assert run.status == PipelineRun.Status.COMPLETED
    assert building.statuses(run) == dict.fromkeys(["first", "each[0]", "each[1]", "flaky", "gate"], "completed")
    assert IRArtifact.objects.filter(step_run__pipeline_run=run).count() == 5
    kept = TestRun.objects.filter(step_run__pipeline_run=run).values_list("step_run__node_key", "status")
    assert sorted(kept) == [*passed("each", "each", "first"), ("flaky", "error"), *passed("flaky", "gate")]
    with pytest.raises(LoggingDisabled):
        engine.start_run(version=version)
    assert PipelineRun.objects.count() == 1


def test_switching_back_needs_no_trace_of_it() -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="test")

    call_command("flags", "unset", Key.PIPELINE_LOGGING_ENABLED, "--reason", "rolled back")

    assert not FeatureFlag.objects.exists()
    assert not FlagRule.objects.exists()
