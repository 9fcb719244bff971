"""Whatever a step hands over, and however it ends: its attempt is settled in words, and nothing else is harmed."""

import sys
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ir_schemas.models import IRArtifact
from monitoring.models import TestRun
from pipelines import lifecycle, pace
from pipelines.calling import MOST_INTERRUPTED
from pipelines.models import PipelineRun, PromptResult, SplitAsset, StepLog, StepOutputLink, StepRun
from pipelines.steps.contract import (
    GeneratedArtifactOutput,
    ModelCall,
    OutputFile,
    Prompted,
    SplitAssetOutput,
    StepContext,
    StepError,
    StepResult,
    ValidationResultOutput,
)
from tests.factories import AIPromptFactory
from tests.pipelines import building
from tests.pipelines.building import PAGE
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db

GOOD = OutputFile("good.txt", b"good")
FULL_DISK = f"""
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON {SplitAsset._meta.db_table} FOR EACH ROW EXECUTE FUNCTION no_room();
"""


def deep() -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(5_000):
        inner = {"deeper": inner}
    return inner


def asset(meta: Any = None, file: Any = None) -> SplitAssetOutput:
    return SplitAssetOutput("part", "hero", 0, {} if meta is None else meta, file)


def verdict(status: Any, details: Any = None) -> ValidationResultOutput:
    return ValidationResultOutput("html", status, "fine", {} if details is None else details)


def module(*files: Any) -> GeneratedArtifactOutput:
    return GeneratedArtifactOutput("module", "hubspot_module", "<p>", {}, files)


def of(*outputs: Any) -> StepResult:
    return StepResult(ir={}, outputs=outputs)


AGAINST_THE_CONTRACT: dict[str, tuple[Callable[[], Any], str]] = {
    "a status that there is not": (lambda: of(verdict("ok")), "outputs[0] has the status 'ok'. It is one of passed,"),
    "a status that is a list": (lambda: of(verdict([])), "outputs[0] has the status []"),
    "an output that is a dict": (lambda: of(asset(), {}), "outputs[1] is dict. An output is one of SplitAssetOutput"),
    "outputs that are none": (lambda: StepResult(ir={}, outputs=None), "a list, and these are NoneType"),  # type: ignore[arg-type]
    "a usage that is a dict": (lambda: StepResult(ir={}, usage={}), "a Usage or None, and this one is dict"),  # type: ignore[arg-type]
    "a prompt that is a text": (lambda: StepResult(ir={}, prompted="p"), "a Prompted or None, and this is str"),  # type: ignore[arg-type]
    "a file that is bytes": (lambda: of(asset(file=b"x")), "outputs[0] has a file that is bytes"),
    "files that are none": (lambda: of(GeneratedArtifactOutput("m", "t", "", {}, None)), "files that are NoneType"),  # type: ignore[arg-type]
    "a path that leads out": (lambda: of(module(GOOD, OutputFile("../../x", b""))), "a file at '../../x'"),
    "a path from the root": (lambda: of(asset(file=OutputFile("/etc/x", b""))), "a file at '/etc/x'"),
    "a path that is none": (lambda: of(asset(file=OutputFile("", b""))), "a file at ''"),
    "details that are no mapping": (lambda: of(verdict("passed", 3)), "cannot be judged"),
}
UNSTORABLE: dict[str, Callable[[], Any]] = {
    "details that are too deep": lambda: of(verdict("passed", deep())),
    "meta that is too deep": lambda: of(asset(meta=deep(), file=GOOD)),
    "meta that is no mapping": lambda: of(asset(meta=3, file=GOOD)),
    "a file that storage refuses": lambda: of(module(GOOD, OutputFile("x" * 300, b""))),
    "a file below a file": lambda: of(module(GOOD, OutputFile("good.txt/more.txt", b""))),
    "a file of nothing": lambda: of(module(GOOD, OutputFile("none.txt", None))),  # type: ignore[arg-type]
}
MADE: dict[str, Callable[[], Any]] = {**{name: make for name, (make, _) in AGAINST_THE_CONTRACT.items()}, **UNSTORABLE}
ASKED: list[Prompted] = []
CALLS: list[int] = []


def hand_over(context: StepContext) -> StepResult:
    """What ``params`` name; with ``n`` only for the item of that number."""
    if context.params.get("n") not in (None, context.item and context.item["n"]):
        return StepResult(ir={"item": context.item})
    made: StepResult = MADE[context.params["made"]]()
    context.reporter.log(context.params["made"])
    return made


def leave(context: StepContext) -> StepResult:
    sys.exit(3)


def complain(context: StepContext) -> StepResult:
    """Refuses or crashes in words that no database can hold, and in many of them."""
    text = "no\0" + "!" * context.params["more"]
    raise RuntimeError(text) if context.params.get("crash") else StepError("example-refused", text)


def ask(context: StepContext) -> StepResult:
    """Says what a model was asked, and hands over what the contract does not know."""
    return StepResult(ir={}, outputs=[{}], prompted=ASKED[0])  # type: ignore[list-item]


def cut_off(context: StepContext) -> StepResult:
    """Its connection breaks the first ``times`` times; then it refuses where it is told to."""
    CALLS.append(1)
    context.reporter.log(f"call {len(CALLS)}")
    with connection.cursor() as cursor:
        if len(CALLS) <= context.params["times"]:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        cursor.execute("SELECT 1")
    if "refuse" in context.params:
        raise StepError("example-refused", context.params["refuse"])
    return StepResult(ir={})


@pytest.fixture(autouse=True)
def example(settings: Any, logging_on: None) -> None:
    own = {"emit": "hand_over", "listed": "leave", "judge": "ask", "talk": "cut_off", "picky": "complain"}
    settings.PIPELINE_STEPS = {**HANDLERS, **{name: f"{__name__}.{ours}" for name, ours in own.items()}}
    CALLS.clear()


