"""Fan-outs over fan-outs, as a process sees them that ran none of the steps before."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ir_schemas.models import IRArtifact
from pipelines import engine, lifecycle
from pipelines.conductor import Conductor
from pipelines.models import PipelineRun, PipelineVersion, StepRun
from pipelines.scheduling import Item
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def example_steps(settings: Any, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS


def carry(conductor: Conductor, node_key: str) -> list[str]:
    """Take all steps of a node through their lives; the queries that this made."""
    items = StepRun.objects.filter(pipeline_run=conductor.run, node_key=node_key, status="ready")
    with CaptureQueriesContext(connection) as captured:
        for key, index in items.order_by("map_index").values_list("node_key", "map_index"):
            for claim in conductor.claim([Item(key, index)]):
                lifecycle.execute(conductor, claim)
    return [query["sql"] for query in captured.captured_queries]


def stopped_before(node_key: str, version: PipelineVersion) -> PipelineRun:
    """A run of which this process has done all before a node, each node by a conductor of its own."""
    run = engine.start_run(version=version, design=building.PAGE)
    for node in version.dag["nodes"]:
        if node["key"] == node_key:
            break
        carry(Conductor.of(run.pk), node["key"])
    return run


def seen(run: PipelineRun, node_key: str) -> list[Any]:
    """What the items of a node were told, in order."""
    found = IRArtifact.objects.filter(step_run__pipeline_run=run, step_run__node_key=node_key)
    return list(found.order_by("step_run__map_index").values_list("ir_json", flat=True))


def test_an_item_of_the_second_is_that_of_the_first_also_where_some_of_those_failed() -> None:
    version = building.pipeline(
        {"key": "first", "stepVersionId": "listed@1", "params": {"count": 5}},
        {
            "key": "each",
            "stepVersionId": "picky@1",
            "dependsOn": ["first"],
            "forEach": "first.parts",
            "params": {"refuse": [1, 3]},
            "continueOnFail": True,
        },
        {"key": "again", "dependsOn": ["each"], "forEach": "each"},
    )
    run = stopped_before("again", version)

    carry(Conductor.of(run.pk), "again")

    assert [ir["item"]["item"]["n"] for ir in seen(run, "again")] == [0, 2, 4]
    run.refresh_from_db()
    assert run.is_finished


def _twice(count: int) -> PipelineRun:
    version = building.pipeline(
        {"key": "first", "stepVersionId": "listed@1", "params": {"count": count}},
        {"key": "make", "stepVersionId": "make_module@1", "dependsOn": ["first"], "forEach": "first.parts"},
        {"key": "judge", "stepVersionId": "judge@1", "dependsOn": ["make"], "forEach": "make"},
        key=f"twice{count}",
    )
    return stopped_before("judge", version)


def test_what_an_item_reads_does_not_grow_with_the_width() -> None:
    queries = {count: carry(Conductor.of(_twice(count).pk), "judge") for count in (3, 9)}

    for count, made in queries.items():
        of_all = [sql for sql in made if "'make'" in sql and sql.startswith("SELECT")]
        assert len(of_all) == 1, f"the {count} items are listed once"
        assert not [sql for sql in made if "OFFSET" in sql]
    assert (len(queries[9]) - 2) / 9 <= (len(queries[3]) - 2) / 3
    judged = StepRun.objects.filter(node_key="judge", status="completed")
    assert judged.count() == 12


def test_items_that_all_see_another_fan_out_whole_read_it_once() -> None:
    version = building.pipeline(
        {"key": "first", "stepVersionId": "listed@1", "params": {"count": 6}},
        {"key": "each", "dependsOn": ["first"], "forEach": "first.parts"},
        {"key": "beside", "dependsOn": ["first", "each"], "forEach": "first.parts"},
    )
    run = stopped_before("beside", version)

    queries = carry(Conductor.of(run.pk), "beside")

    assert [len(ir["upstream"]["each"]) for ir in seen(run, "beside")] == [6] * 6
    assert [ir["upstream"]["each"][3]["item"]["n"] for ir in seen(run, "beside")] == [3] * 6
    assert len([sql for sql in queries if "'each'" in sql and sql.startswith("SELECT")]) == 1
