"""The engine's vocabulary: start, advance, settle, cancel."""

import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from pipelines import definitions, engine
from pipelines.designs.bundle import DesignBundle
from pipelines.errors import IdempotencyConflict, InvalidDag, RunFinished
from pipelines.executors import inline
from pipelines.models import DesignSplit, PipelineRun, PipelineVersion, StepRun
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def test_a_step_gets_its_parents_irs_and_its_params() -> None:
    version = building.pipeline(
        {"key": "a", "params": {"ir": {"n": 1}}},
        {"key": "b", "dependsOn": ["a"], "config": {"x": 1, "y": 1}, "params": {"y": 2}},
    )

    run = building.run(version, params={"b": {"z": 3}})

    artifact = StepRun.objects.get(pipeline_run=run, node_key="b").ir_artifacts.get()
    assert artifact.ir_json["upstream"] == {"a": {"n": 1}}
    assert artifact.ir_json["params"] == {"x": 1, "y": 2, "z": 3}


def test_an_empty_fan_out_is_complete_and_its_join_gets_an_empty_list() -> None:
    run = building.run(
        building.pipeline(
            {"key": "split", "stepVersionId": "listed@1", "params": {"count": 0}},
            {"key": "each", "dependsOn": ["split"], "forEach": "split.parts"},
            {"key": "join", "dependsOn": ["each"]},
        )
    )

    assert building.statuses(run) == {"split": "completed", "each": "completed", "join": "completed"}
    assert StepRun.objects.get(node_key="each").reason_code == "no_items"
    assert StepRun.objects.get(node_key="join").ir_artifacts.get().ir_json["upstream"] == {"each": []}


def test_a_failure_skips_what_depends_on_it_and_leaves_the_rest() -> None:
    run = building.run(
        building.pipeline(
            {"key": "bad", "params": {"refuse": "no"}},
            {"key": "below", "dependsOn": ["bad"]},
            {"key": "other"},
        )
    )

    assert run.status == PipelineRun.Status.FAILED
    assert building.statuses(run) == {"bad": "failed", "below": "skipped", "other": "completed"}
    assert StepRun.objects.get(node_key="below").reason == "parent bad failed"


def test_a_run_fails_with_the_error_of_a_step_that_may_not_fail() -> None:
    run = building.run(
        building.pipeline(
            {"key": "may", "params": {"refuse": "no matter"}, "continueOnFail": True},
            {"key": "may_not", "dependsOn": ["may"], "params": {"refuse": "no"}},
        )
    )

    assert run.error == {"code": "example-refused", "message": "no", "nodeKey": "may_not", "mapIndex": None}


def test_retries_are_made_and_remembered() -> None:
    run = building.run(building.pipeline({"key": "a", "retries": 2, "retryDelayMs": 1, "params": {"refuse": "no"}}))

    step_run = StepRun.objects.get()
    assert (run.status, step_run.attempt) == ("failed", 3)
    assert [past["attempt"] for past in step_run.past_attempts] == [1, 2]


def test_a_condition_decides_on_what_is_known() -> None:
    run = building.run(
        building.pipeline(
            {"key": "a", "params": {"ir": {"n": 5}}},
            {"key": "high", "dependsOn": ["a"], "condition": "ir.a.n > 3"},
            {"key": "low", "dependsOn": ["a"], "condition": "ir.a.n < 3"},
        )
    )

    assert building.statuses(run) == {"a": "completed", "high": "completed", "low": "skipped"}


def test_a_run_keeps_its_own_dag() -> None:
    version = building.pipeline({"key": "a"})
    run = engine.start_run(version=version)
    building.pipeline({"key": "a"}, {"key": "b"})

    assert building.statuses(inline.carry(run.pk, threads=0)) == {"a": "completed"}


def test_a_version_that_has_run_is_frozen_by_the_database() -> None:
    version = building.pipeline({"key": "a"})
    building.run(version)

    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        PipelineVersion.objects.filter(pk=version.pk).update(dag={"nodes": []})