def run_of(made: str) -> PipelineRun:
    return building.run(building.pipeline({"key": "a", "params": {"made": made}}), design=PAGE)


def error_of(run: PipelineRun) -> tuple[str, str]:
    assert run.error is not None
    return run.error["code"], run.error["message"]


def files_of_runs(media: Path) -> list[str]:
    return [path.name for path in (media / "runs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("made", AGAINST_THE_CONTRACT)
def test_what_the_contract_does_not_know_fails_the_step_in_words(made: str, media: Path) -> None:
    run = run_of(made)

    code, message = error_of(run)
    assert code == "result-invalid"
    assert AGAINST_THE_CONTRACT[made][1] in message
    assert files_of_runs(media) == []
    assert TestRun.objects.get().status == "error"


@pytest.mark.parametrize("made", UNSTORABLE)
def test_what_cannot_be_stored_fails_the_step_and_leaves_nothing(made: str, media: Path) -> None:
    run = run_of(made)

    code, message = error_of(run)
    assert code == "output-unstorable"
    assert "What step a handed over cannot be stored" in message
    assert StepLog.objects.get().message == made
    assert files_of_runs(media) == []
    assert StepOutputLink.objects.count() == IRArtifact.objects.count() == 0


def test_a_full_disk_of_the_database_is_no_outage(media: Path) -> None:
    MADE["a part"] = lambda: of(asset(file=GOOD))
    version = building.pipeline({"key": "a", "params": {"made": "a part"}})
    with connection.cursor() as cursor:
        cursor.execute(FULL_DISK)

    run = building.run(version, design=PAGE)

    assert error_of(run) == ("output-unstorable", "What step a handed over cannot be stored: no space left")
    assert SplitAsset.objects.count() == 0
    assert files_of_runs(media) == []


@pytest.mark.parametrize("made", ["details that are no mapping", "meta that is too deep"])
def test_neighbours_keep_what_they_were_done_with(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((pace, "QUICK_MS"), (pace, "TOGETHER_MS"), (lifecycle, "QUICK_MS")):
        monkeypatch.setattr(module, name, inf)
    MADE["items"] = lambda: StepResult(ir={"items": [{"n": number} for number in range(20)]})
    version = building.pipeline(
        {"key": "first", "params": {"made": "items"}},
        {"key": "each", "dependsOn": ["first"], "forEach": "first.items", "params": {"made": made, "n": 9}},
    )

    run = building.run(version, design=PAGE)

    items = StepRun.objects.filter(pipeline_run=run, node_key="each")
    assert list(items.filter(status="failed").values_list("map_index", flat=True)) == [9]
    assert set(items.exclude(map_index=9).values_list("status", "attempt")) == {("completed", 1)}


@pytest.mark.parametrize(("crash", "code"), [(False, "example-refused"), (True, "step-crashed")])
@pytest.mark.parametrize("more", [0, 1_000_000])
def test_what_a_step_says_is_wrong_is_kept_as_far_as_it_can_be(crash: bool, code: str, more: int) -> None:
    params = {"crash": crash, "more": more}
    run = building.run(building.pipeline({"key": "a", "stepVersionId": "picky@1", "params": params}))

    kept, message = error_of(run)
    assert kept == code
    assert "no\N{REPLACEMENT CHARACTER}" in message
    assert len(message) <= 4_000


def test_a_step_that_leaves_the_process_has_crashed() -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": "listed@1"}))

    code, message = error_of(run)
    assert code == "step-crashed"
    assert "SystemExit: 3" in message


def test_what_a_model_was_asked_is_recorded_also_where_the_rest_is_refused() -> None:
    prompt = AIPromptFactory()
    call = ModelCall(prompt="Hello?", answer={}, provider="example", model="one", latency_ms=1.0)
    ASKED[:] = [Prompted(prompt.pk, prompt.process_id, prompt.version, [call])]

    run = building.run(building.pipeline({"key": "a", "stepVersionId": "judge@1"}))

    assert error_of(run)[0] == "result-invalid"
    assert PromptResult.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("node", [{}, {"timeoutMs": 60_000}])
def test_a_step_under_which_the_database_went_away_is_run_again_uncounted(node: dict[str, Any]) -> None:
    node = {"key": "a", "stepVersionId": "talk@1", **node}
    run = building.run(building.pipeline({**node, "params": {"times": 2}}))

    step_run = StepRun.objects.get()
    assert (run.status, step_run.attempt, step_run.released_count) == (PipelineRun.Status.COMPLETED, 3, 2)
    assert [past["error"]["code"] for past in step_run.past_attempts] == ["database-away"] * 2
    assert list(StepLog.objects.order_by("attempt").values_list("message", "attempt")) == [
        (f"call {attempt}", attempt) for attempt in (1, 2, 3)
    ]


@pytest.mark.django_db(transaction=True)
def test_its_retries_are_all_left() -> None:
    params = {"times": 2, "refuse": "no"}
    node = {"key": "a", "stepVersionId": "talk@1", "retries": 1, "retryDelayMs": 1, "params": params}
    building.run(building.pipeline(node))

    codes = [past["error"]["code"] for past in StepRun.objects.get().past_attempts]
    assert codes == ["database-away", "database-away", "example-refused"]


@pytest.mark.django_db(transaction=True)
def test_a_step_that_always_loses_the_database_fails() -> None:
    run = building.run(building.pipeline({"key": "a", "stepVersionId": "talk@1", "params": {"times": 1_000}}))

    assert error_of(run)[0] == "step-crashed"
    assert StepRun.objects.get().released_count == MOST_INTERRUPTED
