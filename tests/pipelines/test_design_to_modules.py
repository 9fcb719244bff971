"""The shipped pipeline on real input, without a browser: bounds are estimated, accessibility is judged statically."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from PIL import Image, ImageDraw

from ir_schemas.models import IRArtifact
from metrics.models import MetricResult
from pipelines.management.commands.demo import PAGE
from pipelines.models import PipelineRun

pytestmark = pytest.mark.usefixtures("seeded", "logging_on")


@pytest.fixture(autouse=True)
def without_a_browser(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRLINE_CHROMIUM", "off")
    settings.INLINE_EXECUTOR_THREADS = 0
    settings.IR_VALIDATION_MODE = "enforce"


def run(source: Path) -> tuple[int, PipelineRun]:
    try:
        call_command("run_pipeline", "design_to_modules", input=str(source), json=True)
    except SystemExit as ended:
        return int(ended.code or 0), PipelineRun.objects.get()
    return 0, PipelineRun.objects.get()


def test_a_page_becomes_modules_with_every_ir_valid(media: Path) -> None:
    status, made = run(PAGE)

    assert (status, made.status) == (0, "completed")
    assert set(IRArtifact.objects.values_list("outcome", flat=True)) == {"valid"}
    split = IRArtifact.objects.get(step_run__node_key="split").ir_json
    assert split["boundsSource"] == "estimated"
    assert [part["kind"] for part in split["parts"]][:2] == ["header", "hero"]
    faithfulness = MetricResult.objects.filter(metric__key="faithfulness_v1").values_list("value", flat=True)
    assert len(faithfulness) == len(split["parts"])
    assert min(value or 0 for value in faithfulness) > 0.95

    with zipfile.ZipFile(media / "runs" / str(made.pk) / "modules.zip") as archive:
        names = archive.namelist()
        fields = [json.loads(archive.read(name)) for name in names if name.endswith("/fields.json")]
    assert len(fields) == len(split["parts"])
    modules = {name.rsplit("/", 1)[0] for name in names}
    assert all(module.startswith("modules/") and module.endswith(".module") for module in modules)
    for module in modules:
        assert {f"{module}/module.html", f"{module}/fields.json", f"{module}/meta.json"} <= set(names)


def test_a_picture_becomes_modules(tmp_path: Path) -> None:
    picture = Image.new("RGB", (600, 900), "white")
    draw = ImageDraw.Draw(picture)
    for top in (20, 320, 620):
        draw.rectangle((40, top, 560, top + 220), fill=(30, 60, top // 4))
        draw.text((80, top + 80), "A heading of this part", fill="white")
    path = tmp_path / "design.png"
    picture.save(path)

    status, made = run(path)

    assert (status, made.status) == (0, "completed")
    split = IRArtifact.objects.get(step_run__node_key="split").ir_json
    assert split["boundsSource"] == "image"
    assert len(split["parts"]) >= 3


def plain_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 300), "teal").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no-visible-content.html", b"<html><head><title>x</title></head><body><script>1</script></body></html>"),
        ("one-colour.png", plain_picture()),
        ("truncated.png", plain_picture()[:60]),
        ("only-comments.html", b"<html><!-- nothing --><body><!-- here --></body></html>"),
    ],
)
def test_a_design_with_nothing_to_show_fails_with_its_reason(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    status, made = run(path)

    assert (status, made.status) == (1, "failed")
    assert made.error is not None
    assert made.error["nodeKey"] == "split"
    assert made.error["code"] not in {"step-crashed", "step-code-missing", "output-unstorable"}
    assert made.error["message"].endswith(".")
    assert not IRArtifact.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"<p>text</p>" + b"<div>" * 100_000,
        b"<p>text" + b"<b><i>" * 20_000,
        b"<table><tr><td>" * 5_000 + b"text",
        b"<p>unclosed <a href='x'>link <div></p></a> & &bogus; <img src= alt=x> text",
        b"<p>\xff\xfe broken bytes \x80 text</p>",
    ],
)
def test_broken_and_deep_markup_ends_cleanly(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(content)

    _, made = run(path)

    assert made.status in {"completed", "failed"}
    assert made.error is None or made.error["code"] not in {"step-crashed", "output-unstorable"}


def test_the_demo_runs_prints_what_it_made_and_can_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            call_command("demo", no_serve=True)
        assert ended.value.code == 0

    shown = capsys.readouterr().out
    assert "Database: PostgreSQL" in shown
    assert "modules.zip" in shown
    assert PipelineRun.objects.filter(status="completed").count() == 2