@pytest.mark.parametrize(
    ("dag", "code"),
    [
        ({"nodes": [{"key": "a", "stepVersionId": "nothing@1"}]}, "step-version-unknown"),
        ({"nodes": [{"key": "a", "stepVersionId": str(uuid.uuid4())}]}, "step-version-unknown"),
        ({"nodes": [{"key": "a", "stepVersionId": "emit@1", "metricProfileId": "none"}]}, "metric-profile-unknown"),
    ],
)
def test_a_dag_that_names_what_is_not_there_is_refused(dag: Any, code: str) -> None:
    definition = building.pipeline({"key": "a"}).pipeline

    with pytest.raises(InvalidDag) as refused:
        definitions.create_version(pipeline=definition, dag=dag)

    assert [error["code"] for error in refused.value.errors] == [code]
    assert refused.value.errors[0]["path"].startswith("/nodes/0/")
    assert definition.versions.count() == 1


def test_the_same_idempotency_key_gives_the_same_run() -> None:
    version = building.pipeline({"key": "a"})

    first = engine.start_run(version=version, inputs={"n": 1}, design=PAGE, idempotency_key="k")
    again = engine.start_run(version=version, inputs={"n": 1}, design=PAGE, idempotency_key="k")

    assert first.pk == again.pk
    other = DesignBundle("html", "other.html", "other.html", {"other.html": b"<p>other</p>"})
    for changed in ({"inputs": {"n": 2}, "design": PAGE}, {"inputs": {"n": 1}, "design": other}):
        with pytest.raises(IdempotencyConflict):
            engine.start_run(version=version, idempotency_key="k", **changed)
    assert PipelineRun.objects.count() == 1


def test_cancelling_ends_what_does_not_run_yet() -> None:
    run = engine.start_run(version=building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]}))

    engine.cancel(run_id=run.pk)

    run.refresh_from_db()
    assert run.status == PipelineRun.Status.CANCELLED
    assert building.statuses(run) == {"a": "cancelled", "b": "cancelled"}
    with pytest.raises(RunFinished):
        engine.cancel(run_id=run.pk)


@pytest.mark.django_db(transaction=True)
def test_threads_carry_a_fan_out_and_its_join_exactly_once() -> None:
    version = building.pipeline(
        {"key": "split", "stepVersionId": "listed@1", "params": {"count": 12}},
        {"key": "each", "dependsOn": ["split"], "forEach": "split.parts"},
        {"key": "join", "dependsOn": ["each"]},
    )
    run = engine.start_run(version=version, design=PAGE)

    run = inline.carry(run.pk, threads=4)

    assert run.status == PipelineRun.Status.COMPLETED
    joined = StepRun.objects.get(node_key="join").ir_artifacts.get().ir_json["upstream"]["each"]
    assert [one["item"]["n"] for one in joined] == list(range(12))


@pytest.mark.django_db(transaction=True)
def test_two_who_start_with_one_key_at_once_get_one_run() -> None:
    version = building.pipeline({"key": "a"})
    start = threading.Barrier(2)
    runs = []

    def begin() -> None:
        start.wait()
        runs.append(engine.start_run(version=version, idempotency_key="k"))
        connection.close()

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({run.pk for run in runs}) == PipelineRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_activate_at_once_leave_one_active_version() -> None:
    first = building.pipeline({"key": "a"})
    second = definitions.create_version(pipeline=first.pipeline, dag=first.dag)
    start = threading.Barrier(2)

    def activate(version: PipelineVersion) -> None:
        start.wait()
        definitions.activate_version(version)
        connection.close()

    threads = [threading.Thread(target=activate, args=[version]) for version in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert PipelineVersion.objects.filter(is_active=True).count() == 1


def test_a_design_whose_run_does_not_begin_leaves_no_file(media: Path) -> None:
    version = building.pipeline({"key": "a"})

    with pytest.raises(DataError):
        engine.start_run(version=version, design=PAGE, idempotency_key="k" * 10_000)

    assert PipelineRun.objects.count() == DesignSplit.objects.count() == 0
    assert not [path for path in media.rglob("*") if path.is_file()]
