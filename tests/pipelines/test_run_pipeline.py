"""manage.py run_pipeline: its exit status, its output, and what bad input leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config import command_line
from pipelines.models import PipelineRun, StepRun
from tests.pipelines import building
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.test_lifecycle import DESIGN_NODES

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def example_steps(settings: Any) -> None:
    settings.PIPELINE_STEPS = HANDLERS
    settings.INLINE_EXECUTOR_THREADS = 0


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    path.write_text("<h1>Hello</h1>")
    return str(path)


def exit_status(*arguments: str, **options: Any) -> int:
    try:
        call_command("run_pipeline", *arguments, **options)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.usefixtures("logging_on")
def test_a_completed_run_exits_with_0_and_prints_one_object(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    building.pipeline(*DESIGN_NODES)

    assert exit_status("example", input=page, json=True) == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["status"], report["error"]) == ("completed", None)
    assert [(step["nodeKey"], step["mapIndex"]) for step in report["steps"]] == [
        ("split", None),
        ("make", 0),
        ("make", 1),
        ("judge", 0),
        ("judge", 1),
    ]
    first = report["steps"][0]
    assert set(first) >= {"nodeKey", "mapIndex", "status", "isValid", "errorCount", "metrics", "outputs"}
    assert [output["targetType"] for output in first["outputs"]] == ["SplitAsset", "SplitAsset"]
    assert (Path(report["outputDir"]) / "modules.zip").is_file()


@pytest.mark.usefixtures("logging_on")
def test_without_json_a_person_reads_a_line_for_each_step(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    building.pipeline(*DESIGN_NODES)

    assert exit_status("example", input=page) == 0

    shown = capsys.readouterr().out
    assert "make[1]" in shown
    assert "modules.zip" in shown


@pytest.mark.usefixtures("logging_on")
def test_a_failed_run_exits_with_1_and_says_where(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    building.pipeline({"key": "a", "params": {"refuse": "Give me a page."}})

    assert exit_status("example", input=page) == 1
    assert "failed in a (example-refused): Give me a page." in capsys.readouterr().err


@pytest.mark.usefixtures("logging_on")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file-missing"),
        (b"", "file-empty"),
        (b"\x00\x01\x02\x03" * 500, "not-a-design"),
        (b"<p>" + b"x" * 50_000_000, "too-large"),
    ],
)
def test_a_design_that_cannot_be_taken_in_exits_with_2_and_leaves_a_failed_run(
    content: bytes | None, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    building.pipeline(*DESIGN_NODES)
    path = tmp_path / "input.html"
    if content is not None:
        path.write_bytes(content)

    assert exit_status("example", input=str(path), json=True) == 2

    run = PipelineRun.objects.get()
    assert run.status == PipelineRun.Status.FAILED
    assert run.error is not None
    assert run.error["code"] == code
    assert run.finished_at is not None
    assert run.finished_at >= run.created_at
    assert json.loads(capsys.readouterr().out)["error"] == run.error
    assert not StepRun.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("logging_on")
def test_a_path_that_is_no_text_is_refused_in_words() -> None:
    building.pipeline(*DESIGN_NODES)

    with pytest.raises(SystemExit, match="is not UTF-8"):
        command_line.run(["manage.py", "run_pipeline", "example", "--input", "caf\udce9.html"])


@pytest.mark.usefixtures("logging_on")
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "http://[::1]/", "http://169.254.169.254/latest"])
def test_a_private_address_is_refused(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    building.pipeline(*DESIGN_NODES)

    assert exit_status("example", input=address) == 2
    assert "DESIGN_ALLOW_PRIVATE_ADDRESSES" in capsys.readouterr().err


@pytest.mark.usefixtures("logging_on")
@pytest.mark.parametrize(
    ("key", "params", "words"),
    [
        ("nothing", "{}", "There is no pipeline 'nothing'. There are: example"),
        ("example@7", "{}", "has no version 7"),
        ("example@x", "{}", "no version number"),
        ("example", "{", "--params cannot be used: this is not JSON"),
        ("example", "[" * 100_000, "--params cannot be used: this is not JSON"),
        ("example", '{"split": {"count": 1, "count": 2}}', "the key 'count' stands twice"),
        ("example", "[]", "must be a JSON object"),
        ("example", '{"nope": {}}', "no node of this pipeline. Its nodes: split"),
        ("example", '{"split": 1}', "must be an object"),
    ],
)
def test_what_cannot_be_started_exits_with_2_and_leaves_nothing(key: str, params: str, words: str, page: str) -> None:
    building.pipeline(*DESIGN_NODES)

    with pytest.raises(CommandError) as refused:
        call_command("run_pipeline", key, input=page, params=params)

    assert refused.value.returncode == 2
    assert words in str(refused.value)
    assert not PipelineRun.objects.exists()


def test_with_the_flag_off_nothing_runs_and_the_message_says_how_to_switch_it_on(page: str, media: Path) -> None:
    building.pipeline(*DESIGN_NODES)

    with pytest.raises(CommandError, match="PIPELINE_LOGGING_ENABLED is off"):
        call_command("run_pipeline", "example", input=page)

    assert not PipelineRun.objects.exists()
    assert not media.exists()


@pytest.mark.usefixtures("logging_on")
def test_params_reach_their_node(page: str) -> None:
    building.pipeline(*DESIGN_NODES)

    assert exit_status("example", input=page, params='{"split": {"count": 3}}') == 0
    assert StepRun.objects.filter(node_key="make").count() == 3
