"""manage.py run_batch: one run a line, taken up again where it was broken off, and what is wrong with each bad line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from monitoring.flags import Key, set_flag
from pipelines import engine
from pipelines.batches.lines import BadLine, Line, read_lines
from pipelines.models import DesignSplit, PipelineRun
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS

pytestmark = pytest.mark.django_db(transaction=True)

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def example_steps(settings: Any, transactional_db: None, logging_on: None) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    settings.PIPELINE_EXECUTOR = "inline"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of these lines, JSON but for texts, and gives its path."""

    def to(*lines: Any, name: str = "batch.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return path

    return to


@pytest.fixture
def run_batch(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    """Calls the command; gives its exit status and the verdicts by line."""

    def call(file: Path, key: str = "example", **options: Any) -> tuple[int, list[dict[str, Any]]]:
        status = 0
        try:
            call_command("run_batch", key, str(file), json=True, **options)
        except SystemExit as ended:
            status = int(ended.code or 0)
        verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return status, sorted(verdicts, key=lambda verdict: int(verdict["line"]))

    return call


def test_each_line_starts_one_run_of_one_group_with_what_it_says(write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    file = write({"inputs": {"n": 1}}, "", {"params": {"a": {"x": 2}}, "priority": 7}, {"inputs": {"n": 1}})

    status, verdicts = run_batch(file, concurrency=3)

    assert status == 0
    assert [(v["line"], v["status"], v["earlier"], v["error"]) for v in verdicts] == [
        (1, "completed", False, None),
        (3, "completed", False, None),
        (4, "completed", False, None),
    ]
    runs = {str(run.pk): run for run in PipelineRun.objects.all()}
    assert set(runs) == {v["runId"] for v in verdicts}
    first, second, _ = (runs[v["runId"]] for v in verdicts)
    assert (first.inputs, first.params, first.priority) == ({"n": 1}, {}, 0)
    assert (second.inputs, second.params, second.priority) == ({}, {"a": {"x": 2}}, 7)
    assert len({run.run_group_id for run in runs.values()}) == 1
    assert all(v["durationMs"] >= 0 for v in verdicts)


def test_what_steps_print_is_not_among_the_verdicts(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    building.pipeline({"key": "a", "params": {"say": "aside"}})

    call_command("run_batch", "example", str(write({})), json=True, concurrency=1)

    printed = capsys.readouterr()
    assert json.loads(printed.out)["status"] == "completed"
    assert "aside" in printed.err


def test_a_second_call_starts_nothing_again(write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    file = write({"inputs": {"n": 1}}, {"inputs": {"n": 1}}, {"idempotencyKey": "mine"})
    _, first = run_batch(file)

    status, again = run_batch(file)

    assert status == 0
    assert [v["runId"] for v in again] == [v["runId"] for v in first]
    assert all(v["earlier"] for v in again)
    assert PipelineRun.objects.count() == 3
    assert PipelineRun.objects.filter(idempotency_key="mine").count() == 1


def test_a_run_that_was_begun_and_not_ended_is_carried_on(write: Write, run_batch: Any) -> None:
    version = building.pipeline({"key": "a"}, {"key": "b", "dependsOn": ["a"]})
    begun = engine.start_run(version=version, inputs={"n": 1}, idempotency_key="mine")
    file = write({"inputs": {"n": 1}, "idempotencyKey": "mine"}, {"inputs": {"n": 2}})

    status, verdicts = run_batch(file)

    assert (status, [v["status"] for v in verdicts]) == (0, ["completed", "completed"])
    assert verdicts[0]["runId"] == str(begun.pk)
    assert PipelineRun.objects.count() == 2


def test_a_line_that_cannot_be_run_is_named_and_the_rest_run(write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    file = write(
        "{", [], {"n": 1}, {"params": {"b": {}}}, {"source": "no.html"}, {}, {"params": {"a": {"refuse": "x"}}}
    )

    status, verdicts = run_batch(file, concurrency=1)

    assert status == 1
    said = {v["line"]: (v["status"], (v["error"] or {}).get("code")) for v in verdicts}
    assert said == {
        1: ("refused", "line-invalid"),
        2: ("refused", "line-invalid"),
        3: ("refused", "line-invalid"),
        4: ("refused", "invalid-input"),
        5: ("refused", "file-missing"),
        6: ("completed", None),
        7: ("failed", "example-refused"),
    }
    assert "is no member of a line. Its members: source, inputs" in verdicts[2]["error"]["message"]
    assert PipelineRun.objects.count() == 2


def test_checking_finds_the_same_faults_and_starts_nothing(write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    file = write({"params": {"b": {}}}, {"source": "no.html"}, {"source": "batch.jsonl"}, "{", {})

    status, verdicts = run_batch(file, check=True)

    assert status == 1
    assert [v["status"] for v in verdicts] == ["refused", "refused", "ready", "refused", "ready"]
    assert not PipelineRun.objects.exists()
    assert run_batch(write({}), check=True)[0] == 0


def test_files_are_sought_from_the_folder_of_the_list(write: Write, run_batch: Any, tmp_path: Path) -> None:
    building.pipeline({"key": "a"})
    (tmp_path / "pages").mkdir()
    write("<h1>Hello</h1>", name="pages/page.html")

    status, _ = run_batch(write({"source": "pages/page.html", "inputs": {"n": 1}}))

    assert status == 0
    assert PipelineRun.objects.get().inputs == {"n": 1, "source": "pages/page.html"}
    assert DesignSplit.objects.get().name == "page.html"


def test_under_another_name_the_lines_run_again_and_under_the_same_a_file_may_grow(
    write: Write, run_batch: Any
) -> None:
    building.pipeline({"key": "a"})
    _, march = run_batch(write({"inputs": {"n": 1}}), name="march")

    _, april = run_batch(write({"inputs": {"n": 1}}), name="april")
    _, grown = run_batch(write({"inputs": {"n": 0}}, {"inputs": {"n": 1}}), name="march")

    assert april[0]["runId"] != march[0]["runId"]
    assert [(v["earlier"], v["runId"] == march[0]["runId"]) for v in grown] == [(False, False), (True, True)]


def test_a_batch_goes_on_with_the_version_it_was_begun_with(write: Write, run_batch: Any) -> None:
    old = building.pipeline({"key": "a"})
    file = write({"inputs": {"n": 1}})
    _, first = run_batch(file)
    new = building.pipeline({"key": "a"}, {"key": "b"})

    _, again = run_batch(file)
    _, named = run_batch(file, key=f"example@{new.version}")

    assert again[0]["runId"] == first[0]["runId"]
    versions = dict(PipelineRun.objects.values_list("pk", "pipeline_version"))
    assert {str(pk): version for pk, version in versions.items()} == {
        first[0]["runId"]: old.pk,
        named[0]["runId"]: new.pk,
    }


def test_a_run_that_waits_for_a_person_does_not_hold_up_the_batch(write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a", "approval": True})

    status, verdicts = run_batch(write({}, {}), concurrency=1)

    assert (status, [v["status"] for v in verdicts]) == (1, ["waiting", "waiting"])


def test_what_is_under_way_of_a_batch_is_cancelled_and_nothing_else(
    write: Write, run_batch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    building.pipeline({"key": "a", "approval": True}, key="other")
    building.pipeline({"key": "a", "approval": True})
    file = write({}, {})
    for key in ("example", "other"):
        run_batch(file, key=key, concurrency=1)

    said = []
    for _ in range(2):
        call_command("run_batch", "example", str(file), cancel=True)
        said.append(capsys.readouterr().out)

    assert [words.split(" runs")[0] for words in said] == ["2", "0"]
    left = PipelineRun.objects.values_list("pipeline__key", "status").order_by("pk")
    assert list(left) == [("example", "cancelled")] * 2 + [("other", "running")] * 2
    with pytest.raises(CommandError, match="stands alone"):
        call_command("run_batch", "example", str(file), cancel=True, check=True)
    assert [verdict["status"] for verdict in run_batch(file)[1]] == ["cancelled", "cancelled"]


def test_a_line_with_the_key_of_other_inputs_is_refused(write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    file = write({"idempotencyKey": "k", "inputs": {"n": 1}}, {"idempotencyKey": "k", "inputs": {"n": 2}})

    status, verdicts = run_batch(file, concurrency=1)

    assert status == 1
    assert verdicts[1]["error"]["code"] == "idempotency-key-reused"


def test_a_key_that_started_another_version_counts_where_none_is_named(write: Write, run_batch: Any) -> None:
    begun = engine.start_run(version=building.pipeline({"key": "a"}), idempotency_key="k")
    building.pipeline({"key": "b"})
    file = write({"idempotencyKey": "k"})

    assert run_batch(file)[1][0]["runId"] == str(begun.pk)
    (refused,) = run_batch(file, "example@2")[1]
    assert (refused["status"], refused["error"]["code"]) == ("refused", "idempotency-key-reused")


def test_switching_runs_off_ends_the_batch(write: Write, run_batch: Any, settings: Any) -> None:
    building.pipeline({"key": "a"})
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="off", reason="test")

    with pytest.raises(CommandError, match="PIPELINE_LOGGING_ENABLED is off") as refused:
        run_batch(write({}))

    assert refused.value.returncode == 2
    assert not PipelineRun.objects.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "nothing"}, "There is no pipeline 'nothing'"),
        ({"concurrency": 0}, "--concurrency must be from 1 to 64"),
        ({"name": "a b"}, "--name must be"),
        ({"file": "gone.jsonl"}, "cannot be read: No such file"),
        ({"file": "empty.jsonl"}, "has no line. Write one JSON object a line: source"),
        ({"file": "."}, "cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_begun_exits_with_2(options: Any, words: str, write: Write, run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    write("", name="empty.jsonl")
    file = write({})

    with pytest.raises(CommandError) as refused:
        run_batch(file.parent / options.pop("file", file.name), **options)

    assert refused.value.returncode == 2
    assert words in str(refused.value)
    assert not PipelineRun.objects.exists()


def test_what_can_be_read_only_once_is_refused(run_batch: Any) -> None:
    building.pipeline({"key": "a"})
    reading, writing = os.pipe()
    os.write(writing, b"{}\n")
    os.close(writing)

    with pytest.raises(CommandError, match="can be read only once") as refused:
        run_batch(Path(f"/dev/fd/{reading}"))

    os.close(reading)
    assert refused.value.returncode == 2
    assert not PipelineRun.objects.exists()


def test_a_person_reads_a_line_for_each_and_how_far_it_is(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    building.pipeline({"key": "a"})

    with pytest.raises(SystemExit) as ended:
        call_command("run_batch", "example", str(write({}, "nonsense")), concurrency=1)

    out, err = capsys.readouterr()
    run = PipelineRun.objects.get()
    assert ended.value.code == 1
    assert out.startswith(f"line 1: completed  {run.pk}  0.")
    assert "line 2: refused  line-invalid: this is not JSON that can be stored" in out
    assert "1 of 2 lines: 1 completed" in err
    assert f"1 completed, 1 refused. example@1, run group {run.run_group_id}." in err


def test_equal_lines_have_keys_of_their_own_and_the_order_of_members_does_not_matter(write: Write) -> None:
    file = write('{"inputs": {"a": 1, "b": 2}}', '{ "inputs": {"b": 2.0, "a": 1}}', {}, {"idempotencyKey": "k"})

    first, second, other, own = (line for line in read_lines(file, prefix="p") if isinstance(line, Line))

    assert second.key == first.key.removesuffix(":1") + ":2"
    assert other.key not in (first.key, second.key)
    assert own.key == "k"


@pytest.mark.parametrize(
    "line",
    [
        {"priority": True},
        {"priority": 1001},
        {"source": ""},
        {"source": None},
        {"idempotencyKey": "x" * 201},
        {"inputs": []},
        {"params": "x"},
        {"inputs": {"x": "\0"}},
        {"inputs": {"x": "\ud800"}},
        '{"inputs": {"x": NaN}}',
        "[" * 100_000,
        '{"inputs": {"x": "' + "y" * 3_000_000 + '"}}',
    ],
    ids=range(12),
)
def test_a_line_that_could_not_start_a_run_is_bad(line: Any, write: Write) -> None:
    [found] = read_lines(write(line), prefix="p")

    assert isinstance(found, BadLine)
